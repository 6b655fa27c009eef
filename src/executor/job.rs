//! A function that is to run somewhere else, and its future.

use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::ThreadFuture;
use super::future::{Holder, Outcome};
use crate::coroutine::{Exception, Kind, drop_flat};
use crate::task::panicked;

/// A function that is to run once, somewhere else: what an [`Executor`](super::Executor) is given. Dropping it cancels
/// its future.
pub struct Job(Option<Arc<dyn Work>>);

trait Work: Send + Sync {
    fn run(self: Arc<Self>);
    /// Cancels it: nobody will run it.
    fn drop_unrun(self: Arc<Self>);
    fn is_cancelled(&self) -> bool;
}

/// The function and its future, in one allocation.
struct Function<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Exception> + Send + 'static,
{
    outcome: Outcome<T>,
    /// Taken out when it runs or is cancelled.
    function: Mutex<Option<F>>,
}

impl Job {
    /// A job that calls `function`, and the future of what that returns. A panic becomes an exception of the kind
    /// [`Panic`](Kind::Panic).
    pub fn new<T, F>(function: F) -> (Self, ThreadFuture<T>)
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Exception> + Send + 'static,
    {
        let work = Arc::new(Function { outcome: Outcome::new(None), function: Mutex::new(Some(function)) });
        let future = work.future();
        (Self(Some(work)), future)
    }

    /// Runs it here and now, unless it was cancelled. Its panics stay inside.
    pub fn run(mut self) {
        if let Some(work) = self.0.take() {
            work.run();
        }
    }

    /// Whether it was cancelled: then it is empty, and need not be kept.
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_none_or(|work| work.is_cancelled())
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            work.drop_unrun();
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("cancelled", &self.is_cancelled()).finish()
    }
}

impl<T, F> Function<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Exception> + Send + 'static,
{
    fn future(self: &Arc<Self>) -> ThreadFuture<T> {
        ThreadFuture::of(Arc::clone(self) as Arc<_>)
    }

    fn take(&self) -> Option<F> {
        self.function.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T, F> Holder<T> for Function<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Exception> + Send + 'static,
{
    fn outcome(&self) -> &Outcome<T> {
        &self.outcome
    }

    fn discard(&self) {
        // It may hold the next of a chain of jobs.
        if let Some(function) = self.take() {
            drop_flat(function);
        }
    }
}

impl<T, F> Drop for Function<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Exception> + Send + 'static,
{
    fn drop(&mut self) {
        self.outcome.drop_result();
    }
}

impl<T, F> Work for Function<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Exception> + Send + 'static,
{
    fn run(self: Arc<Self>) {
        let future = self.future();
        if !future.start() {
            return;
        }
        // The function is dropped before anybody is told of the outcome.
        let function = self.take().expect("only who has started it takes it");
        let outcome = catch_unwind(AssertUnwindSafe(function)).unwrap_or_else(|panic| Err(panicked(panic)));
        let finished = future.finish(outcome);
        debug_assert!(finished.is_ok(), "what runs cannot be cancelled");
    }

    fn drop_unrun(self: Arc<Self>) {
        self.future().abandon(|| Exception::message(Kind::CancelledError, "its executor has dropped the job"));
    }

    fn is_cancelled(&self) -> bool {
        // What has been started is not in a queue.
        self.function.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}
