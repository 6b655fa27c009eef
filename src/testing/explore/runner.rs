//! `Runner`: runs the schedules of a program, one after the other, until one fails.

use super::super::prng::Prng;
use super::choices::{Choices, Departure};
use super::failure::{Explored, Failure};
use super::plan::Source;
use super::seen::Seen;
use super::sim::Sim;
use super::stage::{Bounds, Stage};
use super::story::Told;
use super::tree::Tree;
use crate::coroutine::{Exception, Kind};

pub(super) struct Runner<'a> {
    program: &'a mut dyn FnMut(&Sim) -> Result<(), Exception>,
    pub(super) stage: Stage,
    pub(super) bounds: Bounds,
}

impl<'a> Runner<'a> {
    pub(super) fn new(
        program: &'a mut dyn FnMut(&Sim) -> Result<(), Exception>,
        bounds: Bounds,
    ) -> Result<Self, Box<Failure>> {
        let stage = Stage::new().map_err(|raised| broken(raised, 0))?;
        Ok(Self { program, stage, bounds })
    }

    /// Runs every schedule. With `skips`, a schedule that leads to a state which was seen before has no successors from
    /// there on.
    pub(super) fn every(&mut self, schedules: u64, skips: bool) -> Result<Explored, Box<Failure>> {
        let mut tree = Tree::new(schedules, self.bounds.orders);
        let mut explored = Explored::new(true);
        let mut seen = skips.then(Seen::default);
        while let Some((departures, trail)) = tree.next() {
            let number = tree.visited();
            let first = number == 1;
            if first {
                self.stage.tell();
            }
            let source = Source::Listed { departures, trail, lenient: false };
            *self.stage.pilot.seen.borrow_mut() = seen.take();
            let wrong = self.run(source, 0, number)?;
            seen = self.stage.pilot.seen.take();
            let told = self.stage.take_story();
            let plan = self.stage.pilot.plan.borrow();
            let parted = plan.parted();
            let choices = (wrong.is_some() || first || parted.is_some()).then(|| plan.choices(0));
            if wrong.is_none() {
                explored.choices = explored.choices.max(plan.made().len());
                let new = seen.as_ref().and_then(Seen::cut).unwrap_or(usize::MAX);
                tree.grow(&plan.made()[..new.min(plan.made().len())]);
            }
            drop(plan);
            if let Some(parted) = parted {
                return Err(self.explain(&parted, &tree.departures(), 0, number));
            }
            match (wrong, choices) {
                (Some(raised), Some(choices)) => return Err(self.retell(raised, choices, number)),
                (None, Some(choices)) => self.check_that_it_repeats(&told, &choices)?,
                _ => {}
            }
        }
        explored.schedules = tree.visited();
        explored.states = seen.as_ref().map_or(0, Seen::count);
        explored.complete = !tree.is_cut();
        Ok(explored)
    }

    pub(super) fn random(&mut self, seed: u64, schedules: u64) -> Result<Explored, Box<Failure>> {
        let mut explored = Explored::new(false);
        for run in 0..schedules {
            let seed = seed.wrapping_add(run);
            let mut numbers = Prng::new(seed);
            // Some bugs need many departures, some need nearly everything to be natural.
            let among = [1, 2, 4, 16, 64][numbers.below(5) as usize];
            if run == 0 {
                self.stage.tell();
            }
            let wrong = self.run(Source::Random { numbers, among }, seed, run + 1)?;
            let told = self.stage.take_story();
            let plan = self.stage.pilot.plan.borrow();
            explored.schedules += 1;
            explored.choices = explored.choices.max(plan.made().len());
            let choices = (wrong.is_some() || run == 0).then(|| plan.choices(seed));
            drop(plan);
            match (wrong, choices) {
                (Some(raised), Some(choices)) => {
                    let (raised, choices) = self.reduce(raised, choices, run + 1)?;
                    return Err(self.retell(raised, choices, run + 1));
                }
                (None, Some(choices)) => self.check_that_it_repeats(&told, &choices)?,
                _ => {}
            }
        }
        Ok(explored)
    }

    pub(super) fn replay(&mut self, choices: Result<Choices, Exception>) -> Result<Explored, Box<Failure>> {
        let choices = choices.map_err(|raised| broken(raised, 0))?;
        self.stage.is_loud = true;
        let (wrong, story) = self.run_told(&choices.departures, choices.seed, 1)?;
        let plan = self.stage.pilot.plan.borrow();
        let wrong = match plan.parted() {
            Some(parted) => {
                let text = "the program has changed, or is not deterministic";
                let text = format!("{text}: at choice {}, {}", parted.at, parted.why);
                Some(Exception::message(Kind::RuntimeError, text))
            }
            None => wrong,
        };
        match wrong {
            Some(raised) => Err(Box::new(Failure { raised, choices, schedules: 1, story })),
            None => Ok(Explored { schedules: 1, choices: plan.made().len(), ..Explored::new(false) }),
        }
    }

    /// Runs one schedule. Returns what was wrong with it. Whether it has repeated what its source says is for the plan to
    /// say.
    pub(super) fn run(&mut self, source: Source, seed: u64, schedules: u64) -> Result<Option<Exception>, Box<Failure>> {
        self.stage.run(self.program, source, seed, self.bounds).map_err(|raised| broken(raised, schedules))
    }

    /// Runs a schedule, and writes its story.
    pub(super) fn run_told(
        &mut self,
        departures: &[Departure],
        seed: u64,
        schedules: u64,
    ) -> Result<(Option<Exception>, Told), Box<Failure>> {
        self.stage.tell();
        let wrong = self.run(Source::listed(departures), seed, schedules);
        let told = self.stage.take_story();
        Ok((wrong?, told))
    }

    /// Runs a schedule that has failed once more, for its story.
    fn retell(&mut self, raised: Exception, choices: Choices, schedules: u64) -> Box<Failure> {
        // The program's panics are printed once: here.
        self.stage.is_loud = true;
        let again = self.run_told(&choices.departures, choices.seed, schedules);
        let (wrong, story) = match again {
            Ok(again) => again,
            Err(failure) => return failure,
        };
        let parted = self.stage.pilot.plan.borrow().parted();
        let raised = match (wrong, parted) {
            (Some(_), None) => raised,
            (_, Some(parted)) => {
                let text = format!("a schedule failed, and when repeated, at choice {}, {}", parted.at, parted.why);
                Exception::caused_by(Kind::RuntimeError, format!("{NOT_DETERMINISTIC}: {text}"), raised)
            }
            (None, None) => {
                let text = "a schedule failed, and did not fail when repeated";
                Exception::caused_by(Kind::RuntimeError, format!("{NOT_DETERMINISTIC}: {text}"), raised)
            }
        };
        Box::new(Failure { raised, choices, schedules, story })
    }
}

const NOT_DETERMINISTIC: &str = "the program is not deterministic";

pub(super) fn not_deterministic(where_and_why: &str) -> Exception {
    Exception::message(Kind::RuntimeError, format!("{NOT_DETERMINISTIC}: {where_and_why}"))
}

/// A failure without a schedule.
fn broken(raised: Exception, schedules: u64) -> Box<Failure> {
    Box::new(Failure { raised, choices: Choices::default(), schedules, story: Told::default() })
}
