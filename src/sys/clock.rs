//! [`Clock`]: a loop's source of time, which tests can replace; [`MonotonicClock`]: the system's.

use core::fmt::Debug;
use core::time::Duration;

use super::Instant;

/// A source of time for an event loop, passed to [`EventLoop::with`](crate::EventLoop::with).
///
/// A clock never goes backwards. Each clock chooses its own zero.
///
/// This clock runs ten times as fast as the system's:
///
/// ```
/// use innermost::selector::{Clock, MonotonicClock, default_selector};
/// use innermost::{EventLoop, Instant, sleep};
/// use std::time::Duration;
///
/// #[derive(Debug)]
/// struct Fast(MonotonicClock);
///
/// impl Clock for Fast {
///     fn now(&self) -> Instant {
///         Instant::from_zero(self.0.now().since_zero() * 10)
///     }
/// }
///
/// let event_loop = EventLoop::with(default_selector()?, Box::new(Fast(MonotonicClock::new())))?;
/// let start = event_loop.time();
/// event_loop.run_until_complete(sleep(Duration::from_millis(10)))?;
/// assert!(event_loop.time() - start >= Duration::from_millis(10));
/// # Ok::<(), innermost::Exception>(())
/// ```
pub trait Clock: Debug {
    /// Returns the current time.
    fn now(&self) -> Instant;

    /// Decides how the loop waits. By default, the loop sleeps and time passes by itself.
    ///
    /// The loop calls this when it has nothing to do before `deadline`, unless an event arrives from outside. With no
    /// deadline, it has nothing to do at all until such an event.
    fn wait_until(&self, deadline: Option<Instant>) -> Waiting {
        let _ = deadline;
        Waiting::Sleep
    }
}

/// The way in which a loop with nothing to do waits. Returned by [`Clock::wait_until`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waiting {
    /// The loop sleeps in the selector. Time passes by itself, and an event may arrive from outside.
    Sleep,
    /// The loop does not wait, because the clock has moved on to the deadline.
    Jumped,
    /// The loop would wait forever: there is no deadline, and no event can arrive from outside. Running the loop raises
    /// a `RuntimeError` that lists the pending tasks and the events they are waiting for.
    ForNothing,
}

/// The system's monotonic clock, `CLOCK_MONOTONIC`. The system chooses its zero; on Linux it is the time of booting.
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
    /// Calls `clock_gettime(2)` directly. `std::time::Instant` would add a subtraction and its checks, a fifth of the
    /// cost of a timer.
    #[inline]
    fn now(&self) -> Instant {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is valid for writes for as long as the call lasts. The call fails only for a clock that does
        // not exist or an address that cannot be written, and neither is the case.
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
        // Neither number is negative, because the clock begins at zero.
        Instant::from_zero(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
    }
}
