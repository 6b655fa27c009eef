//! A callback in the ready queue, which can be cancelled.

use core::cell::Cell;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::schedule::panicked;
use super::{ErrorContext, Run, Scheduler};

/// What `call_soon` gives: asyncio's `Handle`. Dropping it changes nothing.
#[derive(Clone)]
pub struct Handle(Rc<dyn Callback>);

impl Handle {
    pub(crate) fn new(callback: Rc<dyn Callback>) -> Self {
        Self(callback)
    }

    /// Keeps the callback from being run, and drops it and what it has captured now. No effect once it has run.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether it was cancelled before it ran.
    pub fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("cancelled", &self.cancelled()).finish()
    }
}

/// What a handle can do, whatever its closure.
pub(crate) trait Callback: Run {
    fn cancel(&self);
    fn cancelled(&self) -> bool;
}

/// A callback for the ready queue of `scheduler`: one allocation.
pub(crate) fn callback<F: FnOnce() + 'static>(scheduler: Rc<Scheduler>, callback: F) -> Rc<dyn Callback> {
    Rc::new(CallbackCell { scheduler, callback: Cell::new(Some(callback)), cancelled: Cell::new(false) })
}

struct CallbackCell<F> {
    scheduler: Rc<Scheduler>,
    callback: Cell<Option<F>>,
    cancelled: Cell<bool>,
}

impl<F: FnOnce() + 'static> Run for CallbackCell<F> {
    fn run(self: Rc<Self>) {
        let Some(callback) = self.callback.take() else { return };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(callback)) {
            let context = ErrorContext::new("Exception in callback").caused_by(panicked(panic));
            self.scheduler.report(context.about(core::any::type_name::<F>()));
        }
    }

    fn wake(self: Rc<Self>) {
        Rc::clone(&self.scheduler).push(self);
    }
}

impl<F: FnOnce() + 'static> Callback for CallbackCell<F> {
    fn cancel(&self) {
        if let Some(callback) = self.callback.take() {
            self.cancelled.set(true);
            drop(callback);
        }
    }

    fn cancelled(&self) -> bool {
        self.cancelled.get()
    }
}
