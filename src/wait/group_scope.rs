//! [`GroupScope`]: enters a task group, runs a coroutine inside it, and exits.

use core::fmt;

use super::{GroupExit, TaskGroup};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, replace_ended, take_sent};
use crate::task::{Await, Awaitable};
use crate::yield_from;

/// A coroutine that enters a task group, runs a child, and exits the group when the child has ended. Created by
/// [`task_group`](fn@super::task_group) and [`TaskGroup::scope`].
///
/// Dropping it while it runs cancels the remaining tasks, without waiting for them.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct GroupScope<C: Coroutine> {
    group: TaskGroup,
    phase: Phase<C>,
    when_cancelled: Option<C::Return>,
}

enum Phase<C: Coroutine> {
    Created(C),
    Inside(C),
    Leaving(GroupExit<C::Return>),
    Over,
}

impl<C: Coroutine> GroupScope<C> {
    pub(super) const fn new(group: TaskGroup, child: C) -> Self {
        Self { group, phase: Phase::Created(child), when_cancelled: None }
    }

    /// Sets the value to return if [`TaskGroup::cancel`] ends the child. Without one, the child's `CancelledError` is raised.
    pub fn when_cancelled(mut self, value: C::Return) -> Self {
        self.when_cancelled = Some(value);
        self
    }
}

impl<C> Coroutine for GroupScope<C>
where
    C: Awaitable,
{
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created(_) = self.phase {
            take_sent(&mut sent)?;
            self.group.enter()?;
            if let Phase::Created(child) = core::mem::replace(&mut self.phase, Phase::Over) {
                self.phase = Phase::Inside(child);
            }
        }
        if let Phase::Inside(child) = &mut self.phase {
            let outcome = yield_from!(child, sent);
            let mut exit = self.group.exit(outcome);
            if let Some(value) = self.when_cancelled.take() {
                exit = exit.when_cancelled(value);
            }
            replace_ended(&mut self.phase, Phase::Leaving(exit));
        }
        let Phase::Leaving(exit) = &mut self.phase else { return Err(Exception::reused()) };
        let left = yield_from!(exit, sent);
        self.phase = Phase::Over;
        left.map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        let own = State::new("task_group", &self.group);
        match &self.phase {
            Phase::Created(child) | Phase::Inside(child) => own.delegating_to(child.state()),
            Phase::Leaving(_) | Phase::Over => own,
        }
    }
}

impl<C: Coroutine> Drop for GroupScope<C> {
    fn drop(&mut self) {
        if let Phase::Inside(_) | Phase::Leaving(_) = self.phase {
            self.group.0.exiting.set(true);
            self.group.abort();
            if self.group.0.parent_cancel_requested.replace(false) {
                self.group.parent().map(|parent| parent.uncancel());
            }
        }
    }
}

impl<C: Coroutine> fmt::Debug for GroupScope<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)
    }
}
