//! Steps that need extra work: an exception to throw in, or a context to enter.
//!
//! A task whose context is not empty is special: each of its steps goes this way and enters the context. All other tasks
//! check one byte after each step: whether the step has set a context variable, which makes the task special from then on.

use std::rc::Rc;

use super::shared::Status;
use super::state::TaskState;
use super::{Await, Scheduler};
use crate::context::{self, Context};
use crate::coroutine::Exception;

impl TaskState {
    /// Enters the context, and gives what the step throws in. Here, so that it is compiled once for all tasks.
    #[inline(never)]
    pub(super) fn begin_special_step(&self, scheduler: &Scheduler) -> Option<Exception> {
        let (thrown, context) = self.take_throw_and_context();
        self.status.set(if context.is_some() { Status::Special } else { Status::Pending });
        if context.is_some() {
            // Between two steps there is none, unless a destructor has set something.
            scheduler.drop_guarded(context::swap(context));
        }
        // What it waits for may have failed. Where that was cancelled before the task was, the first of the two is raised.
        let failed = self.waits_for().as_ref().and_then(Await::raised);
        match (thrown, failed) {
            (Some(cancelled), Some(failed)) if cancelled.is_cancelled() && !failed.is_cancelled() => Some(cancelled),
            (thrown, failed) => failed.or(thrown),
        }
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
