//! Ticks.

use core::time::Duration;

use super::AsyncIterator;
use crate::coroutine::{Exception, Step};
use crate::event_loop::running;
use crate::scope::Progress;
use crate::time::{Instant, Sleep, sleep};
use crate::yield_from;

/// Ticks at `period`, twice `period`, thrice `period`, and so on after it was first asked for one: however long what is
/// done at each takes, they do not drift. Gives which tick it is, from 1, for ever.
///
/// Ticks that have passed while nobody waited are not made up for: the last of them comes at once, the others never. The
/// numbers tell how many those were. A period of zero ticks once a turn of the loop.
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
/// // While it was busy with the first, the second passed, and the third.
/// assert_eq!(*ticks.borrow(), [(1, 10), (3, 35), (4, 40), (5, 50)]);
/// # Ok::<(), Exception>(())
/// ```
pub const fn interval(period: Duration) -> Interval {
    Interval { period, started: None, last: 0, pause: None }
}

/// What [`interval`] makes.
#[derive(Debug)]
#[must_use = "it does not tick until it is asked"]
pub struct Interval {
    period: Duration,
    /// On the loop's clock.
    started: Option<Instant>,
    last: u64,
    /// Until the next tick, while somebody waits for it.
    pause: Option<Sleep>,
}

impl Interval {
    /// How many have passed at `now`.
    fn passed(&self, started: Instant, now: Instant) -> u64 {
        let elapsed = (now - started).as_nanos();
        let passed = elapsed.checked_div(self.period.as_nanos()).unwrap_or(0);
        u64::try_from(passed).unwrap_or(u64::MAX)
    }

    /// When a tick is due.
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
        // Who is cancelled may ask again.
        self.pause = None;
        slept?;
        self.last = next.max(self.passed(started, event_loop.time()));
        Ok(Step::Return(Some(self.last)))
    }
}
