//! The way into a loop for other threads.

use core::error::Error;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use std::boxed::Box;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::vec::Vec;

use super::LoopHandle;
use super::running::find_running;
use crate::context::{self, SendContext};
use crate::sys::Waker;

/// A function that another thread has sent.
pub(super) struct Job {
    pub(super) function: Box<dyn FnOnce() + Send>,
    /// Where it runs: in what of its sender's context goes to other threads.
    pub(super) context: Option<SendContext>,
}

/// Where other threads leave what the loop is to run.
#[derive(Debug)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    /// Whether the loop knows that something is there. Whoever sets it wakes the loop: one wake-up for a burst.
    notified: AtomicBool,
    waker: Waker,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Job>,
    closed: bool,
}

impl Inbox {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { queue: Mutex::default(), notified: AtomicBool::new(false), waker: Waker::new()? })
    }

    pub(super) fn waker(&self) -> &Waker {
        &self.waker
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // A panic while it was held is a failed allocation: the queue is whole.
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn push(&self, job: Job) -> Result<(), LoopGone> {
        let mut queue = self.lock();
        if queue.closed {
            drop(queue);
            return Err(LoopGone);
        }
        queue.jobs.push(job);
        drop(queue);
        if !self.notified.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
        Ok(())
    }

    /// Whether something was left since the last [`take`](Self::take).
    #[inline]
    pub(super) fn is_notified(&self) -> bool {
        self.notified.load(Ordering::Relaxed)
    }

    /// What was left, in order. The flag goes first: what comes in between is taken now and notified again, not lost.
    pub(super) fn take(&self) -> Vec<Job> {
        self.notified.store(false, Ordering::Release);
        core::mem::take(&mut self.lock().jobs)
    }

    /// Refuses whatever comes from now on; gives what was left, to be dropped outside the lock.
    pub(super) fn close(&self) -> Vec<Job> {
        let mut queue = self.lock();
        queue.closed = true;
        core::mem::take(&mut queue.jobs)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("jobs", &self.jobs.len()).field("closed", &self.closed).finish()
    }
}

/// A way into an event loop from any thread.
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
pub struct RemoteHandle(Arc<Inbox>);

impl RemoteHandle {
    pub(super) fn new(inbox: Arc<Inbox>) -> Self {
        Self(inbox)
    }

    /// Has the loop run `function` in its own thread, soon, and wakes it for that if it sleeps. What one thread sends
    /// runs in the order in which it was sent. Where the loop runs in this very thread, it is an ordinary
    /// [`call_soon`](crate::LoopHandle::call_soon).
    ///
    /// # Errors
    ///
    /// [`LoopGone`] once the loop is closed; `function` is dropped then.
    pub fn call_soon_threadsafe(&self, function: impl FnOnce() + Send + 'static) -> Result<(), LoopGone> {
        match find_running().filter(|running| running.is_reached_through(&self.0)) {
            Some(running) => running.call_soon(function).map(drop).map_err(|_closed| LoopGone),
            None => self.0.push(Job { function: Box::new(function), context: context::current_for_thread() }),
        }
    }
}

impl LoopHandle {
    fn is_reached_through(&self, inbox: &Arc<Inbox>) -> bool {
        Arc::ptr_eq(&self.0.inbox, inbox)
    }
}

/// The event loop is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoopGone;

impl fmt::Display for LoopGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event loop is closed")
    }
}

impl Error for LoopGone {}
