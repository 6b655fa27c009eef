//! [`Handle`]: a callback in the ready queue, and the handle that cancels it.

use core::cell::Cell;
use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::callback_result::{CallbackResult, dropped};
use super::report::panicked;
use super::{Run, Scheduler};
use crate::context::{self, Context};
use crate::coroutine::{Exception, drop_flat};

/// A handle to a scheduled callback, returned by [`call_soon`](crate::LoopHandle::call_soon). asyncio's `Handle`.
///
/// Dropping the handle does not cancel the callback.
///
/// ```
/// use innermost::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// let handle = event_loop.call_soon(|| unreachable!("it was cancelled"))?;
/// handle.cancel();
/// assert!(handle.cancelled());
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone)]
pub struct Handle(Rc<dyn Callback>);

impl Handle {
    pub(crate) fn new(callback: Rc<dyn Callback>) -> Self {
        Self(callback)
    }

    /// Cancels the callback and drops it, with everything it captured. Has no effect if the callback has already run.
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Returns `true` if the callback was cancelled before it ran.
    pub fn cancelled(&self) -> bool {
        self.0.cancelled()
    }

    /// Returns the context the callback runs in. The context is empty if no variable was set when the callback was
    /// scheduled. asyncio's `Handle.get_context`.
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

/// Something that runs later, unless it is cancelled first.
pub(crate) trait Timed: Run {
    /// Returns `true` if it was cancelled.
    fn cancelled(&self) -> bool;
}

/// A callback without the type of its closure.
pub(crate) trait Callback: Timed {
    fn cancel(&self);
    fn context(&self) -> Option<Context>;
}

/// Makes a callback that runs in a copy of the current context. Allocates once if no variable is set, which is always
/// so in a program without contexts.
pub(crate) fn callback<F, R>(callback: F) -> Rc<dyn Callback>
where
    F: FnOnce() -> R + 'static,
    R: CallbackResult,
{
    let context = if context::is_set() { context::copy_current() } else { None };
    callback_in(context, callback)
}

/// Makes a callback that runs in `context`, or in an empty context for `None`.
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

    #[cfg(feature = "testing")]
    fn label(&self) -> &'static str {
        core::any::type_name::<F>()
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

/// A callback that runs in a context. Most programs use no contexts, so this is compiled once, for a boxed closure. If
/// it were generic, every closure would be compiled a second time, into code that never runs.
struct CallbackInContext {
    /// `None` once the callback is discarded because the loop is closed.
    context: Cell<Option<Context>>,
    /// The type of the closure, for error reports.
    function: &'static str,
    callback: CallbackCell<BoxedCallback>,
}

type BoxedCallback = Box<dyn FnOnce() -> Result<(), Exception>>;

impl Run for CallbackInContext {
    #[cfg(feature = "testing")]
    fn label(&self) -> &'static str {
        self.function
    }

    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        let Some(callback) = self.callback.callback.take() else { return };
        // No context is current between two callbacks, unless a destructor has set a variable.
        scheduler.drop_guarded(context::swap(Callback::context(&*self)));
        call(callback, self.function, scheduler);
        // This is often the last reference. Then the context is dropped here, and a panic in its values is reported.
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
