//! The time, as event loops need it: monotonic, and replaceable.

use core::fmt::Debug;
use core::time::Duration;
use std::time::Instant;

/// Where an event loop takes the time from.
///
/// A clock never goes backwards. Its zero is its own affair.
pub trait Clock: Debug {
    /// The time now, since the clock's zero.
    fn now(&self) -> Duration;

    /// Tells the clock that nothing will happen before `deadline`, or without a deadline ever, unless it comes from
    /// outside; gives how the loop is to wait for that. The default lets the time pass.
    fn wait_until(&self, deadline: Option<Duration>) -> Waiting {
        let _ = deadline;
        Waiting::Sleep
    }
}

/// How a loop that has nothing to do waits: what its clock answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiting {
    /// By sleeping in the selector: the time passes by itself, and something may come from outside.
    Sleep,
    /// Not at all: the clock stands at the deadline now.
    Jumped,
    /// In vain: there is no deadline, and nothing comes from outside. Running the loop raises a `RuntimeError` that says
    /// what each task waits for.
    ForNothing,
}

/// The system's monotonic clock: `CLOCK_MONOTONIC`, by way of [`Instant`]. Its zero is the moment it was made.
#[derive(Debug)]
pub struct MonotonicClock {
    zero: Instant,
}

impl MonotonicClock {
    /// A clock that starts now.
    pub fn new() -> Self {
        Self { zero: Instant::now() }
    }
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Duration {
        self.zero.elapsed()
    }
}
