//! Those who wait, where they are more than one: a doubly linked list in a slab.
//!
//! Joining, and leaving from anywhere, cost the same however many wait, and allocate nothing once the slab is large enough
//! (rule 2). A walk to the first that still waits begins at `pending`, and never passes the same waiter twice.

use core::cell::{Cell, RefCell};
use core::mem;
use std::rc::Rc;

use slab::Slab;

use crate::coroutine::Exception;
use crate::task;

/// An index of no waiter.
const NONE: u32 = u32::MAX;

/// In the place of both neighbours: the waiter was taken out of the list.
const OUT: u32 = u32::MAX - 1;

/// See the head of this file, and the invariants in that of `mod.rs`.
pub(super) struct Crowd {
    waiters: RefCell<Slab<Waiter>>,
    len: Cell<u32>,
    first: Cell<u32>,
    last: Cell<u32>,
    pending: Cell<u32>,
    woken: Cell<u32>,
}

struct Waiter {
    stage: Stage,
    before: u32,
    behind: u32,
}

/// How far a waiter is.
pub(super) enum Stage {
    /// No task waits at it yet.
    Joined,
    Waiting(Rc<dyn task::Waiter>),
    Woken,
    Cancelled(Exception),
}

impl Stage {
    const fn is_done(&self) -> bool {
        matches!(self, Self::Woken | Self::Cancelled(_))
    }
}

impl Crowd {
    pub(super) const fn new() -> Self {
        Self {
            waiters: RefCell::new(Slab::new()),
            len: Cell::new(0),
            first: Cell::new(NONE),
            last: Cell::new(NONE),
            pending: Cell::new(NONE),
            woken: Cell::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len.get() as usize
    }

    /// Whether nobody is in the list.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.get() == NONE
    }

    pub(super) fn has_live(&self) -> bool {
        self.woken.get() > 0 || self.first_pending() != NONE
    }

    /// Gives a waiter the last place.
    pub(super) fn join(&self, stage: Stage) -> u32 {
        if let Stage::Woken = stage {
            self.woken.set(self.woken.get() + 1);
        }
        let mut waiters = self.waiters.borrow_mut();
        let before = self.last.get();
        let index = waiters.insert(Waiter { stage, before, behind: NONE });
        let index = u32::try_from(index).expect("fewer than 2^32 tasks wait: each takes memory");
        match waiters.get_mut(before as usize) {
            Some(former) => former.behind = index,
            None => self.first.set(index),
        }
        self.last.set(index);
        if self.pending.get() == NONE {
            self.pending.set(index);
        }
        self.len.set(self.len.get() + 1);
        index
    }

    /// Frees a place. Gives whether the waiter was woken.
    pub(super) fn leave(&self, index: u32) -> bool {
        let mut waiters = self.waiters.borrow_mut();
        self.unlink(&mut waiters, index);
        let left = waiters.try_remove(index as usize);
        drop(waiters);
        left.is_some_and(|waiter| matches!(waiter.stage, Stage::Woken))
    }

    /// Whether a waiter is not to wait any more: it was woken, or has left.
    ///
    /// # Errors
    ///
    /// What it was cancelled with.
    pub(super) fn is_woken(&self, index: u32) -> Result<bool, Exception> {
        match self.waiters.borrow().get(index as usize).map(|waiter| &waiter.stage) {
            Some(Stage::Joined | Stage::Waiting(_)) => Ok(false),
            Some(Stage::Cancelled(cancelled)) => Err(cancelled.clone()),
            Some(Stage::Woken) | None => Ok(true),
        }
    }

    /// Wakes the first, unless it is done already.
    pub(super) fn wake_first(&self) {
        self.wake(self.first.get());
    }

    /// Wakes the first that still waits. `false` where there is none.
    pub(super) fn wake_next(&self) -> bool {
        self.wake(self.first_pending())
    }

    /// Wakes a waiter, if it still waits.
    fn wake(&self, index: u32) -> bool {
        let Some(stage) = self.mark_woken(&mut self.waiters.borrow_mut(), index) else { return false };
        self.woken.set(self.woken.get() + 1);
        if let Stage::Waiting(task) = stage {
            task.wake();
        }
        true
    }

    pub(super) fn pop_and_wake(&self) -> bool {
        while !self.is_empty() {
            let index = self.first.get();
            let mut waiters = self.waiters.borrow_mut();
            self.unlink(&mut waiters, index);
            let stage = self.mark_woken(&mut waiters, index);
            drop(waiters);
            if let Some(stage) = stage {
                if let Stage::Waiting(task) = stage {
                    task.wake();
                }
                return true;
            }
        }
        false
    }

    /// Gives how far it was before; nothing where it is done or is not there.
    fn mark_woken(&self, waiters: &mut Slab<Waiter>, index: u32) -> Option<Stage> {
        let waiter = waiters.get_mut(index as usize).filter(|waiter| !waiter.stage.is_done())?;
        Some(mem::replace(&mut waiter.stage, Stage::Woken))
    }

    fn first_pending(&self) -> u32 {
        if self.pending.get() != NONE {
            let waiters = self.waiters.borrow();
            while let Some(waiter) = waiters.get(self.pending.get() as usize)
                && waiter.stage.is_done()
            {
                self.pending.set(waiter.behind);
            }
        }
        self.pending.get()
    }

    /// Takes a waiter out of the list, if it is still in it.
    fn unlink(&self, waiters: &mut Slab<Waiter>, index: u32) {
        let Some(waiter) = waiters.get_mut(index as usize) else { return };
        let before = mem::replace(&mut waiter.before, OUT);
        let behind = mem::replace(&mut waiter.behind, OUT);
        if behind == OUT {
            return;
        }
        if let Stage::Woken = waiter.stage {
            self.woken.set(self.woken.get() - 1);
        }
        match waiters.get_mut(before as usize) {
            Some(before) => before.behind = behind,
            None => self.first.set(behind),
        }
        match waiters.get_mut(behind as usize) {
            Some(behind) => behind.before = before,
            None => self.last.set(before),
        }
        if self.pending.get() == index {
            self.pending.set(behind);
        }
        self.len.set(self.len.get() - 1);
    }

    /// Has a task wait at a place.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where another waits there.
    pub(super) fn accept(&self, index: u32, task: Rc<dyn task::Waiter>) -> Result<(), Exception> {
        let mut waiters = self.waiters.borrow_mut();
        match waiters.get_mut(index as usize).map(|waiter| &mut waiter.stage) {
            Some(stage @ Stage::Joined) => *stage = Stage::Waiting(task),
            Some(Stage::Waiting(_)) => return Err(taken()),
            Some(Stage::Woken | Stage::Cancelled(_)) | None => {
                drop(waiters);
                task.will_raise();
                task.wake();
            }
        }
        Ok(())
    }

    /// Takes the task at that address out of its place, which is in this stage from now on.
    pub(super) fn take_task(&self, index: u32, task: *const (), then: Stage) -> Option<Rc<dyn task::Waiter>> {
        let mut waiters = self.waiters.borrow_mut();
        let stage = &mut waiters.get_mut(index as usize)?.stage;
        match stage {
            Stage::Waiting(run) if Rc::as_ptr(run).cast::<()>() == task => match mem::replace(stage, then) {
                Stage::Waiting(run) => Some(run),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What is raised in a task that is to wait where another does.
#[cold]
pub(super) fn taken() -> Exception {
    Exception::runtime("another task is already waiting at this place")
}
