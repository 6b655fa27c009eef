//! Spinning before the wait: a loop whose owner would rather burn a core than have it woken.
//!
//! A core that sleeps takes tens of microseconds to wake up, most of the latency of a lone connection. A loop that asks
//! the selector again and again for a while, before it sleeps in it, finds what comes meanwhile at once. For each wait
//! that is longer than that, it has burnt that time.
//!
//! Each time that it asks is a whole one: threads' calls and signals are taken, as by any other. It does not learn: where
//! nothing comes in time it spins in vain, again before the next wait. To guess is the owner's, who knows the traffic.

use core::hint;
use core::time::Duration;
use std::io;

use super::{Core, LoopHandle};
use crate::sys::SelectorEvent;

/// After how many times that it was read without having moved a clock is taken to stand still.
const STILL: u32 = 1000;

impl LoopHandle {
    /// Has the loop ask for descriptors again and again for as long as `time` before it sleeps until something comes.
    /// Zero, as at first, is not at all. It pays where answers are awaited that come sooner than that, and costs a core:
    /// 50 µs is much. asyncio has no such thing.
    ///
    /// Timers, other threads and signals are as prompt as ever. A loop whose clock jumps, or stands still, or that is a
    /// guest, never sleeps by itself, and does not spin either.
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

    /// How long the loop spins before it sleeps.
    pub fn spin(&self) -> Duration {
        self.0.spin.get()
    }
}

impl Core {
    /// Spins, and sleeps after that if nothing has come: both together for `timeout`, or for ever.
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
