//! [`Explored`] and [`Failure`]: the results of an exploration.

use core::fmt;
use std::error::Error;

use super::super::graph::Graph;
use super::choices::Choices;
use super::story::Told;
use crate::coroutine::Exception;

/// What an exploration without a failure has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// The number of schedules that were run.
    pub schedules: u64,
    /// The most choices that one of them made.
    pub choices: usize,
    /// The number of states that were told apart, with [`skip_seen_states`](super::Explore::skip_seen_states). Otherwise
    /// 0.
    pub states: usize,
    pub(super) complete: bool,
}

impl Explored {
    pub(super) const fn new(complete: bool) -> Self {
        Self { schedules: 0, choices: 0, states: 0, complete }
    }

    /// Returns `true` if every schedule within the bounds of preemptions and faults was run. `false` if the number of
    /// schedules was reached before, and for random schedules.
    pub const fn is_complete(&self) -> bool {
        self.complete
    }
}

/// A schedule that fails.
#[derive(Debug)]
pub struct Failure {
    pub(super) raised: Exception,
    pub(super) choices: Choices,
    pub(super) schedules: u64,
    pub(super) story: Told,
}

impl Failure {
    /// The exception with which the schedule failed: that of the program, of a check, or of an invariant.
    pub const fn exception(&self) -> &Exception {
        &self.raised
    }

    /// The schedule, for [`replay`](super::replay).
    pub const fn choices(&self) -> &Choices {
        &self.choices
    }

    /// The number of schedules that were run until this one failed, with this one. Those that made it smaller afterwards do
    /// not count.
    pub const fn schedules(&self) -> u64 {
        self.schedules
    }

    /// What happened, all of it: for each turn, who ran, from which state to which, what it waits for, and who woke it.
    /// The text of this failure shows the beginning and the end.
    ///
    /// A line that begins with `*` is a departure from the natural order. `!` is a fault. A state has the name that it has
    /// in diagrams, with the states of the machines that it waits for: `Reading > Login > sleep`. Objects of one kind are
    /// numbered in the order in which they were first waited for.
    ///
    /// ```
    /// use innermost::sync::Lock;
    /// use innermost::testing::explore;
    /// use innermost::sleep;
    /// use std::time::Duration;
    ///
    /// let failure = explore(|sim| {
    ///     let lock = Lock::new();
    ///     for _ in 0..2 {
    ///         sim.create_task(lock.hold(sleep(Duration::from_secs(1))))?;
    ///     }
    ///     sim.finally(|| panic!("wrong"));
    ///     Ok(())
    /// })
    /// .try_run()
    /// .unwrap_err();
    /// let expected = "\
    /// turn 1, at 0ns:
    ///       1 Task-1: start -> Holding > sleep, waits for its timer
    ///       2 Task-2: start -> Acquiring > Waiting, waits for Lock#1
    /// turn 2, at 1s:
    ///       3 a timer
    /// ...";
    /// # let expected = expected.trim_end_matches("...");
    /// assert!(failure.story().starts_with(expected), "{}", failure.story());
    /// ```
    pub fn story(&self) -> &str {
        self.story.text()
    }

    /// The states that a task went through, in one line: `Reading -> Writing -> Reading -> end`. `None` if no task of that
    /// name has run. Of several with that name, this is the first.
    pub fn path(&self, task: &str) -> Option<String> {
        self.story.paths_of(task).next().map(ToString::to_string)
    }

    /// The states and transitions of the task of that name in this schedule, to be drawn. `None` if no such task has run.
    /// Several tasks of one name share a graph.
    ///
    /// A transition is seen from the beginning of a step to its end, as with [`observe`](fn@super::super::observe).
    ///
    /// ```
    /// use innermost::testing::explore;
    /// use innermost::sleep;
    /// use std::time::Duration;
    ///
    /// let failure = explore(|sim| {
    ///     sim.task().name("nap").spawn(sleep(Duration::from_secs(1)))?;
    ///     sim.finally(|| panic!("wrong"));
    ///     Ok(())
    /// })
    /// .try_run()
    /// .unwrap_err();
    /// let graph = failure.graph("nap").unwrap();
    /// assert!(graph.mermaid().contains("sleep --> [*]"));
    /// assert_eq!(failure.path("nap").unwrap(), "sleep -> end");
    /// ```
    pub fn graph(&self, task: &str) -> Option<Graph> {
        self.story.graph(task)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { raised, choices, schedules, story } = self;
        if *schedules == 0 {
            return write!(f, "nothing was run: {raised:?}");
        }
        writeln!(f, "schedule {schedules} failed: {raised:?}")?;
        writeln!(f, "choices: \"{choices}\" ({} not natural)", choices.departures())?;
        write!(f, "{story}")
    }
}

impl Error for Failure {}
