//! Waits for one result, for a limited time.

use core::fmt;
use core::time::Duration;

use super::{OrNone, TimeoutScope, timeout};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step, take_sent};
use crate::event_loop::running;
use crate::task::{AnyFuture, Await, Awaitable, CallbackId, Child, Future};
use crate::yield_from;

/// Waits for `child`, and cancels it if it has not ended after `delay`. asyncio's `wait_for`.
///
/// With `None` there is no limit. The child runs in the same task. At the deadline it is cancelled, and `wait_for`
/// waits until it has cleaned up. If the child then returns a value or raises another exception, `wait_for` does the
/// same.
///
/// It differs from [`timeout`](fn@timeout) only for a delay of zero: a future that is done gives its result, and any
/// other child is cancelled before it starts.
///
/// # Errors
///
/// Awaiting it raises `TimeoutError` if the deadline ended the child, any other exception that the child raises, and
/// `RuntimeError` outside of a task.
///
/// # Examples
///
/// ```
/// use innermost::wait::wait_for;
/// use innermost::{EventLoop, Kind, ready, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// assert_eq!(event_loop.run_until_complete(wait_for(ready(7), Duration::from_secs(1)))?, 7);
/// let long = wait_for(sleep(Duration::from_secs(3600)), Duration::from_millis(1));
/// assert_eq!(event_loop.run_until_complete(long).unwrap_err().kind(), Kind::TimeoutError);
/// # Ok::<(), innermost::Exception>(())
/// ```
pub fn wait_for<C>(child: C, delay: impl OrNone<Duration>) -> WaitFor<C>
where
    C: Awaitable + 'static,
{
    WaitFor(match delay.or_none() {
        Some(Duration::ZERO) => Phase::NoTime(child),
        delay => Phase::Limited(timeout(child, delay)),
    })
}

/// A coroutine that waits for a child, for a limited time. Created by [`wait_for`](fn@wait_for).
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct WaitFor<C: Coroutine>(Phase<C>);

enum Phase<C: Coroutine> {
    Limited(TimeoutScope<C>),
    /// The delay is zero, so a coroutine is not started.
    NoTime(C),
    Stopping(Stopping<C::Return>),
    Over,
}

/// Waits until a future that was cancelled has ended. A second future ends the wait, so that the wait itself can be
/// cancelled even if the first future ignores its cancellation.
struct Stopping<T> {
    child: Child<T>,
    future: AnyFuture,
    stopped: Future<()>,
    callback: CallbackId,
}

impl<T: 'static> Stopping<T> {
    fn start(child: Child<T>) -> Result<Self, Exception> {
        let stopped: Future<()> = running()?.create_future();
        let release = stopped.clone();
        let future = child.any();
        let callback = future.notify(move |_| release.set_result(()).unwrap_or_default());
        child.future.cancel();
        Ok(Self { child, future, stopped, callback })
    }

    fn outcome(&self) -> Result<T, Exception> {
        self.child.outcome().map_err(|raised| match raised.kind() {
            Kind::CancelledError => Exception::caused_by(Kind::TimeoutError, "timed out", raised),
            _ => raised,
        })
    }
}

impl<T> Drop for Stopping<T> {
    fn drop(&mut self) {
        self.future.remove_callback(self.callback);
    }
}

impl<C> Coroutine for WaitFor<C>
where
    C: Awaitable + 'static,
{
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::NoTime(_) = self.0 {
            take_sent(&mut sent)?;
            if let Phase::NoTime(child) = core::mem::replace(&mut self.0, Phase::Over) {
                let child = Child::start(running()?.scheduler(), child)?;
                if child.future.done() {
                    return child.outcome().map(Step::Return);
                }
                self.0 = Phase::Stopping(Stopping::start(child)?);
            }
        }
        match &mut self.0 {
            Phase::Limited(scope) => yield_from!(scope, sent).map(Step::Return),
            Phase::Stopping(stopping) => {
                yield_from!(stopping.stopped, sent)?;
                stopping.outcome().map(Step::Return)
            }
            Phase::NoTime(_) | Phase::Over => Err(Exception::reused()),
        }
    }

    fn state(&self) -> State<'_> {
        match &self.0 {
            Phase::Limited(scope) => scope.state(),
            _ => State::new("wait_for", self),
        }
    }
}

impl<C: Coroutine> fmt::Debug for WaitFor<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Phase::Limited(scope) => write!(f, "WaitFor({:?})", scope.timeout()),
            Phase::NoTime(_) => f.write_str("WaitFor(created)"),
            Phase::Stopping(stopping) => write!(f, "WaitFor({:?})", stopping.child),
            Phase::Over => f.write_str("WaitFor(over)"),
        }
    }
}
