//! The time, as event loops need it: monotonic, and replaceable.

use core::fmt::Debug;
use core::time::Duration;

use super::Instant;

/// A source of time for an event loop.
///
/// A clock never goes backwards. Each clock chooses its own zero.
pub trait Clock: Debug {
    /// The current time.
    fn now(&self) -> Instant;

    /// Called when the loop has nothing to do before `deadline`, or at all if there is no deadline, unless an event arrives
    /// from outside. Decides how the loop waits. By default, it lets time pass.
    fn wait_until(&self, deadline: Option<Instant>) -> Waiting {
        let _ = deadline;
        Waiting::Sleep
    }
}

/// How a loop with nothing to do waits. The answer of [`Clock::wait_until`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiting {
    /// The loop sleeps in the selector. Time passes by itself, and an event may arrive from outside.
    Sleep,
    /// The loop does not wait, because the clock has moved on to the deadline.
    Jumped,
    /// The loop would wait for ever: there is no deadline, and no event can arrive from outside. Running the loop raises a
    /// `RuntimeError` that lists what each task waits for.
    ForNothing,
}

/// The system's monotonic clock, `CLOCK_MONOTONIC`. Its zero is chosen by the system. On Linux it is the start of the system.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct MonotonicClock;

impl MonotonicClock {
    /// Creates a handle to the system's clock.
    pub const fn new() -> Self {
        Self
    }
}

impl Clock for MonotonicClock {
    /// Calls `clock_gettime(2)` directly. `std::time::Instant` adds a subtraction and its checks, a fifth of a timer's cost.
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
