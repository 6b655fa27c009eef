//! Layer 1: functions that block, run in threads of their own; and what a thread waits for. Knows no event loop: that
//! makes of it [`run_in_executor`](crate::LoopHandle::run_in_executor) and
//! [`run_coroutine_threadsafe`](crate::RemoteHandle::run_coroutine_threadsafe).
//!
//! ```text
//!            submit                a thread takes it          it returns, raises or panics
//!  function --------> pending --------------------> running ------------------------------> finished
//!                        |
//!                        +-- cancel, or its executor drops it --> cancelled: it never runs
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `future.rs`  | [`ThreadFuture`]: a result for threads |
//! | `home.rs`    | the event loop that will complete a future |
//! | `promise.rs` | [`Promise`]: who sets that |
//! | `job.rs`     | [`Job`]: a function that is to run, and its future, in one allocation |
//! | `pool.rs`    | [`ThreadPool`] |
//!
//! ```
//! use innermost::executor::{Executor, Pending, ThreadPool, ShutdownWait};
//!
//! let pool = ThreadPool::new();
//! let sum = pool.submit(|| Ok((1..=100).sum::<u32>()))?;
//! assert_eq!(sum.result(None)?, 5050);
//! pool.shutdown(Pending::Run, ShutdownWait::ForThreads)?;
//! # Ok::<(), innermost::Exception>(())
//! ```
//!
//! Deliberately absent: an initializer for threads (a `thread_local!` is one), and pools of processes.
//!
//! Sources: `Lib/concurrent/futures/{_base,thread}.py` of CPython 3.13, for behaviour.

use std::sync::Arc;

use crate::coroutine::Exception;

mod future;
mod home;
mod job;
mod pool;
mod promise;

pub use self::future::ThreadFuture;
pub(crate) use self::home::{Home, Origin, Threads};
pub use self::job::Job;
pub use self::pool::ThreadPool;
pub use self::promise::{Promise, promise};

/// Runs jobs somewhere else. Python's `concurrent.futures.Executor`.
///
/// One of the user's own decides where; that a job runs once or is cancelled, [`Job`] sees to:
///
/// ```
/// use innermost::executor::{Executor, Job, Pending, ShutdownWait};
/// use innermost::{EventLoop, Exception};
///
/// /// Runs each job at once, where it is submitted: for tests, whose order is then always the same.
/// struct AtOnce;
///
/// impl Executor for AtOnce {
///     fn execute(&self, job: Job) -> Result<(), Exception> {
///         job.run();
///         Ok(())
///     }
///
///     fn shutdown(&self, _: Pending, _: ShutdownWait) -> Result<(), Exception> {
///         Ok(())
///     }
/// }
///
/// let event_loop = EventLoop::new()?;
/// let call = event_loop.run_in_executor(Some(&AtOnce), || Ok(6 * 7))?;
/// assert_eq!(event_loop.run_until_complete(call)?, 42);
/// # Ok::<(), Exception>(())
/// ```
pub trait Executor: Send + Sync {
    /// Has `job` run, soon or when there is room.
    ///
    /// # Errors
    ///
    /// Why it will not run; it is dropped then, which cancels it.
    fn execute(&self, job: Job) -> Result<(), Exception>;

    /// Takes no more jobs. Nothing but the waiting happens the second time.
    ///
    /// # Errors
    ///
    /// Why it cannot be waited for.
    fn shutdown(&self, pending: Pending, wait: ShutdownWait) -> Result<(), Exception>;

    /// Has `function` run, and gives the future of what it returns. A panic of its becomes an exception of the kind
    /// [`Panic`](crate::Kind::Panic).
    ///
    /// # Errors
    ///
    /// As [`execute`](Self::execute).
    fn submit<T, F>(&self, function: F) -> Result<ThreadFuture<T>, Exception>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Exception> + Send + 'static,
        Self: Sized,
    {
        let (job, future) = Job::new(function);
        self.execute(job)?;
        Ok(future)
    }
}

impl<E: Executor + ?Sized> Executor for Arc<E> {
    fn execute(&self, job: Job) -> Result<(), Exception> {
        (**self).execute(job)
    }

    fn shutdown(&self, pending: Pending, wait: ShutdownWait) -> Result<(), Exception> {
        (**self).shutdown(pending, wait)
    }
}

/// What becomes of the jobs that have not begun when their executor is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    /// They run.
    Run,
    /// They are cancelled.
    Cancel,
}

/// Whether to wait when an executor is shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownWait {
    /// Until the last job has ended, and the threads.
    ForThreads,
    /// Not at all.
    No,
}
