//! `set_spin`: polling for a while before the loop sleeps, for programs that spend a core to answer sooner.
//!
//! A sleeping core takes tens of microseconds to wake up, which is most of the latency of a single connection. A loop
//! that polls the selector for a while before it sleeps finds new events at once. If nothing comes in that time, the
//! polling was wasted.
//!
//! Each poll also takes calls from threads and signals. The loop does not adapt: if nothing comes in time, it spins
//! again before the next wait. The owner of the loop knows its traffic and sets the time.

use core::hint;
use core::time::Duration;
use std::io;

use super::{Core, LoopHandle};
use crate::sys::SelectorEvent;

/// The number of readings without progress after which a clock is considered to stand still.
const STILL: u32 = 1000;

impl LoopHandle {
    /// Makes the loop poll its descriptors for up to `time` before it sleeps. The default is zero: the loop sleeps at
    /// once. asyncio has no equivalent.
    ///
    /// Spinning shortens the latency of events that come within that time, and keeps a core busy. 50 µs is already a
    /// long time to spin.
    ///
    /// Timers, other threads and signals are served as promptly as without spinning. A loop whose clock jumps or stands
    /// still does not spin, and neither does a guest, because these loops never sleep.
    ///
    /// ```
    /// use innermost::EventLoop;
    /// use std::time::Duration;
    ///
    /// let event_loop = EventLoop::new()?;
    /// event_loop.set_spin(Duration::from_micros(20));
    /// assert_eq!(event_loop.spin(), Duration::from_micros(20));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn set_spin(&self, time: Duration) {
        self.0.spin.set(time);
    }

    /// Returns the time for which the loop polls before it sleeps.
    pub fn spin(&self) -> Duration {
        self.0.spin.get()
    }
}

impl Core {
    /// Spins, then sleeps if nothing has come. Both together last at most `timeout`.
    #[cold]
    pub(super) fn spin_and_select(&self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let limit = timeout.map_or(self.spin.get(), |timeout| timeout.min(self.spin.get()));
        if self.clock_jumps || limit.is_zero() {
            return self.select(events, timeout);
        }
        let start = self.clock.now();
        let (mut spun, mut still) = (Duration::ZERO, 0);
        while spun < limit && still < STILL {
            self.select(events, Some(Duration::ZERO))?;
            if !self.is_idle() {
                return Ok(());
            }
            hint::spin_loop();
            let until_now = self.clock.now() - start;
            still = if until_now == spun { still + 1 } else { 0 };
            spun = until_now;
        }
        match timeout.map(|timeout| timeout.saturating_sub(spun)) {
            // A timer is due.
            Some(Duration::ZERO) => Ok(()),
            left => self.select(events, left),
        }
    }
}
