//! Waiting for any of several events in one task.
//!
//! A task that races several coroutines waits at an [`AnyOf`]. Each of the coroutines has a [`Branch`], which waits for the
//! coroutine's event wherever a task would, and has a place of its own in the ready queue. When the queue comes to a branch,
//! the task takes its step then and there: a race adds no hop.
//!
//! ```text
//!   task --waits at--> AnyOf <--of-- Branch --waits at--> a future, a socket, a lock
//!    ^                                |  ^                      |
//!    '------ takes its step ----------'  '------ is queued -----'
//! ```
//!
//! A branch stays where it waits while the task is busy with another one. So a wake costs the same however many branches
//! there are, and a coroutine keeps its place in a line from one race to the next.

use core::cell::Cell;
use core::fmt;
use std::rc::{Rc, Weak};

use smallvec::SmallVec;

use super::Scheduler;
use super::branch::Branch;
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
    scheduler: Cell<Option<Rc<Scheduler>>>,
    /// The branch to register when a task begins to wait here. Most often, only the one that was resumed last.
    unregistered: Cell<Option<Rc<Branch>>>,
    /// Whether there are more branches to register then. They know it themselves.
    has_others: Cell<bool>,
    /// True if the waiter must be woken although no branch will wake it.
    is_due: Cell<bool>,
    /// Every branch that was asked in this race.
    entrants: Cell<Entrants>,
}

type Entrants = SmallVec<[Weak<Branch>; 2]>;

// Each of many tasks may wait for a race.
const _: () = assert!(size_of::<AnyOf>() == 9 * size_of::<u64>() || size_of::<usize>() != 8);

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
            scheduler: Cell::new(None),
            unregistered: Cell::new(None),
            has_others: Cell::new(false),
            is_due: Cell::new(false),
            entrants: Cell::default(),
        })
    }

    /// The race is resumed.
    #[inline]
    pub(crate) fn resumed(&self) -> Resumption {
        self.is_due.set(false);
        if let Some(branch) = self.unregistered.take() {
            self.forget_others();
            drop(branch);
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
    fn forget_others(&self) {
        if self.has_others.replace(false) {
            self.each_entrant(|branch| branch.is_unregistered.set(false));
        }
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
        drop(self.unregistered.take());
        self.forget_others();
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
        self.forget_others();
        drop((self.waiter.take(), self.unregistered.take()));
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
    pub(super) fn add(&self, branch: Rc<Branch>) {
        match self.unregistered.take() {
            None => self.unregistered.set(Some(branch)),
            first => {
                self.unregistered.set(first);
                branch.is_unregistered.set(true);
                self.has_others.set(true);
            }
        }
    }

    /// Remembers a branch that comes from another race, or from none.
    #[cold]
    pub(super) fn remember(&self, branch: &Rc<Branch>) {
        let mut entrants = self.entrants.take();
        if entrants.len() == entrants.capacity() {
            self.forget_those_elsewhere(&mut entrants, branch);
        }
        if entrants.len() == entrants.capacity() && entrants.len() < 4 {
            entrants.reserve_exact(1);
        }
        entrants.push(Rc::downgrade(branch));
        self.entrants.set(entrants);
    }

    /// Keeps one entry of each branch that is still here, and none of `newest`, which may have been here before.
    fn forget_those_elsewhere(&self, entrants: &mut Entrants, newest: &Rc<Branch>) {
        newest.is_listed.set(true);
        entrants.retain(|branch| {
            branch.upgrade().is_some_and(|branch| branch.is_in(self) && !branch.is_listed.replace(true))
        });
        newest.is_listed.set(false);
        entrants.iter().filter_map(Weak::upgrade).for_each(|branch| branch.is_listed.set(false));
    }

    /// Calls `look` with every branch that was asked here and has not gone to another race since, in order. Branches do not
    /// come meanwhile: that takes a resume.
    fn each_entrant(&self, mut look: impl FnMut(Rc<Branch>)) {
        let mut index = 0;
        loop {
            let entrants = self.entrants.take();
            let branch = entrants.get(index).map(Weak::upgrade);
            self.entrants.set(entrants);
            match branch {
                None => return,
                Some(branch) => branch.filter(|branch| branch.is_in(self)).into_iter().for_each(&mut look),
            }
            index += 1;
        }
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
        let scheduler = self.scheduler.take();
        if let Some(scheduler) = &scheduler {
            scheduler.push(branch);
        }
        self.scheduler.set(scheduler);
    }

    #[cold]
    #[inline(never)]
    fn enter(&self, scheduler: &Rc<Scheduler>) {
        let former = self.scheduler.replace(Some(Rc::clone(scheduler)));
        let address = former.as_ref().map_or(core::ptr::null(), Rc::as_ptr);
        self.each_entrant(|branch| branch.change_loop(self, address, scheduler));
        drop(former);
    }

    /// The address of the scheduler of the loop in which the race was last waited for. Null if there is none.
    pub(super) fn scheduler_address(&self) -> *const Scheduler {
        let scheduler = self.scheduler.take();
        let address = scheduler.as_ref().map_or(core::ptr::null(), Rc::as_ptr);
        self.scheduler.set(scheduler);
        address
    }

    #[inline(never)]
    fn register_others(&self, of: &Rc<Scheduler>) {
        self.has_others.set(false);
        self.each_entrant(|branch| {
            if branch.is_unregistered.replace(false) {
                branch.register(self, of);
            }
        });
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
        if self.scheduler_address() != Rc::as_ptr(of) {
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
            if self.has_others.get() {
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
        let mut wanted = Vec::new();
        self.each_entrant(|branch| wanted.extend(branch.wanted()));
        f.write_str("any of ")?;
        f.debug_list().entries(wanted).finish()
    }
}
