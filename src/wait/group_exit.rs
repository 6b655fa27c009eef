//! Waiting until every task of a group has ended, and what the group raises then.

use core::fmt;

use super::{ExceptionGroup, TaskGroup};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::running;
use crate::task::{Await, Future};
use crate::yield_from;

/// A coroutine that waits until every task of a group has ended. Created by [`TaskGroup::exit`].
///
/// It returns the value of the outcome it was given.
///
/// # Errors
///
/// - If anything failed, it raises an [`ExceptionGroup`] of all failures, the body's last.
/// - If nothing failed, but the parent was cancelled from elsewhere, it raises that `CancelledError`.
/// - It raises a `GeneratorExit` of the body, and a `KeyboardInterrupt` of the body or of a task, unchanged. Other
///   failures then go to the loop's exception handler.
///
/// An exception that is thrown in while tasks are running cancels them. If it is not a `CancelledError`, it counts as a
/// failure. Closing cancels the tasks as well, but does not wait for them.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct GroupExit<T> {
    group: TaskGroup,
    phase: ExitPhase,
    outcome: Option<Result<T, Exception>>,
    /// The `CancelledError` to raise in the end.
    cancelled: Option<Exception>,
    /// The value to return if the group was cancelled before the body ended.
    when_cancelled: Option<T>,
}

enum ExitPhase {
    Created,
    Waiting(Future<()>),
    Over,
}

impl<T> GroupExit<T> {
    pub(super) const fn new(group: TaskGroup, outcome: Result<T, Exception>) -> Self {
        Self { group, phase: ExitPhase::Created, outcome: Some(outcome), cancelled: None, when_cancelled: None }
    }

    /// Sets the value to return if [`TaskGroup::cancel`] has ended the code that ran inside. Without one, that code's
    /// `CancelledError` is raised.
    pub fn when_cancelled(mut self, value: T) -> Self {
        self.when_cancelled = Some(value);
        self
    }

    fn start(&mut self, sent: Result<(), Exception>) {
        self.group.0.exiting.set(true);
        if let Err(thrown) = sent {
            self.outcome = Some(Err(thrown));
        }
        if let Some(Err(raised)) = &self.outcome {
            self.cancelled = Some(raised.clone()).filter(Exception::is_cancelled);
            if !self.group.0.aborting.get() {
                self.group.abort();
            }
        }
    }

    /// Cancels the tasks for an exception that was thrown in while they run. It is raised in the end.
    fn interrupt(&mut self, thrown: Exception) {
        let group = &self.group.0;
        let is_aborting = group.aborting.get();
        if thrown.is_cancelled() {
            // If a failure has aborted the group, that is raised in the end.
            if !is_aborting || group.is_cancelled.get() {
                self.cancelled = Some(thrown);
            }
        } else if thrown.is_generator_exit() {
            self.outcome = Some(Err(thrown));
        } else {
            group.errors.borrow_mut().push(thrown);
        }
        if !is_aborting {
            self.group.abort();
        }
    }

    /// A group that is closed cannot wait. Its tasks have been cancelled.
    fn is_closing(&self) -> bool {
        matches!(&self.outcome, Some(Err(raised)) if raised.is_generator_exit())
    }

    /// Computes the outcome of the group, once every task has ended.
    fn finish(&mut self) -> Result<T, Exception> {
        let Some(outcome) = self.outcome.take() else { return Err(Exception::reused()) };
        let parent = self.group.parent();
        // Takes back the group's own cancellation of its parent. Without another one, the parent is not cancelled.
        let own = self.group.0.parent_cancel_requested.replace(false);
        if own && parent.as_ref().is_some_and(|parent| parent.uncancel() == 0) {
            self.cancelled = None;
        }
        if outcome.as_ref().err().is_some_and(Exception::is_generator_exit) {
            return outcome;
        }
        if let Some(interrupt) = self.group.take_interrupt(outcome.as_ref().err()) {
            return Err(interrupt);
        }
        let mut errors = self.group.0.errors.take();
        if errors.is_empty()
            && let Some(cancelled) = self.cancelled.take()
        {
            return Err(cancelled);
        }
        let outcome = match outcome {
            Err(raised) if !raised.is_cancelled() => {
                errors.push(raised);
                None
            }
            outcome => Some(outcome),
        };
        match outcome {
            // Only the group has cancelled it. Its `cancelled` would have been raised above.
            Some(Err(raised)) if errors.is_empty() && self.group.0.is_cancelled.get() && own => {
                self.when_cancelled.take().ok_or(raised)
            }
            Some(outcome) if errors.is_empty() => outcome,
            _ => {
                // Failures take precedence. A cancellation from elsewhere is delivered at the parent's next suspension.
                if let Some(parent) = parent.filter(|parent| parent.cancelling() > 0) {
                    parent.uncancel();
                    parent.cancel();
                }
                Err(Exception::new(ExceptionGroup::new("unhandled errors in a TaskGroup", errors)))
            }
        }
    }
}

impl<T> Coroutine for GroupExit<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.phase {
                ExitPhase::Created => self.start(take_sent(&mut sent)),
                ExitPhase::Waiting(all_done) => {
                    let waited = yield_from!(all_done, sent);
                    self.group.0.all_done.take();
                    self.phase = ExitPhase::Over;
                    if let Err(thrown) = waited {
                        self.interrupt(thrown);
                    }
                }
                ExitPhase::Over => return Err(Exception::reused()),
            }
            if self.group.is_empty() || self.is_closing() {
                self.phase = ExitPhase::Over;
                return self.finish().map(Step::Return);
            }
            let all_done = running()?.create_future();
            self.group.0.all_done.replace(Some(all_done.clone()));
            self.phase = ExitPhase::Waiting(all_done);
        }
    }

    fn state(&self) -> State<'_> {
        State::new("task_group", &self.group)
    }
}

impl<T> fmt::Debug for GroupExit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupExit({:?})", self.group)
    }
}
