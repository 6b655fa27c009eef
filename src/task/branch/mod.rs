//! A coroutine that a task races with others: what it waits for, and how it is woken and cancelled.
//!
//! ```text
//!        resumed           yields            a task waits for the race         its event has come
//!   New --------> Running ---------> Wanting -----------------------> Waiting --------------------> Due
//!    ^  has ended  |  ^                                                                              |
//!    '-------------'  '---------------------------------- resumed -----------------------------------'
//! ```
//!
//! Invariants:
//!
//! 1. An entry in the queue counts only if the branch is `Waiting` and its event has come. So an entry may be left behind
//!    when the branch is resumed before the queue has come to it: a race looks at its branches in order. Nobody can tell
//!    whether a `next_turn` has come. That has entries of its own, which are counted: see [`Nap`].
//! 2. A branch that is still `Due` after the waiter has gone on was not resumed: another branch won, or no race is on. It
//!    passes on what it was given (rule 7).
//! 3. A branch gives way to any other waiter while nobody waits for its race.

use core::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use super::Scheduler;
use super::any_of::{AnyOf, Resumption};
use super::contracts::{Run, Waiter};
use super::waiting::Await;
use crate::coroutine::{Exception, Kind};

mod scopes;

/// What a race keeps of one of its coroutines from one resume to the next.
pub(crate) struct Branch {
    stage: Cell<Stage>,
    /// Whether it is still registered for what it waited for, although its operation was forgotten. The operation is made
    /// afresh by the next race, and then most often waits for the same.
    is_kept: Cell<bool>,
    /// Whether the next resume may throw something in.
    is_special: Cell<bool>,
    /// Whether its race registers it when a task begins to wait there, together with another branch.
    pub(super) is_unregistered: Cell<bool>,
    /// Only while its race looks for branches that it has twice in its list.
    pub(super) is_listed: Cell<bool>,
    /// The number of races that it is in, one inside the other.
    depth: Cell<u8>,
    /// How many of its coroutines have ended: a scope that outlives its coroutine does not cancel the next one.
    ended: Cell<u32>,
    /// What its coroutine yielded last.
    wanted: RefCell<Option<Await>>,
    /// The race in which it was last asked.
    race: Cell<Option<Rc<AnyOf>>>,
    /// The address of that, which is compared each time that the branch is asked.
    race_address: Cell<*const AnyOf>,
    rare: OnceCell<Box<Rare>>,
}

/// What few branches need.
struct Rare {
    thrown: Cell<Option<Exception>>,
    /// The number of cancellation requests that were not taken back.
    cancels: Cell<u32>,
    /// The address of the scheduler of the loop in which it waits, if it waited there already when it came to this race.
    home: Cell<*const Scheduler>,
    nap: OnceCell<Rc<Nap>>,
}

// Each of many tasks may wait for a race.
const _: () = assert!(size_of::<Branch>() == 9 * size_of::<u64>() || size_of::<usize>() != 8);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Running,
    /// Its coroutine waits, but the branch is not registered for that.
    Wanting,
    Waiting,
    Due,
}

impl Branch {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            stage: Cell::new(Stage::New),
            is_kept: Cell::new(false),
            is_special: Cell::new(false),
            is_unregistered: Cell::new(false),
            is_listed: Cell::new(false),
            depth: Cell::new(0),
            ended: Cell::new(0),
            wanted: RefCell::new(None),
            race: Cell::new(None),
            race_address: Cell::new(core::ptr::null()),
            rare: OnceCell::new(),
        })
    }

    #[cold]
    fn rare(&self) -> &Rare {
        self.rare.get_or_init(|| {
            let home = Cell::new(core::ptr::null());
            Box::new(Rare { thrown: Cell::new(None), cancels: Cell::new(0), home, nap: OnceCell::new() })
        })
    }

    fn take_thrown(&self) -> Option<Exception> {
        self.rare.get()?.thrown.take()
    }

    /// Calls `look` with the race in which it was last asked.
    #[inline]
    fn with_race<R>(&self, look: impl FnOnce(&Rc<AnyOf>) -> R) -> Option<R> {
        let race = self.race.take();
        let seen = race.as_ref().map(look);
        if let Some(newer) = self.race.replace(race) {
            self.race.set(Some(newer)); // it has come to another race meanwhile
        }
        seen
    }

    /// What to resume its coroutine with, if it is to be resumed.
    #[inline(always)]
    pub(crate) fn turn(self: &Rc<Self>, race: &Rc<AnyOf>, resumption: Resumption) -> Option<Result<(), Exception>> {
        let is_plain = matches!(self.stage.get(), Stage::New | Stage::Due) && !self.is_special.get();
        if is_plain && self.race_address.get() == Rc::as_ptr(race) {
            self.stage.set(Stage::Running);
            return Some(Ok(()));
        }
        self.look(race, resumption)
    }

    #[inline(never)]
    fn look(self: &Rc<Self>, race: &Rc<AnyOf>, resumption: Resumption) -> Option<Result<(), Exception>> {
        if self.race_address.get() != Rc::as_ptr(race) {
            self.enter(race);
        }
        match self.stage.get() {
            // What a former operation waited for is no concern of this one.
            Stage::New => self.is_special.set(false),
            // The coroutine panicked, and somebody has caught that.
            Stage::Running => self.end(),
            Stage::Due => {}
            // Most often its entry is in the queue already, and is left behind.
            Stage::Waiting if self.has_come() => self.withdraw(),
            Stage::Waiting => return None,
            Stage::Wanting if resumption == Resumption::ByHand => {}
            // It was registered nowhere, so that nobody has said whether it will raise.
            Stage::Wanting if self.has_come() => self.is_special.set(true),
            Stage::Wanting => {
                race.add(Rc::clone(self));
                return None;
            }
        }
        self.stage.set(Stage::Running);
        Some(if self.is_special.get() { self.start_specially() } else { Ok(()) })
    }

    /// Raises what was thrown in, or what the coroutine waited for has failed with. If that was cancelled before the branch
    /// was, the first of the two is raised.
    #[cold]
    fn start_specially(&self) -> Result<(), Exception> {
        self.is_special.set(false);
        let failed = self.wanted.borrow().as_ref().and_then(Await::raised);
        match (self.take_thrown(), failed) {
            (Some(thrown), Some(failed)) if thrown.is_cancelled() && !failed.is_cancelled() => Err(thrown),
            (thrown, failed) => failed.or(thrown).map_or(Ok(()), Err),
        }
    }

    /// Its coroutine has yielded that.
    #[inline]
    pub(crate) fn wait_for(self: &Rc<Self>, race: &AnyOf, wanted: Await) {
        if self.is_kept.get() && self.waits_for_the_same(&wanted) {
            return;
        }
        let former = self.wanted.replace(Some(wanted));
        self.stage.set(Stage::Wanting);
        race.add(Rc::clone(self));
        drop(former);
    }

    /// Whether it is registered for that already. Otherwise it is registered for nothing any more.
    #[inline]
    fn waits_for_the_same(&self, wanted: &Await) -> bool {
        self.is_kept.set(false);
        // A turn that was waited for by then is not the next one.
        let is_same = !wanted.is_next_turn() && self.wanted.borrow().as_ref() == Some(wanted);
        if is_same {
            self.stage.set(Stage::Waiting);
        } else {
            self.withdraw();
        }
        is_same
    }

    /// Its coroutine has ended, or was replaced: the next one starts anew.
    #[inline]
    pub(crate) fn end(&self) {
        if self.stage.replace(Stage::New) == Stage::Waiting || self.is_kept.get() {
            self.withdraw();
        }
        self.is_kept.set(false);
        self.ended.set(self.ended.get().wrapping_add(1));
        if self.is_special.get() || self.cancels() > 0 {
            self.forget_thrown();
        }
        let former = self.wanted.take();
        drop(former);
    }

    /// Its operation is over, or the race is. The next race makes it afresh. The branch may stay registered until then.
    #[inline]
    pub(crate) fn forget(&self) {
        if self.stage.replace(Stage::New) == Stage::Waiting {
            self.is_kept.set(true);
        }
        if self.is_special.get() {
            self.forget_thrown();
        }
    }

    #[cold]
    #[inline(never)]
    fn forget_thrown(&self) {
        self.is_special.set(false);
        if let Some(rare) = self.rare.get() {
            rare.cancels.set(0);
            let thrown = rare.thrown.take();
            drop(thrown);
        }
    }

    /// Its coroutine is dropped.
    pub(crate) fn drop_coroutine(&self) {
        if self.stage.get() == Stage::Wanting {
            self.with_race(|race| race.drop_yielded());
        }
        self.end();
    }

    /// Has whoever waits for the race ask this branch, whose coroutine was replaced.
    pub(crate) fn ask_again(&self) {
        self.with_race(|race| race.wake_later());
    }

    /// Takes it out of where it is registered. A later race registers it again.
    pub(crate) fn release(&self) {
        if self.stage.get() == Stage::Waiting {
            self.stage.set(Stage::Wanting);
            self.withdraw();
        } else if self.is_kept.replace(false) {
            self.withdraw();
        }
    }

    /// Whether its coroutine has started, and has not ended.
    pub(crate) fn has_started(&self) -> bool {
        self.stage.get() != Stage::New
    }

    #[cold]
    fn enter(self: &Rc<Self>, race: &Rc<AnyOf>) {
        self.race_address.set(Rc::as_ptr(race));
        let former = self.race.replace(Some(Rc::clone(race)));
        self.is_unregistered.set(false);
        race.remember(self);
        let home = former.as_ref().map_or(core::ptr::null(), |former| former.scheduler_address());
        if !home.is_null() || self.rare.get().is_some() {
            self.rare().home.set(home);
        }
        let another = race.scheduler_address();
        if self.stage.get() == Stage::Waiting && !another.is_null() && another != home {
            self.release();
        }
        drop(former);
    }

    /// Whether the event that its coroutine waits for has come, or something is to be thrown in.
    #[inline(always)]
    fn has_come(&self) -> bool {
        match &*self.wanted.borrow() {
            Some(wanted) if wanted.is_next_turn() => false,
            wanted => wanted.as_ref().is_some_and(Await::has_come) || self.is_special.get() && self.is_thrown(),
        }
    }

    fn is_thrown(&self) -> bool {
        let Some(rare) = self.rare.get() else { return false };
        let thrown = rare.thrown.take();
        let is_thrown = thrown.is_some();
        rare.thrown.set(thrown);
        is_thrown
    }

    fn address(&self) -> *const () {
        core::ptr::from_ref(self).cast()
    }

    /// Takes it out of where it is registered.
    fn withdraw(&self) {
        match &*self.wanted.borrow() {
            Some(wanted) if wanted.is_next_turn() => {
                if let Some(nap) = self.rare.get().and_then(|rare| rare.nap.get()) {
                    nap.stale.set(nap.stale.get() + 1);
                }
            }
            Some(wanted) => drop(wanted.withdraw(self.address())),
            None => {}
        }
    }

    /// The queue has come to it, and its event has come.
    #[inline(always)]
    fn come(&self, scheduler: &Rc<Scheduler>) {
        self.stage.set(Stage::Due);
        let waiter = self.with_race(|race| race.wake());
        if let Some(Some(waiter)) = waiter {
            waiter.run(scheduler);
        }
        if self.stage.get() == Stage::Due
            && let Some(wanted) = &*self.wanted.borrow()
        {
            wanted.pass_on();
        }
    }

    /// The queue has come to it, and its event has not. Something else has queued it, so it may be registered nowhere.
    #[cold]
    fn come_in_vain(self: &Rc<Self>, scheduler: &Rc<Scheduler>) {
        if self.wanted.borrow().as_ref().is_some_and(Await::is_next_turn) {
            return;
        }
        self.withdraw();
        self.stage.set(Stage::Wanting);
        let race = self.with_race(Rc::clone);
        if let Some(race) = race {
            Rc::clone(self).register(&race, scheduler);
        }
    }

    fn nap(self: &Rc<Self>) -> &Rc<Nap> {
        self.rare().nap.get_or_init(|| Rc::new(Nap { branch: Rc::downgrade(self), stale: Cell::new(0) }))
    }
}

/// How a race registers its branches.
impl Branch {
    /// Registers it for what its coroutine waits for. A task waits for `race`.
    #[inline]
    pub(super) fn register(self: Rc<Self>, race: &AnyOf, of: &Rc<Scheduler>) {
        if self.stage.get() != Stage::Wanting {
            return;
        }
        self.stage.set(Stage::Waiting);
        let registered = match &*self.wanted.borrow() {
            None => return,
            Some(wanted) if wanted.is_next_turn() => {
                of.push(Rc::clone(self.nap()) as Rc<_>);
                Ok(())
            }
            Some(wanted) if wanted.is_outcome() && wanted.is_on(race.task()) => {
                Err(Exception::message(Kind::RuntimeError, "Task cannot await on itself"))
            }
            Some(wanted) => wanted.register(Rc::clone(&self) as Rc<_>, of),
        };
        if let Err(refused) = registered {
            self.stage.set(Stage::Due);
            self.throw(refused);
        } else if self.is_special.get()
            && let Some(cancelled) = self.take_thrown()
        {
            self.cancel_wait(cancelled);
        }
    }

    /// A task of another loop waits for its race now, with the scheduler `of`. What its coroutine waits for belongs to the
    /// former loop, whose scheduler is at that address.
    pub(super) fn change_loop(self: Rc<Self>, race: &AnyOf, former: *const Scheduler, of: &Rc<Scheduler>) {
        let home = self.rare.get().map_or(core::ptr::null(), |rare| rare.home.replace(core::ptr::null()));
        let home = if home.is_null() { former } else { home };
        if self.stage.get() != Stage::Waiting {
            return;
        }
        if home == Rc::as_ptr(of) {
            self.rare().home.set(home);
        } else {
            self.release();
            self.register(race, of);
        }
    }

    /// Whether it was last asked in `race`.
    pub(super) fn is_in(&self, race: &AnyOf) -> bool {
        self.race_address.get() == &raw const *race
    }

    /// What its coroutine waits for, for people.
    pub(super) fn wanted(&self) -> Option<Await> {
        let waits = matches!(self.stage.get(), Stage::Wanting | Stage::Waiting | Stage::Due);
        if waits { self.wanted.borrow().clone() } else { None }
    }
}

impl Run for Branch {
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        if self.stage.get() == Stage::Waiting {
            if self.has_come() {
                self.come(scheduler);
            } else {
                self.come_in_vain(scheduler);
            }
        } else if self.is_kept.replace(false) {
            self.withdraw();
        }
    }

    fn will_raise(&self) {
        self.is_special.set(true);
    }

    fn give_way(&self) -> bool {
        if !self.task().is_null() {
            return false;
        }
        if self.stage.get() == Stage::Waiting {
            self.stage.set(Stage::Wanting);
        }
        self.is_kept.set(false);
        true
    }
}

impl Waiter for Branch {
    fn wake(self: Rc<Self>) {
        self.with_race(|race| race.push(Rc::clone(&self) as Rc<_>));
    }

    fn task(&self) -> *const () {
        self.with_race(|race| race.task()).unwrap_or(core::ptr::null())
    }
}

/// The entry in the queue of a branch that waits for the next turn.
struct Nap {
    branch: Weak<Branch>,
    /// How many entries were left behind. The queue comes to these first.
    stale: Cell<u32>,
}

impl Run for Nap {
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>) {
        match self.stale.get().checked_sub(1) {
            Some(left) => self.stale.set(left),
            None => {
                let Some(branch) = self.branch.upgrade() else { return };
                if !branch.is_kept.replace(false) {
                    branch.come(scheduler);
                }
            }
        }
    }
}
