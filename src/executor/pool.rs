//! [`ThreadPool`]: threads that take jobs from one queue.
//!
//! Invariants:
//!
//! 1. A thread is started only if more jobs are queued than threads are idle, and up to the limit.
//! 2. While jobs are queued, there is a thread that will take them. A job is queued only if there is a thread or one
//!    could be started, and a thread ends only once the pool is shut down and the queue is empty.
//! 3. Jobs run and are dropped with nothing locked.

use core::fmt;
use core::mem;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::future::quietly;
use super::{Executor, Job, Pending, ShutdownWait};
use crate::coroutine::{Exception, Kind};
use crate::sys::{NotInherited, Process};

/// A pool of threads that run jobs in the order they were added. Python's `ThreadPoolExecutor`.
///
/// A pool starts without threads. Whenever a job is added and no thread is idle, the pool starts one, up to its limit.
/// To share a pool, put it in an [`Arc`]. Dropping the pool shuts it down without waiting: queued jobs still run,
/// unless the program ends.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::executor::ThreadPool;
///
/// let pool = ThreadPool::with(2, "worker")?;
/// let event_loop = EventLoop::new()?;
/// let call = event_loop.run_in_executor(Some(&pool), || Ok(std::thread::current().name().map(String::from)))?;
/// assert_eq!(event_loop.run_until_complete(call)?.as_deref(), Some("worker_0"));
/// # Ok::<(), innermost::Exception>(())
/// ```
pub struct ThreadPool(Arc<Shared>);

struct Shared {
    /// The process that has the threads. A forked child does not have them, and locks that they held stay locked there.
    process: Process,
    name: String,
    limit: usize,
    inner: Mutex<Inner>,
    /// Notified when a job is queued and when the pool is shut down.
    work: Condvar,
    /// Notified when the last thread has ended.
    ended: Condvar,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<Job>,
    /// The length of the queue at which cancelled jobs are removed from it.
    purge_at: usize,
    threads: Vec<NotInherited<JoinHandle<()>>>,
    /// The number of threads that have not ended.
    alive: usize,
    /// The number of threads that wait for work.
    idle: usize,
    shut_down: bool,
}

impl ThreadPool {
    /// Creates a pool with a limit of 32 threads, or four more than the machine has processors if that is less.
    pub fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self::of((processors + 4).min(32), "innermost".to_owned())
    }

    /// Creates a pool with a limit of `threads` threads, named `name_0`, `name_1` and so on.
    ///
    /// # Errors
    ///
    /// `ValueError` if `threads` is zero, or if the name contains a zero byte.
    pub fn with(threads: usize, name: impl Into<String>) -> Result<Self, Exception> {
        let name = name.into();
        if threads == 0 {
            return Err(Exception::message(Kind::ValueError, "a pool needs at least one thread"));
        }
        if name.contains('\0') {
            return Err(Exception::message(Kind::ValueError, "the name of a thread cannot have a zero byte"));
        }
        Ok(Self::of(threads, name))
    }

    fn of(limit: usize, name: String) -> Self {
        let inner = Mutex::new(Inner { purge_at: PURGE, ..Inner::default() });
        let (work, ended) = (Condvar::new(), Condvar::new());
        Self(Arc::new(Shared { process: Process::current(), name, limit, inner, work, ended }))
    }
}

/// The length of a queue at which it becomes worth looking for cancelled jobs.
const PURGE: usize = 64;

impl Executor for ThreadPool {
    /// Queues `job`, and starts a thread for it if none is idle and the limit is not reached.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the pool is shut down, or if this is a forked child of the pool's process. The system's error
    /// if it refuses to start a thread and the pool has none.
    fn execute(&self, job: Job) -> Result<(), Exception> {
        let shared = &self.0;
        if !shared.process.is_current() {
            drop(job);
            let text = "the threads of this pool run in the process that forked this one: make a new pool here";
            return Err(Exception::message(Kind::RuntimeError, text));
        }
        let mut inner = shared.lock();
        if inner.shut_down {
            drop(inner);
            return Err(Exception::message(Kind::RuntimeError, "cannot schedule new futures after shutdown"));
        }
        inner.queue.push_back(job);
        let cancelled = inner.take_cancelled();
        if inner.queue.len() > inner.idle && inner.alive < shared.limit {
            let started = shared.start_thread(&mut inner);
            // If there are other threads, one of them will take the job.
            if inner.alive == 0
                && let Err(error) = started
            {
                let refused = mem::take(&mut inner.queue);
                drop(inner);
                drop((refused, cancelled));
                return Err(error.into());
            }
        }
        // Notifying costs a system call even if nobody waits.
        let somebody_waits = inner.idle > 0;
        drop(inner);
        if somebody_waits {
            shared.work.notify_one();
        }
        drop(cancelled);
        Ok(())
    }

    /// Refuses new jobs from now on, and ends the threads when no job is left. Does nothing in a forked child, which
    /// has none of the threads.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if one of the pool's own threads would wait for itself. The pool is shut down all the same.
    fn shutdown(&self, pending: Pending, wait: ShutdownWait) -> Result<(), Exception> {
        if !self.0.process.is_current() {
            return Ok(());
        }
        let mut inner = self.0.lock();
        inner.shut_down = true;
        let cancelled = match pending {
            Pending::Run => VecDeque::new(),
            Pending::Cancel => mem::take(&mut inner.queue),
        };
        drop(inner);
        self.0.work.notify_all();
        cancelled.into_iter().for_each(|job| quietly(|| drop(job)));
        match wait {
            ShutdownWait::No => Ok(()),
            ShutdownWait::ForThreads => self.0.join(),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_thread(self: &Arc<Self>, inner: &mut Inner) -> std::io::Result<()> {
        let this = Arc::clone(self);
        let name = format!("{}_{}", self.name, inner.threads.len());
        let thread = thread::Builder::new().name(name).spawn(move || this.work())?;
        inner.threads.push(thread.into());
        inner.alive += 1;
        Ok(())
    }

    /// The main loop of each thread.
    fn work(&self) {
        let mut inner = self.lock();
        loop {
            if let Some(job) = inner.queue.pop_front() {
                drop(inner);
                // A panic of the function stays in the job. This catches a panic of its destructor.
                quietly(|| job.run());
                inner = self.lock();
            } else if inner.shut_down {
                break;
            } else {
                inner.idle += 1;
                inner = self.work.wait(inner).unwrap_or_else(PoisonError::into_inner);
                inner.idle -= 1;
            }
        }
        inner.alive -= 1;
        if inner.alive == 0 {
            self.ended.notify_all();
        }
    }

    /// Waits until every thread has ended.
    fn join(&self) -> Result<(), Exception> {
        let mut inner = self.lock();
        let this = thread::current().id();
        if inner.threads.iter().any(|thread| thread.get().thread().id() == this) {
            return Err(Exception::message(Kind::RuntimeError, "a thread of the pool cannot wait for the pool's end"));
        }
        while inner.alive > 0 {
            inner = self.ended.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        let threads = mem::take(&mut inner.threads);
        drop(inner);
        for thread in threads.into_iter().filter_map(NotInherited::into_inner) {
            // The destructor of a thread-local variable may have panicked. Nobody could handle that here.
            quietly(|| drop(thread.join()));
        }
        Ok(())
    }
}

impl Inner {
    /// Takes cancelled jobs out of a long queue. So there are never more cancelled jobs than others, or than [`PURGE`].
    /// On average, this costs the same for each added job, however many are queued.
    fn take_cancelled(&mut self) -> Vec<Job> {
        if self.queue.len() < self.purge_at {
            return Vec::new();
        }
        let (cancelled, left) = mem::take(&mut self.queue).into_iter().partition(Job::is_cancelled);
        self.queue = left;
        self.purge_at = PURGE.max(2 * self.queue.len());
        Vec::from(cancelled)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        // Shutting down fails only if it has to wait.
        let _ = self.shutdown(Pending::Run, ShutdownWait::No);
    }
}

impl Default for ThreadPool {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.process.is_current() {
            return f.write_str("ThreadPool(of the process that forked this one)");
        }
        let inner = self.0.lock();
        f.debug_struct("ThreadPool")
            .field("name", &self.0.name)
            .field("limit", &self.0.limit)
            .field("threads", &inner.alive)
            .field("idle", &inner.idle)
            .field("queued", &inner.queue.len())
            .field("shut_down", &inner.shut_down)
            .finish()
    }
}
