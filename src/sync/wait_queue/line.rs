//! The queue itself, which the tasks in it refer to: one who stands alone, or a crowd.
//!
//! ```text
//!            another comes, or it is cancelled
//!   alone ---------------------------------------> in the crowd, under an index of its own
//! ```
//!
//! Whoever stands alone has no neighbours and no index to be looked up by: to come, to be woken and to leave is to set a
//! byte. An item that is handed to and fro by two tasks costs a quarter less for it. What happens to few waiters is left to
//! the crowd, to which that one moves first; it goes by the same index for those who know it.

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use super::crowd::{Crowd, Stage, taken};
use crate::coroutine::Exception;
use crate::task::{Met, Scheduler, WaitTarget, Waiter, Way, Withdrawn};

/// The index of who stands alone, or did; none in the crowd's slab.
const ALONE: u32 = u32::MAX;

pub(crate) struct Line {
    name: &'static str,
    alone: Cell<Alone>,
    /// That of who stands alone and is `Waiting`.
    task: Cell<Option<Rc<dyn Waiter>>>,
    /// The index of who has `Moved`.
    moved_to: Cell<u32>,
    crowd: Crowd,
}

/// How far that one is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alone {
    Nobody,
    /// No task waits at it yet.
    Joined,
    Waiting,
    Woken,
    /// Woken, and taken out of the queue.
    Out,
    /// It is in the crowd now.
    Moved,
}

impl Line {
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            alone: Cell::new(Alone::Nobody),
            task: Cell::new(None),
            moved_to: Cell::new(ALONE),
            crowd: Crowd::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.stands_alone()) + self.crowd.len()
    }

    /// Whether one is in the queue that is not in the crowd.
    #[inline]
    fn stands_alone(&self) -> bool {
        matches!(self.alone.get(), Alone::Joined | Alone::Waiting | Alone::Woken)
    }

    #[inline]
    pub(super) fn has_live(&self) -> bool {
        self.stands_alone() || self.crowd.has_live()
    }

    #[inline]
    pub(super) fn join(&self) -> u32 {
        if self.alone.get() == Alone::Nobody && self.crowd.is_empty() {
            self.alone.set(Alone::Joined);
            return ALONE;
        }
        self.join_crowd()
    }

    #[cold]
    #[inline(never)]
    fn join_crowd(&self) -> u32 {
        self.make_crowd();
        self.crowd.join(Stage::Joined)
    }

    /// Moves who stands alone to the crowd.
    fn make_crowd(&self) {
        let stage = match self.alone.get() {
            Alone::Joined => Stage::Joined,
            Alone::Waiting => self.task.take().map_or(Stage::Joined, Stage::Waiting),
            Alone::Woken => Stage::Woken,
            Alone::Nobody | Alone::Out | Alone::Moved => return,
        };
        self.moved_to.set(self.crowd.join(stage));
        self.alone.set(Alone::Moved);
    }

    /// The index in the crowd of who is in it.
    fn in_crowd(&self, index: u32) -> u32 {
        if index == ALONE && self.alone.get() == Alone::Moved { self.moved_to.get() } else { index }
    }

    /// Frees a place. Gives whether the waiter was woken.
    pub(super) fn leave(&self, index: u32) -> bool {
        let inside = self.in_crowd(index);
        let alone = if index == ALONE { self.alone.replace(Alone::Nobody) } else { Alone::Moved };
        match alone {
            Alone::Moved => self.crowd.leave(inside),
            Alone::Woken | Alone::Out => true,
            Alone::Nobody | Alone::Joined => false,
            Alone::Waiting => {
                drop(self.task.take());
                false
            }
        }
    }

    /// Whether a waiter is not to wait any more: it was woken, or has left.
    ///
    /// # Errors
    ///
    /// What it was cancelled with.
    pub(super) fn is_woken(&self, index: u32) -> Result<bool, Exception> {
        match self.alone.get() {
            Alone::Joined | Alone::Waiting if index == ALONE => Ok(false),
            _ => self.crowd.is_woken(self.in_crowd(index)),
        }
    }

    /// Frees the place of a waiter that is not to wait any more: it was woken. `false` where it waits still.
    ///
    /// # Errors
    ///
    /// What it was cancelled with; it keeps its place then.
    #[inline]
    pub(super) fn leave_woken(&self, index: u32) -> Result<bool, Exception> {
        if index == ALONE && matches!(self.alone.get(), Alone::Woken | Alone::Out) {
            self.alone.set(Alone::Nobody);
            return Ok(true);
        }
        self.leave_crowd_woken(index)
    }

    #[cold]
    #[inline(never)]
    fn leave_crowd_woken(&self, index: u32) -> Result<bool, Exception> {
        let woken = self.is_woken(index)?;
        if woken {
            self.leave(index);
        }
        Ok(woken)
    }

    #[inline]
    pub(super) fn wake_first(&self) {
        if self.wake_alone(Alone::Woken).is_none() {
            self.crowd.wake_first();
        }
    }

    #[inline]
    pub(super) fn wake_next(&self) -> bool {
        self.wake_alone(Alone::Woken).unwrap_or_else(|| self.crowd.wake_next())
    }

    #[inline]
    pub(super) fn pop_and_wake(&self) -> bool {
        self.wake_alone(Alone::Out).unwrap_or_else(|| self.crowd.pop_and_wake())
    }

    /// Wakes who stands alone, if it still waits. `None` where nobody stands alone.
    #[inline]
    fn wake_alone(&self, then: Alone) -> Option<bool> {
        match self.alone.get() {
            Alone::Joined => self.alone.set(then),
            Alone::Waiting => {
                self.alone.set(then);
                if let Some(task) = self.task.take() {
                    task.wake();
                }
            }
            Alone::Woken => {
                self.alone.set(then);
                return Some(false);
            }
            Alone::Nobody | Alone::Out | Alone::Moved => return None,
        }
        Some(true)
    }

    /// Has a task wait where it is not the first to come to who stands alone.
    #[cold]
    #[inline(never)]
    fn accept(&self, index: u32, task: Rc<dyn Waiter>) -> Result<(), Exception> {
        if index == ALONE && self.alone.get() == Alone::Waiting {
            return Err(taken());
        }
        self.crowd.accept(self.in_crowd(index), task)
    }

    /// Takes the task at that address out of its place, which is in this stage from now on.
    fn take_task(&self, index: u32, task: *const (), then: Stage) -> Option<Rc<dyn Waiter>> {
        self.make_crowd();
        self.crowd.take_task(self.in_crowd(index), task, then)
    }
}

impl WaitTarget for Line {
    fn register(&self, _: Way, place: u32, waiter: Rc<dyn Waiter>, _: &Rc<Scheduler>) -> Result<(), Exception> {
        if place == ALONE && self.alone.get() == Alone::Joined {
            self.alone.set(Alone::Waiting);
            self.task.set(Some(waiter));
            return Ok(());
        }
        self.accept(place, waiter)
    }

    fn withdraw(&self, _: Way, place: u32, waiter: *const ()) -> Withdrawn {
        Withdrawn::new(self.take_task(place, waiter, Stage::Joined).map(|task| task as Rc<_>))
    }

    fn cancel_wait(self: Rc<Self>, _: Way, place: u32, waiter: *const (), cancelled: &Exception) -> Met {
        let Some(task) = self.take_task(place, waiter, Stage::Cancelled(cancelled.clone())) else {
            return Met::TooLate;
        };
        task.will_raise();
        task.wake();
        Met::Cancelled
    }

    fn raised(&self, place: u32) -> Option<Exception> {
        self.is_woken(place).err()
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} waiting)", self.name, self.len())
    }
}
