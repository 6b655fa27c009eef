//! [`RemoteHandle`]: calling into a loop from other threads, by `call_soon_threadsafe`.
//!
//! A thread puts its function into the loop's inbox, which has a lock, and wakes the loop. The loop takes the whole
//! inbox at once and queues it as a single entry of the ready queue.

use core::cell::RefCell;
use core::error::Error;
use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, ThreadId};

use super::LoopHandle;
use super::running::find_running;
use crate::context;
use crate::coroutine::Exception;
use crate::sys::{Process, Waker};
use crate::task::{CallbackResult, Run, Scheduler, panicked};

/// A function that another thread sent.
pub(super) type Job = Box<dyn FnOnce() -> Result<(), Exception> + Send>;

/// The functions that other threads have sent to a loop, and that the loop has not taken yet.
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    /// True if the queue is not empty. The loop reads it without the lock; it is written only under the lock. The
    /// thread that sends the first function wakes the loop, so a burst causes one wake-up.
    notified: AtomicBool,
    /// The process of the loop. In a forked child nobody empties the inbox, and the lock may be held by a thread that
    /// does not exist there.
    process: Process,
    /// The thread of the loop.
    pub(super) thread: ThreadId,
    /// True if the loop's clock jumps. Only then does the loop have to know about threads that wait for it.
    pub(super) clock_jumps: bool,
    /// The number of threads that wait for the loop.
    pub(super) waiting_threads: AtomicUsize,
    /// The number of threads among them that wait without a timeout.
    pub(super) waiting_for_ever: AtomicUsize,
}

pub(super) struct Queue {
    jobs: Vec<Job>,
    /// `None` once the loop is closed. A thread that wakes the loop holds an `Arc` during the call, so the descriptor
    /// stays open and its number is not reused.
    pub(super) waker: Option<Arc<Waker>>,
}

impl Inbox {
    pub(super) fn new(waker: Arc<Waker>, clock_jumps: bool) -> Self {
        Self {
            queue: Mutex::new(Queue { jobs: Vec::new(), waker: Some(waker) }),
            notified: AtomicBool::new(false),
            process: Process::current(),
            thread: thread::current().id(),
            clock_jumps,
            waiting_threads: AtomicUsize::new(0),
            waiting_for_ever: AtomicUsize::new(0),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        // Only a failed allocation can panic while the lock is held, and that leaves the queue intact.
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn push(&self, job: Job) -> Result<(), LoopClosed> {
        if !self.process.is_current() {
            return Err(LoopClosed);
        }
        let mut queue = self.lock();
        if queue.waker.is_none() {
            drop(queue);
            return Err(LoopClosed);
        }
        queue.jobs.push(job);
        let is_first = queue.jobs.len() == 1;
        let waker = if is_first { queue.waker.clone() } else { None };
        if is_first {
            self.notified.store(true, Ordering::Release);
        }
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Returns `true` if a function was sent since the last [`take`](Self::take).
    #[inline]
    pub(super) fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Relaxed)
    }

    /// Moves all functions, in order, to the end of `jobs`. Returns their number.
    fn take(&self, jobs: &mut Vec<Job>) -> usize {
        let mut queue = self.lock();
        self.notified.store(false, Ordering::Relaxed);
        let count = queue.jobs.len();
        if jobs.is_empty() {
            // The memory of the functions that have run is reused for the next ones.
            core::mem::swap(&mut queue.jobs, jobs);
        } else {
            jobs.append(&mut queue.jobs);
        }
        count
    }

    /// Closes the inbox: from now on, sending fails. Returns the remaining functions, to be dropped without the lock.
    fn close(&self) -> Vec<Job> {
        if !self.process.is_current() {
            return Vec::new();
        }
        let mut queue = self.lock();
        let (jobs, waker) = (core::mem::take(&mut queue.jobs), queue.waker.take());
        drop(queue);
        drop(waker);
        jobs
    }
}

/// The functions taken from the inbox, as a single entry of the ready queue.
pub(super) struct Received {
    scheduler: Rc<Scheduler>,
    inbox: Arc<Inbox>,
    jobs: RefCell<Vec<Job>>,
}

/// The number of functions for which memory is kept: 16 KiB. The memory of a larger burst is freed.
const KEPT: usize = 1024;

impl Received {
    pub(super) fn new(scheduler: Rc<Scheduler>, inbox: Arc<Inbox>) -> Rc<Self> {
        Rc::new(Self { scheduler, inbox, jobs: RefCell::default() })
    }

    /// Takes the inbox and queues its functions. Returns their number.
    pub(super) fn queue(self: &Rc<Self>) -> usize {
        let mut jobs = self.jobs.borrow_mut();
        let is_queued = !jobs.is_empty();
        let count = self.inbox.take(&mut jobs);
        if !is_queued && count > 0 {
            self.scheduler.push(Rc::clone(self) as Rc<_>);
        }
        count
    }

    fn run_job(&self, job: Job) {
        if let Err(raised) = job() {
            self.scheduler.failed_callback(raised, "call_soon_threadsafe");
        }
        // Context variables that the function has set must not reach the next one.
        if context::is_set() {
            self.scheduler.clear_context();
        }
    }

    /// Closes the inbox. Returns the functions that will not run, to be dropped.
    pub(super) fn close(&self) -> impl Iterator<Item = Job> + use<> {
        self.jobs.take().into_iter().chain(self.inbox.close())
    }
}

impl Run for Received {
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        let mut jobs = self.jobs.take();
        let mut left = jobs.drain(..);
        while let Err(panic) = catch_unwind(AssertUnwindSafe(|| left.by_ref().for_each(|job| self.run_job(job)))) {
            scheduler.failed_callback(panicked(panic), "call_soon_threadsafe");
        }
        drop(left);
        if jobs.capacity() <= KEPT {
            // `self.jobs` is still empty: the inbox is taken once per turn, and not while this runs.
            drop(self.jobs.replace(jobs));
        }
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.process.is_current() {
            return f.write_str("Inbox(of the process that forked this one)");
        }
        // Unlock before printing: the writer may be user code that sends a function.
        let queue = self.lock();
        let (jobs, closed) = (queue.jobs.len(), queue.waker.is_none());
        drop(queue);
        f.debug_struct("Inbox").field("jobs", &jobs).field("closed", &closed).finish()
    }
}

/// A handle through which other threads call into an event loop. Returned by [`LoopHandle::remote`]. Clones refer to
/// the same loop.
///
/// ```
/// use innermost::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// let remote = event_loop.remote();
/// let thread = std::thread::spawn(move || {
///     remote.call_soon_threadsafe(|| EventLoop::running().expect("run by the loop").stop())
/// });
/// event_loop.run_forever()?;
/// thread.join().expect("it does not panic").expect("the loop was there");
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone, Debug)]
pub struct RemoteHandle(pub(super) Arc<Inbox>);

impl RemoteHandle {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self(inbox)
    }

    /// Runs `function` in the loop's thread, and wakes the loop if it sleeps. asyncio's `call_soon_threadsafe`.
    ///
    /// Functions that one thread sends run in the order it sent them. In the thread where the loop is running, this
    /// does the same as [`call_soon`](crate::LoopHandle::call_soon). [`RemoteHandle`] has an example.
    ///
    /// # Errors
    ///
    /// [`LoopClosed`] if the loop is closed, or if this is a forked child of the loop's process. `function` is then
    /// dropped.
    pub fn call_soon_threadsafe<R>(&self, function: impl FnOnce() -> R + Send + 'static) -> Result<(), LoopClosed>
    where
        R: CallbackResult,
    {
        match find_running().filter(|running| running.is_reached_through(&self.0)) {
            Some(running) => running.call_soon(function).map(drop).map_err(|_closed| LoopClosed),
            None => self.0.push(match context::current_for_thread() {
                None => Box::new(move || function().into_result()),
                Some(context) => Box::new(move || context.into_context().run(function).into_result()),
            }),
        }
    }
}

impl LoopHandle {
    /// Returns a handle through which other threads can call into this loop. [`RemoteHandle`] has an example.
    pub fn remote(&self) -> RemoteHandle {
        RemoteHandle::new(Arc::clone(&self.0.inbox))
    }

    fn is_reached_through(&self, inbox: &Arc<Inbox>) -> bool {
        Arc::ptr_eq(&self.0.inbox, inbox)
    }
}

/// The error of sending to an event loop that is closed, or that belongs to the process that forked this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct LoopClosed;

impl fmt::Display for LoopClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event loop is closed")
    }
}

impl Error for LoopClosed {}
