//! The idle limit of a relay.
//!
//! A resume that moves bytes notes the time, and leaves the timer alone. When the timer fires and bytes have moved since
//! it was set, it is set again for the rest of the time. So the relay sets about one timer in each period of the limit,
//! however many bytes it moves.

use core::time::Duration;

use crate::event_loop::find_running;
use crate::sys::Instant;
use crate::time::{Sleep, sleep};
use crate::wait::Racing;

/// An idle limit, and its timer.
pub(super) struct Idle {
    pub(super) limit: Duration,
    timer: Option<Timer>,
}

struct Timer {
    sleep: Racing<Sleep>,
    /// When the last byte has moved, or the relay has started.
    last: Instant,
    /// Whether a byte has moved since the timer was set.
    has_moved: bool,
}

impl Idle {
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    /// The timer. It is set when the relay begins to wait. `None` without a running loop.
    pub(super) fn timer(&mut self) -> Option<&mut Racing<Sleep>> {
        if self.timer.is_none() {
            let last = find_running()?.time();
            self.timer = Some(Timer { sleep: Racing::new(sleep(self.limit)), last, has_moved: false });
        }
        self.timer.as_mut().map(|timer| &mut timer.sleep)
    }

    /// Bytes have moved.
    #[inline]
    pub(super) fn note(&mut self) {
        if let (Some(timer), Some(event_loop)) = (&mut self.timer, find_running()) {
            (timer.last, timer.has_moved) = (event_loop.time(), true);
        }
    }

    /// The timer has fired. Returns `true` if the limit has passed. Otherwise sets the timer for the rest of the time.
    pub(super) fn is_over(&mut self) -> bool {
        let (Some(timer), Some(event_loop)) = (&mut self.timer, find_running()) else { return true };
        if !core::mem::take(&mut timer.has_moved) {
            return true;
        }
        timer.sleep.restart(sleep(timer.last + self.limit - event_loop.time()));
        false
    }
}
