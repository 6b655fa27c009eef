//! `Timekeeper`: the loop's clock. A user's clock may hold a handle to the loop, so closing the loop drops it.

use core::cell::{Cell, RefCell};

use crate::sys::{Clock, Instant, Waiting};

pub(super) struct Timekeeper {
    /// `None` once the loop is closed. Borrowed while the clock is read, which may be user code.
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

    /// Remembers the current time, which a closed loop reports from then on.
    pub(super) fn stop(&self) {
        self.closed_at.set(self.now());
    }

    /// Takes the clock out, for the caller to drop. Returns `None` if the clock is being read: it closes its own loop.
    pub(super) fn take(&self) -> Option<Box<dyn Clock>> {
        self.clock.try_borrow_mut().ok()?.take()
    }
}
