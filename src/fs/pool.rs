//! The threads that wait for disks. Each loop has its own, apart from its default executor.

use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use crate::coroutine::Exception;
use crate::event_loop::{LoopHandle, running};
use crate::executor::{Executor, Pending, ShutdownWait, ThreadPool};

/// What a loop keeps for its files. It is attached to the loop, and dropped when the loop is closed.
struct Home(Threads);

/// The threads of a loop's files, as each file knows them.
#[derive(Clone)]
pub(super) struct Threads {
    pub(super) executor: Arc<dyn Executor>,
    /// Whether a read first asks the page cache. A test that explores schedules turns that off: what is cached is a matter
    /// of chance.
    pub(super) asks_cache: bool,
}

impl Threads {
    /// The threads of the running loop.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if no loop is running.
    pub(super) fn of_running_loop() -> Result<Self, Exception> {
        let event_loop = running()?;
        if let Some(home) = event_loop.extension::<Home>() {
            return Ok(home.0.clone());
        }
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let pool = ThreadPool::with((processors + 4).min(32), "innermost_fs")?;
        let threads = Self { executor: Arc::new(pool), asks_cache: true };
        drop(event_loop.set_extension(Rc::new(Home(threads.clone()))));
        Ok(threads)
    }
}

impl Drop for Home {
    /// Lets the jobs that are queued run: they close files. Those that somebody awaited were cancelled before.
    fn drop(&mut self) {
        // A user's executor may panic. An error or a panic here has nowhere to go: the loop is closed.
        let shutdown = || self.0.executor.shutdown(Pending::Run, ShutdownWait::No);
        let _ = catch_unwind(AssertUnwindSafe(shutdown));
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("asks_cache", &self.asks_cache).finish_non_exhaustive()
    }
}

/// The threads of files.
impl LoopHandle {
    /// Sets the executor whose threads open, read and write files. The [`fs`](mod@crate::fs) functions and the files that are
    /// opened from now on use it. The previous executor is shut down, once its jobs have run.
    ///
    /// By default, it is a [`ThreadPool`] of four threads more than the machine has processors, and of 32 at most. It is
    /// not the loop's default executor, so that a slow disk does not delay name look-ups. The loop shuts the executor down
    /// when it is closed.
    ///
    /// ```
    /// use innermost::executor::ThreadPool;
    /// use innermost::{EventLoop, fs};
    ///
    /// let event_loop = EventLoop::new()?;
    /// event_loop.set_file_executor(ThreadPool::with(1, "disk")?);
    /// let name = fs::blocking(|| Ok(std::thread::current().name().map(String::from)));
    /// assert_eq!(event_loop.run_until_complete(name)?.as_deref(), Some("disk_0"));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn set_file_executor(&self, executor: impl Executor + 'static) {
        self.set_file_threads(Threads { executor: Arc::new(executor), asks_cache: true });
    }

    /// Sets the executor of a loop that is explored, where nothing may depend on what is cached.
    #[cfg(feature = "testing")]
    pub(crate) fn simulate_file_threads(&self, executor: impl Executor + 'static) {
        self.set_file_threads(Threads { executor: Arc::new(executor), asks_cache: false });
    }

    fn set_file_threads(&self, threads: Threads) {
        drop(self.set_extension(Rc::new(Home(threads))));
    }
}
