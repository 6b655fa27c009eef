//! Sleeping, and points on the loop's clock. Layer 2.

use core::fmt;
use core::time::Duration;

use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::running;
pub use crate::sys::Instant;
use crate::task::{Await, Future};
use crate::yield_from;

/// Waits until `delay` has passed. asyncio's `sleep`.
///
/// The delay counts from the first resume. A busy loop may make the wait longer, but never shorter. A delay of zero
/// sets no timer: it lets everything else that is ready run once, and then returns.
///
/// # Errors
///
/// Raises `RuntimeError` if no loop is running, or if this has ended before. A delay of zero needs no loop.
///
/// If a `Sleep` is dropped while a task waits for it, the task raises a `RuntimeError` that says so. Store the `Sleep` in a
/// field, or in a variable that outlives the resume.
///
/// # Examples
///
/// ```
/// use innermost::{EventLoop, sleep};
/// use std::time::{Duration, Instant};
///
/// let started = Instant::now();
/// EventLoop::new()?.run_until_complete(sleep(Duration::from_millis(2)))?;
/// assert!(started.elapsed() >= Duration::from_millis(2));
/// # Ok::<(), innermost::Exception>(())
/// ```
pub const fn sleep(delay: Duration) -> Sleep {
    Sleep { delay, phase: Phase::Created }
}

/// A coroutine that waits until a delay has passed. Created by [`sleep`](fn@sleep).
///
/// Dropping it removes its timer.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Sleep {
    delay: Duration,
    phase: Phase,
}

enum Phase {
    Created,
    LettingOthersRun,
    Sleeping(Future<()>),
    Over,
}

impl Coroutine for Sleep {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.phase = match &mut self.phase {
                Phase::Created if self.delay.is_zero() => {
                    sent?;
                    self.phase = Phase::LettingOthersRun;
                    return Ok(Step::Yield(Await::next_turn()));
                }
                Phase::Created => {
                    take_sent(&mut sent)?;
                    Phase::Sleeping(running()?.finish_later(self.delay)?)
                }
                Phase::LettingOthersRun => {
                    self.phase = Phase::Over;
                    return sent.map(Step::Return);
                }
                Phase::Sleeping(over) => {
                    let slept = yield_from!(over, sent);
                    over.cancel();
                    self.phase = Phase::Over;
                    return slept.map(Step::Return);
                }
                Phase::Over => return Err(Exception::reused()),
            };
        }
    }

    fn state(&self) -> State<'_> {
        State::new("sleep", &self.delay)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Phase::Sleeping(over) = &self.phase {
            over.abandon();
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sleep({:?})", self.delay)
    }
}
