//! Whoever entered a scope: the task that runs, or a coroutine that the task races with others.
//!
//! A timeout cancels its child by cancelling the task, as in asyncio. In a race, that would cancel the other coroutines too.
//! So a scope asks here whom it must cancel.

use core::fmt;
use std::rc::{Rc, Weak};

use super::branch::Branch;
use super::task::{AnyTask, WeakTask};
use crate::coroutine::Exception;

/// The task that entered a scope, or the coroutine in a race of that task.
#[derive(Clone)]
pub(crate) struct ScopeOwner {
    task: AnyTask,
    /// The branch of the coroutine, and the number of coroutines that the branch had before it.
    branch: Option<(Rc<Branch>, u32)>,
}

/// Does not keep the owner alive.
#[derive(Clone)]
pub(crate) struct WeakScopeOwner {
    task: WeakTask,
    branch: Option<(Weak<Branch>, u32)>,
}

impl ScopeOwner {
    /// The owner of a scope that is entered now. `task` is the one that runs.
    pub(crate) fn current(task: AnyTask) -> Self {
        let branch = Branch::current().map(|branch| {
            let ended = branch.ended();
            (branch, ended)
        });
        Self { task, branch }
    }

    pub(crate) fn downgrade(&self) -> WeakScopeOwner {
        let branch = self.branch.as_ref().map(|(branch, ended)| (Rc::downgrade(branch), *ended));
        WeakScopeOwner { task: self.task.downgrade(), branch }
    }

    /// Requests a cancellation.
    pub(crate) fn cancel(&self) {
        match &self.branch {
            None => {
                self.task.cancel();
            }
            Some((branch, _)) => branch.cancel(Exception::cancelled()),
        }
    }

    /// The number of cancellation requests that were not taken back.
    pub(crate) fn cancelling(&self) -> u32 {
        self.branch.as_ref().map_or_else(|| self.task.cancelling(), |(branch, _)| branch.cancels())
    }

    /// Takes a cancellation request back, and returns how many are left.
    pub(crate) fn uncancel(&self) -> u32 {
        self.branch.as_ref().map_or_else(|| self.task.uncancel(), |(branch, _)| branch.uncancel())
    }

    /// Returns `true` if the task, or the coroutine in it, has ended.
    pub(crate) fn done(&self) -> bool {
        self.task.done() || self.branch.as_ref().is_some_and(|(branch, ended)| branch.ended() != *ended)
    }
}

impl WeakScopeOwner {
    pub(crate) fn is(&self, owner: &ScopeOwner) -> bool {
        self.upgrade().is_some_and(|own| {
            let branch = |owner: &ScopeOwner| owner.branch.as_ref().map(|(branch, _)| Rc::as_ptr(branch));
            own.task.is(&owner.task) && branch(&own) == branch(owner)
        })
    }

    /// `None` if the owner is gone, or if it is a coroutine that has ended.
    pub(crate) fn upgrade(&self) -> Option<ScopeOwner> {
        let task = self.task.upgrade()?;
        let branch = match &self.branch {
            None => None,
            Some((branch, ended)) => Some((branch.upgrade().filter(|branch| branch.ended() == *ended)?, *ended)),
        };
        Some(ScopeOwner { task, branch })
    }
}

impl fmt::Debug for ScopeOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task.fmt(f)
    }
}
