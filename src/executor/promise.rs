//! [`Promise`]: completes a future that threads wait for.

use core::fmt;
use std::sync::Arc;

use super::ThreadFuture;
use super::future::{Holder, Outcome};
use super::home::Origin;
use crate::coroutine::{Exception, Kind, drop_flat};
use crate::task::InvalidState;

/// The other end of a [`ThreadFuture`], which sets its result. Returned by [`promise()`].
///
/// Dropping a promise without setting a result cancels the future, so that nobody waits forever.
pub struct Promise<T: Send + 'static> {
    future: ThreadFuture<T>,
    /// The exception that the future fails with if this is dropped. If `None`, the future is cancelled instead.
    broken: Option<Exception>,
}

/// Creates a future that any thread can complete, together with the promise that completes it.
///
/// ```
/// use innermost::executor::promise;
///
/// let (promise, answer) = promise();
/// let thread = std::thread::spawn(move || promise.set_result(42));
/// assert_eq!(answer.result(None)?, 42);
/// assert!(thread.join().expect("it does not panic").is_ok());
/// # Ok::<(), innermost::Exception>(())
/// ```
pub fn promise<T: Send + 'static>() -> (Promise<T>, ThreadFuture<T>) {
    Promise::new(None)
}

impl<T: Send + 'static> Promise<T> {
    pub(crate) fn new(origin: Option<Origin>) -> (Self, ThreadFuture<T>) {
        let broken = origin.as_ref().map(|origin| origin.broken.clone());
        let future = ThreadFuture::of(Arc::new(Alone(Outcome::new(origin))));
        (Self { future: future.clone(), broken }, future)
    }

    /// Marks the future as running, so that it can no longer be cancelled. Returns `false` if it was cancelled before;
    /// then nobody wants the result. Python's `set_running_or_notify_cancel`.
    pub fn start(&self) -> bool {
        self.future.start() || self.future.running()
    }

    /// Returns `true` if the future was cancelled.
    pub fn cancelled(&self) -> bool {
        self.future.cancelled()
    }

    /// Finishes the future with a result.
    ///
    /// # Errors
    ///
    /// Returns the result if the future was cancelled.
    pub fn set_result(self, result: T) -> Result<(), InvalidState<T>> {
        self.future.finish(Ok(result)).map_err(|outcome| InvalidState(outcome.expect("a result was passed in")))
    }

    /// Finishes the future with an exception.
    ///
    /// # Errors
    ///
    /// Returns the exception if the future was cancelled.
    pub fn set_exception(self, exception: impl Into<Exception>) -> Result<(), InvalidState<Exception>> {
        let exception = exception.into();
        self.future.finish(Err(exception.clone())).map_err(|_| InvalidState(exception))
    }

    /// Cancels the future even if it is running.
    pub(crate) fn cancel(self, cancelled: Exception) {
        self.future.abandon(|| cancelled);
    }
}

impl<T: Send + 'static> Drop for Promise<T> {
    fn drop(&mut self) {
        // Nearly always the future is done already, and nothing is left to do.
        if !self.future.done() {
            drop_flat(Broken { future: self.future.clone(), because: self.broken.take() });
        }
    }
}

/// A promise that was dropped. Completing its future runs callbacks, which may own other promises, so a chain of them
/// is dropped without recursion.
struct Broken<T: Send + 'static> {
    future: ThreadFuture<T>,
    because: Option<Exception>,
}

impl<T: Send + 'static> Drop for Broken<T> {
    fn drop(&mut self) {
        match self.because.take() {
            Some(because) => drop(self.future.finish(Err(because))),
            None => self.future.abandon(|| Exception::message(Kind::CancelledError, "the promise was dropped")),
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Promise").field(&self.future).finish()
    }
}

/// The allocation of a future that a promise completes, without a function.
struct Alone<T: Send + 'static>(Outcome<T>);

impl<T: Send + 'static> Drop for Alone<T> {
    fn drop(&mut self) {
        self.0.drop_result();
    }
}

impl<T: Send + 'static> Holder<T> for Alone<T> {
    fn outcome(&self) -> &Outcome<T> {
        &self.0
    }

    fn discard(&self) {}
}
