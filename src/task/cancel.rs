//! Propagates a cancellation. Cancelling a task cancels whatever the task is waiting for; cancelling a `gather` cancels
//! all of its children.
//!
//! The chain can be as long, and branch as often, as the program makes it, so the walk is a loop with an explicit stack
//! rather than a recursion. Objects are visited depth first, in the order in which recursive calls would reach them:
//! CPython's order. Where tasks wait for each other, the walk comes back to a task on its own path: it stops there, and
//! the last task on the path is woken with the exception.

use std::rc::Rc;

use super::contracts::{ErasedTask, Eventual, Met, Parent, Way, Withdrawn};
use crate::coroutine::Exception;

/// An object that the walk has entered and not yet left. When the walk comes back to it, it learns whether anything
/// below it could be cancelled.
enum Passed {
    Task(Rc<dyn ErasedTask>),
    Parent { object: Rc<dyn Parent>, next: usize, any: bool },
}

/// Cancels a future or a task. Returns `false` if it is done, or if it is a gather of which no child could be
/// cancelled.
pub(super) fn cancel(future: Rc<dyn Eventual>, cancelled: Exception) -> bool {
    let first = future.cancel_once(&cancelled);
    propagate(first, Vec::new(), &cancelled)
}

/// Cancels the object that a task is waiting for. The caller has already counted the cancellation request.
pub(super) fn cancel_wait(task: Rc<dyn ErasedTask>, cancelled: Exception) {
    let mut path = Vec::new();
    let first = enter(task, &mut path, &cancelled);
    propagate(first, path, &cancelled);
}

/// Cancels for a branch of a race what it has met. Returns `false` if nothing could be cancelled.
pub(super) fn cancel_branch(met: Met, cancelled: &Exception) -> bool {
    propagate(met, Vec::new(), cancelled)
}

fn propagate(first: Met, mut path: Vec<Passed>, cancelled: &Exception) -> bool {
    let mut met = first;
    loop {
        let could = match met {
            Met::TooLate => false,
            Met::Cancelled | Met::Waiting(_) => true,
            Met::Task(task) if task.state().is_cancelling() => {
                break_circle(&path, cancelled);
                true
            }
            Met::Task(task) => {
                task.state().count_cancel();
                met = enter(task, &mut path, cancelled);
                continue;
            }
            Met::Parent(object) => {
                path.push(Passed::Parent { object, next: 0, any: false });
                false
            }
        };
        match go_back(could, &mut path, cancelled) {
            Ok(next) => met = next,
            Err(could) => return could,
        }
    }
}

/// Goes back along the path until it reaches a parent with another child to cancel. Returns `Ok` with the first object
/// met there, or `Err` with the overall answer once the path is empty.
fn go_back(mut could: bool, path: &mut Vec<Passed>, cancelled: &Exception) -> Result<Met, bool> {
    while let Some(last) = path.pop() {
        match last {
            Passed::Task(task) => {
                task.state().set_cancelling(false);
                if !could {
                    task.state().set_throw(cancelled.clone());
                }
                could = true;
            }
            Passed::Parent { object, next, any } => {
                could |= any;
                if let Some(child) = object.child(next) {
                    path.push(Passed::Parent { object, next: next + 1, any: could });
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

/// Cancels the object that a task is waiting for.
///
/// If that object is a task or a parent, it must be cancelled in turn, and this task joins the path. If it was
/// cancelled at once, it wakes this task and raises the exception there. Otherwise the next step of this task throws
/// the exception in.
fn enter(task: Rc<dyn ErasedTask>, path: &mut Vec<Passed>, cancelled: &Exception) -> Met {
    let state = task.state();
    match state.cancel_wait(address(&*task), cancelled) {
        met @ (Met::Task(_) | Met::Parent(_)) => {
            state.set_cancelling(true);
            path.push(Passed::Task(task));
            return met;
        }
        Met::Cancelled => {}
        Met::TooLate => state.set_throw(cancelled.clone()),
        Met::Waiting(run) => {
            state.set_throw(cancelled.clone());
            task.scheduler().push(run);
        }
    }
    Met::Cancelled
}

/// Ends a walk that has come back to a task on its own path: wakes the last task on the path with the exception.
fn break_circle(path: &[Passed], cancelled: &Exception) {
    let last = path.iter().rev().find_map(|passed| match passed {
        Passed::Task(task) => Some(task),
        Passed::Parent { .. } => None,
    });
    let Some(task) = last else { return };
    let state = task.state();
    let Some(waits_for) = state.waits_for() else { return };
    let _former = state.set_wait(Some(Way::NextTurn), None);
    if let Withdrawn::Waiting(run) = waits_for.withdraw(address(&**task)) {
        state.set_throw(cancelled.clone());
        task.scheduler().push(run);
    }
}

fn address(task: &dyn ErasedTask) -> *const () {
    core::ptr::from_ref(task).cast()
}
