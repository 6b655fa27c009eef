//! [`Future`]: a result that is not there yet.

use core::error::Error;
use core::fmt;
use core::hash::{Hash, Hasher};
use std::borrow::Cow;
use std::rc::Rc;

use super::cancel;
use super::contracts::{ErasedTask, Eventual, Met, Notice, WaitTarget, Waiter, Way, Withdrawn};
use super::shared::{self, Produced, Shared, Whole};
use super::waiting::Shareable;
use super::{AnyFuture, Await, CallbackResult, Scheduler};
use crate::context::Context;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Stateless, Step};

/// A result that is not there yet. A future is pending first, and then finished or cancelled. asyncio's `Future`.
///
/// This is a handle. Clones refer to the same future. `yield_from!(future, sent)` waits for the result and gives a
/// clone of it; [`join`](Self::join) moves the result out.
///
/// ```
/// use innermost::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// let answer = event_loop.create_future();
/// let setter = answer.clone();
/// event_loop.call_soon(move || setter.set_result(42).expect("nobody else sets it"))?;
/// assert_eq!(event_loop.run_until_complete(answer)?, 42);
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// If a future failed and nobody retrieved its exception, dropping the last handle reports the exception to the loop's
/// exception handler.
pub struct Future<T>(Rc<dyn Produced<T>>);

/// A future that is completed through its handles. A task and a gathering are other kinds of futures.
pub(super) struct Open<T: 'static>(pub(super) Whole<T>);

impl<T: 'static> Produced<T> for Open<T> {
    fn shared(&self) -> Shared<'_, T> {
        self.0.shared()
    }

    fn is_open(&self) -> bool {
        true
    }

    fn task(self: Rc<Self>) -> Option<Rc<dyn ErasedTask>> {
        None
    }
}

impl<T: 'static> Open<T> {
    fn cancel(self: &Rc<Self>, cancelled: &Exception) -> bool {
        let shared = self.0.shared();
        if shared.done() {
            return false;
        }
        shared.finish_cancelled(cancelled.clone(), || Future(Rc::clone(self) as Rc<_>));
        true
    }
}

impl<T: 'static> Eventual for Open<T> {
    fn scheduler(&self) -> &Rc<Scheduler> {
        self.0.scheduler()
    }

    fn done(&self) -> bool {
        self.0.shared().done()
    }

    fn is_cancelled(&self) -> bool {
        self.0.shared().is_cancelled()
    }

    fn notify(self: Rc<Self>, notice: Notice) -> CallbackId {
        self.0.shared().notify(notice, || Future(Rc::clone(&self) as Rc<_>))
    }

    fn remove_callback(&self, id: CallbackId) -> bool {
        self.0.shared().remove_callback(id)
    }

    fn cancel_once(self: Rc<Self>, cancelled: &Exception) -> Met {
        if self.cancel(cancelled) { Met::Cancelled } else { Met::TooLate }
    }
}

impl<T: 'static> WaitTarget for Open<T> {
    fn register(&self, _: Way, _: u32, waiter: Rc<dyn Waiter>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        self.0.shared().register(waiter, of)
    }

    fn has_come(&self, _: Way, _: u32) -> bool {
        self.0.shared().done()
    }

    fn withdraw(&self, _: Way, _: u32, waiter: *const ()) -> Withdrawn {
        self.0.shared().withdraw(waiter)
    }

    fn cancel_wait(self: Rc<Self>, way: Way, place: u32, waiter: *const (), cancelled: &Exception) -> Met {
        match way {
            Way::Outcome => self.cancel_once(cancelled),
            _ => self.withdraw(way, place, waiter).into(),
        }
    }

    fn raised(&self, _: u32) -> Option<Exception> {
        self.0.shared().raised()
    }
}

impl<T> Drop for Open<T> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl<T> fmt::Debug for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Future({})", self.0.shared().state())
    }
}

/// The identity of a callback, for [`Future::remove_done_callback`]. Returned by [`Future::add_done_callback`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallbackId(u32);

super::dropped!(CallbackId);

impl CallbackId {
    /// The id of a callback that was queued at once, because the future was done. It cannot be removed.
    pub(super) const QUEUED: Self = Self(0);

    pub(super) fn new(id: u32) -> Self {
        Self(id)
    }
}

/// The error of setting a result that cannot be set: the future is done, or its result comes from a task or a gather.
/// Holds the value that was to be set.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InvalidState<T>(pub T);

impl<T> fmt::Debug for InvalidState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvalidState")
    }
}

impl<T> fmt::Display for InvalidState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid state: the future is done, or its result comes from a task or a gather")
    }
}

impl<T> Error for InvalidState<T> {}

impl<T: 'static> Future<T> {
    pub(super) fn of(object: Rc<dyn Produced<T>>) -> Self {
        Self(object)
    }

    pub(crate) fn new(scheduler: Rc<Scheduler>) -> Self {
        Self(Rc::new(Open(Whole::new(scheduler))))
    }

    /// Finishes the future with a result.
    ///
    /// # Errors
    ///
    /// Gives `result` back if the future is done, or if its result comes from a task or a gather.
    pub fn set_result(&self, result: T) -> Result<(), InvalidState<T>> {
        self.set(Ok(result)).map_err(|outcome| InvalidState(outcome.expect("a result was passed in")))
    }

    /// Finishes the future with an exception. A `StopIteration` is stored as a `RuntimeError`: a waiting coroutine
    /// could not distinguish it from the end of a generator.
    ///
    /// # Errors
    ///
    /// Gives the exception back if the future is done, or if its result comes from a task or a gather.
    pub fn set_exception(&self, exception: impl Into<Exception>) -> Result<(), InvalidState<Exception>> {
        let exception = match exception.into() {
            stop if stop.kind() == Kind::StopIteration => Exception::caused_by(
                Kind::RuntimeError,
                "StopIteration interacts badly with generators and cannot be raised into a Future",
                stop,
            ),
            exception => exception,
        };
        self.set(Err(exception)).map_err(|outcome| match outcome {
            Err(exception) => InvalidState(exception),
            Ok(_) => unreachable!("an exception was passed in"),
        })
    }

    fn set(&self, outcome: Result<T, Exception>) -> Result<(), Result<T, Exception>> {
        if self.done() || !self.0.is_open() {
            return Err(outcome);
        }
        self.shared().finish(outcome, || self.clone());
        Ok(())
    }

    /// Cancels the future. Waiters get a `CancelledError`. Returns `false` if the future is already done. A future that
    /// belongs to a task cancels the task, as [`Task::cancel`](super::Task::cancel) does.
    ///
    /// ```
    /// use innermost::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let answer = event_loop.create_future::<u32>();
    /// let waiter = event_loop.create_task(answer.clone())?;
    /// event_loop.call_soon(move || {
    ///     assert!(answer.cancel());
    ///     assert!(!answer.cancel()); // it is done
    /// })?;
    /// assert!(event_loop.run_until_complete(waiter).unwrap_err().is_cancelled());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn cancel(&self) -> bool {
        self.cancel_with(Exception::cancelled())
    }

    /// Cancels the future, with a message in the `CancelledError`. Returns `false` if the future is already done.
    pub fn cancel_message(&self, message: impl Into<Cow<'static, str>>) -> bool {
        self.cancel_with(Exception::message(Kind::CancelledError, message))
    }

    pub(super) fn cancel_with(&self, cancelled: Exception) -> bool {
        cancel::cancel(Rc::clone(&self.0) as Rc<_>, cancelled)
    }

    pub(super) fn task(&self) -> Option<Rc<dyn ErasedTask>> {
        Rc::clone(&self.0).task()
    }

    /// # Errors
    ///
    /// `ValueError` if the future belongs to another loop than `scheduler`.
    pub(crate) fn check_is_of(&self, scheduler: &Rc<Scheduler>) -> Result<(), Exception> {
        if !Rc::ptr_eq(&self.shared().kept.scheduler, scheduler) {
            let text = "The future belongs to a different loop than the one specified as the loop argument";
            return Err(Exception::message(Kind::ValueError, text));
        }
        Ok(())
    }

    fn shared(&self) -> Shared<'_, T> {
        self.0.shared()
    }

    /// The value that a coroutine yields to wait for this future.
    pub(crate) fn wanted(&self) -> Await {
        Await::on(Way::Outcome, Rc::clone(&self.0) as Rc<_>)
    }

    /// Returns `true` once there is an outcome: a result, an exception or a cancellation.
    #[inline]
    pub fn done(&self) -> bool {
        self.shared().done()
    }

    /// Returns `true` if the future was cancelled.
    pub fn cancelled(&self) -> bool {
        self.shared().is_cancelled()
    }

    /// Returns a clone of the result.
    ///
    /// # Errors
    ///
    /// The exception that the future failed with. `CancelledError` if it was cancelled. `InvalidStateError` if it is
    /// still pending, or if [`take_result`](Self::take_result) moved the result out.
    pub fn result(&self) -> Result<T, Exception>
    where
        T: Clone,
    {
        self.shared().with_outcome(Clone::clone)?
    }

    /// Moves the result out, for results that are not `Clone`. An exception stays and is cloned.
    ///
    /// # Errors
    ///
    /// The exception that the future failed with. `CancelledError` if it was cancelled. `InvalidStateError` if it is
    /// still pending, or if the result was moved out before.
    pub fn take_result(&self) -> Result<T, Exception> {
        self.shared().with_outcome(|outcome| outcome.as_ref().err().cloned())?.map_or(Ok(()), Err)?;
        self.shared().take_outcome()
    }

    /// Returns the exception the future failed with, or `None` if it has a result.
    ///
    /// # Errors
    ///
    /// `CancelledError` if it was cancelled. `InvalidStateError` if it is still pending, or if the result was moved
    /// out.
    pub fn exception(&self) -> Result<Option<Exception>, Exception> {
        let exception = self.shared().with_outcome(|outcome| outcome.as_ref().err().cloned())?;
        match exception {
            Some(cancelled) if self.cancelled() => Err(cancelled),
            exception => Ok(exception),
        }
    }

    /// Calls `callback` with the future once it is done.
    ///
    /// Callbacks run from the ready queue, in the order they were added. If the future is already done, the callback is
    /// queued at once. It runs in a copy of the current context.
    ///
    /// ```
    /// use innermost::EventLoop;
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let answer = event_loop.create_future();
    /// let seen = Rc::new(Cell::new(0));
    /// let set_seen = Rc::clone(&seen);
    /// // An exception that the callback returns goes to the loop's exception handler.
    /// answer.add_done_callback(move |answer| answer.result().map(|answer| set_seen.set(answer)));
    ///
    /// answer.set_result(42).expect("nobody else sets it");
    /// assert_eq!(seen.get(), 0);
    /// event_loop.run_once()?;
    /// assert_eq!(seen.get(), 42);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn add_done_callback<R>(&self, callback: impl FnOnce(Self) -> R + 'static) -> CallbackId
    where
        R: CallbackResult,
    {
        let callback = Box::new(move |future| callback(future).into_result());
        self.shared().add(|id| shared::Waiter::callback(id, callback), || self.clone())
    }

    /// Calls `callback` with the future once it is done, in `context` itself rather than in a copy of the current
    /// context.
    pub fn add_done_callback_in<R>(&self, context: &Context, callback: impl FnOnce(Self) -> R + 'static) -> CallbackId
    where
        R: CallbackResult,
    {
        let callback = Box::new(move |future| callback(future).into_result());
        let waiter = Box::new((context.clone(), callback as Box<_>));
        self.shared().add(|id| shared::Waiter::InContext(id, waiter), || self.clone())
    }

    /// Removes a callback and drops it. Returns `false` if the callback was removed before, or is already queued. If
    /// dropping the callback panics, the panic goes to the loop's exception handler.
    ///
    /// ```
    /// # let event_loop = innermost::EventLoop::new()?;
    /// let answer = event_loop.create_future::<u32>();
    /// let callback = answer.add_done_callback(|_| unreachable!("it is removed"));
    /// assert!(answer.remove_done_callback(callback));
    /// assert!(!answer.remove_done_callback(callback));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn remove_done_callback(&self, id: CallbackId) -> bool {
        self.shared().remove_callback(id)
    }

    /// Returns an awaitable that waits for the future and moves its result out. Results that are not `Clone` need it.
    ///
    /// Cancelling the waiter cancels the future, as when the future itself is awaited.
    ///
    /// ```
    /// use innermost::EventLoop;
    ///
    /// /// Not `Clone`.
    /// #[derive(Debug, PartialEq)]
    /// struct Connection(u32);
    ///
    /// let event_loop = EventLoop::new()?;
    /// let future = event_loop.create_future();
    /// let setter = future.clone();
    /// event_loop.call_soon(move || setter.set_result(Connection(7)).expect("nobody else sets it"))?;
    /// assert_eq!(event_loop.run_until_complete(future.join())?, Connection(7));
    /// assert!(future.take_result().is_err(), "the result was moved out");
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting raises the exception the future failed with, and `CancelledError` if it was cancelled. It raises
    /// `InvalidStateError` if the result was moved out before.
    pub fn join(&self) -> Join<T> {
        Join(self.clone())
    }

    /// Returns a handle without the type of the result.
    pub fn any_future(&self) -> AnyFuture {
        AnyFuture::new(Rc::clone(&self.0) as Rc<_>)
    }

    /// Returns `true` if both handles refer to the same future.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

/// Two handles are equal if they refer to the same future.
impl<T> PartialEq for Future<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Future<T> {}

impl<T> Hash for Future<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).cast::<()>().hash(state);
    }
}

impl<T> Clone for Future<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Awaiting a future gives a clone of its result. Cancelling the waiter cancels the future.
impl<T: Shareable + 'static> Coroutine for Future<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        let shared = self.shared();
        if shared.done() {
            return shared.with_outcome(Clone::clone)?.map(Step::Return);
        }
        Ok(Step::Yield(self.wanted()))
    }

    fn state(&self) -> State<'_> {
        State::new("Future", &self.0)
    }
}

/// An awaitable that waits for a future and moves its result out. Returned by [`Future::join`] and
/// [`Task::join`](super::Task::join).
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Join<T>(Future<T>);

impl<T> Join<T> {
    /// The future it waits for.
    pub(crate) fn future(&self) -> &Future<T> {
        &self.0
    }
}

impl<T: 'static> Stateless for Join<T> {}

impl<T: 'static> Coroutine for Join<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.0.done() {
            return self.0.take_result().map(Step::Return);
        }
        Ok(Step::Yield(self.0.wanted()))
    }

    fn state(&self) -> State<'_> {
        State::new("Join", &self.0)
    }
}
