//! [`Explore`]: runs the schedules of a program.

use core::fmt;

use super::choices::Choices;
use super::failure::{Explored, Failure};
use super::runner::Runner;
use super::sim::Sim;
use super::stage::Bounds;
use crate::coroutine::Exception;

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

    /// Runs the schedules. The first one is repeated, to find out whether the program repeats.
    ///
    /// A schedule that fails is run again, to make it small and to tell its story. Panics of the program print their
    /// message in that last run only: a panic hook of the process, which passes everything else on to the hook before it,
    /// keeps this thread silent until then.
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
        let mut runner = Runner::new(&mut self.program, self.bounds)?;
        match self.mode {
            Mode::Every => runner.every(self.schedules),
            Mode::Random(seed) => runner.random(seed, self.schedules),
            Mode::Replay(choices) => runner.replay(choices),
        }
    }
}

impl<F> fmt::Debug for Explore<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explore")
            .field("schedules", &self.schedules)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}
