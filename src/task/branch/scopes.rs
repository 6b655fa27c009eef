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
const DEEPEST: u8 = 64;

impl Branch {
    /// Calls `resume`, which resumes its coroutine. A scope that the coroutine enters meanwhile belongs to this branch.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if too many races are inside each other.
    #[inline(always)]
    pub(crate) fn run_within<R>(self: &Rc<Self>, resume: impl FnOnce() -> R) -> Result<R, Exception> {
        let outer = enter(Some(Rc::clone(self)));
        let depth = outer.as_ref().map_or(1, |outer| outer.depth.get() + 1);
        let outer = Cell::new(outer);
        let _entered = Entered(&outer);
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
        let outer = Cell::new(enter(None));
        let _entered = Entered(&outer);
        step()
    }

    pub(in crate::task) fn ended(&self) -> u32 {
        self.ended.get()
    }

    pub(in crate::task) fn cancels(&self) -> u32 {
        self.rare.get().map_or(0, |rare| rare.cancels.get())
    }

    /// Takes back one cancellation request, and returns how many are left.
    pub(in crate::task) fn uncancel(&self) -> u32 {
        let rare = self.rare();
        let left = rare.cancels.get().saturating_sub(1);
        rare.cancels.set(left);
        let thrown = rare.thrown.take();
        rare.thrown.set(thrown.filter(|thrown| left > 0 || !thrown.is_cancelled()));
        left
    }

    /// Has its coroutine raise this where it waits, or where it waits next. Cancels what it waits for.
    pub(crate) fn cancel(self: &Rc<Self>, cancelled: Exception) {
        let cancels = &self.rare().cancels;
        cancels.set(cancels.get().saturating_add(1));
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
        let former = self.rare().thrown.replace(Some(raised));
        self.is_special.set(true);
        if self.stage.get() == Stage::Due {
            self.ask_again();
        }
        drop(former);
    }
}

/// Makes a branch the current one. Returns the outer branch.
#[inline(always)]
fn enter(branch: Option<Rc<Branch>>) -> Option<Rc<Branch>> {
    CURRENT.with(|current| current.replace(branch))
}

/// Makes the outer branch the current one when this is dropped, by a panic too. It borrows the outer branch, because there
/// is less to drop then, and the compiler inlines that.
struct Entered<'a>(&'a Cell<Option<Rc<Branch>>>);

impl Drop for Entered<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        drop(enter(self.0.take()));
    }
}

#[cold]
fn too_deep() -> Exception {
    Exception::runtime(format!("more than {DEEPEST} races are inside each other"))
}
