//! Running blocking functions in threads, and futures that threads can wait for. Layer 1.
//!
//! This layer knows nothing about the event loop. The loop builds
//! [`run_in_executor`](crate::LoopHandle::run_in_executor) and
//! [`run_coroutine_threadsafe`](crate::RemoteHandle::run_coroutine_threadsafe) on top of it.
//!
//! ```text
//!            submit                a thread takes it          it returns, raises or panics
//!  function --------> pending --------------------> running ------------------------------> finished
//!                        |
//!                        +-- cancel, or the executor drops it --> cancelled: it never runs
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `future.rs`  | [`ThreadFuture`]: a result that threads can wait for |
//! | `home.rs`    | `Home`: the event loop that will complete a future |
//! | `promise.rs` | [`Promise`]: completes a `ThreadFuture` |
//! | `job.rs`     | [`Job`]: a function and its future, in one allocation |
//! | `pool.rs`    | [`ThreadPool`]: threads that run jobs |
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
//! Deliberately absent: an initializer for threads (use a `thread_local!`), and pools of processes.
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
pub(crate) use self::home::{Home, Origin, WaitingThreads};
pub use self::job::Job;
pub use self::pool::ThreadPool;
pub use self::promise::{Promise, promise};

/// An object that runs jobs, usually in other threads. Python's `concurrent.futures.Executor`.
///
/// Implement this trait to decide where jobs run. [`Job`] makes sure that each job runs once or is cancelled:
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
    /// Runs `job` as soon as there is room for it.
    ///
    /// # Errors
    ///
    /// The reason why the job will not run. The job is then dropped, which cancels it.
    fn execute(&self, job: Job) -> Result<(), Exception>;

    /// Shuts the executor down, so that it refuses new jobs from now on. Shutting it down again only waits.
    ///
    /// # Errors
    ///
    /// The reason why waiting is impossible.
    fn shutdown(&self, pending: Pending, wait: ShutdownWait) -> Result<(), Exception>;

    /// Returns `true` if [`shutdown`](Self::shutdown) may block when it waits. The default is `true`.
    ///
    /// The loop waits for its default executor in a thread of its own. Return `false` if the executor has no threads, and
    /// it waits on the spot.
    fn shutdown_blocks(&self) -> bool {
        true
    }

    /// Runs `function` as a job and returns the future of its result. A panic becomes an exception of the kind
    /// [`Panic`](crate::Kind::Panic).
    ///
    /// # Errors
    ///
    /// The reason why the job will not run, as given by [`execute`](Self::execute).
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

    fn shutdown_blocks(&self) -> bool {
        (**self).shutdown_blocks()
    }
}

/// The treatment of queued jobs when their executor is shut down.
///
/// A job either runs or is cancelled, so a `match` on the two is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pending {
    /// Run them.
    Run,
    /// Cancel them.
    Cancel,
}

/// Whether shutting down an executor waits for its threads.
///
/// An executor treats a variant that it does not know like [`ForThreads`](Self::ForThreads).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ShutdownWait {
    /// Wait until the last job and the threads have ended.
    ForThreads,
    /// Do not wait.
    No,
}
