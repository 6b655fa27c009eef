//! Turning any awaitable into a future: a future stays itself, and any other coroutine becomes a task.

use core::any::Any;
use std::rc::Rc;

use super::child::Child;
use super::deferred::{Deferred, Gather, Shield, Unstarted};
use super::{Awaitable, Future, Join, Scheduler, Task, spawn};
use crate::coroutine::Exception;

impl<T: 'static> Child<T> {
    /// Makes a child of `coroutine`. A future or a task is used as it is; any other coroutine becomes a task of `home`.
    ///
    /// # Errors
    ///
    /// `ValueError` for a future of another loop. `RuntimeError` if the loop is closed. Any exception of the task
    /// factory.
    pub(crate) fn start<C>(home: &Rc<Scheduler>, coroutine: C) -> Result<Self, Exception>
    where
        C: Awaitable<Return = T> + 'static,
    {
        let child = match kind_of(&coroutine) {
            KindOf::Future(child) => child,
            KindOf::Deferred(deferred) => deferred.start(|| Ok(Rc::clone(home)))?,
            KindOf::Coroutine => return Ok(Self::moving(spawn(home, coroutine)?.future().clone())),
        };
        child.future.check_is_of(home)?;
        Ok(child)
    }
}

/// The facts known about an awaitable before it starts.
pub(crate) struct Known {
    /// The loop it belongs to, if it has one.
    pub(crate) home: Option<Rc<Scheduler>>,
    /// The awaitable itself, if it is a gather or a shield that has not started.
    pub(crate) unstarted: Option<Rc<dyn Unstarted>>,
    /// An address that identifies the future while it is alive. `None` for a coroutine that is not a future.
    pub(crate) address: Option<*const ()>,
}

impl Known {
    pub(crate) fn of<C>(coroutine: &C) -> Self
    where
        C: Awaitable + 'static,
    {
        let kind = kind_of(coroutine);
        let future = match &kind {
            KindOf::Future(child) => Some(child.any()),
            KindOf::Deferred(deferred) => deferred.started().map(|child| child.any()),
            KindOf::Coroutine => None,
        };
        let (unstarted, address) = match &kind {
            KindOf::Deferred(deferred) => (deferred.unstarted(), Some(deferred.address())),
            _ => (None, future.as_ref().map(super::AnyFuture::address)),
        };
        Self { home: future.map(|future| Rc::clone(future.scheduler())), unstarted, address }
    }
}

enum KindOf<'a, T: 'static> {
    Future(Child<T>),
    Deferred(&'a Deferred<T>),
    Coroutine,
}

fn kind_of<C>(coroutine: &C) -> KindOf<'_, C::Return>
where
    C: Awaitable + 'static,
{
    let any: &dyn Any = coroutine;
    if let Some(future) = any.downcast_ref::<Future<C::Return>>() {
        return KindOf::Future(Child::future::<C>(future));
    }
    if let Some(task) = any.downcast_ref::<Task<C::Return>>() {
        return KindOf::Future(Child::task::<C>(task));
    }
    if let Some(join) = any.downcast_ref::<Join<C::Return>>() {
        return KindOf::Future(Child::moving(join.future().clone()));
    }
    if let Some(Gather(deferred)) = any.downcast_ref() {
        return KindOf::Deferred(deferred);
    }
    match any.downcast_ref() {
        Some(Shield(deferred)) => KindOf::Deferred(deferred),
        None => KindOf::Coroutine,
    }
}
