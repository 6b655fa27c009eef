//! Special steps of a task: steps that throw an exception in, or enter a context.
//!
//! A task whose context is not empty is special: each of its steps goes this way and enters the context. All other
//! tasks check one byte after each step. It says whether the step has set a context variable, which makes the task
//! special from then on.

use std::rc::Rc;

use super::shared::Status;
use super::state::TaskState;
use super::{Await, Scheduler};
use crate::context::{self, Context};
use crate::coroutine::Exception;

impl TaskState {
    /// Enters the task's context, and returns the exception that the step throws in. Not generic over the coroutine, so
    /// that it is compiled once for all tasks.
    #[inline(never)]
    pub(super) fn begin_special_step(&self, scheduler: &Scheduler) -> Option<Exception> {
        let (thrown, context) = self.take_throw_and_context();
        self.status.set(if context.is_some() { Status::Special } else { Status::Pending });
        if context.is_some() {
            // No context is current between two steps, unless a destructor has set a variable.
            scheduler.drop_guarded(context::swap(context));
        }
        // The object that the task waited for may have failed too. A cancellation of the task wins over a failure. If
        // both were cancelled, the object was cancelled first, and its exception is raised.
        let failed = self.waits_for().as_ref().and_then(Await::raised);
        match (thrown, failed) {
            (Some(cancelled), Some(failed)) if cancelled.is_cancelled() && !failed.is_cancelled() => Some(cancelled),
            (thrown, failed) => failed.or(thrown),
        }
    }

    /// Takes out the exception that the next step throws in, and returns it with the context in which the step runs.
    fn take_throw_and_context(&self) -> (Option<Exception>, Option<Context>) {
        let Some(mut rare) = self.rare.take() else { return (None, None) };
        let both = (rare.throw.take(), rare.context.clone());
        self.rare.set(Some(rare));
        both
    }

    /// The context in which the task runs, or `None` if no variable was ever set in it.
    pub(crate) fn context(&self) -> Option<Context> {
        self.look_at_rare(|rare| rare.context.clone())
    }

    /// Has the task run in `context` from its next step on. Does nothing for `None`.
    pub(super) fn set_context(&self, context: Option<Context>) {
        if context.is_some() {
            let former = self.with_rare(|rare| core::mem::replace(&mut rare.context, context));
            self.make_special();
            drop(former);
        }
    }

    /// Takes the current context, which a step of this task has left behind, and keeps it for the next step.
    #[cold]
    #[inline(never)]
    pub(super) fn keep_context(&self, scheduler: &Rc<Scheduler>) {
        let Some(left) = context::swap(None) else { return };
        match self.context() {
            None => self.set_context(Some(left)),
            // `AnyTask::context` made a context for the task during this step, while the step itself ran without one.
            Some(own) if !own.is(&left) => scheduler.drop_guarded(own.assign(&left)),
            Some(_) => {}
        }
    }
}
