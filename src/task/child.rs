//! A future that somebody waits for, and how its result comes back.
//!
//! The result of a task that was made here is moved out, since nobody else has a handle to the task. A future that the
//! user has passed in gives its result the way awaiting it would: by a clone, or by a move for a [`Join`](super::Join). So
//! results need not be `Clone`.

use core::any::Any;
use core::fmt;

use super::{AnyFuture, Awaitable, Future, Task};
use crate::coroutine::{Exception, Kind, Step};

pub(crate) struct Child<T> {
    pub(crate) future: Future<T>,
    outcome: Outcome<T>,
}

/// Takes the result from a future that is done.
pub(crate) type Outcome<T> = fn(&Future<T>) -> Result<T, Exception>;

impl<T: 'static> Child<T> {
    /// A future whose result is moved out.
    pub(crate) fn moving(future: Future<T>) -> Self {
        Self { future, outcome: Future::take_result }
    }

    /// A future that was passed in as a `C`: itself.
    pub(super) fn future<C>(future: &Future<T>) -> Self
    where
        C: Awaitable<Return = T> + 'static,
    {
        Self { future: future.clone(), outcome: outcome_of_future::<C> }
    }

    /// A future that was passed in as a `C`: its task.
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

    /// How the result is taken, for a callback that is given the future.
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

/// What awaiting `same` gives, which is a `C` and done.
fn outcome_of<C>(same: &mut dyn Any, future: &Future<C::Return>) -> Result<C::Return, Exception>
where
    C: Awaitable + 'static,
{
    match same.downcast_mut::<C>().map(|same| same.resume(Ok(()))).transpose()? {
        Some(Step::Return(returned)) => Ok(returned),
        Some(Step::Yield(_) | Step::Delegate(_)) | None => future.take_result(),
    }
}

/// Calls `run`, which may clone a result of the user's. If that panics, `fail` gets an exception for those who wait, so
/// that they do not wait for ever, and the panic goes on.
pub(crate) fn failing_on_panic<R>(run: impl FnOnce() -> R, fail: impl FnOnce(Exception)) -> R {
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
