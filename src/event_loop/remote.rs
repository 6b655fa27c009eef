//! [`RemoteHandle`]: the way into a loop for other threads.

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

/// A function that another thread has sent.
pub(super) type Job = Box<dyn FnOnce() -> Result<(), Exception> + Send>;

/// Where other threads leave what the loop is to run.
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    /// Whether the queue has something, for the loop to see without the lock, with which it is written. Whoever leaves the
    /// first wakes the loop: one wake-up for a burst.
    notified: AtomicBool,
    /// The loop's. In a forked child, nobody takes what is left here, and the lock may be held by a thread that is not
    /// there.
    process: Process,
    /// The loop's.
    pub(super) thread: ThreadId,
    /// Whether the loop's clock jumps: only then it is told of threads that wait for it.
    pub(super) clock_jumps: bool,
    /// How many threads wait for the loop, and how many of them for ever.
    pub(super) threads: [AtomicUsize; 2],
}

pub(super) struct Queue {
    jobs: Vec<Job>,
    /// `None` once the loop is closed. Whoever calls it shares it until the call is over, so that its descriptor is open
    /// then and nobody else's.
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
            threads: Default::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic while it was held is a failed allocation: the queue is whole.
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

    /// Whether something was left since the last [`take`](Self::take).
    #[inline]
    pub(super) fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Relaxed)
    }

    /// Moves what was left, in order, to the end of `jobs`; gives how much that was.
    fn take(&self, jobs: &mut Vec<Job>) -> usize {
        let mut queue = self.lock();
        self.notified.store(false, Ordering::Relaxed);
        let count = queue.jobs.len();
        if jobs.is_empty() {
            // The memory of what has run is for what comes.
            core::mem::swap(&mut queue.jobs, jobs);
        } else {
            jobs.append(&mut queue.jobs);
        }
        count
    }

    /// Refuses whatever comes from now on; gives what was left, to be dropped outside the lock.
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

/// What the inbox has given, in the ready queue: one entry for a burst.
pub(super) struct Received {
    scheduler: Rc<Scheduler>,
    inbox: Arc<Inbox>,
    jobs: RefCell<Vec<Job>>,
}

/// For how many jobs the memory is kept: 16 KiB. What a larger burst has needed is freed.
const KEPT: usize = 1024;

impl Received {
    pub(super) fn new(scheduler: Rc<Scheduler>, inbox: Arc<Inbox>) -> Rc<Self> {
        Rc::new(Self { scheduler, inbox, jobs: RefCell::default() })
    }

    /// Queues what has come; gives how much that was.
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
        // What it has set is not for the next.
        if context::is_set() {
            self.scheduler.clear_context();
        }
    }

    /// Closes the inbox; gives what will not run, to be dropped.
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
            // Nothing has come meanwhile: that is asked for once a turn, not from within one.
            drop(self.jobs.replace(jobs));
        }
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.process.is_current() {
            return f.write_str("Inbox(of the process that forked this one)");
        }
        // Not locked while it is printed: whoever prints it may send something.
        let queue = self.lock();
        let (jobs, closed) = (queue.jobs.len(), queue.waker.is_none());
        drop(queue);
        f.debug_struct("Inbox").field("jobs", &jobs).field("closed", &closed).finish()
    }
}

/// A handle to an event loop for other threads.
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

    /// Runs `function` in the loop's thread, and wakes the loop if it sleeps. Functions that one thread sends run in the
    /// order it sent them. In the thread where the loop is running, this is
    /// [`call_soon`](crate::LoopHandle::call_soon).
    ///
    /// # Errors
    ///
    /// [`LoopClosed`] if the loop is closed, and in a forked child of the loop's process. `function` is dropped then.
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
    /// Returns a handle for other threads.
    pub fn remote(&self) -> RemoteHandle {
        RemoteHandle::new(Arc::clone(&self.0.inbox))
    }

    fn is_reached_through(&self, inbox: &Arc<Inbox>) -> bool {
        Arc::ptr_eq(&self.0.inbox, inbox)
    }
}

/// The error of using an event loop that is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoopClosed;

impl fmt::Display for LoopClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event loop is closed")
    }
}

impl Error for LoopClosed {}
