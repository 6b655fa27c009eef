//! What an exception handler is told, and what becomes of that where there is none.

use core::any::Any;
use core::fmt;
use std::borrow::Cow;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use super::Scheduler;
use crate::context::Context;
use crate::coroutine::{Exception, Kind, Receiver, Receiving};

/// A panic's payload as an exception.
pub(crate) fn panicked(payload: Box<dyn Any + Send>) -> Exception {
    let text = match (payload.downcast_ref::<&'static str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => Cow::Borrowed(*text),
        (_, Some(text)) => Cow::Owned(text.clone()),
        _ => Cow::Borrowed("a panic with a payload that is no text"),
    };
    discard(payload);
    Exception::message(Kind::Panic, text)
}

/// Drops a panic's payload. That may panic too, and so may dropping what it panics with, without an end: after a few of
/// them, the next is leaked.
fn discard(mut payload: Box<dyn Any + Send>) {
    for _ in 0..4 {
        match catch_unwind(AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(another) => payload = another,
        }
    }
    core::mem::forget(payload);
}

/// What an exception handler is told: asyncio's `context`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ErrorContext {
    /// What happened.
    pub message: Cow<'static, str>,
    /// The exception that nobody took, if there is one.
    pub exception: Option<Exception>,
    /// The task or future that it happened to, as it prints itself.
    pub source: Option<Box<str>>,
    /// The context in which the handler runs; `None` for that which is current when it is told.
    pub context: Option<Context>,
}

impl ErrorContext {
    /// A report with a message, and nothing else yet.
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

    /// Adds the exception that caused it.
    #[must_use]
    pub fn caused_by(self, exception: Exception) -> Self {
        Self { exception: Some(exception), ..self }
    }

    /// Adds the task, the future or the other object that it is about, as that prints itself.
    #[must_use]
    pub fn about<D: fmt::Debug + ?Sized>(self, source: &D) -> Self {
        Self { source: Some(format!("{source:?}").into_boxed_str()), ..self }
    }

    /// Has the handler called in `context`, that of the object it is about.
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

/// Writes to standard error. That being closed or full is no reason to stop, nor is an error that cannot be printed.
pub(super) fn default_handler(context: &ErrorContext) {
    let text = catch_unwind(AssertUnwindSafe(|| format!("{context}")));
    let text =
        text.unwrap_or_else(|panic| format!("{} (and it panics when printed: {})", context.message, panicked(panic)));
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// What is dropped later, and in a guard even then.
pub(super) struct Postponed<T> {
    value: Option<T>,
    scheduler: Weak<Scheduler>,
}

impl<T> Postponed<T> {
    /// A panic goes to the exception handler of this one.
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
    /// Takes the panics of what ends in this thread, until what is returned is dropped.
    pub(crate) fn receives(self: &Rc<Self>) -> Receiving {
        Receiving::by(Rc::clone(self) as Rc<_>)
    }
}

impl Receiver for Scheduler {
    fn receive(&self, panic: Box<dyn Any + Send>) {
        self.report(ErrorContext::new("Exception ignored in a destructor").caused_by(panicked(panic)));
    }
}
