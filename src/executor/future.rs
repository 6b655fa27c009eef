//! A result for threads.
//!
//! Invariants:
//!
//! 1. It is done once. Who waits is woken, and callbacks run, after that and with nothing locked.
//! 2. Nothing of the user's runs or is dropped under the lock: while a result is cloned, it is lent to the thread that
//!    does that. Other threads wait for it to be back; the same thread, from within the `Clone`, gets an
//!    `InvalidStateError`.

use core::fmt;
use core::mem;
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Instant;

use super::home::{Home, Origin, Threads};
use crate::coroutine::{Exception, Kind, drop_flat};
use crate::sys::Process;
use crate::task::panicked;

/// A result that is not there yet, for threads: pending, running, then finished or cancelled. Python's
/// `concurrent.futures.Future`.
///
/// A handle: clones stand for the same future. A thread waits for it by [`result`](Self::result); a task by what
/// [`wrap_future`](crate::LoopHandle::wrap_future) makes of it.
pub struct ThreadFuture<T>(Arc<dyn Holder<T>>);

/// Where a future's outcome lies: alone, or beside the function that it is the outcome of.
pub(super) trait Holder<T>: Send + Sync {
    fn outcome(&self) -> &Outcome<T>;

    /// Drops what was to run.
    fn discard(&self);
}

pub(super) struct Outcome<T> {
    inner: Mutex<Inner<T>>,
    /// Told when it is done, and when it was lent and is back.
    changed: Condvar,
    /// The event loop that alone can complete it, if there is one: its thread may not wait for it.
    home: Option<Arc<dyn Home>>,
    /// A forked child does not have the threads that could complete it.
    process: Process,
}

struct Inner<T> {
    state: State<T>,
    callbacks: Vec<Callback<T>>,
    /// How many threads wait: to wake costs a system call, whether or not there are any.
    waiting: Threads,
    /// Told of an exception that nobody has asked for.
    report: Option<Box<dyn FnOnce(Exception) + Send>>,
}

type Callback<T> = Box<dyn FnOnce(&ThreadFuture<T>) + Send>;

enum State<T> {
    Pending,
    Running,
    Finished(Result<T, Exception>),
    Cancelled(Exception),
    /// That thread clones the result.
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
        let inner = Inner { state: State::Pending, callbacks: Vec::new(), waiting: Threads::default(), report };
        Self { inner: Mutex::new(inner), changed: Condvar::new(), home, process: Process::current() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // Nothing of the user's runs while it is held.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is done.
    fn wait(&self, timeout: Option<Duration>) -> Result<MutexGuard<'_, Inner<T>>, Exception> {
        // A time that the clock does not reach is for ever.
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut inner = self.lock();
        loop {
            match inner.state {
                State::Pending | State::Running => {}
                State::Lent(to) if to == thread::current().id() => return Err(invalid("Result is being cloned.")),
                State::Lent(_) if !self.process.is_current() => return Err(inherited()),
                // It is done, and back in a moment.
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
                let text = "this thread would wait for its own event loop, which cannot run meanwhile: await it there";
                return Err(Exception::message(Kind::RuntimeError, text));
            }
            let home = self.home.as_deref();
            let this = Threads { all: 1, for_ever: usize::from(left.is_none()) };
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

    /// Waits for a change, or for nothing: the caller looks again.
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

    /// Wakes who waits, once the lock is let go of.
    fn unlock_and_wake(&self, inner: MutexGuard<'_, Inner<T>>) {
        let somebody_waits = inner.waiting.all > 0;
        drop(inner);
        if somebody_waits {
            self.changed.notify_all();
        }
    }
}

impl<T: 'static> Outcome<T> {
    /// Drops a result that nobody has taken, which may hold futures in turn.
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

    /// Has it say that it runs. `false` where it was cancelled before: then it is not to run.
    pub(super) fn start(&self) -> bool {
        let mut inner = self.0.outcome().lock();
        let starts = matches!(inner.state, State::Pending);
        if starts {
            inner.state = State::Running;
        }
        starts
    }

    /// Finishes it; gives the outcome back where it is done already.
    pub(super) fn finish(&self, outcome: Result<T, Exception>) -> Result<(), Result<T, Exception>> {
        let mut inner = self.0.outcome().lock();
        if inner.state.is_done() {
            return Err(outcome);
        }
        inner.state = State::Finished(outcome);
        self.tell(inner);
        Ok(())
    }

    /// Cancels it, though it may run.
    pub(super) fn abandon(&self, cancelled: impl FnOnce() -> Exception) {
        let mut inner = self.0.outcome().lock();
        if !inner.state.is_done() {
            inner.state = State::Cancelled(cancelled());
            self.tell(inner);
            quietly(|| self.0.discard());
        }
    }

    /// Wakes who waits, and runs the callbacks: it is done.
    fn tell(&self, mut inner: MutexGuard<'_, Inner<T>>) {
        let callbacks = mem::take(&mut inner.callbacks);
        // Said here: it is true from now on, and not only once those threads have found the time to say so themselves.
        self.0.outcome().home.as_deref().inspect(|home| home.threads_go_on(inner.waiting));
        self.0.outcome().unlock_and_wake(inner);
        for callback in callbacks {
            quietly(|| callback(self));
        }
    }

    /// # Errors
    ///
    /// `RuntimeError` in a forked child, where it is not done: nobody there completes it.
    pub(crate) fn check_process(&self) -> Result<(), Exception> {
        let outcome = self.0.outcome();
        if outcome.process.is_current() || outcome.lock().state.is_done() { Ok(()) } else { Err(inherited()) }
    }

    /// The thread that alone can complete it, if there is one.
    pub(crate) fn completed_in(&self) -> Option<ThreadId> {
        self.0.outcome().completed_in()
    }

    /// Cancels it, if it has not begun; what was to run is dropped, here and now. `false` where it runs or is finished.
    /// What [`run_coroutine_threadsafe`](crate::RemoteHandle::run_coroutine_threadsafe) gives can be cancelled until it
    /// is finished: then its task is cancelled.
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

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        matches!(self.0.outcome().lock().state, State::Cancelled(_))
    }

    /// Whether it has begun, and not ended.
    pub fn running(&self) -> bool {
        matches!(self.0.outcome().lock().state, State::Running)
    }

    /// Whether it is finished or cancelled.
    pub fn done(&self) -> bool {
        self.0.outcome().lock().state.is_done()
    }

    /// Waits for it, no longer than `timeout`, and gives the result, cloned.
    ///
    /// # Errors
    ///
    /// The exception that it failed with; `CancelledError`; `TimeoutError`; `InvalidStateError` where
    /// [`take_result`](Self::take_result) has been before; `RuntimeError` where this thread would wait for its own event
    /// loop, for ever, and in a forked child, for a future of its parent's that is not done: the child does not have the
    /// threads of its parent.
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
            _ => unreachable!("it was checked that there is a result"),
        }
    }

    /// The same, but moves the result out, for what cannot be cloned. An exception stays, and is cloned.
    ///
    /// # Errors
    ///
    /// As [`result`](Self::result).
    pub fn take_result(&self, timeout: Option<Duration>) -> Result<T, Exception> {
        let mut inner = self.0.outcome().wait(timeout)?;
        check(&mut inner)?;
        match mem::replace(&mut inner.state, State::Taken) {
            State::Finished(result) => result,
            _ => unreachable!("it was checked that there is a result"),
        }
    }

    /// Waits for it, no longer than `timeout`, and gives the exception that it failed with; `None` if it has a result.
    ///
    /// # Errors
    ///
    /// As [`result`](Self::result), but for that exception.
    pub fn exception(&self, timeout: Option<Duration>) -> Result<Option<Exception>, Exception> {
        let mut inner = self.0.outcome().wait(timeout)?;
        let checked = check(&mut inner);
        match inner.state {
            State::Finished(_) => Ok(checked.err()),
            _ => checked.map(|()| None),
        }
    }

    /// Has `callback` called once it is done, by the thread that completes or cancels it, after those that were added
    /// before; at once, where it is done already. It is not to block, and a panic of its is ignored once the panic hook
    /// has been told of it.
    pub fn add_done_callback(&self, callback: impl FnOnce(&Self) + Send + 'static) {
        let mut inner = self.0.outcome().lock();
        if !inner.state.is_done() {
            return inner.callbacks.push(Box::new(callback));
        }
        drop(inner);
        quietly(|| callback(self));
    }

    /// Whether both stand for the same future.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// That it has a result. Whoever asks has seen the exception.
fn check<T>(inner: &mut Inner<T>) -> Result<(), Exception> {
    // Dropped under the lock: it holds nothing of the user's.
    inner.report = None;
    match &inner.state {
        State::Finished(Ok(_)) => Ok(()),
        State::Finished(Err(raised)) | State::Cancelled(raised) => Err(raised.clone()),
        State::Taken => Err(invalid("Result was taken before.")),
        State::Pending | State::Running | State::Lent(_) => unreachable!("it was waited for"),
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

/// A result that is being cloned; put back when this is dropped, however the `Clone` ends.
struct Lent<'a, T>(&'a Outcome<T>, State<T>);

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.state = mem::replace(&mut self.1, State::Taken);
        self.0.unlock_and_wake(inner);
    }
}

/// Runs what is the user's where nobody would take its panic: the panic hook has been told.
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
