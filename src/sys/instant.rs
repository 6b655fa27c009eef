//! [`Instant`]: a point on a loop's clock.

use core::fmt;
use core::ops::{Add, AddAssign, Sub, SubAssign};
use core::time::Duration;

/// A point on the clock of an event loop: a deadline, or the time now.
///
/// This is a type of its own so that a deadline cannot be mistaken for a delay; asyncio uses `float` for both. Points
/// on the same clock can be compared and subtracted. Comparing points on different clocks makes no sense.
///
/// All arithmetic saturates. A deadline that is further away than a clock can count is never reached.
///
/// ```
/// use innermost::EventLoop;
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let now = event_loop.time();
/// let deadline = now + Duration::from_secs(5);
/// assert_eq!(deadline - now, Duration::from_secs(5));
/// assert_eq!(now - deadline, Duration::ZERO);
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The zero of the clock.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// Creates the point `time` after the zero of the clock.
    pub const fn from_zero(time: Duration) -> Self {
        Self(time)
    }

    /// Returns the time from the zero of the clock to this point.
    #[inline]
    pub const fn since_zero(self) -> Duration {
        self.0
    }

    /// Returns the time from `earlier` to this point, or zero if `earlier` is later.
    #[inline]
    pub const fn duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    #[inline]
    fn add(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(delay))
    }
}

impl AddAssign<Duration> for Instant {
    #[inline]
    fn add_assign(&mut self, delay: Duration) {
        *self = *self + delay;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    #[inline]
    fn sub(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(time))
    }
}

impl SubAssign<Duration> for Instant {
    #[inline]
    fn sub_assign(&mut self, time: Duration) {
        *self = *self - time;
    }
}

impl Sub for Instant {
    type Output = Duration;

    #[inline]
    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
