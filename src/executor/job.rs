//! [`Job`]: a function to run in another thread, and its future, in one allocation.

use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use super::ThreadFuture;
use super::future::{Holder, Outcome};
use crate::coroutine::{Exception, Kind, drop_flat};
use crate::task::panicked;

/// A function for an [`Executor`](super::Executor) to run once. Dropping a job cancels its future. `Executor` has an
/// example.
pub struct Job(Option<Arc<dyn Work>>);

trait Work: Send + Sync {
    fn run(self: Arc<Self>);
    /// Cancels the job, because nobody will run it.
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
    /// Taken out when the job runs or is cancelled.
    function: Mutex<Option<F>>,
}

impl Job {
    /// Creates a job that calls `function`, together with the future of the result. A panic becomes an exception of the
    /// kind [`Panic`](Kind::Panic).
    pub fn new<T, F>(function: F) -> (Self, ThreadFuture<T>)
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Exception> + Send + 'static,
    {
        let work = Arc::new(Function { outcome: Outcome::new(None), function: Mutex::new(Some(function)) });
        let future = work.future();
        (Self(Some(work)), future)
    }

    /// Runs the job in the current thread, unless it was cancelled. Does not panic.
    pub fn run(mut self) {
        if let Some(work) = self.0.take() {
            work.run();
        }
    }

    /// Returns `true` if the job was cancelled. A cancelled job holds no function, and an executor may drop it.
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
        // The function may own the next job of a long chain, so it is dropped without recursion.
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
        // Calling the function also drops it, before anybody learns the outcome.
        let function = self.take().expect("a function is taken only by the thread that started it");
        let outcome = catch_unwind(AssertUnwindSafe(function)).unwrap_or_else(|panic| Err(panicked(panic)));
        let finished = future.finish(outcome);
        debug_assert!(finished.is_ok(), "a running job cannot be cancelled");
    }

    fn drop_unrun(self: Arc<Self>) {
        self.future().abandon(|| Exception::message(Kind::CancelledError, "the executor dropped the job"));
    }

    fn is_cancelled(&self) -> bool {
        // The function is also gone once the job has started, but then the job is in no queue, and nobody asks.
        self.function.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}
