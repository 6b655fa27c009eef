//! `spawn` and `spawn_with`: creating a task, with or without options.

use std::rc::Rc;

use super::cell::TaskCell;
use super::contracts::ErasedTask as _;
use super::report::panicked;
use super::{Awaitable, Future, Scheduler, Start, Task, TaskOptions};
use crate::context;
use crate::coroutine::Exception;

/// Creates a task and queues its first step, unless a task factory decides otherwise.
///
/// # Errors
///
/// `RuntimeError` if the loop is closed, and any exception of the task factory.
pub(crate) fn spawn<C>(scheduler: &Rc<Scheduler>, coroutine: C) -> Result<Task<C::Return>, Exception>
where
    C: Awaitable + 'static,
{
    scheduler.check_open()?;
    if scheduler.has_factory() {
        return spawn_with(scheduler, coroutine, TaskOptions::default());
    }
    let task = TaskCell::new(scheduler, coroutine);
    if context::is_set() {
        task.state.set_context(context::copy_current());
    }
    task.state.key.set(scheduler.insert(Rc::clone(&task) as Rc<_>));
    scheduler.push(Rc::clone(&task) as Rc<_>);
    Ok(Task::of(Future::of(task as Rc<_>)))
}

/// Creates a task with these options, which the task factory may change.
///
/// # Errors
///
/// `RuntimeError` if the loop is closed, and any exception of the task factory.
pub(crate) fn spawn_with<C>(
    scheduler: &Rc<Scheduler>,
    coroutine: C,
    mut options: TaskOptions,
) -> Result<Task<C::Return>, Exception>
where
    C: Awaitable + 'static,
{
    scheduler.check_open()?;
    if let Some(factory) = scheduler.factory() {
        factory(&mut options)?;
        scheduler.check_open()?;
    }
    let task = TaskCell::new(scheduler, coroutine);
    if let Some(name) = options.name {
        task.state.with_rare(|rare| rare.name = Some(name));
    }
    task.state.set_context(options.context.or_else(context::copy_current));
    task.state.key.set(scheduler.insert(Rc::clone(&task) as Rc<_>));
    if scheduler.is_running() && options.start == Some(Start::Eager) {
        task.start_now();
    } else {
        scheduler.push(Rc::clone(&task) as Rc<_>);
    }
    Ok(Task::of(Future::of(task as Rc<_>)))
}

impl<C> TaskCell<C>
where
    C: Awaitable + 'static,
{
    /// Takes the first step at once, perhaps in the middle of another task's step.
    fn start_now(self: &Rc<Self>) {
        let scheduler = &self.kept.scheduler;
        let _outer = scheduler.enter_context(self.state.context());
        let stepped = scheduler.amid_step(|| Rc::clone(self).step(Ok(()), scheduler));
        if let Err(panic) = stepped {
            scheduler.guarded(|| Rc::clone(self).panicked(panicked(panic)));
            self.state.keep_context(scheduler);
        }
    }
}
