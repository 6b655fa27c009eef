//! [`Room`]: how much weight a queue holds, and who waits to add to it.
//!
//! The queue of `sync/` wakes a waiter, which then checks whether it can go on. That is not fair here: a heavy item would
//! fail this check again and again, while light items pass it. So the first in line is granted its weight as soon as
//! there is room for it, and nobody passes it meanwhile.
//!
//! Invariants:
//!
//! 1. `used` is the weight of the items in the queue and of the grants that were not taken yet.
//! 2. The first in line does not fit, and no ticket in line is granted.
//! 3. Nothing is borrowed while a task is woken or dropped.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::collections::VecDeque;
use std::rc::Rc;

use slab::Slab;

use crate::coroutine::{Exception, Kind};
use crate::task::{Scheduler, WaitTarget, Waiter, Way, Withdrawn, dropped_while_awaited};

pub(super) struct Room {
    limit: usize,
    used: Cell<usize>,
    line: RefCell<Line>,
}

#[derive(Default)]
struct Line {
    tickets: Slab<Ticket>,
    /// The tickets that are not granted, first come first.
    order: VecDeque<u32>,
    /// How many of these have left. Searching the line for each would take quadratic time where many leave.
    gone: usize,
}

struct Ticket {
    weight: usize,
    stage: Stage,
}

enum Stage {
    /// In line, but no task waits yet.
    Joined,
    Waiting(Rc<dyn Waiter>),
    Granted,
    /// Its turn went to another ticket, or the line has been closed. Not in line.
    Over,
    /// Left while it was in line.
    Gone,
}

impl Stage {
    const fn is_pending(&self) -> bool {
        matches!(self, Self::Joined | Self::Waiting(_))
    }
}

impl Line {
    /// The first that is still there.
    fn first(&mut self) -> Option<u32> {
        while let Some(&first) = self.order.front() {
            if !matches!(self.tickets[first as usize].stage, Stage::Gone) {
                return Some(first);
            }
            self.order.pop_front();
            self.forget(first);
        }
        None
    }

    fn forget(&mut self, gone: u32) {
        self.tickets.remove(gone as usize);
        self.gone -= 1;
    }

    /// Marks a ticket that leaves from within the line, and closes the gaps when there are too many.
    fn mark_gone(&mut self, place: u32) -> Stage {
        self.gone += 1;
        let former = core::mem::replace(&mut self.tickets[place as usize].stage, Stage::Gone);
        if self.gone * 2 > self.order.len() {
            for place in core::mem::take(&mut self.order) {
                match self.tickets[place as usize].stage {
                    Stage::Gone => self.forget(place),
                    _ => self.order.push_back(place),
                }
            }
        }
        former
    }
}

/// Whether the turn of a ticket has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Pending,
    /// The weight is reserved, and the ticket is used up.
    Granted,
    /// The ticket is used up, and the caller tries again.
    Over,
}

impl Room {
    pub(super) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self { limit, used: Cell::new(0), line: RefCell::default() })
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn used(&self) -> usize {
        self.used.get()
    }

    /// Returns the number of puts that wait.
    pub(super) fn waiting(&self) -> usize {
        let line = self.line.borrow();
        line.order.len() - line.gone
    }

    /// An empty queue takes anything: what is heavier than the limit goes in alone.
    fn fits(&self, weight: usize) -> bool {
        let used = self.used.get();
        used == 0 || self.limit.checked_sub(used).is_some_and(|free| weight <= free)
    }

    /// Reserves `weight`, if it fits and nobody waits.
    pub(super) fn take(&self, weight: usize) -> bool {
        let takes = self.waiting() == 0 && self.fits(weight);
        if takes {
            self.used.set(self.used.get() + weight);
        }
        takes
    }

    /// Gives `weight` back, and grants the first tickets in line their weight, as long as it fits.
    pub(super) fn give_back(&self, weight: usize) {
        // A queue that is shut down may have forgotten it.
        self.used.set(self.used.get().saturating_sub(weight));
        self.grant();
    }

    fn grant(&self) {
        while let Some(waiter) = self.grant_first() {
            if let Some(waiter) = waiter {
                waiter.wake();
            }
        }
    }

    /// Grants the first in line. Returns its waiter, or `None` if nobody can be granted anything.
    fn grant_first(&self) -> Option<Option<Rc<dyn Waiter>>> {
        let mut line = self.line.borrow_mut();
        let first = line.first()? as usize;
        let weight = line.tickets[first].weight;
        if !self.fits(weight) {
            return None;
        }
        line.order.pop_front();
        self.used.set(self.used.get() + weight);
        match core::mem::replace(&mut line.tickets[first].stage, Stage::Granted) {
            Stage::Waiting(waiter) => Some(Some(waiter)),
            _ => Some(None),
        }
    }

    /// Joins the line.
    pub(super) fn join(&self, weight: usize) -> u32 {
        let mut line = self.line.borrow_mut();
        let place = line.tickets.insert(Ticket { weight, stage: Stage::Joined });
        let place = u32::try_from(place).expect("fewer than 2^32 tasks wait: each takes memory");
        line.order.push_back(place);
        place
    }

    /// Returns whether the turn of the ticket has come. The ticket is gone then, unless the turn is pending.
    pub(super) fn turn(&self, place: u32) -> Turn {
        let mut line = self.line.borrow_mut();
        let turn = match line.tickets.get(place as usize).map(|ticket| &ticket.stage) {
            Some(Stage::Joined | Stage::Waiting(_)) => return Turn::Pending,
            Some(Stage::Granted) => Turn::Granted,
            Some(Stage::Over | Stage::Gone) | None => Turn::Over,
        };
        line.tickets.try_remove(place as usize);
        turn
    }

    /// Leaves the line. What was granted goes to others.
    pub(super) fn leave(&self, place: u32) {
        let mut line = self.line.borrow_mut();
        let Some(ticket) = line.tickets.get(place as usize) else { return };
        if ticket.stage.is_pending() {
            let left = line.mark_gone(place);
            drop(line);
            drop(left);
            // It may have kept lighter items from going first.
            return self.grant();
        }
        let left = line.tickets.remove(place as usize);
        drop(line);
        if let Stage::Granted = left.stage {
            self.give_back(left.weight);
        }
    }

    /// Ends the line: there are no more turns. With `forgets`, the items are gone too.
    pub(super) fn close(&self, forgets: bool) {
        if forgets {
            self.used.set(0);
        }
        while let Some(ended) = self.end_first() {
            if let Stage::Waiting(waiter) = ended {
                waiter.wake();
            }
        }
    }

    fn end_first(&self) -> Option<Stage> {
        let mut line = self.line.borrow_mut();
        let first = line.first()? as usize;
        line.order.pop_front();
        Some(core::mem::replace(&mut line.tickets[first].stage, Stage::Over))
    }
}

impl WaitTarget for Room {
    fn register(&self, _: Way, place: u32, waiter: Rc<dyn Waiter>, _: &Rc<Scheduler>) -> Result<(), Exception> {
        let mut line = self.line.borrow_mut();
        match line.tickets.get_mut(place as usize).map(|ticket| &mut ticket.stage) {
            Some(stage @ Stage::Joined) => *stage = Stage::Waiting(waiter),
            Some(Stage::Waiting(_)) => {
                return Err(Exception::message(Kind::RuntimeError, "another task is already waiting at this place"));
            }
            Some(Stage::Granted | Stage::Over) => {
                drop(line);
                waiter.wake();
            }
            Some(Stage::Gone) | None => return Err(dropped_while_awaited()),
        }
        Ok(())
    }

    fn has_come(&self, _: Way, place: u32) -> bool {
        let line = self.line.borrow();
        line.tickets.get(place as usize).is_none_or(|ticket| !ticket.stage.is_pending())
    }

    fn withdraw(&self, _: Way, place: u32, waiter: *const ()) -> Withdrawn {
        let mut line = self.line.borrow_mut();
        let Some(Ticket { stage, .. }) = line.tickets.get_mut(place as usize) else { return Withdrawn::Queued };
        match core::mem::replace(stage, Stage::Joined) {
            Stage::Waiting(run) if Rc::as_ptr(&run).cast::<()>() == waiter => Withdrawn::Waiting(run as Rc<_>),
            other => {
                *stage = other;
                Withdrawn::Queued
            }
        }
    }

    fn pass_on(&self, place: u32) {
        let mut line = self.line.borrow_mut();
        let Some(ticket) = line.tickets.get_mut(place as usize) else { return };
        if let Stage::Granted = ticket.stage {
            ticket.stage = Stage::Over;
            let weight = ticket.weight;
            drop(line);
            self.give_back(weight);
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({} of {}, {} waiting)", self.used(), self.limit, self.waiting())
    }
}
