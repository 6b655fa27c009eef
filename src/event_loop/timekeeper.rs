//! The loop's clock. It may be the user's and hold a handle to the loop, so a closed loop drops it.

use core::cell::{Cell, RefCell};

use crate::sys::{Clock, Instant, Waiting};

pub(super) struct Timekeeper {
    /// `None` once the loop is closed. Borrowed while it is read, which may be the user's code.
    clock: RefCell<Option<Box<dyn Clock>>>,
    /// The time at which the loop was closed.
    closed_at: Cell<Instant>,
}

impl Timekeeper {
    pub(super) fn new(clock: Box<dyn Clock>) -> Self {
        Self { clock: RefCell::new(Some(clock)), closed_at: Cell::default() }
    }

    #[inline]
    pub(super) fn now(&self) -> Instant {
        self.clock.borrow().as_deref().map_or_else(|| self.closed_at.get(), Clock::now)
    }

    pub(super) fn wait_until(&self, deadline: Option<Instant>) -> Waiting {
        self.clock.borrow().as_deref().map_or(Waiting::Sleep, |clock| clock.wait_until(deadline))
    }

    /// Stops the clock at the present time.
    pub(super) fn stop(&self) {
        self.closed_at.set(self.now());
    }

    /// Takes the clock out, to be dropped. A clock that closes its own loop while it is being read stays.
    pub(super) fn take(&self) -> Option<Box<dyn Clock>> {
        self.clock.try_borrow_mut().ok()?.take()
    }
}
