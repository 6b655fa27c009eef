//! The time, as event loops need it: monotonic, and replaceable.

use core::fmt::Debug;
use core::time::Duration;

use super::Instant;

/// Where an event loop takes the time from.
///
/// A clock never goes backwards. Its zero is its own affair.
pub trait Clock: Debug {
    /// The time now.
    fn now(&self) -> Instant;

    /// Tells the clock that nothing will happen before `deadline`, or without a deadline ever, unless it comes from
    /// outside; gives how the loop is to wait for that. The default lets the time pass.
    fn wait_until(&self, deadline: Option<Instant>) -> Waiting {
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

/// The system's monotonic clock, `CLOCK_MONOTONIC`. Its zero is the system's, on Linux when that was started.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct MonotonicClock;

impl MonotonicClock {
    /// The system's clock.
    pub const fn new() -> Self {
        Self
    }
}

impl Clock for MonotonicClock {
    /// `clock_gettime(2)` and nothing else: `std::time::Instant` adds a subtraction and its checks, a fifth of what a timer costs.
    #[inline]
    fn now(&self) -> Instant {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is valid for writes for as long as the call lasts. The call fails for a clock that is not there
        // and for an address that cannot be written, and so not here.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
        // Neither is negative: the clock begins at zero.
        Instant::from_zero(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}
