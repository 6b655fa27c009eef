//! [`with`](fn@with): enters a manager, runs a body, and exits. Python's `async with`.

use core::fmt;
use core::mem;

use super::{AsyncContextManager, Exited};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, replace_ended, take_sent};
use crate::task::{Await, Awaitable};
use crate::yield_from;

/// Enters `manager`, runs a body, and exits however the body ends. Python's `async with manager as value`.
///
/// `body` gets the manager's value and returns the coroutine to run. `with` returns `Some` of what that coroutine
/// returns, or `None` if the manager suppressed its exception.
///
/// # Errors
///
/// Awaiting it raises the exception of the entry, of the body, or of the exit. An exception of the exit replaces that
/// of the body. The manager can suppress the body's exception.
///
/// # Examples
///
/// ```
/// use innermost::scope::{holding, with};
/// use innermost::sync::Lock;
/// use innermost::{EventLoop, Exception, sleep};
/// use std::time::Duration;
///
/// let lock = Lock::new();
/// let nap = with(holding(lock.acquire()), |()| sleep(Duration::from_millis(1)));
/// assert!(EventLoop::new()?.run_until_complete(nap)?.is_some());
/// assert!(!lock.locked());
/// # Ok::<(), Exception>(())
/// ```
pub fn with<M, F, C>(manager: M, body: F) -> With<M, F, C>
where
    M: AsyncContextManager,
    F: FnOnce(M::Value) -> C,
    C: Awaitable,
{
    With { phase: Phase::Created(body), manager }
}

/// A coroutine that enters a manager, runs a body, and exits. Created by [`with`](fn@with).
///
/// Dropping it drops the body and then the manager, without an exit.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct With<M, F, C: Coroutine> {
    /// The first field: the body is dropped before the manager.
    phase: Phase<F, C>,
    manager: M,
}

enum Phase<F, C: Coroutine> {
    Created(F),
    Entering(F),
    Inside(C),
    Leaving(Result<C::Return, Exception>),
    Over,
}

impl<M, F, C> Coroutine for With<M, F, C>
where
    M: AsyncContextManager,
    F: FnOnce(M::Value) -> C,
    C: Awaitable,
{
    type Yield = Await;
    type Input = ();
    type Return = Option<C::Return>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.phase {
                Phase::Created(_) => {
                    take_sent(&mut sent)?;
                    if let Phase::Created(body) = mem::replace(&mut self.phase, Phase::Over) {
                        self.phase = Phase::Entering(body);
                    }
                }
                Phase::Entering(_) => {
                    let entered = yield_from!(self.manager.enter(), sent);
                    let Phase::Entering(body) = mem::replace(&mut self.phase, Phase::Over) else {
                        return Err(Exception::reused());
                    };
                    self.phase = Phase::Inside(body(entered?));
                }
                Phase::Inside(child) => {
                    let outcome = yield_from!(child, sent);
                    // Drops the body before the scope exits, even if its destructor panics.
                    replace_ended(&mut self.phase, Phase::Leaving(outcome));
                }
                Phase::Leaving(outcome) => {
                    let left = yield_from!(self.manager.exit(outcome.as_ref().err()), sent);
                    let Phase::Leaving(outcome) = mem::replace(&mut self.phase, Phase::Over) else {
                        return Err(Exception::reused());
                    };
                    return match (left, outcome) {
                        (Ok(Exited::Suppress), Err(_)) => Ok(Step::Return(None)),
                        (Ok(_), outcome) => outcome.map(|returned| Step::Return(Some(returned))),
                        (Err(raised), Err(former)) => Err(raised.raised_during(|| former)),
                        (Err(raised), Ok(_)) => Err(raised),
                    };
                }
                Phase::Over => return Err(Exception::reused()),
            }
        }
    }

    fn state(&self) -> State<'_> {
        let own = State::new("with", &self.phase);
        match &self.phase {
            Phase::Inside(child) => own.delegating_to(child.state()),
            _ => own,
        }
    }
}

impl<F, C: Coroutine> fmt::Debug for Phase<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created(_) => "Created",
            Self::Entering(_) => "Entering",
            Self::Inside(_) => "Inside",
            Self::Leaving(_) => "Leaving",
            Self::Over => "Over",
        })
    }
}

impl<M, F, C: Coroutine> fmt::Debug for With<M, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "With({:?})", self.phase)
    }
}
