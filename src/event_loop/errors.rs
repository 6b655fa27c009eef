//! The exception handler, which is told about errors that nobody handled.

use std::rc::Rc;

use super::LoopHandle;
use crate::task::ErrorContext;

/// Errors.
impl LoopHandle {
    /// Sets the handler for errors that nobody retrieves. Without one, they are printed to standard error. asyncio's
    /// `set_exception_handler`.
    ///
    /// The handler may hold a handle to its loop: it is dropped after the [`EventLoop`](crate::EventLoop), as soon as no
    /// failed future is left whose error nobody has retrieved. A handler that is set after that is dropped at once.
    pub fn set_exception_handler(&self, handler: impl Fn(&ErrorContext) + 'static) {
        self.0.scheduler.set_handler(Some(Rc::new(handler)));
    }

    /// Reports an error to the exception handler. asyncio's `call_exception_handler`.
    pub fn call_exception_handler(&self, context: ErrorContext) {
        self.0.scheduler.report(context);
    }
}
