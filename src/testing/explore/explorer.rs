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
    skips: bool,
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
        Self { program, mode: Mode::Every, schedules: 100_000, bounds, skips: false }
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

    /// Sets the most schedules that are run. The default is 100,000. One is always run.
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

    /// Runs fewer schedules: one that leads to a state of the program which was seen before has no successors from there on.
    /// Has no effect on random schedules and replays.
    ///
    /// A state is known by the frames of each task as [`State`](crate::State) shows them, what each waits for and in which
    /// order, what is ready, the timers, the faults, and what the program adds by [`Sim::state`](super::Sim::state). So two
    /// things are up to you:
    ///
    /// - The state that a machine shows must show everything that changes in it. A machine that shows no state is told
    ///   apart by its history, which is safe and saves little. So is a callback, and a task in a race.
    /// - Everything else that the program changes, such as shared variables, items in a queue, bytes in a stream, and
    ///   results that a check looks at in the end, must be added by `sim.state`. What is missing there may hide failures.
    ///
    /// States are compared by hashes of 64 bits.
    ///
    /// In a program with a network or hosts, nothing is skipped and every schedule is run: what is under way in the network
    /// is part of the state, and arrives by functions that cannot be looked into.
    ///
    /// There is no other reduction. Two steps that touch different locks, queues and sockets may still share a `Cell` of
    /// yours, which an exploration cannot see, so no order of theirs is left out.
    ///
    /// ```
    /// use innermost::testing::{Sim, explore};
    /// use innermost::{Await, Coroutine, Exception, Resumed, Sleep, State, Step, sleep, yield_from};
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use std::time::Duration;
    ///
    /// /// Adds one to a total, twice.
    /// struct Adder {
    ///     total: Rc<Cell<u32>>,
    ///     done: u32,
    ///     pause: Sleep,
    /// }
    ///
    /// impl Coroutine for Adder {
    ///     type Yield = Await;
    ///     type Input = ();
    ///     type Return = ();
    ///
    ///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
    ///         while self.done < 2 {
    ///             yield_from!(self.pause, sent)?;
    ///             self.total.set(self.total.get() + 1);
    ///             self.done += 1;
    ///             self.pause = sleep(Duration::ZERO);
    ///         }
    ///         Ok(Step::Return(()))
    ///     }
    ///
    ///     fn state(&self) -> State<'_> {
    ///         State::new("Adder", &self.done)
    ///     }
    /// }
    ///
    /// let program = |sim: &Sim| {
    ///     let total = Rc::new(Cell::new(0));
    ///     for _ in 0..3 {
    ///         let (total, pause) = (Rc::clone(&total), sleep(Duration::ZERO));
    ///         sim.create_task(Adder { total, done: 0, pause })?;
    ///     }
    ///     sim.state(move || total.get());
    ///     Ok(())
    /// };
    /// let (all, fewer) = (explore(program).run(), explore(program).skip_seen_states().run());
    /// assert_eq!((all.schedules, fewer.schedules), (216, 16));
    /// ```
    ///
    /// What it saves depends on how often different orders lead to the same state. For tasks that take turns:
    ///
    /// | tasks | turns of each | schedules | with this |
    /// |--:|--:|--:|--:|
    /// | 2 | 4 | 16 | 5 |
    /// | 2 | 9 | 512 | 10 |
    /// | 3 | 3 | 216 | 16 |
    /// | 3 | 5 | 7,776 | 26 |
    /// | 4 | 3 | 13,824 | 52 |
    ///
    /// The 7,776 schedules took 48 ms in a release build, and the 26 took 0.3 ms: a schedule costs about twice as much. It
    /// saves nothing where each order leads to a state of its own, as for tasks that stand in line for one lock.
    pub const fn skip_seen_states(mut self) -> Self {
        self.skips = true;
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
            Mode::Every => runner.every(self.schedules, self.skips),
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
