//! An async iterator that ticks at regular times.

use core::time::Duration;

use super::AsyncIterator;
use crate::coroutine::{Exception, Step};
use crate::event_loop::running;
use crate::scope::Progress;
use crate::time::{Instant, Sleep, sleep};
use crate::yield_from;

/// Creates an iterator that ticks once in each `period`, for ever.
///
/// The time counts from the moment when the first tick is awaited, so the first tick comes one period later. The items
/// are the numbers of the ticks, from 1. Ticks do not drift, however long the consumer takes. If the consumer misses
/// ticks, the last one that it missed comes at once, and the others are skipped; the gap in the numbers shows how many.
/// With a period of zero, it ticks once in each turn of the loop.
///
/// # Errors
///
/// Awaiting a tick raises `RuntimeError` if no loop is running.
///
/// # Examples
///
/// ```
/// use innermost::async_iter::{AsyncIterator, interval};
/// use innermost::{Exception, sleep, testing::virtual_loop};
/// use std::{cell::RefCell, rc::Rc, time::Duration};
///
/// let event_loop = virtual_loop()?;
/// let (ticks, handle) = (Rc::new(RefCell::new(Vec::new())), event_loop.handle());
/// let seen = Rc::clone(&ticks);
/// event_loop.create_task(interval(Duration::from_secs(10)).for_each(move |tick| {
///     seen.borrow_mut().push((tick, handle.time().since_zero().as_secs()));
///     sleep(Duration::from_secs(if tick == 1 { 25 } else { 1 }))
/// }))?;
/// event_loop.run_until_complete(sleep(Duration::from_secs(55)))?;
/// // While the consumer was busy with the first tick, the second and the third passed.
/// assert_eq!(*ticks.borrow(), [(1, 10), (3, 35), (4, 40), (5, 50)]);
/// # Ok::<(), Exception>(())
/// ```
pub const fn interval(period: Duration) -> Interval {
    Interval { period, started: None, last: 0, pause: None }
}

/// An async iterator that ticks at regular times. Created by [`interval`](fn@interval).
#[derive(Debug)]
#[must_use = "an async iterator does nothing until its items are awaited"]
pub struct Interval {
    period: Duration,
    /// The time at which the first tick was awaited.
    started: Option<Instant>,
    last: u64,
    /// Sleeps until the next tick. `None` while nobody waits for it.
    pause: Option<Sleep>,
}

impl Interval {
    /// Returns how many ticks have passed at `now`.
    fn passed(&self, started: Instant, now: Instant) -> u64 {
        let elapsed = (now - started).as_nanos();
        let passed = elapsed.checked_div(self.period.as_nanos()).unwrap_or(0);
        u64::try_from(passed).unwrap_or(u64::MAX)
    }

    /// Returns the time at which a tick is due.
    fn due(&self, started: Instant, tick: u64) -> Instant {
        let nanoseconds = self.period.as_nanos().saturating_mul(u128::from(tick));
        started + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
    }
}

impl AsyncIterator for Interval {
    type Item = u64;

    fn resume_next(&mut self, mut sent: Result<(), Exception>) -> Progress<Option<u64>> {
        let event_loop = running()?;
        let now = event_loop.time();
        let started = *self.started.get_or_insert(now);
        let next = self.last.saturating_add(1);
        let due = self.due(started, next);
        let slept = yield_from!(self.pause.get_or_insert_with(|| sleep(due - now)), sent);
        // A consumer that was cancelled may ask again.
        self.pause = None;
        slept?;
        self.last = next.max(self.passed(started, event_loop.time()));
        Ok(Step::Return(Some(self.last)))
    }
}
