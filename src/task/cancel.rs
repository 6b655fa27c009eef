//! How a cancel finds its way: from the task that is cancelled to what it waits for, and on.
//!
//! A task's cancel is that of what it waits for, and a gathering's is that of all its children, so that the way may
//! fork and be as long as its user likes: a walk with a list of what lies behind, and no recursion. Depth first, in
//! order, as if each called the next.

use std::rc::Rc;

use super::waits_for::Way;
use super::{AnyFuture, Erased, Eventual, Withdrawn};
use crate::coroutine::Exception;

/// How far a cancel came with one object.
pub(crate) enum Cancelling {
    /// It is cancelled, or could not be.
    Over(bool),
    /// It is a task that is not done.
    Task(Rc<dyn Erased>),
    /// It is not done, and its children are to be cancelled for it.
    Several(Rc<dyn Several>),
}

/// What is cancelled by cancelling others.
pub(crate) trait Several {
    fn child(&self, index: usize) -> Option<AnyFuture>;

    /// At least one child was cancelled for it.
    fn request_cancel(&self);
}

/// What lies behind, and is told whether what it has led to could be cancelled.
enum Behind {
    Task(Rc<dyn Erased>),
    Several { object: Rc<dyn Several>, next: usize, any: bool },
}

/// Cancels a future, of whatever kind. `false` if it is done, or nothing could be cancelled for it.
pub(super) fn cancel(future: Rc<dyn Eventual>, cancelled: Exception) -> bool {
    let first = future.cancel_once(&cancelled);
    walk(first, Vec::new(), &cancelled)
}

/// Cancels what a task waits for, on behalf of a cancel that was counted before.
pub(super) fn cancel_waits(task: Rc<dyn Erased>, cancelled: Exception) {
    let mut behind = Vec::new();
    let first = cancel_wait(task, &mut behind, &cancelled);
    walk(first, behind, &cancelled);
}

fn walk(first: Cancelling, mut behind: Vec<Behind>, cancelled: &Exception) -> bool {
    let mut ahead = first;
    loop {
        let could = match ahead {
            Cancelling::Over(could) => could,
            Cancelling::Task(task) if task.state().is_cancelling() => {
                break_circle(&behind, cancelled);
                true
            }
            Cancelling::Task(task) => {
                task.state().count_cancel();
                ahead = cancel_wait(task, &mut behind, cancelled);
                continue;
            }
            Cancelling::Several(object) => {
                behind.push(Behind::Several { object, next: 0, any: false });
                false
            }
        };
        match go_back(could, &mut behind, cancelled) {
            Ok(onward) => ahead = onward,
            Err(could) => return could,
        }
    }
}

/// Tells what lies behind, up to where the way forks and another branch is to be walked; or the end.
fn go_back(mut could: bool, behind: &mut Vec<Behind>, cancelled: &Exception) -> Result<Cancelling, bool> {
    while let Some(last) = behind.pop() {
        match last {
            Behind::Task(task) => {
                task.state().set_cancelling(false);
                if !could {
                    task.state().set_throw(cancelled.clone());
                }
                could = true;
            }
            Behind::Several { object, next, any } => {
                could |= any;
                if let Some(child) = object.child(next) {
                    behind.push(Behind::Several { object, next: next + 1, any: could });
                    return Ok(child.cancel_once(cancelled));
                }
                if could {
                    object.request_cancel();
                }
            }
        }
    }
    Err(could)
}

/// Cancels what the task waits for, or gives that, where more is to be done for it; the task then lies behind.
fn cancel_wait(task: Rc<dyn Erased>, behind: &mut Vec<Behind>, cancelled: &Exception) -> Cancelling {
    let ahead = task.cancel_wait_once(cancelled);
    if !matches!(ahead, Cancelling::Over(_)) {
        task.state().set_cancelling(true);
        behind.push(Behind::Task(task));
    }
    ahead
}

/// The way has come to a task that it has passed. The last task on it is woken with the exception.
fn break_circle(behind: &[Behind], cancelled: &Exception) {
    let last = behind.iter().rev().find_map(|object| match object {
        Behind::Task(task) => Some(task),
        Behind::Several { .. } => None,
    });
    if let Some(task) = last {
        task.wake_with(cancelled.clone());
    }
}

impl dyn Erased {
    fn cancel_wait_once(&self, cancelled: &Exception) -> Cancelling {
        let state = self.state();
        let waits_for = state.waits_for();
        let withdrawn = waits_for.map_or(Withdrawn::TooLate, |wanted| wanted.cancel_wait(self.address(), cancelled));
        match withdrawn {
            Withdrawn::Cancelled => {}
            Withdrawn::Task(task) => return Cancelling::Task(task),
            Withdrawn::Several(object) => return Cancelling::Several(object),
            Withdrawn::Waiting(run) => {
                state.set_throw(cancelled.clone());
                self.scheduler().push(run);
            }
            Withdrawn::TooLate => state.set_throw(cancelled.clone()),
        }
        Cancelling::Over(true)
    }

    /// What tells a task from all others while it lives.
    fn address(&self) -> *const () {
        core::ptr::from_ref(self).cast()
    }

    /// Ends the task's wait with an exception, whatever it waits for.
    fn wake_with(&self, raised: Exception) {
        let state = self.state();
        let Some(wanted) = state.waits_for() else { return };
        let _former = state.set_way(Way::NextTurn, None);
        if let Some(run) = wanted.take_waiter(self.address()) {
            state.set_throw(raised);
            self.scheduler().push(run);
        }
    }
}
