//! Awaitable objects in any combination: futures and tasks, shields and gathers of them, and coroutines that run in the same
//! task.
//!
//! Futures have different types, depending on their results. [`Typed`] is a future of any of them.

use std::time::Duration;

use innermost::wait::{AnyFuture, ReturnWhen, as_completed, gather, gather_all, shield, wait, wait_for};
use innermost::{Awaitable, CoroutineExt, Exception, Future, sleep};
use serde_json::{Value, json};

use super::activation::Does;
use super::exceptions::describe;
use super::program::Form;
use super::world::{Me, Number, Script};

/// A coroutine that runs in the same task. It returns the value to log.
type InSameTask = Box<dyn Awaitable<Return = Value>>;

impl Me {
    /// Awaits, and logs the result.
    pub(super) fn awaits(&self, form: &Form) -> Result<Does, Exception> {
        Ok(self.logs("awaited", self.coroutine(form)?))
    }

    pub(super) fn wait_on(
        &self,
        forms: &[Form],
        timeout: Option<Duration>,
        when: ReturnWhen,
    ) -> Result<Does, Exception> {
        let futures = self.each_once(forms.iter().map(|form| Ok(self.future(form)?.any())))?;
        Ok(self.notes(wait(futures.clone()).timeout(timeout).return_when(when), move |(done, _)| {
            let is_done = futures.iter().map(|future| done.iter().any(|done| done.is(future)));
            json!(["waited", is_done.collect::<Vec<_>>()])
        }))
    }

    pub(super) fn complete(&self, forms: &[Form], timeout: Option<Duration>) -> Result<Does, Exception> {
        let futures = forms.iter().map(|form| self.one(form)).collect::<Result<Vec<_>, _>>()?;
        Ok(self.completing(as_completed(futures.into_iter().filter(|future| !future.done())).timeout(timeout)))
    }

    fn each_once(
        &self,
        futures: impl Iterator<Item = Result<AnyFuture, Exception>>,
    ) -> Result<Vec<AnyFuture>, Exception> {
        let mut once: Vec<AnyFuture> = Vec::new();
        for future in futures {
            let future = future?;
            if !once.iter().any(|other| other.is(&future)) {
                once.push(future);
            }
        }
        Ok(once)
    }

    fn coroutine(&self, form: &Form) -> Result<InSameTask, Exception> {
        let queues = &self.world.places.queues;
        Ok(match form {
            Form::WaitFor(time, inner) if inner.is_future() => self.future(inner)?.wait_for(*time),
            Form::WaitFor(time, inner) => Box::new(wait_for(self.coroutine(inner)?, *time)),
            Form::Script(script) => Box::new(self.run(*script).map(|value| json!(value))),
            Form::Get(queue) => Box::new(queues[*queue].get().map(|item| json!(item))),
            Form::Put(queue, k) => Box::new(queues[*queue].put(*k).map(|()| Value::Null)),
            Form::Sleep(time) => Box::new(sleep(*time).map(|()| Value::Null)),
            future => self.future(future)?.run(),
        })
    }

    fn future(&self, form: &Form) -> Result<Box<dyn Typed>, Exception> {
        Ok(match form {
            Form::Shield(inner) if inner.is_gather() => self.future(inner)?.shield()?,
            Form::Gather { children, keep_exceptions } => match (children[0].is_gather(), keep_exceptions) {
                (false, false) => Box::new(self.several(children)?),
                (false, true) => Box::new(gather_all(self.children(children)?).future()?),
                (true, false) => Box::new(gather(self.gatherings(children)?).future()?),
                (true, true) => Box::new(gather_all(self.gatherings(children)?).future()?),
            },
            one => Box::new(self.one(one)?),
        })
    }

    fn gatherings(&self, forms: &[Form]) -> Result<Vec<Future<Vec<Number>>>, Exception> {
        let gatherings = forms.iter().map(|form| match form {
            Form::Gather { children, keep_exceptions: false } => self.several(children),
            _ => panic!("gatherings are gathered only with their like, and without their exceptions"),
        });
        gatherings.collect()
    }

    fn several(&self, children: &[Form]) -> Result<Future<Vec<Number>>, Exception> {
        gather(self.children(children)?).future()
    }

    /// The futures to gather. Scripts become tasks after all arguments have been evaluated.
    fn children(&self, forms: &[Form]) -> Result<Vec<Future<Number>>, Exception> {
        enum Child {
            Future(Future<Number>),
            Script(Script),
        }
        let evaluated = forms.iter().map(|form| match form {
            Form::Script(script) => Ok(Child::Script(self.run(*script))),
            form => self.one(form).map(Child::Future),
        });
        let evaluated = evaluated.collect::<Result<Vec<_>, Exception>>()?;
        let futures = evaluated.into_iter().map(|child| match child {
            Child::Future(future) => Ok(future),
            Child::Script(script) => self.world.event_loop.ensure_future(script),
        });
        futures.collect()
    }

    /// The future of one number.
    fn one(&self, form: &Form) -> Result<Future<Number>, Exception> {
        let world = &self.world;
        Ok(match form {
            Form::Task(script) => world.event_loop.ensure_future(world.task(*script)?)?,
            Form::Slot(slot) => {
                let current = world.event_loop.current_task();
                let task = world.slot(*slot).map(|slot| slot.task);
                let other = task.filter(|task| current.is_none_or(|current| !current.is(&task.any())));
                other.map_or_else(|| Ok(world.future(*slot)), |task| world.event_loop.ensure_future(task))?
            }
            Form::Future(future) => world.future(*future),
            Form::Shield(inner) => match &**inner {
                Form::Script(script) => shield(self.run(*script)).future()?,
                inner => shield(self.one(inner)?).future()?,
            },
            _ => panic!("the recorder puts nothing else here"),
        })
    }
}

impl Form {
    fn is_gather(&self) -> bool {
        matches!(self, Self::Gather { .. })
    }

    fn is_future(&self) -> bool {
        matches!(self, Self::Task(_) | Self::Slot(_) | Self::Future(_) | Self::Shield(_) | Self::Gather { .. })
    }
}

/// A future of any result type.
trait Typed {
    fn any(&self) -> AnyFuture;
    fn shield(&self) -> Result<Box<dyn Typed>, Exception>;
    fn run(&self) -> InSameTask;
    fn wait_for(&self, time: Option<Duration>) -> InSameTask;
}

impl<T: Shown + Clone + 'static> Typed for Future<T> {
    fn any(&self) -> AnyFuture {
        self.any_future()
    }

    fn shield(&self) -> Result<Box<dyn Typed>, Exception> {
        Ok(Box::new(shield(self.clone()).future()?))
    }

    fn run(&self) -> InSameTask {
        Box::new(self.clone().map(|value| value.shown()))
    }

    fn wait_for(&self, time: Option<Duration>) -> InSameTask {
        Box::new(wait_for(self.clone(), time).map(|value| value.shown()))
    }
}

/// A value that a log can hold.
trait Shown {
    fn shown(&self) -> Value;
}

impl Shown for Number {
    fn shown(&self) -> Value {
        json!(self)
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn shown(&self) -> Value {
        self.iter().map(T::shown).collect()
    }
}

impl<T: Shown> Shown for Result<T, Exception> {
    fn shown(&self) -> Value {
        self.as_ref().map_or_else(describe, T::shown)
    }
}
