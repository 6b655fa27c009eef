//! [`ThreadFuture`]: a result that threads can wait for.
//!
//! Invariants:
//!
//! 1. A future is completed once. Then the lock is released, waiting threads are woken, and callbacks run.
//! 2. No user code runs under the lock. A result is lent to the thread that clones it. Other threads wait until it is
//!    back. If the `Clone` itself asks for the result, it gets an `InvalidStateError`.

use core::fmt;
use core::mem;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

use super::home::{Home, Origin, WaitingThreads};
use crate::coroutine::{Exception, Kind, drop_flat};
use crate::sys::Process;
use crate::task::panicked;

/// A result that another thread will produce. Python's `concurrent.futures.Future`.
///
/// A future is pending first, then running, and then finished or cancelled. Clones are handles to the same future. A
/// thread waits for it with [`result`](Self::result). A task awaits the future that
/// [`wrap_future`](crate::LoopHandle::wrap_future) makes of it.
///
/// ```
/// use innermost::executor::{Executor, ThreadPool};
/// use std::time::Duration;
///
/// let pool = ThreadPool::new();
/// let sum = pool.submit(|| Ok((1..=100).sum::<u32>()))?;
/// assert_eq!(sum.result(Some(Duration::from_secs(60)))?, 5050);
/// assert!(sum.done() && !sum.cancel());
/// # Ok::<(), innermost::Exception>(())
/// ```
pub struct ThreadFuture<T>(Arc<dyn Holder<T>>);

/// The allocation that holds a future's outcome, alone or together with the function that will produce it.
pub(super) trait Holder<T>: Send + Sync {
    fn outcome(&self) -> &Outcome<T>;

    /// Drops the function that would have run.
    fn discard(&self);
}

pub(super) struct Outcome<T> {
    inner: Mutex<Inner<T>>,
    /// Notified when the future is done, and when a lent result is back.
    changed: Condvar,
    /// The event loop that will complete the future, if there is one. The loop's own thread must not wait for it.
    home: Option<Arc<dyn Home>>,
    /// The process whose threads can complete the future. A forked child does not have them.
    process: Process,
}

struct Inner<T> {
    state: State<T>,
    callbacks: Vec<Callback<T>>,
    /// The number of waiting threads. Waking costs a system call even if there are none.
    waiting: WaitingThreads,
    /// Called with the exception if nobody has retrieved it.
    report: Option<Box<dyn FnOnce(Exception) + Send>>,
}

type Callback<T> = Box<dyn FnOnce(&ThreadFuture<T>) + Send>;

enum State<T> {
    Pending,
    Running,
    Finished(Result<T, Exception>),
    Cancelled(Exception),
    /// This thread is cloning the result.
    Lent(ThreadId),
    Taken,
}

impl<T> State<T> {
    const fn is_done(&self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

impl<T> Outcome<T> {
    pub(super) fn new(origin: Option<Origin>) -> Self {
        let (home, report) = origin.map(|origin| (origin.home, origin.report)).unzip();
        let inner = Inner { state: State::Pending, callbacks: Vec::new(), waiting: WaitingThreads::default(), report };
        Self { inner: Mutex::new(inner), changed: Condvar::new(), home, process: Process::current() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // The lock cannot be poisoned, because no user code runs under it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the future is done.
    fn wait(&self, timeout: Option<Duration>) -> Result<MutexGuard<'_, Inner<T>>, Exception> {
        // A timeout beyond the clock's range means no timeout.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut inner = self.lock();
        loop {
            match inner.state {
                State::Pending | State::Running => {}
                State::Lent(to) if to == thread::current().id() => return Err(invalid("Result is being cloned.")),
                State::Lent(_) if !self.process.is_current() => return Err(inherited()),
                // The future is done, and its result will be back in a moment.
                State::Lent(_) => {
                    inner = self.sleep(inner, None);
                    continue;
                }
                _ => return Ok(inner),
            }
            if !self.process.is_current() {
                return Err(inherited());
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Err(Exception::timeout());
            }
            if self.completed_in() == Some(thread::current().id()) {
                let text = "this thread runs the event loop that completes the future, so it cannot wait: await the future instead";
                return Err(Exception::message(Kind::RuntimeError, text));
            }
            let home = self.home.as_deref();
            let this = WaitingThreads { all: 1, for_ever: usize::from(left.is_none()) };
            home.inspect(|home| home.threads_wait(this));
            inner = self.sleep(inner, left);
            if !inner.state.is_done() {
                home.inspect(|home| home.threads_go_on(this));
            }
        }
    }

    fn completed_in(&self) -> Option<ThreadId> {
        self.home.as_ref().map(|home| home.thread())
    }

    /// Waits for a change. May return without one, so the caller checks again.
    fn sleep<'a>(&'a self, mut inner: MutexGuard<'a, Inner<T>>, at_most: Option<Duration>) -> MutexGuard<'a, Inner<T>> {
        let for_ever = usize::from(at_most.is_none());
        inner.waiting.all += 1;
        inner.waiting.for_ever += for_ever;
        inner = match at_most {
            None => self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
            Some(time) => self.changed.wait_timeout(inner, time).unwrap_or_else(PoisonError::into_inner).0,
        };
        inner.waiting.all -= 1;
        inner.waiting.for_ever -= for_ever;
        inner
    }

    /// Releases the lock, then wakes the waiting threads.
    fn unlock_and_wake(&self, inner: MutexGuard<'_, Inner<T>>) {
        let somebody_waits = inner.waiting.all > 0;
        drop(inner);
        if somebody_waits {
            self.changed.notify_all();
        }
    }
}

impl<T: 'static> Outcome<T> {
    /// Drops a result that nobody has taken, without recursion, since it may hold other futures.
    pub(super) fn drop_result(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if matches!(inner.state, State::Finished(Ok(_))) {
            drop_flat(mem::replace(&mut inner.state, State::Taken));
        }
    }
}

impl<T> Drop for Outcome<T> {
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let State::Finished(Err(raised)) = &inner.state
            && let Some(report) = inner.report.take()
        {
            let raised = raised.clone();
            quietly(|| report(raised));
        }
    }
}

impl<T: Send + 'static> ThreadFuture<T> {
    pub(super) fn of(holder: Arc<dyn Holder<T>>) -> Self {
        Self(holder)
    }

    /// Marks the future as running. Returns `false` if it was cancelled before and must not run.
    pub(super) fn start(&self) -> bool {
        let mut inner = self.0.outcome().lock();
        let starts = matches!(inner.state, State::Pending);
        if starts {
            inner.state = State::Running;
        }
        starts
    }

    /// Finishes the future. Returns the outcome if the future is already done.
    pub(super) fn finish(&self, outcome: Result<T, Exception>) -> Result<(), Result<T, Exception>> {
        let mut inner = self.0.outcome().lock();
        if inner.state.is_done() {
            return Err(outcome);
        }
        inner.state = State::Finished(outcome);
        self.tell(inner);
        Ok(())
    }

    /// Cancels the future even if it is running.
    pub(super) fn abandon(&self, cancelled: impl FnOnce() -> Exception) {
        let mut inner = self.0.outcome().lock();
        if !inner.state.is_done() {
            inner.state = State::Cancelled(cancelled());
            self.tell(inner);
            quietly(|| self.0.discard());
        }
    }

    /// Wakes the waiting threads and runs the callbacks, once the future is done.
    fn tell(&self, mut inner: MutexGuard<'_, Inner<T>>) {
        let callbacks = mem::take(&mut inner.callbacks);
        // The loop is told now rather than when those threads get to run, since they no longer wait for it.
        self.0.outcome().home.as_deref().inspect(|home| home.threads_go_on(inner.waiting));
        self.0.outcome().unlock_and_wake(inner);
        for callback in callbacks {
            quietly(|| callback(self));
        }
    }

    /// Checks that the future can still be completed in this process.
    ///
    /// # Errors
    ///
    /// `RuntimeError` in a forked child if the future is not done, because no thread there will complete it.
    pub(crate) fn check_process(&self) -> Result<(), Exception> {
        let outcome = self.0.outcome();
        if outcome.process.is_current() || outcome.lock().state.is_done() { Ok(()) } else { Err(inherited()) }
    }

    /// The only thread that can complete the future, if there is one.
    pub(crate) fn completed_in(&self) -> Option<ThreadId> {
        self.0.outcome().completed_in()
    }

    /// Cancels the future if it is pending, and drops the function that would have run. Returns `false` if the function
    /// is running or the future is finished.
    ///
    /// A future from [`run_coroutine_threadsafe`](crate::RemoteHandle::run_coroutine_threadsafe) can be cancelled until
    /// it is finished, which cancels its task.
    pub fn cancel(&self) -> bool {
        let mut inner = self.0.outcome().lock();
        match inner.state {
            State::Pending => inner.state = State::Cancelled(Exception::cancelled()),
            State::Cancelled(_) => return true,
            _ => return false,
        }
        self.tell(inner);
        quietly(|| self.0.discard());
        true
    }

    /// Returns `true` if the future was cancelled.
    pub fn cancelled(&self) -> bool {
        matches!(self.0.outcome().lock().state, State::Cancelled(_))
    }

    /// Returns `true` if the function has started and not ended.
    pub fn running(&self) -> bool {
        matches!(self.0.outcome().lock().state, State::Running)
    }

    /// Returns `true` if the future is finished or cancelled.
    pub fn done(&self) -> bool {
        self.0.outcome().lock().state.is_done()
    }

    /// Waits until the future is done, for `timeout` at most, and returns a clone of the result. `None` waits without
    /// limit.
    ///
    /// # Errors
    ///
    /// The exception that the future failed with, or:
    ///
    /// - `CancelledError` if it was cancelled.
    /// - `TimeoutError` if `timeout` has passed.
    /// - `InvalidStateError` if the result was taken out by [`take_result`](Self::take_result).
    /// - `RuntimeError` if this thread runs the event loop that would complete the future, and so would wait forever.
    /// - `RuntimeError` in a forked child, if the future belongs to the parent and is not done: the child does not have
    ///   its parent's threads.
    pub fn result(&self, timeout: Option<Duration>) -> Result<T, Exception>
    where
        T: Clone,
    {
        let outcome = self.0.outcome();
        let mut inner = outcome.wait(timeout)?;
        check(&mut inner)?;
        let lent = mem::replace(&mut inner.state, State::Lent(thread::current().id()));
        drop(inner);
        match &Lent(outcome, lent).1 {
            State::Finished(Ok(result)) => Ok(result.clone()),
            _ => unreachable!("`check` found a result"),
        }
    }

    /// Waits until the future is done, for `timeout` at most, and moves the result out. Results that are not `Clone`
    /// need it. An exception is cloned and stays.
    ///
    /// # Errors
    ///
    /// The exception that the future failed with, or one of the errors of [`result`](Self::result).
    pub fn take_result(&self, timeout: Option<Duration>) -> Result<T, Exception> {
        let mut inner = self.0.outcome().wait(timeout)?;
        check(&mut inner)?;
        match mem::replace(&mut inner.state, State::Taken) {
            State::Finished(result) => result,
            _ => unreachable!("`check` found a result"),
        }
    }

    /// Waits until the future is done, for `timeout` at most, and returns the exception that it failed with. Returns
    /// `None` if it has a result.
    ///
    /// # Errors
    ///
    /// One of the errors listed for [`result`](Self::result): cancelled, timed out, taken, or impossible to wait for.
    pub fn exception(&self, timeout: Option<Duration>) -> Result<Option<Exception>, Exception> {
        let mut inner = self.0.outcome().wait(timeout)?;
        let checked = check(&mut inner);
        match inner.state {
            State::Finished(_) => Ok(checked.err()),
            _ => checked.map(|()| None),
        }
    }

    /// Calls `callback` once the future is done, or at once if it is already done.
    ///
    /// Callbacks run in the order they were added, in the thread that completes or cancels the future, and must not
    /// block. A panic in a callback goes to the panic hook and is then ignored.
    pub fn add_done_callback(&self, callback: impl FnOnce(&Self) + Send + 'static) {
        let mut inner = self.0.outcome().lock();
        if !inner.state.is_done() {
            return inner.callbacks.push(Box::new(callback));
        }
        drop(inner);
        quietly(|| callback(self));
    }

    /// Returns `true` if both handles refer to the same future.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Checks that there is a result. An exception counts as retrieved from now on.
fn check<T>(inner: &mut Inner<T>) -> Result<(), Exception> {
    // This may be dropped under the lock, because dropping it runs no user code.
    inner.report = None;
    match &inner.state {
        State::Finished(Ok(_)) => Ok(()),
        State::Finished(Err(raised)) | State::Cancelled(raised) => Err(raised.clone()),
        State::Taken => Err(invalid("Result was taken before.")),
        State::Pending | State::Running | State::Lent(_) => unreachable!("the caller has waited until it is done"),
    }
}

#[cold]
fn inherited() -> Exception {
    let text = "this future belongs to the process that forked this one, and so does the thread that would complete it";
    Exception::message(Kind::RuntimeError, text)
}

fn invalid(text: &'static str) -> Exception {
    Exception::message(Kind::InvalidStateError, text)
}

/// A result that is being cloned. Dropping this puts it back, however the `Clone` ends.
struct Lent<'a, T>(&'a Outcome<T>, State<T>);

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.state = mem::replace(&mut self.1, State::Taken);
        self.0.unlock_and_wake(inner);
    }
}

/// Runs user code and drops its panic, where nobody could handle it. The panic hook has already reported it.
pub(super) fn quietly(function: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(function)) {
        drop(panicked(panic));
    }
}

impl<T> Clone for ThreadFuture<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for ThreadFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.0.outcome().lock().state {
            State::Pending => "pending",
            State::Running => "running",
            State::Finished(Err(_)) => "failed",
            State::Finished(Ok(_)) | State::Lent(_) | State::Taken => "finished",
            State::Cancelled(_) => "cancelled",
        };
        write!(f, "ThreadFuture({state})")
    }
}
