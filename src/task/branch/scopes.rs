//! The branch that runs, and how a scope that was entered in it cancels it.
//!
//! A timeout or a task group inside a race must not cancel the task, which waits for other coroutines as well. So the branch
//! whose coroutine runs is known to the thread while it runs, and a scope remembers it.

use core::cell::Cell;
use core::mem::ManuallyDrop;
use std::rc::Rc;

use super::{Branch, Stage};
use crate::coroutine::Exception;
use crate::task::cancel::cancel_branch;
use crate::task::contracts::{Met, Waiter as _};

thread_local! {
    /// The branch whose coroutine runs. It has no destructor, so that reading it needs no check.
    static CURRENT: ManuallyDrop<Cell<Option<Rc<Branch>>>> = const { ManuallyDrop::new(Cell::new(None)) };
}

/// How many races can be inside each other. Each takes a part of the thread's stack.
const DEEPEST: u32 = 64;

impl Branch {
    /// Calls `resume`, which resumes its coroutine. A scope that the coroutine enters meanwhile belongs to this branch.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if too many races are inside each other.
    #[inline(always)]
    pub(crate) fn run_within<R>(self: &Rc<Self>, resume: impl FnOnce() -> R) -> Result<R, Exception> {
        let entered = Entered::new(Some(Rc::clone(self)));
        let depth = entered.0.as_ref().map_or(1, |outer| outer.depth.get() + 1);
        if depth > DEEPEST {
            return Err(too_deep());
        }
        self.depth.set(depth);
        Ok(resume())
    }

    /// The branch whose coroutine runs.
    pub(in crate::task) fn current() -> Option<Rc<Self>> {
        CURRENT.with(|current| {
            let branch = current.take();
            current.set(branch.clone());
            branch
        })
    }

    /// Calls `step`, which is another task's, as if no branch ran.
    pub(in crate::task) fn outside<R>(step: impl FnOnce() -> R) -> R {
        let _entered = Entered::new(None);
        step()
    }

    pub(in crate::task) fn ended(&self) -> u32 {
        self.ended.get()
    }

    pub(in crate::task) fn cancels(&self) -> u32 {
        self.cancels.get()
    }

    /// Takes back one cancellation request, and returns how many are left.
    pub(in crate::task) fn uncancel(&self) -> u32 {
        let left = self.cancels.get().saturating_sub(1);
        self.cancels.set(left);
        let thrown = self.thrown.take();
        self.thrown.set(thrown.filter(|thrown| left > 0 || !thrown.is_cancelled()));
        left
    }

    /// Has its coroutine raise this where it waits, or where it waits next. Cancels what it waits for.
    pub(crate) fn cancel(self: &Rc<Self>, cancelled: Exception) {
        self.cancels.set(self.cancels.get().saturating_add(1));
        match self.stage.get() {
            Stage::New => {}
            Stage::Waiting => self.cancel_wait(cancelled),
            Stage::Running | Stage::Due => self.throw(cancelled),
            Stage::Wanting => {
                self.stage.set(Stage::Due);
                self.throw(cancelled);
            }
        }
    }

    pub(super) fn cancel_wait(self: &Rc<Self>, cancelled: Exception) {
        let wanted = self.wanted.borrow().clone();
        let Some(wanted) = wanted else { return };
        match wanted.cancel(self.address(), &cancelled) {
            Met::Waiting(_) => {
                self.throw(cancelled);
                Rc::clone(self).wake();
            }
            met => {
                if !cancel_branch(met, &cancelled) {
                    self.throw(cancelled);
                }
            }
        }
    }

    pub(super) fn throw(&self, raised: Exception) {
        let former = self.thrown.replace(Some(raised));
        self.is_special.set(true);
        if self.stage.get() == Stage::Due {
            self.ask_again();
        }
        drop(former);
    }
}

/// Makes a branch the current one until this is dropped, by a panic too. Holds the outer branch.
struct Entered(Option<Rc<Branch>>);

impl Entered {
    #[inline]
    fn new(branch: Option<Rc<Branch>>) -> Self {
        Self(CURRENT.with(|current| current.replace(branch)))
    }
}

impl Drop for Entered {
    #[inline]
    fn drop(&mut self) {
        let outer = self.0.take();
        drop(CURRENT.with(|current| current.replace(outer)));
    }
}

#[cold]
fn too_deep() -> Exception {
    Exception::runtime(format!("more than {DEEPEST} races are inside each other"))
}
