//! [`ErrorContext`]: a report for the exception handler. Also the default handler, and panics as exceptions.

use core::any::Any;
use core::fmt;
use std::borrow::Cow;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use super::Scheduler;
use crate::context::Context;
use crate::coroutine::{Exception, Kind, Receiver, Receiving};

/// Converts a panic's payload into an exception.
pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Exception {
    let text = match (payload.downcast_ref::<&'static str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => Cow::Borrowed(*text),
        (_, Some(text)) => Cow::Owned(text.clone()),
        _ => Cow::Borrowed("a panic whose payload is not text"),
    };
    discard(payload);
    Exception::message(Kind::Panic, text)
}

/// Drops a panic's payload. Its destructor may panic too, with another payload, and so on without end. After a few
/// attempts, the payload is leaked.
fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..4 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(another) => payload = another,
        }
    }
    core::mem::forget(payload);
}

/// A report to a loop's exception handler, about an error that nobody handled. asyncio's `context` argument.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ErrorContext {
    /// What happened.
    pub message: Cow<'static, str>,
    /// The exception, if there is one.
    pub exception: Option<Exception>,
    /// The `Debug` text of the task, future or other object in which it happened.
    pub source: Option<Box<str>>,
    /// The context in which the handler runs. `None` for the context that is current when the error is reported.
    pub context: Option<Context>,
}

impl ErrorContext {
    /// Makes a report with a message and nothing else.
    ///
    /// ```
    /// use innermost::task::ErrorContext;
    /// use innermost::{EventLoop, Exception};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let context = ErrorContext::new("the cache was lost").caused_by(Exception::timeout());
    /// event_loop.call_exception_handler(context);
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), exception: None, source: None, context: None }
    }

    /// Sets the exception.
    #[must_use]
    pub fn caused_by(self, exception: Exception) -> Self {
        Self { exception: Some(exception), ..self }
    }

    /// Sets the source to the `Debug` text of `source`.
    #[must_use]
    pub fn about<D: fmt::Debug + ?Sized>(self, source: &D) -> Self {
        Self { source: Some(format!("{source:?}").into_boxed_str()), ..self }
    }

    /// Runs the handler in `context`.
    #[must_use]
    pub fn in_context(self, context: Context) -> Self {
        Self { context: Some(context), ..self }
    }
}

impl fmt::Display for ErrorContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(source) = &self.source {
            write!(f, "\n  source: {source}")?;
        }
        match &self.exception {
            Some(exception) => write!(f, "\n  exception: {exception:?}"),
            None => Ok(()),
        }
    }
}

/// The default exception handler: writes the report to standard error. A failure to write is ignored, and a panic while
/// the report is formatted is caught, so that the loop goes on.
pub(super) fn default_handler(context: &ErrorContext) {
    let text = catch_unwind(AssertUnwindSafe(|| format!("{context}")));
    let text =
        text.unwrap_or_else(|panic| format!("{} (printing the report panicked: {})", context.message, panicked(panic)));
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A value that is dropped later. A panic in its destructor is caught and reported.
pub(super) struct Postponed<T> {
    value: Option<T>,
    scheduler: Weak<Scheduler>,
}

impl<T> Postponed<T> {
    /// Panics are reported to the exception handler of this scheduler.
    pub(super) fn new(value: T, scheduler: Weak<Scheduler>) -> Self {
        Self { value: Some(value), scheduler }
    }
}

impl<T> Drop for Postponed<T> {
    fn drop(&mut self) {
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(self.value.take()))) else { return };
        let context = ErrorContext::new("Exception ignored in a destructor").caused_by(panicked(panic));
        match self.scheduler.upgrade() {
            Some(scheduler) => scheduler.report(context),
            None => default_handler(&context),
        }
    }
}

impl Scheduler {
    /// Reports the panics of coroutines that are dropped in this thread, until the returned value is dropped.
    pub(crate) fn receives(self: &Rc<Self>) -> Receiving {
        Receiving::by(Rc::clone(self) as Rc<_>)
    }
}

impl Receiver for Scheduler {
    fn receive(&self, panic: Box<dyn Any + Send>) {
        self.report(ErrorContext::new("Exception ignored in a destructor").caused_by(panicked(panic)));
    }
}
