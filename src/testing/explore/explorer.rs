//! [`Explore`]: runs the schedules of a program.

use core::fmt;

use super::super::prng::Prng;
use super::choices::{Choices, Departure};
use super::failure::{Explored, Failure};
use super::plan::{Parted, Source};
use super::sim::Sim;
use super::stage::{Bounds, Stage};
use super::story::Told;
use super::tree::Tree;
use crate::coroutine::{Exception, Kind};

/// An exploration of a program. Made by [`explore`](super::explore), [`random`](super::random) and
/// [`replay`](super::replay).
#[must_use = "an exploration runs nothing until `run` or `try_run` is called"]
pub struct Explore<F> {
    program: F,
    mode: Mode,
    schedules: u64,
    bounds: Bounds,
}

enum Mode {
    Every,
    Random(u64),
    Replay(Result<Choices, Exception>),
}

/// The number of runs that may be spent on making a failing schedule smaller.
const REDUCTIONS: u32 = 10_000;

impl<F> Explore<F>
where
    F: FnMut(&Sim) -> Result<(), Exception>,
{
    pub(super) const fn new(program: F) -> Self {
        let bounds = Bounds { orders: u32::MAX, steps: 100_000, leaks: true };
        Self { program, mode: Mode::Every, schedules: 100_000, bounds }
    }

    /// Runs random schedules, with the seeds `seed`, `seed + 1` and so on. [`schedules`](Self::schedules) sets how many.
    ///
    /// [`random`](fn@super::random) is the short form, for a program that needs no other setting.
    ///
    /// ```
    /// use innermost::testing::explore;
    ///
    /// let failure = explore(|sim| {
    ///     assert_ne!(sim.choose(100), 7);
    ///     Ok(())
    /// })
    /// .random(42)
    /// .schedules(10_000)
    /// .try_run()
    /// .unwrap_err();
    /// assert!(failure.choices().to_string().ends_with("0:7/100"));
    /// ```
    pub fn random(mut self, seed: u64) -> Self {
        self.mode = Mode::Random(seed);
        self
    }

    /// Runs one schedule, with exactly these choices.
    ///
    /// [`replay`](fn@super::replay) is the short form, for a program that needs no other setting. A schedule must be
    /// replayed with the settings under which it has failed.
    ///
    /// ```
    /// use innermost::testing::explore;
    ///
    /// let failure = explore(|sim| {
    ///     assert_ne!(sim.choose(3), 2);
    ///     Ok(())
    /// })
    /// .replay("0:2/3")
    /// .try_run();
    /// assert!(failure.is_err());
    /// ```
    pub fn replay(mut self, choices: &str) -> Self {
        self.mode = Mode::Replay(choices.parse());
        self
    }

    /// Sets how often one schedule may depart from the natural order. Without this, there is no bound.
    ///
    /// Most bugs need one or two departures, and the number of schedules grows with each.
    pub const fn preemptions(mut self, preemptions: u32) -> Self {
        self.bounds.orders = preemptions;
        self
    }

    /// Sets the most schedules that are run. The default is 100,000.
    pub const fn schedules(mut self, schedules: u64) -> Self {
        self.schedules = schedules;
        self
    }

    /// Sets the most steps and callbacks of one schedule. A program that has not ended by then has failed. The default is
    /// 100,000.
    pub const fn steps(mut self, steps: u64) -> Self {
        self.bounds.steps = steps;
        self
    }

    /// Allows a program to leave something behind: tasks that something still holds, timers, connections, descriptors,
    /// suspended generators.
    pub const fn allow_leaks(mut self) -> Self {
        self.bounds.leaks = false;
        self
    }

    /// Runs the schedules. The natural order runs twice, to find out whether the program repeats.
    ///
    /// # Panics
    ///
    /// If a schedule fails. The message is the [`Failure`], with the choices for [`replay`](super::replay) and the story.
    #[track_caller]
    pub fn run(self) -> Explored {
        match self.try_run() {
            Ok(explored) => explored,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// Runs the schedules, and returns the first that fails.
    ///
    /// ```
    /// use innermost::testing::explore;
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// // Callbacks run in the order in which they were given, so this never fails outside a test.
    /// let failure = explore(|sim| {
    ///     let (full, seen) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    ///     let (fill, look, found) = (Rc::clone(&full), Rc::clone(&full), Rc::clone(&seen));
    ///     sim.call_soon(move || fill.set(true))?;
    ///     sim.call_soon(move || found.set(look.get()))?;
    ///     sim.finally(move || assert!(seen.get(), "the consumer found nothing"));
    ///     Ok(())
    /// })
    /// .try_run()
    /// .unwrap_err();
    /// assert_eq!(failure.schedules(), 2);
    /// assert_eq!(failure.choices().to_string(), "0:1/2");
    /// ```
    ///
    /// # Errors
    ///
    /// The first [`Failure`]: the schedule, made small, and its story.
    pub fn try_run(mut self) -> Result<Explored, Box<Failure>> {
        let mut stage = Stage::new().map_err(|raised| broken(raised, 0))?;
        match core::mem::replace(&mut self.mode, Mode::Every) {
            Mode::Every => self.run_every(&mut stage),
            Mode::Random(seed) => self.run_random(&mut stage, seed),
            Mode::Replay(choices) => self.run_replay(&mut stage, choices),
        }
    }

    fn run_every(&mut self, stage: &mut Stage) -> Result<Explored, Box<Failure>> {
        let mut tree = Tree::new(self.schedules, self.bounds.orders);
        let mut explored = Explored::new(true);
        while let Some((departures, trail)) = tree.next() {
            let source = Source::Listed { departures, trail, lenient: false };
            let wrong = self.run_once(stage, source, 0, tree.visited())?;
            let plan = stage.pilot.plan.borrow();
            if let Some(raised) = wrong {
                let choices = plan.choices(0);
                drop(plan);
                return Err(self.tell(stage, raised, choices, tree.visited()));
            }
            explored.choices = explored.choices.max(plan.made().len());
            tree.grow(plan.made());
            drop(plan);
            if tree.visited() == 1 {
                self.check_that_it_repeats(stage)?;
            }
        }
        explored.schedules = tree.visited();
        explored.complete = !tree.is_cut();
        Ok(explored)
    }

    fn run_random(&mut self, stage: &mut Stage, seed: u64) -> Result<Explored, Box<Failure>> {
        let mut explored = Explored::new(false);
        for run in 0..self.schedules {
            let seed = seed.wrapping_add(run);
            let mut numbers = Prng::new(seed);
            // Some bugs need many departures, some need nearly everything to be natural.
            let among = [1, 2, 4, 16, 64][numbers.below(5) as usize];
            let wrong = self.run_once(stage, Source::Random { numbers, among }, seed, run + 1)?;
            let plan = stage.pilot.plan.borrow();
            explored.schedules += 1;
            explored.choices = explored.choices.max(plan.made().len());
            if let Some(raised) = wrong {
                let choices = plan.choices(seed);
                drop(plan);
                let (raised, choices) = self.reduce(stage, raised, choices)?;
                return Err(self.tell(stage, raised, choices, run + 1));
            }
        }
        Ok(explored)
    }

    fn run_replay(&mut self, stage: &mut Stage, choices: Result<Choices, Exception>) -> Result<Explored, Box<Failure>> {
        let choices = choices.map_err(|raised| broken(raised, 0))?;
        let source = Source::listed(&choices.departures);
        match self.run_once(stage, source, choices.seed, 1)? {
            Some(raised) => Err(self.tell(stage, raised, choices, 1)),
            None => {
                let choices = stage.pilot.plan.borrow().made().len();
                Ok(Explored { schedules: 1, choices, complete: false })
            }
        }
    }

    /// Runs one schedule. Returns what was wrong with it.
    fn run_once(
        &mut self,
        stage: &mut Stage,
        source: Source,
        seed: u64,
        schedules: u64,
    ) -> Result<Option<Exception>, Box<Failure>> {
        let ran = stage.run(&mut self.program, source, seed, self.bounds);
        let wrong = ran.map_err(|raised| broken(raised, schedules))?;
        let plan = stage.pilot.plan.borrow();
        match plan.parted() {
            Some(parted) => Err(Box::new(Failure {
                raised: not_deterministic(&parted),
                choices: plan.choices(seed),
                schedules,
                story: Told::default(),
            })),
            None => Ok(wrong),
        }
    }

    /// Runs the natural order, which has just run, once more, and compares.
    fn check_that_it_repeats(&mut self, stage: &mut Stage) -> Result<(), Box<Failure>> {
        let trails = |stage: &Stage| {
            let plan = stage.pilot.plan.borrow();
            let trails: Vec<_> = plan.made().iter().map(|made| (made.of, made.trail)).collect();
            (trails, plan.trail())
        };
        let first = trails(stage);
        self.run_once(stage, Source::natural(), 0, 1)?;
        let second = trails(stage);
        if first == second {
            return Ok(());
        }
        let at = first.0.iter().zip(&second.0).take_while(|(first, second)| first == second).count();
        let why = String::from("two runs in the natural order differ from here on");
        Err(broken(not_deterministic(&Parted { at: at as u32, why }), 1))
    }

    /// Makes a failing schedule smaller: leaves out departures, many at a time and then one by one, as long as it still
    /// fails.
    fn reduce(
        &mut self,
        stage: &mut Stage,
        mut raised: Exception,
        mut choices: Choices,
    ) -> Result<(Exception, Choices), Box<Failure>> {
        let mut left = REDUCTIONS;
        let mut size = choices.departures.len();
        while size > 0 && left > 0 {
            let mut at = 0;
            while at < choices.departures.len() && left > 0 {
                left -= 1;
                let mut departures: Vec<Departure> = choices.departures.clone();
                departures.drain(at..(at + size).min(choices.departures.len()));
                let source = Source::Listed { departures, trail: None, lenient: true };
                let wrong = self.run_once(stage, source, choices.seed, 0)?;
                let smaller = stage.pilot.plan.borrow().choices(choices.seed);
                match wrong {
                    Some(wrong) if smaller.departures.len() < choices.departures.len() => {
                        (raised, choices) = (wrong, smaller);
                    }
                    _ => at += size,
                }
            }
            size /= 2;
        }
        Ok((raised, choices))
    }

    /// Runs a failing schedule once more, for its story.
    fn tell(&mut self, stage: &mut Stage, raised: Exception, choices: Choices, schedules: u64) -> Box<Failure> {
        stage.tell();
        let source = Source::listed(&choices.departures);
        let again = self.run_once(stage, source, choices.seed, schedules);
        let story = stage.take_story();
        match again {
            Ok(Some(_)) => Box::new(Failure { raised, choices, schedules, story }),
            Ok(None) => {
                let text = "the program is not deterministic: a schedule failed, and did not fail when repeated";
                let raised = Exception::caused_by(Kind::RuntimeError, text, raised);
                Box::new(Failure { raised, choices, schedules, story })
            }
            Err(failure) => failure,
        }
    }
}

fn not_deterministic(Parted { at, why }: &Parted) -> Exception {
    Exception::message(Kind::RuntimeError, format!("the program is not deterministic: at choice {at}, {why}"))
}

/// A failure without a schedule.
fn broken(raised: Exception, schedules: u64) -> Box<Failure> {
    Box::new(Failure { raised, choices: Choices::default(), schedules, story: Told::default() })
}

impl<F> fmt::Debug for Explore<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explore")
            .field("schedules", &self.schedules)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
