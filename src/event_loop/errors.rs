//! The exception handler, which receives the errors that nobody handled.

use std::rc::Rc;

use super::LoopHandle;
use crate::task::ErrorContext;

/// Methods for errors that nobody handled.
impl LoopHandle {
    /// Sets the function that receives errors that nobody handled: exceptions of callbacks, exceptions of futures and
    /// tasks that nobody retrieved, panics in destructors. Without one, such errors are printed to standard error.
    /// asyncio's `set_exception_handler`.
    ///
    /// The handler may hold a handle to its loop. It is dropped after the [`EventLoop`](crate::EventLoop), as soon as
    /// no failed future is left whose exception nobody has retrieved. A handler that is set after that is dropped at
    /// once.
    ///
    /// ```
    /// use innermost::{EventLoop, Exception};
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let messages = Rc::new(RefCell::new(Vec::new()));
    /// let log = Rc::clone(&messages);
    /// event_loop.set_exception_handler(move |context| log.borrow_mut().push(context.message.to_string()));
    /// event_loop.call_soon(|| Err::<(), _>(Exception::timeout()))?;
    /// event_loop.run_once()?;
    /// assert_eq!(*messages.borrow(), ["Exception in callback"]);
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn set_exception_handler(&self, handler: impl Fn(&ErrorContext) + 'static) {
        self.0.scheduler.set_handler(Some(Rc::new(handler)));
    }

    /// Reports an error to the exception handler. asyncio's `call_exception_handler`.
    ///
    /// If the handler panics, the report and the panic are printed to standard error. [`ErrorContext::new`] has an
    /// example.
    pub fn call_exception_handler(&self, context: ErrorContext) {
        self.0.scheduler.report(context);
    }
}
