//! `Seen`: the states of a program that were seen before, so that schedules which lead to them again need no successors.
//!
//! A state consists of everything that the rest of a run may depend on: the frames of each task and what it waits for, with
//! objects numbered in the order in which they are met; the order in which tasks wait for one object; what is ready, and
//! what is to run in this turn; the timers, relative to now; the faults that have happened; and what the program adds.
//!
//! What cannot be looked into is told apart by its history instead, which never makes two states equal that differ:
//! a callback by when it was first seen, a machine that shows no state by all that has run until its last step.
//!
//! Without a bound on departures from the natural order, the order of what is ready does not count, since every order is
//! run. With a bound, it counts, and a state is known if it was seen with at least as many departures left.

use core::fmt::Write as _;
use core::hash::{Hash, Hasher};
use core::time::Duration;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::rc::{Rc, Weak};

use crate::coroutine::State;
use crate::event_loop::LoopHandle;
use crate::task::{AnyTask, Run, Way};

#[derive(Default)]
pub(super) struct Seen {
    /// The hash of each state, with the most departures that were left there.
    states: HashMap<u64, u32>,
    /// The number of choices that this run had made when it came to a state that was seen before.
    cut: Option<usize>,
    /// When each callback was first seen in this run. The weak handle keeps its address from being used again.
    births: HashMap<*const (), (Weak<dyn Run>, u64)>,
    /// The last step of each task in this run: its number, and a hash of all that ran before its end.
    steps: HashMap<u64, (u64, u64)>,
    steps_taken: u64,
}

/// What a state depends on beside the loop and the tasks.
pub(super) struct Surroundings<'a> {
    pub(super) event_loop: &'a LoopHandle,
    /// The rest of this turn.
    pub(super) waiting: &'a [Rc<dyn Run>],
    pub(super) time: Duration,
    /// A hash of all that has run.
    pub(super) trail: u64,
    /// The number of choices that were made.
    pub(super) choices: usize,
    /// The departures from the natural order that are left. `None` if there is no bound.
    pub(super) orders_left: Option<u32>,
}

impl Seen {
    /// Begins another run.
    pub(super) fn restart(&mut self) {
        self.cut = None;
        self.births.clear();
        self.steps.clear();
        self.steps_taken = 0;
    }

    /// The number of choices up to which the run that has ended was new.
    pub(super) const fn cut(&self) -> Option<usize> {
        self.cut
    }

    /// The number of states.
    pub(super) fn count(&self) -> usize {
        self.states.len()
    }

    /// A task has taken a step.
    pub(super) fn stepped(&mut self, task: u64, trail: u64) {
        self.steps_taken += 1;
        self.steps.insert(task, (self.steps_taken, trail));
    }

    /// Notes which callbacks there are.
    pub(super) fn notice(&mut self, of: &Surroundings<'_>) {
        let mut notice = |run: &Rc<dyn Run>| {
            let address = Rc::as_ptr(run).cast();
            self.births.entry(address).or_insert_with(|| (Rc::downgrade(run), of.trail));
        };
        of.waiting.iter().for_each(&mut notice);
        of.event_loop.scheduler().look_at_ready(|ready| ready.iter().for_each(&mut notice));
        of.event_loop.look_at_timers(|_, timer| notice(timer));
    }

    /// Looks at the state of the program, of which `more` hashes what is not in the loop.
    pub(super) fn look(&mut self, of: &Surroundings<'_>, more: impl FnOnce(&mut dyn Hasher)) {
        if self.cut.is_some() {
            return;
        }
        let mut hasher = DefaultHasher::new();
        more(&mut hasher);
        let scheduler = of.event_loop.scheduler();
        (scheduler.is_stopping(), scheduler.tasks_made()).hash(&mut hasher);
        let mut objects = HashMap::new();
        let mut lines = Vec::new();
        for task in scheduler.live_tasks() {
            self.hash_task(&AnyTask::new(task), of, &mut objects, &mut lines, &mut hasher);
        }
        // Who waits for an object before whom.
        lines.sort_unstable();
        lines.iter().for_each(|(object, _, task)| (object, task).hash(&mut hasher));
        self.hash_entries(of, &objects, &mut hasher);
        let left = of.orders_left.unwrap_or(u32::MAX);
        let known = self.states.get(&hasher.finish()).is_some_and(|most| *most >= left);
        match known {
            true => self.cut = Some(of.choices),
            false => drop(self.states.insert(hasher.finish(), left)),
        }
    }

    fn hash_task(
        &self,
        task: &AnyTask,
        of: &Surroundings<'_>,
        objects: &mut HashMap<*const (), usize>,
        lines: &mut Vec<(usize, u64, u64)>,
        hasher: &mut DefaultHasher,
    ) {
        let number = task.number();
        let (step, trail) = self.steps.get(&number).copied().unwrap_or_default();
        (number, task.name(), task.has_waited(), format!("{:?}", task.thrown())).hash(hasher);
        let (mut text, mut is_unknown) = (String::new(), false);
        task.show_states(&mut |state| {
            is_unknown |= hides(state);
            let _ = writeln!(text, "{state}");
        });
        text.hash(hasher);
        if let Some(wanted) = task.wanted() {
            (wanted.way as u8, &wanted.text).hash(hasher);
            is_unknown |= wanted.way == Way::Any;
            if let Some(object) = wanted.object {
                let met = objects.len();
                let object = *objects.entry(object.as_ptr().cast()).or_insert(met);
                object.hash(hasher);
                lines.push((object, step, number));
            }
        }
        // A task that has not started depends on nothing but its creation, which its number stands for, or the history.
        if is_unknown {
            (if task.has_waited() { trail } else { of.trail }).hash(hasher);
        }
    }

    /// Hashes what is to run in this turn, in the next one, and later.
    fn hash_entries(&self, of: &Surroundings<'_>, objects: &HashMap<*const (), usize>, hasher: &mut DefaultHasher) {
        let identity = |run: &Rc<dyn Run>| -> (u8, u64) {
            let address = Rc::as_ptr(run).cast();
            match (AnyTask::stepped_by(run), objects.get(&address)) {
                (Some(task), _) => (0, task.number()),
                (None, Some(object)) => (1, *object as u64),
                (None, None) => {
                    let mut own = DefaultHasher::new();
                    (run.label(), self.births.get(&address).map(|(_, birth)| *birth)).hash(&mut own);
                    (2, own.finish())
                }
            }
        };
        let is_ordered = of.orders_left.is_some();
        let mut add = |mut entries: Vec<(Duration, (u8, u64))>| {
            if !is_ordered {
                entries.sort_unstable();
            }
            entries.hash(hasher);
        };
        let now = |runs: &[Rc<dyn Run>]| runs.iter().map(|run| (Duration::ZERO, identity(run))).collect();
        add(now(of.waiting));
        add(of.event_loop.scheduler().look_at_ready(now));
        let mut timers = Vec::new();
        of.event_loop.look_at_timers(|deadline, timer| {
            timers.push((deadline.saturating_sub(of.time), identity(timer)));
        });
        add(timers);
    }
}

/// Whether a machine, or a child of it, does not show its state. Names that are written by hand are those of operations
/// that this crate knows; the name of a type stands for a machine that says nothing.
fn hides(state: &State<'_>) -> bool {
    core::iter::successors(Some(state), |outer| outer.child())
        .any(|state| state.state().is_none() && (state.name().contains("::") || state.name().contains('<')))
}
