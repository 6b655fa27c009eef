//! A callback in the ready queue, which can be cancelled.

use core::cell::Cell;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::callback_result::{CallbackResult, dropped};
use super::report::panicked;
use super::{Run, Scheduler};
use crate::context::{self, Context};
use crate::coroutine::{Exception, drop_flat};

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

dropped!(Handle);

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

/// A callback for the ready queue, to be run in a copy of the context that is current now: one allocation
/// where nothing is set in that, as most programs use no context.
pub(crate) fn callback<F, R>(callback: F) -> Rc<dyn Callback>
where
    F: FnOnce() -> R + 'static,
    R: CallbackResult,
{
    let context = if context::is_set() { context::copy_current() } else { None };
    callback_in(context, callback)
}

/// The same, to be run in the given context, or in one in which nothing is set.
pub(crate) fn callback_in<F, R>(context: Option<Context>, callback: F) -> Rc<dyn Callback>
where
    F: FnOnce() -> R + 'static,
    R: CallbackResult,
{
    match context {
        None => Rc::new(CallbackCell::new(callback)),
        Some(context) => {
            let callback: BoxedCallback = Box::new(move || callback().into_result());
            let function = core::any::type_name::<F>();
            let context = Cell::new(Some(context));
            Rc::new(CallbackInContext { context, function, callback: CallbackCell::new(callback) })
        }
    }
}

struct CallbackCell<F> {
    callback: Cell<Option<F>>,
    cancelled: Cell<bool>,
}

impl<F> CallbackCell<F> {
    #[inline(always)]
    const fn new(callback: F) -> Self {
        Self { callback: Cell::new(Some(callback)), cancelled: Cell::new(false) }
    }
}

#[inline(always)]
fn call<R: CallbackResult>(callback: impl FnOnce() -> R, function: &str, scheduler: &Rc<Scheduler>) {
    if let Err(raised) =
        catch_unwind(AssertUnwindSafe(|| callback().into_result())).unwrap_or_else(|panic| Err(panicked(panic)))
    {
        scheduler.failed_callback(raised, function);
    }
    if context::is_set() {
        scheduler.clear_context();
    }
}

impl<F: FnOnce() -> R + 'static, R: CallbackResult> Run for CallbackCell<F> {
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        let Some(callback) = self.callback.take() else { return };
        call(callback, core::any::type_name::<F>(), scheduler);
    }

    fn discard(&self, scheduler: &Scheduler) {
        scheduler.drop_guarded(self.callback.take());
    }
}

impl<F: FnOnce() -> R + 'static, R: CallbackResult> Timed for CallbackCell<F> {
    fn cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

impl<F: FnOnce() -> R + 'static, R: CallbackResult> Callback for CallbackCell<F> {
    fn cancel(&self) {
        if let Some(callback) = self.callback.take() {
            self.cancelled.set(true);
            drop_flat(callback);
        }
    }

    fn context(&self) -> Option<Context> {
        None
    }
}

/// One that runs in a context. That is rare, and compiled once: to make both of every function would make most programs
/// that schedule callbacks longer by code that never runs.
struct CallbackInContext {
    /// `None` once the loop is closed.
    context: Cell<Option<Context>>,
    /// Its type, for people.
    function: &'static str,
    callback: CallbackCell<BoxedCallback>,
}

type BoxedCallback = Box<dyn FnOnce() -> Result<(), Exception>>;

impl Run for CallbackInContext {
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        let Some(callback) = self.callback.callback.take() else { return };
        // Between two callbacks there is none, unless a destructor has set something.
        scheduler.drop_guarded(context::swap(Callback::context(&*self)));
        call(callback, self.function, scheduler);
        // Often the last to refer to it.
        if let Ok(this) = Rc::try_unwrap(self) {
            scheduler.drop_guarded(this.context);
        }
    }

    fn discard(&self, scheduler: &Scheduler) {
        self.callback.discard(scheduler);
        scheduler.drop_guarded(self.context.take());
    }
}

impl Timed for CallbackInContext {
    fn cancelled(&self) -> bool {
        self.callback.cancelled()
    }
}

impl Callback for CallbackInContext {
    fn cancel(&self) {
        self.callback.cancel();
    }

    fn context(&self) -> Option<Context> {
        let context = self.context.take();
        self.context.set(context.clone());
        context
    }
}
