//! A child of `gather`, `wait_for` and the like: a future, and the way to read its result.
//!
//! If the child was started from a coroutine, its result is moved out, since nobody else has a handle to the task. If
//! the user passed in a future, its result is read as if the future were awaited: cloned, or moved out for a
//! [`Join`](super::Join). So a result has to be `Clone` only where the user passes in something that clones it.

use core::any::Any;
use core::fmt;

use super::{AnyFuture, Awaitable, Future, Task};
use crate::coroutine::{Exception, Kind, Step};

pub(crate) struct Child<T> {
    pub(crate) future: Future<T>,
    outcome: Outcome<T>,
}

/// A function that reads the result of a future that is done.
pub(crate) type Outcome<T> = fn(&Future<T>) -> Result<T, Exception>;

impl<T: 'static> Child<T> {
    /// A child whose result is moved out.
    pub(crate) fn moving(future: Future<T>) -> Self {
        Self { future, outcome: Future::take_result }
    }

    /// A child that was passed in as a `C`, where `C` is [`Future<T>`](Future).
    pub(super) fn future<C>(future: &Future<T>) -> Self
    where
        C: Awaitable<Return = T> + 'static,
    {
        Self { future: future.clone(), outcome: outcome_of_future::<C> }
    }

    /// A child that was passed in as a `C`, where `C` is [`Task<T>`](Task).
    pub(super) fn task<C>(task: &Task<T>) -> Self
    where
        C: Awaitable<Return = T> + 'static,
    {
        Self { future: task.future().clone(), outcome: outcome_of_task::<C> }
    }

    pub(crate) fn any(&self) -> AnyFuture {
        self.future.any_future()
    }

    /// The result, once the future is done.
    pub(crate) fn outcome(&self) -> Result<T, Exception> {
        (self.outcome)(&self.future)
    }

    /// The function that reads the result, for a callback that receives the future.
    pub(crate) fn how(&self) -> Outcome<T> {
        self.outcome
    }
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

/// Awaits `same`, a `C` that is done, and returns the result.
///
/// Only the type `C` knows whether its result is cloned or moved. So `same` comes as `dyn Any` and is resumed as a `C`.
fn outcome_of<C>(same: &mut dyn Any, future: &Future<C::Return>) -> Result<C::Return, Exception>
where
    C: Awaitable + 'static,
{
    match same.downcast_mut::<C>().map(|same| same.resume(Ok(()))).transpose()? {
        Some(Step::Return(returned)) => Ok(returned),
        Some(Step::Yield(_) | Step::Delegate(_)) | None => future.take_result(),
    }
}

/// Calls `run`, which may clone a user's value. If the clone panics, calls `fail` with an exception to give to the
/// waiters, so that they do not wait forever. The panic then continues.
pub(crate) fn failing_on_panic<R>(run: impl FnOnce() -> R, fail: impl FnOnce(Exception)) -> R {
    struct Fail<F: FnOnce(Exception)>(Option<F>);
    impl<F: FnOnce(Exception)> Drop for Fail<F> {
        fn drop(&mut self) {
            if let Some(fail) = self.0.take() {
                fail(Exception::message(Kind::Panic, "cloning the result panicked"));
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
