//! A callback in the ready queue, which can be cancelled.

use core::cell::Cell;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::schedule::panicked;
use super::{ErrorContext, Run, Scheduler};
use crate::context::{self, Context};

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

    /// The context in which it runs; an empty one where nothing was set when it was scheduled. asyncio's
    /// `Handle.get_context`.
    pub fn context(&self) -> Context {
        self.0.context().unwrap_or_default()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("cancelled", &self.cancelled()).finish()
    }
}

/// Something that is to run later, if it is not cancelled until then.
pub(crate) trait Timed: Run {
    /// Whether it need not run any more.
    fn cancelled(&self) -> bool;
}

/// What a handle can do, whatever its closure.
pub(crate) trait Callback: Timed {
    fn cancel(&self);
    fn context(&self) -> Option<Context>;
}

/// A callback for the ready queue of `scheduler`, to be run in a copy of the context that is current now: one allocation
/// where nothing is set in that.
pub(crate) fn callback<F: FnOnce() + 'static>(scheduler: Rc<Scheduler>, callback: F) -> Rc<dyn Callback> {
    let context = if context::is_set() { context::copy_current() } else { None };
    callback_in(context, scheduler, callback)
}

/// The same, to be run in the given context, or in one in which nothing is set.
pub(crate) fn callback_in<F: FnOnce() + 'static>(
    context: Option<Context>,
    scheduler: Rc<Scheduler>,
    callback: F,
) -> Rc<dyn Callback> {
    let (callback, cancelled) = (Cell::new(Some(callback)), Cell::new(false));
    match context {
        None => Rc::new(CallbackCell { scheduler, within: (), callback, cancelled }),
        Some(within) => Rc::new(CallbackCell { scheduler, within, callback, cancelled }),
    }
}

/// `W` is the context in which it runs, or nothing: who uses no context has no word for it.
struct CallbackCell<F, W> {
    scheduler: Rc<Scheduler>,
    within: W,
    callback: Cell<Option<F>>,
    cancelled: Cell<bool>,
}

trait Within: 'static {
    fn context(&self) -> Option<Context>;
}

impl Within for () {
    #[inline(always)]
    fn context(&self) -> Option<Context> {
        None
    }
}

impl Within for Context {
    fn context(&self) -> Option<Context> {
        Some(self.clone())
    }
}

impl<F: FnOnce() + 'static, W: Within> Run for CallbackCell<F, W> {
    fn run(self: Rc<Self>) {
        let Some(callback) = self.callback.take() else { return };
        if let Some(context) = self.within.context() {
            // Between two callbacks there is none.
            drop(context::swap(Some(context)));
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(callback)) {
            let context = ErrorContext::new("Exception in callback").caused_by(panicked(panic));
            self.scheduler.report(context.about(core::any::type_name::<F>()));
        }
        if context::is_set() {
            context::clear();
        }
    }

    fn wake(self: Rc<Self>) {
        Rc::clone(&self.scheduler).push(self);
    }
}

impl<F: FnOnce() + 'static, W: Within> Timed for CallbackCell<F, W> {
    fn cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

impl<F: FnOnce() + 'static, W: Within> Callback for CallbackCell<F, W> {
    fn cancel(&self) {
        if let Some(callback) = self.callback.take() {
            self.cancelled.set(true);
            drop(callback);
        }
    }

    fn context(&self) -> Option<Context> {
        self.within.context()
    }
}
