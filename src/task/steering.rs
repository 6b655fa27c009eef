//! `Steering`: chooses the order of each turn in place of the ready queue, for tests that explore a program.
//!
//! A steered turn is another copy of the loop in [`Scheduler::run_ready`], so the usual one costs nothing more.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::{Rc, Weak};

use super::contracts::{Run, WaitTarget, Way, Withdrawn};
use super::{AnyTask, Scheduler};
use crate::coroutine::{Exception, State};

/// Chooses what runs next, and may interrupt tasks before and after their steps.
pub(crate) trait Steering {
    /// The index of the entry that runs next. `waiting` holds the rest of this turn in its natural order, and is never
    /// empty.
    fn choose(&self, waiting: &[Rc<dyn Run>]) -> usize;

    /// Called before `next` runs.
    fn before(&self, next: &Rc<dyn Run>);

    /// Called after `ran` has run.
    fn after(&self, ran: &Rc<dyn Run>);

    /// Called after each turn.
    fn turn_is_over(&self);
}

impl Scheduler {
    /// Sets what chooses the order of each turn, from the next run of the loop on.
    pub(crate) fn set_steering(&self, steering: Option<Rc<dyn Steering>>) {
        self.drop_guarded(self.steering.replace(steering));
    }

    pub(crate) fn steering(&self) -> Option<Rc<dyn Steering>> {
        let steering = self.steering.take();
        self.steering.set(steering.clone());
        steering
    }

    pub(crate) fn has_tasks(&self) -> bool {
        !self.tasks.borrow().is_empty()
    }

    /// The number of tasks that were made.
    pub(crate) fn tasks_made(&self) -> u64 {
        self.tasks_made.get()
    }

    /// Lets `look` see the ready queue, which it must not change.
    pub(crate) fn look_at_ready<R>(&self, look: impl FnOnce(&[Rc<dyn Run>]) -> R) -> R {
        look(&self.ready.borrow())
    }

    /// Forgets what the last program has set, and counts tasks from 1 again. Returns `false` if objects of that program
    /// are still alive.
    pub(crate) fn recycle(&self) -> bool {
        self.tasks_made.set(0);
        self.stopping.set(false);
        self.drop_guarded(self.leaving.take());
        self.set_factory(None);
        self.failures.get() == 0 && self.circles.borrow().is_empty()
    }

    /// Runs everything in the ready queue, but nothing that is queued meanwhile, in an order that `steering` chooses.
    /// Returns the number of entries that ran.
    pub(crate) fn run_ready_steered(self: &Rc<Self>, batch: &mut Vec<Rc<dyn Run>>, steering: &dyn Steering) -> usize {
        self.push_all(|ready| core::mem::swap(ready, batch));
        let count = batch.len();
        while !batch.is_empty() {
            let next = batch.remove(steering.choose(batch));
            steering.before(&next);
            let ran = Rc::clone(&next);
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| next.run(self))) {
                self.end_panicked(super::panicked(panic));
            }
            steering.after(&ran);
            self.drop_guarded(ran);
        }
        self.clear_context();
        steering.turn_is_over();
        count
    }
}

/// The event that a task waits for, for people and for comparisons.
pub(crate) struct Wanted {
    pub(crate) way: Way,
    /// `None` for the next turn.
    pub(crate) object: Option<Weak<dyn WaitTarget>>,
    /// The object's `Debug` form.
    pub(crate) text: String,
}

impl Wanted {
    /// Whether a failure of the object is raised in the task.
    pub(crate) fn raises(&self) -> bool {
        self.way == Way::Outcome
    }
}

/// Interruptions from outside, which programs cannot make.
impl AnyTask {
    /// The task that an entry of the ready queue steps, if it steps one.
    pub(crate) fn stepped_by(entry: &Rc<dyn Run>) -> Option<Self> {
        Rc::clone(entry).as_task().map(Self::new)
    }

    /// Throws `raised` in at the place where the task waits. The object that it waits for is left alone.
    pub(crate) fn throw(&self, raised: Exception) {
        let task = self.erased();
        let state = task.state();
        if state.is_done() {
            return;
        }
        let waiting = self.take_out();
        state.set_throw(raised);
        if let Some(run) = waiting {
            task.scheduler().push(run);
        }
    }

    /// Takes the task out of where it waits. Returns it if it waited there.
    fn take_out(&self) -> Option<Rc<dyn Run>> {
        let task = self.erased();
        let address = core::ptr::from_ref(&**task).cast::<()>();
        match task.state().waits_for()?.withdraw(address) {
            Withdrawn::Waiting(run) => Some(run),
            Withdrawn::Queued => None,
        }
    }

    /// Closes the coroutine, and ends the task as cancelled. The task must not be running. Where it waits, others may wait
    /// from now on.
    pub(crate) fn destroy(&self) {
        if !self.done() {
            drop(self.take_out());
            Rc::clone(self.erased()).destroy();
        }
    }

    /// Returns `true` if the task waits for something other than the next turn.
    pub(crate) fn waits_for_an_object(&self) -> bool {
        self.erased().state().waits_for().is_some_and(|waits_for| !waits_for.is_next_turn())
    }

    pub(crate) fn has_waited(&self) -> bool {
        self.erased().state().has_waited()
    }

    /// The number of the task in its loop.
    pub(crate) fn number(&self) -> u64 {
        self.erased().state().number()
    }

    /// Passes on the state of each of the coroutine's frames, innermost first.
    pub(crate) fn show_states(&self, show: &mut dyn FnMut(&State<'_>)) {
        Rc::clone(self.erased()).show_states(show);
    }

    /// The exception that somebody has thrown in, if the next step is to raise it.
    pub(crate) fn thrown(&self) -> Option<Exception> {
        self.erased().state().look_at_rare(|rare| rare.throw.clone())
    }

    /// The exception with which the task has failed. It does not count as retrieved.
    pub(crate) fn failure(&self) -> Option<Exception> {
        self.erased().failure()
    }

    /// The event that the task waits for. `None` before its first wait, and once it has ended.
    pub(crate) fn wanted(&self) -> Option<Wanted> {
        let (way, _, object) = self.erased().state().waits_for()?.into_parts();
        let text = object.as_ref().map(|object| format!("{object:?}")).unwrap_or_default();
        Some(Wanted { way, object: object.as_ref().map(Rc::downgrade), text })
    }
}
