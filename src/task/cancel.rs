//! How a cancel finds its way: from the task that is cancelled to what it waits for, and on.

use std::rc::Rc;
use std::vec::Vec;

use super::{Await, Erased, Withdrawn};
use crate::coroutine::Exception;

/// Cancels a task: what it waits for is cancelled, or it gets the exception at its next step. `false` if it is done.
pub(super) fn cancel(task: Rc<dyn Erased>, cancelled: Exception) -> bool {
    if task.done() {
        return false;
    }
    task.state().count_cancel();
    cancel_waits(task, cancelled);
    true
}

/// Cancels what a task waits for. Where that is another task, it is cancelled in its turn, and so on to the innermost:
/// in a loop, since a chain may be as long as its user likes. Where the chain is a circle, its last task before the
/// first is woken with the exception.
pub(super) fn cancel_waits(task: Rc<dyn Erased>, cancelled: Exception) {
    let mut on_the_way = Vec::new();
    let mut task = task;
    while let Some(awaited) = task.cancel_wait_once(&cancelled) {
        task.state().cancelling.set(true);
        if awaited.state().cancelling.get() {
            task.wake_with(cancelled);
            on_the_way.push(task);
            break;
        }
        on_the_way.push(task);
        awaited.state().count_cancel();
        task = awaited;
    }
    for task in on_the_way {
        task.state().cancelling.set(false);
    }
}

impl dyn Erased {
    /// Cancels what the task waits for; gives that, where it is a task and so must be cancelled itself.
    fn cancel_wait_once(&self, cancelled: &Exception) -> Option<Rc<dyn Erased>> {
        let state = self.state();
        let waits_for = state.waits_for.take();
        let withdrawn =
            waits_for.as_ref().map_or(Withdrawn::TooLate, |wanted| wanted.cancel_wait(self.address(), cancelled));
        state.waits_for.set(waits_for);
        match withdrawn {
            Withdrawn::Cancelled => None,
            Withdrawn::Task(task) => Some(task),
            Withdrawn::Waiting(run) => {
                state.set_throw(cancelled.clone());
                self.scheduler().push(run);
                None
            }
            Withdrawn::TooLate => {
                state.set_throw(cancelled.clone());
                None
            }
        }
    }

    /// What tells a task from all others while it lives.
    fn address(&self) -> *const () {
        core::ptr::from_ref(self).cast()
    }

    /// Ends the task's wait with an exception, whatever it waits for.
    fn wake_with(&self, raised: Exception) {
        let state = self.state();
        let Some(wanted) = state.waits_for.replace(Some(Await::NextTurn)) else { return };
        if let Some(run) = wanted.take_waiter(self.address()) {
            state.set_throw(raised);
            self.scheduler().push(run);
        }
    }
}
