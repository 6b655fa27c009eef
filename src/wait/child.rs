//! A coroutine that was made a future, and how its result comes back.
//!
//! A result is moved out of a task that was made here, since nobody else has a handle to it. A future that was handed
//! in keeps its result: it is asked for it in the way in which awaiting it would, which clones, or moves in the case of
//! [`Join`]. So nothing here needs `Clone`.

use core::any::Any;
use core::fmt;
use std::rc::Rc;

#[cfg(feature = "wait")]
use super::{Gather, Shield};
use crate::coroutine::{Exception, Kind, Step};
use crate::event_loop::{LoopHandle, running};
use crate::task::{AnyFuture, Awaitable, Future, Join, Scheduler, Task, spawn};

pub(super) struct Child<T> {
    pub(super) future: Future<T>,
    outcome: Outcome<T>,
}

/// Takes the result from a future, once there is one.
pub(super) type Outcome<T> = fn(&Future<T>) -> Result<T, Exception>;

impl<T: 'static> Child<T> {
    /// Makes a task of `coroutine` if it is no future.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed, or none runs in which to make a task; `ValueError` for a future of
    /// another one.
    pub(super) fn start<C>(home: &mut Home, coroutine: C) -> Result<Self, Exception>
    where
        C: Awaitable<Return = T> + 'static,
    {
        match as_future(&coroutine) {
            Some(child) => home.admit(&child.future).map(|()| child),
            None => Ok(Self::moving(spawn(home.scheduler()?, coroutine)?.future().clone())),
        }
    }

    /// A future out of which the result is moved.
    pub(super) fn moving(future: Future<T>) -> Self {
        Self { future, outcome: Future::take_result }
    }

    pub(super) fn any(&self) -> AnyFuture {
        self.future.any_future()
    }

    /// The result, once there is one.
    pub(super) fn outcome(&self) -> Result<T, Exception> {
        (self.outcome)(&self.future)
    }

    /// How the result is taken, for who has the future from elsewhere.
    pub(super) fn how(&self) -> Outcome<T> {
        self.outcome
    }
}

/// The loop of several futures: that of the first, or, where the first is to be made a task, the one that runs. So what
/// takes futures alone needs no running loop.
#[derive(Default)]
pub(super) struct Home(Option<Rc<Scheduler>>);

impl Home {
    pub(super) fn of(event_loop: &LoopHandle) -> Self {
        Self(Some(Rc::clone(event_loop.scheduler())))
    }

    /// # Errors
    ///
    /// `ValueError` for a future of another loop.
    fn admit<T: 'static>(&mut self, future: &Future<T>) -> Result<(), Exception> {
        match &self.0 {
            Some(scheduler) => future.check_is_of(scheduler),
            None => {
                self.0 = Some(Rc::clone(future.any_future().scheduler()));
                Ok(())
            }
        }
    }

    /// # Errors
    ///
    /// `RuntimeError` where there was no future yet and no loop runs.
    pub(super) fn scheduler(&mut self) -> Result<&Rc<Scheduler>, Exception> {
        if self.0.is_none() {
            *self = Self::of(&running()?);
        }
        Ok(self.0.get_or_insert_with(|| unreachable!("it was just set")))
    }

    /// # Errors
    ///
    /// As [`scheduler`](Self::scheduler).
    pub(super) fn create_future<T: 'static>(&mut self) -> Result<Future<T>, Exception> {
        Ok(Future::new(Rc::clone(self.scheduler()?)))
    }
}

/// The future that a coroutine is, if it is one.
fn as_future<C>(coroutine: &C) -> Option<Child<C::Return>>
where
    C: Awaitable + 'static,
{
    let any: &dyn Any = coroutine;
    if let Some(future) = any.downcast_ref::<Future<C::Return>>() {
        return Some(Child { future: future.clone(), outcome: outcome_of_future::<C> });
    }
    if let Some(task) = any.downcast_ref::<Task<C::Return>>() {
        return Some(Child { future: task.future().clone(), outcome: outcome_of_task::<C> });
    }
    #[cfg(feature = "wait")]
    if let Some(shield) = any.downcast_ref::<Shield<C::Return>>() {
        return Some(Child { future: Future::clone(shield), outcome: shield.how() });
    }
    #[cfg(feature = "wait")]
    if let Some(gather) = any.downcast_ref::<Gather<C::Return>>() {
        return Some(Child::moving(Future::clone(gather)));
    }
    any.downcast_ref::<Join<C::Return>>().map(|join| Child::moving(join.future().clone()))
}

fn outcome_of_future<C>(future: &Future<C::Return>) -> Result<C::Return, Exception>
where
    C: Awaitable + 'static,
{
    outcome_of::<C>(&mut future.clone(), future)
}

fn outcome_of_task<C>(future: &Future<C::Return>) -> Result<C::Return, Exception>
where
    C: Awaitable + 'static,
{
    outcome_of::<C>(&mut Task::of(future.clone()), future)
}

/// What awaiting `same`, which is a `C` and done, gives.
fn outcome_of<C>(same: &mut dyn Any, future: &Future<C::Return>) -> Result<C::Return, Exception>
where
    C: Awaitable + 'static,
{
    match same.downcast_mut::<C>().map(|same| same.resume(Ok(()))).transpose()? {
        Some(Step::Return(returned)) => Ok(returned),
        Some(Step::Yield(_) | Step::Delegate(_)) | None => future.take_result(),
    }
}

/// Runs what may be a `Clone` of the user's. Where that panics, `fail` gets an exception for those who wait, so that they
/// do not for ever, and the panic goes on.
pub(super) fn failing_on_panic<R>(run: impl FnOnce() -> R, fail: impl FnOnce(Exception)) -> R {
    struct Fail<F: FnOnce(Exception)>(Option<F>);
    impl<F: FnOnce(Exception)> Drop for Fail<F> {
        fn drop(&mut self) {
            if let Some(fail) = self.0.take() {
                fail(Exception::message(Kind::Panic, "a result's clone panicked"));
            }
        }
    }
    let mut fail = Fail(Some(fail));
    let result = run();
    fail.0 = None;
    result
}

impl<T> Clone for Child<T> {
    fn clone(&self) -> Self {
        Self { future: self.future.clone(), outcome: self.outcome }
    }
}

impl<T> fmt::Debug for Child<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.future.fmt(f)
    }
}
