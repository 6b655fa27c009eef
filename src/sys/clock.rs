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

    /// Tells the clock that nothing will happen before `deadline`. A clock whose time does not pass by itself goes
    /// there, and returns `true`: the loop then does not wait. The default does nothing.
    fn advance_to(&self, deadline: Duration) -> bool {
        let _ = deadline;
        false
    }
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
