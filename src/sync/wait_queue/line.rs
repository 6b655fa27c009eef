//! The queue that waiting tasks refer to: a single waiter, or a crowd.
//!
//! ```text
//!            another joins, or it is cancelled
//!   alone ---------------------------------------> in the crowd, under an index of its own
//! ```
//!
//! A single waiter has no neighbours and needs no index: joining, waking and leaving each set one byte. That saves a
//! quarter of the cost of an item that two tasks pass to and fro. For everything rare, the single waiter first moves to
//! the crowd, where its old index still finds it.

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use super::crowd::{Crowd, Stage, taken};
use crate::coroutine::Exception;
use crate::task::{Met, Scheduler, WaitTarget, Waiter, Way, Withdrawn};

/// The index of the single waiter, even after it has moved. The crowd's slab never uses this index.
const ALONE: u32 = u32::MAX;

pub(crate) struct Line {
    name: &'static str,
    alone: Cell<Alone>,
    /// The task of the single waiter while that is `Waiting`.
    task: Cell<Option<Rc<dyn Waiter>>>,
    /// The index in the crowd of the single waiter once it has `Moved`.
    moved_to: Cell<u32>,
    crowd: Crowd,
    turns: Turns,
    /// The turns that were passed on while nobody else waited.
    unclaimed: Cell<usize>,
}

/// What a turn is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turns {
    /// One waiter's: it goes on alone, and another could go on in its place.
    OneByOne,
    /// Everybody's: whoever is woken goes on, whatever the others do.
    Together,
}

/// The state of the single waiter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alone {
    Nobody,
    /// The place exists, but no task waits at it yet.
    Joined,
    Waiting,
    Woken,
    /// Woken and taken out of the queue.
    Out,
    /// Woken, but the turn went to another waiter. It is not in the queue.
    PassedOver,
    /// Moved to the crowd.
    Moved,
}

impl Line {
    pub(super) const fn new(name: &'static str, turns: Turns) -> Self {
        Self {
            name,
            alone: Cell::new(Alone::Nobody),
            task: Cell::new(None),
            moved_to: Cell::new(ALONE),
            crowd: Crowd::new(),
            turns,
            unclaimed: Cell::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.stands_alone()) + self.crowd.len()
    }

    /// Whether the single waiter is in the queue and not in the crowd.
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

    /// Moves the single waiter to the crowd.
    fn make_crowd(&self) {
        let stage = match self.alone.get() {
            Alone::Joined => Stage::Joined,
            Alone::Waiting => self.task.take().map_or(Stage::Joined, Stage::Waiting),
            Alone::Woken => Stage::Woken,
            Alone::Nobody | Alone::Out | Alone::PassedOver | Alone::Moved => return,
        };
        self.moved_to.set(self.crowd.join(stage));
        self.alone.set(Alone::Moved);
    }

    /// Translates an index to that in the crowd.
    fn in_crowd(&self, index: u32) -> u32 {
        if index == ALONE && self.alone.get() == Alone::Moved { self.moved_to.get() } else { index }
    }

    /// Frees a place. Returns `true` if its waiter was woken.
    pub(super) fn leave(&self, index: u32) -> bool {
        let inside = self.in_crowd(index);
        let alone = if index == ALONE { self.alone.replace(Alone::Nobody) } else { Alone::Moved };
        match alone {
            Alone::Moved => self.crowd.leave(inside),
            Alone::Woken | Alone::Out => true,
            Alone::Nobody | Alone::Joined | Alone::PassedOver => false,
            Alone::Waiting => {
                drop(self.task.take());
                false
            }
        }
    }

    /// Returns `true` if a waiter should go on: it was woken, or has left.
    ///
    /// # Errors
    ///
    /// Returns the exception that the waiter was cancelled with.
    pub(super) fn is_woken(&self, index: u32) -> Result<bool, Exception> {
        match self.alone.get() {
            Alone::Joined | Alone::Waiting if index == ALONE => Ok(false),
            _ => self.crowd.is_woken(self.in_crowd(index)),
        }
    }

    /// Frees the place of a waiter that was woken. Returns `false` if the waiter is still waiting.
    ///
    /// # Errors
    ///
    /// Returns the exception that the waiter was cancelled with. The waiter then keeps its place.
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

    /// Wakes the single waiter if it is still waiting. Returns `None` if there is no single waiter.
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
            Alone::Nobody | Alone::Out | Alone::PassedOver | Alone::Moved => return None,
        }
        Some(true)
    }

    /// Whether the turn of this waiter came and went to another one.
    pub(super) fn is_passed_over(&self, index: u32) -> bool {
        match self.alone.get() {
            Alone::Moved => self.crowd.is_passed_over(self.in_crowd(index)),
            alone if index == ALONE => alone == Alone::PassedOver,
            _ => self.crowd.is_passed_over(index),
        }
    }

    /// Takes the turn of a waiter that was woken away from it. Returns `false` if it was not woken.
    fn pass_over(&self, index: u32) -> bool {
        match self.alone.get() {
            Alone::Woken | Alone::Out if index == ALONE => self.alone.set(Alone::PassedOver),
            _ => return self.crowd.pass_over(self.in_crowd(index)),
        }
        true
    }

    /// The turns that were passed on while nobody else waited. The caller owns them from now on.
    #[inline]
    pub(super) fn take_unclaimed(&self) -> usize {
        self.unclaimed.take()
    }

    /// Registers a task at a place. The first task of the single waiter is registered elsewhere.
    #[cold]
    #[inline(never)]
    fn accept(&self, index: u32, task: Rc<dyn Waiter>) -> Result<(), Exception> {
        match self.alone.get() {
            Alone::Waiting if index == ALONE => return Err(taken()),
            Alone::Woken | Alone::Out | Alone::PassedOver if index == ALONE => {
                task.wake();
                return Ok(());
            }
            _ => {}
        }
        self.crowd.accept(self.in_crowd(index), task)
    }

    /// Takes the task at that address out of its place, and sets the place's state.
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

    fn has_come(&self, _: Way, place: u32) -> bool {
        // A waiter that was cancelled is done as well.
        self.is_woken(place).unwrap_or(true)
    }

    fn withdraw(&self, _: Way, place: u32, waiter: *const ()) -> Withdrawn {
        if place == ALONE && self.alone.get() == Alone::Waiting {
            // It stays alone. A race takes its waiters out often.
            return match self.task.take() {
                Some(task) if Rc::as_ptr(&task).cast::<()>() == waiter => {
                    self.alone.set(Alone::Joined);
                    Withdrawn::Waiting(task as Rc<_>)
                }
                other => {
                    self.task.set(other);
                    Withdrawn::Queued
                }
            };
        }
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

    fn pass_on(&self, place: u32) {
        if self.turns == Turns::OneByOne && self.pass_over(place) && !self.wake_next() {
            self.unclaimed.set(self.unclaimed.get() + 1);
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} waiting)", self.name, self.len())
    }
}
