//! The exception handler: it is told of the errors that nobody takes.

use std::rc::Rc;

use super::LoopHandle;
use crate::task::ErrorContext;

/// Errors.
impl LoopHandle {
    /// Has errors that nobody takes given to `handler`, in place of standard error.
    ///
    /// Dropping the [`EventLoop`](crate::EventLoop) drops the handler. A handler that is set after that is dropped at once,
    /// and errors go to standard error.
    pub fn set_exception_handler(&self, handler: impl Fn(&ErrorContext) + 'static) {
        self.0.scheduler.set_handler(Some(Rc::new(handler)));
    }

    /// Gives an error to the exception handler.
    pub fn call_exception_handler(&self, context: ErrorContext) {
        self.0.scheduler.report(context);
    }
}
