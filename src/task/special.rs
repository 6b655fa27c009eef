//! Tasks of which more is said than their coroutine: a context, a name, an eager start.
//!
//! A task whose context is not empty is special: each of its steps takes the way of those that have something to throw
//! in, and enters the context there. All others ask one byte after their step: whether they have set something, and so
//! are special from now on.

use std::rc::Rc;

use super::cell::TaskCell;
use super::report::panicked;
use super::shared::Status;
use super::state::TaskState;
use super::{Await, Awaitable, Erased, Future, Scheduler, Start, Task, TaskOptions};
use crate::context::{self, Context};
use crate::coroutine::Exception;

/// Makes a task as the options say, and the task factory.
///
/// # Errors
///
/// What the task factory raises; `RuntimeError` where the loop is closed.
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
    /// Takes the first step here and now, perhaps in the middle of another task's.
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

/// What a step does that is not like others.
pub(super) enum SpecialStep {
    Resume(Result<(), Exception>),
    /// It has not started: there is no yield at which to raise that, so the body never runs.
    NeverStarts(Exception),
}

impl TaskState {
    /// Enters the context, and says what the step is to do. Here, so that it is compiled once for all tasks.
    #[inline(never)]
    pub(super) fn begin_special_step(&self, scheduler: &Scheduler) -> SpecialStep {
        let (thrown, context) = self.take_throw_and_context();
        self.status.set(if context.is_some() { Status::Special } else { Status::Pending });
        if context.is_some() {
            // Between two steps there is none, unless a destructor has set something.
            scheduler.drop_guarded(context::swap(context));
        }
        // What it waits for may have failed. Where that was cancelled before the task was, the first of the two is raised.
        let failed = match (self.waits_for(), &thrown) {
            (None, Some(thrown)) => return SpecialStep::NeverStarts(thrown.clone()),
            (waits_for, _) => waits_for.as_ref().and_then(Await::raised),
        };
        let thrown = match (thrown, failed) {
            (Some(cancelled), Some(failed)) if cancelled.is_cancelled() && !failed.is_cancelled() => Some(cancelled),
            (thrown, failed) => failed.or(thrown),
        };
        SpecialStep::Resume(thrown.map_or(Ok(()), Err))
    }

    /// Takes out what the next step is to throw in, and gives the context in which it runs.
    fn take_throw_and_context(&self) -> (Option<Exception>, Option<Context>) {
        let Some(mut rare) = self.rare.take() else { return (None, None) };
        let both = (rare.throw.take(), rare.context.clone());
        self.rare.set(Some(rare));
        both
    }

    /// The context in which it runs, if anything was ever set in that.
    pub(crate) fn context(&self) -> Option<Context> {
        self.look_at_rare(|rare| rare.context.clone())
    }

    /// Has its steps taken in `context`.
    pub(super) fn set_context(&self, context: Option<Context>) {
        if context.is_some() {
            let former = self.with_rare(|rare| core::mem::replace(&mut rare.context, context));
            self.make_special();
            drop(former);
        }
    }

    /// Its step has ended, and the current context is its own: takes it away, and keeps it for the next step.
    #[cold]
    #[inline(never)]
    pub(super) fn keep_context(&self, scheduler: &Rc<Scheduler>) {
        let Some(left) = context::swap(None) else { return };
        match self.context() {
            None => self.set_context(Some(left)),
            // Asked for in a step that had none, while it was elsewhere.
            Some(own) if !own.is(&left) => scheduler.drop_guarded(own.assign(&left)),
            Some(_) => {}
        }
    }
}
