//! Waiting for any of several events in one task.
//!
//! A task that races several coroutines waits at an [`AnyOf`]. Each of the coroutines has a [`Branch`](super::Branch),
//! which waits for the coroutine's event wherever a task would, and has a place of its own in the ready queue. When the
//! queue comes to a branch, the task takes its step then and there: a race adds no hop.
//!
//! ```text
//!   task --waits at--> AnyOf <--of-- Branch --waits at--> a future, a socket, a lock
//!    ^                                |  ^                      |
//!    '------ takes its step ----------'  '------ is queued -----'
//! ```
//!
//! A branch stays where it waits while the task is busy with another one. So a wake costs the same however many branches
//! there are, and a coroutine keeps its place in a line from one race to the next.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::{Rc, Weak};

use super::Scheduler;
use super::contracts::{Met, Run, WaitTarget, Waiter, Way, Withdrawn};
use super::waiting::{Await, dropped_while_awaited};
use crate::coroutine::Exception;

/// Where a task waits for the first of several events.
pub(crate) struct AnyOf {
    this: Weak<Self>,
    phase: Cell<Phase>,
    /// The task, or the branch of an outer race, that waits here.
    waiter: Cell<Option<Rc<dyn Waiter>>>,
    /// The scheduler of the loop in which the race was last waited for.
    scheduler: RefCell<Option<Rc<Scheduler>>>,
    /// The branch to register when a task begins to wait here. Most often, only the one that was resumed last.
    unregistered: Cell<Option<Rc<dyn Entrant>>>,
    /// Further branches to register then.
    others: RefCell<Vec<Rc<dyn Entrant>>>,
    /// Every branch that was asked in this race, for people.
    entrants: RefCell<Vec<Weak<dyn Entrant>>>,
    /// True if the waiter must be woken although no branch will wake it.
    is_due: Cell<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No race is on.
    Idle,
    /// A race was yielded, and nobody waits here yet.
    Yielded,
    Waiting,
    /// The waiter was woken.
    Woken,
    /// The waiter was taken out. No branch has woken it.
    Left,
    /// The waiter was taken out because it was cancelled. It is resumed with an exception.
    Cancelled,
    /// The race, or one of its coroutines, was dropped as soon as it was yielded.
    Dropped,
}

/// A branch, as the race knows it.
pub(super) trait Entrant {
    /// Registers it for what its coroutine waits for. A task waits for `race`.
    fn register(self: Rc<Self>, race: &AnyOf, of: &Rc<Scheduler>);

    /// A task of another loop waits for `race` now, with the scheduler `of`. What its coroutine waits for belongs to the former
    /// loop, whose scheduler is at that address.
    fn change_loop(self: Rc<Self>, race: &AnyOf, former: *const Scheduler, of: &Rc<Scheduler>);

    /// What its coroutine waits for in `race`, for people.
    fn wanted_in(&self, race: &AnyOf) -> Option<Await>;
}

/// What a race knows when it is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resumption {
    /// It is the first resume since the last race ended.
    First,
    /// A task has waited for it.
    Woken,
    /// Nobody has waited since it was yielded. Somebody drives it by hand, and each child must look for itself.
    ByHand,
    /// The task was cancelled while it waited, and its coroutine has caught that before the race got to see it. So the former
    /// race is over, and this is another one.
    Anew,
}

impl AnyOf {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            this: this.clone(),
            phase: Cell::new(Phase::Idle),
            waiter: Cell::new(None),
            scheduler: RefCell::default(),
            unregistered: Cell::new(None),
            others: RefCell::default(),
            entrants: RefCell::default(),
            is_due: Cell::new(false),
        })
    }

    /// The race is resumed.
    #[inline]
    pub(crate) fn resumed(&self) -> Resumption {
        self.is_due.set(false);
        if let Some(branch) = self.unregistered.take() {
            self.forget_unregistered(branch);
        }
        match self.phase.replace(Phase::Idle) {
            Phase::Idle => Resumption::First,
            Phase::Yielded | Phase::Dropped => Resumption::ByHand,
            Phase::Waiting | Phase::Woken | Phase::Left => Resumption::Woken,
            Phase::Cancelled => Resumption::Anew,
        }
    }

    /// A race ended before anybody waited for it.
    #[cold]
    #[inline(never)]
    fn forget_unregistered(&self, branch: Rc<dyn Entrant>) {
        let mut others = self.others.take();
        others.clear();
        self.others.replace(others);
        drop(branch);
    }

    /// The value to yield in order to wait here.
    #[inline]
    pub(crate) fn wanted(self: &Rc<Self>) -> Await {
        self.phase.set(Phase::Yielded);
        Await::on(Way::Any, Rc::clone(self) as Rc<_>)
    }

    /// Has the waiter woken in the next turn, whatever the branches do.
    #[cold]
    pub(crate) fn let_others_run(&self) {
        self.is_due.set(true);
    }

    /// There will be no race here any more. A task that waits all the same is woken, and finds out.
    pub(crate) fn end(&self) {
        // A branch holds its race.
        drop((self.unregistered.take(), self.others.take()));
        if let Some(waiter) = self.waiter.take() {
            self.phase.set(Phase::Woken);
            waiter.wake();
        }
        self.drop_yielded();
    }

    /// The race or one of its coroutines is dropped. If nobody waits for the race by then, it was in a local variable of the
    /// function that has yielded it. The task that is about to wait would do so for ever, or with one coroutine less.
    pub(super) fn drop_yielded(&self) {
        if self.phase.get() == Phase::Yielded {
            self.phase.set(Phase::Dropped);
            self.is_due.set(true);
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self) -> Exception {
        self.phase.set(Phase::Idle);
        self.is_due.set(false);
        drop((self.waiter.take(), self.unregistered.take(), self.others.take()));
        dropped_while_awaited()
    }

    /// The task that waits here, through any number of races. Null if there is none.
    pub(super) fn task(&self) -> *const () {
        let waiter = self.waiter.take();
        let task = waiter.as_ref().map_or(core::ptr::null(), |waiter| waiter.task());
        self.waiter.set(waiter);
        task
    }

    /// Has a branch registered when a task begins to wait here.
    #[inline]
    pub(super) fn add(&self, branch: Rc<dyn Entrant>) {
        match self.unregistered.take() {
            None => self.unregistered.set(Some(branch)),
            first => {
                self.unregistered.set(first);
                self.add_another(branch);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn add_another(&self, branch: Rc<dyn Entrant>) {
        push_tightly(&mut self.others.borrow_mut(), branch);
    }

    /// Remembers a branch that is asked here for the first time.
    #[cold]
    pub(super) fn remember(&self, branch: Weak<dyn Entrant>) {
        let mut branches = self.entrants.borrow_mut();
        if branches.len() == branches.capacity() {
            branches.retain(|branch| branch.strong_count() > 0);
        }
        push_tightly(&mut branches, branch);
    }

    /// The queue has come to a branch. Returns whoever waits here, to go on now.
    #[inline]
    pub(super) fn wake(&self) -> Option<Rc<dyn Waiter>> {
        let waiter = self.waiter.take();
        if waiter.is_some() {
            self.phase.set(Phase::Woken);
        } else {
            self.is_due.set(true);
        }
        waiter
    }

    /// Queues a branch.
    #[inline]
    pub(super) fn push(&self, branch: Rc<dyn Run>) {
        if let Some(scheduler) = &*self.scheduler.borrow() {
            scheduler.push(branch);
        }
    }

    #[cold]
    #[inline(never)]
    fn enter(&self, scheduler: &Rc<Scheduler>) {
        let former = self.scheduler.replace(Some(Rc::clone(scheduler)));
        let address = former.as_ref().map_or(core::ptr::null(), Rc::as_ptr);
        let entrants: Vec<_> = self.entrants.borrow().iter().filter_map(Weak::upgrade).collect();
        for branch in entrants {
            branch.change_loop(self, address, scheduler);
        }
        drop(former);
    }

    /// The address of the scheduler of the loop in which the race was last waited for. Null if there is none.
    pub(super) fn scheduler_address(&self) -> *const Scheduler {
        self.scheduler.borrow().as_ref().map_or(core::ptr::null(), Rc::as_ptr)
    }

    #[inline(never)]
    fn register_others(&self, of: &Rc<Scheduler>) {
        let mut others = self.others.take();
        for branch in others.drain(..) {
            branch.register(self, of);
        }
        self.others.replace(others);
    }

    #[cold]
    #[inline(never)]
    fn push_this(&self) {
        if let Some(this) = self.this.upgrade() {
            self.push(this);
        }
    }

    /// A branch must be asked, which no event will wake. Queues whoever waits here.
    #[cold]
    pub(super) fn wake_later(&self) {
        self.is_due.set(true);
        if self.phase.get() == Phase::Waiting {
            self.push_this();
        }
    }
}

/// Adds an element, and reserves one place at a time up to four. Most races have two or three coroutines, and many tasks may
/// each wait for a race.
#[inline]
pub(crate) fn push_tightly<T>(list: &mut Vec<T>, element: T) {
    if list.len() == list.capacity() && list.len() < 4 {
        list.reserve_exact(1);
    }
    list.push(element);
}

/// An entry in the queue that no branch has made.
impl Run for AnyOf {
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        if self.is_due.get()
            && let Some(waiter) = self.wake()
        {
            waiter.run(scheduler);
        }
    }
}

impl WaitTarget for AnyOf {
    fn register(&self, _: Way, _: u32, waiter: Rc<dyn Waiter>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        let former = self.waiter.replace(Some(waiter));
        if former.is_some() {
            let refused = self.waiter.replace(former);
            drop(refused);
            return Err(Exception::runtime("another task is already waiting for this race"));
        }
        let former_phase = self.phase.replace(Phase::Waiting);
        if !matches!(&*self.scheduler.borrow(), Some(own) if Rc::ptr_eq(own, of)) {
            self.enter(of);
        }
        if self.is_due.get() {
            if former_phase == Phase::Dropped {
                return Err(self.refuse());
            }
            self.wake_later();
        }
        if let Some(branch) = self.unregistered.take() {
            branch.register(self, of);
            if !self.others.borrow().is_empty() {
                self.register_others(of);
            }
        }
        Ok(())
    }

    fn has_come(&self, _: Way, _: u32) -> bool {
        self.is_due.get() || self.phase.get() == Phase::Woken
    }

    fn withdraw(&self, _: Way, _: u32, waiter: *const ()) -> Withdrawn {
        match self.waiter.take() {
            Some(run) if Rc::as_ptr(&run).cast::<()>() == waiter => {
                self.phase.set(Phase::Left);
                Withdrawn::Waiting(run)
            }
            another => {
                self.waiter.set(another);
                Withdrawn::Queued
            }
        }
    }

    fn cancel_wait(self: Rc<Self>, way: Way, place: u32, waiter: *const (), _cancelled: &Exception) -> Met {
        let withdrawn = self.withdraw(way, place, waiter);
        if matches!(withdrawn, Withdrawn::Waiting(_)) {
            self.phase.set(Phase::Cancelled);
        }
        withdrawn.into()
    }
}

impl fmt::Debug for AnyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let branches: Vec<_> = self.entrants.borrow().iter().filter_map(Weak::upgrade).collect();
        let wanted = branches.iter().filter_map(|branch| branch.wanted_in(self));
        f.write_str("any of ")?;
        f.debug_list().entries(wanted).finish()
    }
}
