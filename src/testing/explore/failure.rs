//! [`Explored`] and [`Failure`]: the results of an exploration.

use core::fmt;
use std::error::Error;

use super::choices::Choices;
use crate::coroutine::Exception;

/// What an exploration without a failure has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explored {
    /// The number of schedules that were run.
    pub schedules: u64,
    /// The most choices that one of them made.
    pub choices: usize,
    pub(super) complete: bool,
}

impl Explored {
    pub(super) const fn new(complete: bool) -> Self {
        Self { schedules: 0, choices: 0, complete }
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
    pub(super) story: String,
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

    /// What happened: for each turn, who ran and in which state.
    ///
    /// A line that begins with `*` is a departure from the natural order. `!` is a fault.
    pub fn story(&self) -> &str {
        &self.story
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { raised, choices, schedules, story } = self;
        writeln!(f, "schedule {schedules} failed: {raised:?}")?;
        writeln!(f, "choices: \"{choices}\" ({} not natural)", choices.departures())?;
        f.write_str(story)
    }
}

impl Error for Failure {}
