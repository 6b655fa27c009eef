//! Several waiters: a doubly linked list in a slab.
//!
//! Joining the queue and leaving it from any place take constant time, and do not allocate once the slab is large enough
//! (rule 2). The search for the first waiter that is still waiting begins at `pending`, and passes no waiter twice.

use core::cell::{Cell, RefCell};
use core::mem;
use std::rc::Rc;

use slab::Slab;

use crate::coroutine::Exception;
use crate::task::{self, dropped_while_awaited};

/// Stands for no waiter.
const NONE: u32 = u32::MAX;

/// Stands for both neighbours of a waiter that was taken out of the list.
const OUT: u32 = u32::MAX - 1;

/// The list of waiters. `mod.rs` states its invariants.
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

/// The state of a waiter.
pub(super) enum Stage {
    /// The place exists, but no task waits at it yet.
    Joined,
    Waiting(Rc<dyn task::Waiter>),
    Woken,
    /// Woken, but the turn went to another waiter. It is not in the list.
    PassedOver,
    Cancelled(Exception),
}

impl Stage {
    const fn is_done(&self) -> bool {
        matches!(self, Self::Woken | Self::PassedOver | Self::Cancelled(_))
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

    /// Whether the list is empty.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.get() == NONE
    }

    pub(super) fn has_live(&self) -> bool {
        self.woken.get() > 0 || self.first_pending() != NONE
    }

    /// Adds a waiter at the end.
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

    /// Frees a place. Returns `true` if its waiter was woken.
    pub(super) fn leave(&self, index: u32) -> bool {
        let mut waiters = self.waiters.borrow_mut();
        self.unlink(&mut waiters, index);
        let left = waiters.try_remove(index as usize);
        drop(waiters);
        left.is_some_and(|waiter| matches!(waiter.stage, Stage::Woken))
    }

    /// Returns `true` if a waiter should go on: it was woken, or has left.
    ///
    /// # Errors
    ///
    /// Returns the exception that the waiter was cancelled with.
    pub(super) fn is_woken(&self, index: u32) -> Result<bool, Exception> {
        match self.waiters.borrow().get(index as usize).map(|waiter| &waiter.stage) {
            Some(Stage::Joined | Stage::Waiting(_)) => Ok(false),
            Some(Stage::Cancelled(cancelled)) => Err(cancelled.clone()),
            Some(Stage::Woken | Stage::PassedOver) | None => Ok(true),
        }
    }

    pub(super) fn is_passed_over(&self, index: u32) -> bool {
        matches!(self.waiters.borrow().get(index as usize), Some(Waiter { stage: Stage::PassedOver, .. }))
    }

    /// Takes a waiter that was woken out of the list, for the turn to go to another one. Returns `false` if it was not woken.
    pub(super) fn pass_over(&self, index: u32) -> bool {
        let mut waiters = self.waiters.borrow_mut();
        if !matches!(waiters.get(index as usize), Some(Waiter { stage: Stage::Woken, .. })) {
            return false;
        }
        self.unlink(&mut waiters, index);
        waiters[index as usize].stage = Stage::PassedOver;
        true
    }

    /// Wakes the first waiter, unless it was woken or cancelled already.
    pub(super) fn wake_first(&self) {
        self.wake(self.first.get());
    }

    /// Wakes the first waiter that is still waiting. Returns `false` if there is none.
    pub(super) fn wake_next(&self) -> bool {
        self.wake(self.first_pending())
    }

    /// Wakes a waiter if it is still waiting.
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

    /// Returns the former state, or `None` if the waiter is not waiting any more.
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

    /// Takes a waiter out of the list if it is still in it.
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

    /// Registers a task at a place.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if another task waits there.
    pub(super) fn accept(&self, index: u32, task: Rc<dyn task::Waiter>) -> Result<(), Exception> {
        let mut waiters = self.waiters.borrow_mut();
        match waiters.get_mut(index as usize).map(|waiter| &mut waiter.stage) {
            Some(stage @ Stage::Joined) => *stage = Stage::Waiting(task),
            Some(Stage::Waiting(_)) => return Err(taken()),
            None => return Err(dropped_while_awaited()),
            Some(Stage::Woken | Stage::PassedOver | Stage::Cancelled(_)) => {
                drop(waiters);
                task.will_raise();
                task.wake();
            }
        }
        Ok(())
    }

    /// Takes the task at that address out of its place, and sets the place's state.
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

/// The exception for a task that waits at the place of another one.
#[cold]
pub(super) fn taken() -> Exception {
    Exception::runtime("another task is already waiting at this place")
}
