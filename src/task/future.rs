//! A result that is not there yet.

use core::error::Error;
use core::fmt;
use std::borrow::Cow;
use std::rc::Rc;

use super::cancel;
use super::contracts::{ErasedTask, Eventual, Met, Notice, WaitTarget, Waiter, Way, Withdrawn};
use super::shared::{self, Produced, Shared, Whole};
use super::waiting::Shareable;
use super::{AnyFuture, Await, CallbackResult, Scheduler};
use crate::context::Context;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};

/// A result that is not there yet: pending, then finished or cancelled. asyncio's `Future`.
///
/// A handle: clones stand for the same future. To wait for it, `yield_from!(future, sent)`: that is the result, cloned,
/// as soon as there is one.
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
/// A future that failed and whose exception nobody fetched is reported to the loop's exception handler when it is
/// dropped.
pub struct Future<T>(Rc<dyn Produced<T>>);

/// A future that only its owner completes.
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

/// What [`Future::add_done_callback`] gives, to remove the callback by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallbackId(u32);

super::dropped!(CallbackId);

impl CallbackId {
    /// That of every callback that is queued at once, and so cannot be removed.
    pub(super) const QUEUED: Self = Self(0);

    pub(super) fn new(id: u32) -> Self {
        Self(id)
    }
}

/// A result could not be set: the future is done, or is a task's. Gives back what was to be set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InvalidState<T>(pub T);

impl<T> fmt::Debug for InvalidState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvalidState")
    }
}

impl<T> fmt::Display for InvalidState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid state: the future is done, or its result is a task's")
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

    /// Finishes it with a result.
    ///
    /// # Errors
    ///
    /// The result, where the future is done already, or is a task.
    pub fn set_result(&self, result: T) -> Result<(), InvalidState<T>> {
        self.set(Ok(result)).map_err(|outcome| InvalidState(outcome.expect("what was to be set is a result")))
    }

    /// Finishes it with an exception. A `StopIteration`, which could not be told from the end of a generator, is stored
    /// as a `RuntimeError`.
    ///
    /// # Errors
    ///
    /// The exception, where the future is done already, or is a task.
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
            Ok(_) => unreachable!("what was to be set is an exception"),
        })
    }

    fn set(&self, outcome: Result<T, Exception>) -> Result<(), Result<T, Exception>> {
        if self.done() || !self.0.is_open() {
            return Err(outcome);
        }
        self.shared().finish(outcome, || self.clone());
        Ok(())
    }

    /// Cancels it: whoever waits for it gets a `CancelledError`. `false` where it is done already. A task is cancelled
    /// by throwing into its coroutine: see [`Task::cancel`](super::Task::cancel).
    pub fn cancel(&self) -> bool {
        self.cancel_with(Exception::cancelled())
    }

    /// The same, with a message for whoever sees the `CancelledError`.
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
    /// `ValueError` for a future of another loop than that to which `scheduler` belongs.
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

    /// What a coroutine yields that waits for it.
    pub(crate) fn wanted(&self) -> Await {
        Await::on(Way::Outcome, Rc::clone(&self.0) as Rc<_>)
    }

    /// Whether it is finished or cancelled.
    #[inline]
    pub fn done(&self) -> bool {
        self.shared().done()
    }

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.shared().is_cancelled()
    }

    /// What it finished with, cloned.
    ///
    /// # Errors
    ///
    /// The exception that it failed with; `CancelledError`; `InvalidStateError` while it is pending, or where
    /// [`take_result`](Self::take_result) has been before.
    pub fn result(&self) -> Result<T, Exception>
    where
        T: Clone,
    {
        self.shared().with_outcome(Clone::clone)?
    }

    /// What it finished with, moved out, for what cannot be cloned. An exception stays, and is cloned.
    ///
    /// # Errors
    ///
    /// As [`result`](Self::result).
    pub fn take_result(&self) -> Result<T, Exception> {
        self.shared().with_outcome(|outcome| outcome.as_ref().err().cloned())?.map_or(Ok(()), Err)?;
        self.shared().take_outcome()
    }

    /// The exception that it failed with; `None` if it has a result.
    ///
    /// # Errors
    ///
    /// `CancelledError`; `InvalidStateError` while it is pending, or where the result was moved out.
    pub fn exception(&self) -> Result<Option<Exception>, Exception> {
        let exception = self.shared().with_outcome(|outcome| outcome.as_ref().err().cloned())?;
        match exception {
            Some(cancelled) if self.cancelled() => Err(cancelled),
            exception => Ok(exception),
        }
    }

    /// Has `callback` called with the future, from the ready queue, once it is done; after those that were added
    /// before. It runs in a copy of the context that is current now.
    pub fn add_done_callback<R>(&self, callback: impl FnOnce(Self) -> R + 'static) -> CallbackId
    where
        R: CallbackResult,
    {
        let callback = Box::new(move |future| callback(future).into_result());
        self.shared().add(|id| shared::Waiter::callback(id, callback), || self.clone())
    }

    /// The same, but `callback` runs in the given context itself.
    pub fn add_done_callback_in<R>(&self, context: &Context, callback: impl FnOnce(Self) -> R + 'static) -> CallbackId
    where
        R: CallbackResult,
    {
        let callback = Box::new(move |future| callback(future).into_result());
        let waiter = Box::new((context.clone(), callback as Box<_>));
        self.shared().add(|id| shared::Waiter::InContext(id, waiter), || self.clone())
    }

    /// Removes and drops a callback. Returns `false` if it was not there: it was removed before, or is queued. If it panics
    /// when it is dropped, the loop's exception handler is told.
    pub fn remove_done_callback(&self, id: CallbackId) -> bool {
        self.shared().remove_callback(id)
    }

    /// Waits for it, as awaiting the future itself does, and moves the result out: for what cannot be cloned.
    pub fn join(&self) -> Join<T> {
        Join(self.clone())
    }

    /// The future without its type.
    pub fn any_future(&self) -> AnyFuture {
        AnyFuture::new(Rc::clone(&self.0) as Rc<_>)
    }

    /// Whether both stand for the same future.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
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

/// Waiting for it: the result, cloned.
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

/// What [`Future::join`] makes.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Join<T>(Future<T>);

impl<T> Join<T> {
    /// What it waits for.
    pub(crate) fn future(&self) -> &Future<T> {
        &self.0
    }
}

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
