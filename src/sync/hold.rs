//! Holds a lock or a permit while a child runs, so that no machine has to remember to release it.

use core::fmt;
use core::mem;

use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, replace_ended};
use crate::task::{Await, Awaitable};
use crate::yield_from;

/// A coroutine that acquires a lock or a permit, runs a child, and then releases it, however the child ends. asyncio's
/// `async with`. Created by [`Lock::hold`] and [`Semaphore::hold`].
///
/// The child does not start before the lock or the permit is acquired.
///
/// # Errors
///
/// Raises whatever the child raises.
///
/// # Dropping
///
/// Drops the child, and then releases what was acquired.
///
/// # Examples
///
/// ```
/// use innermost::EventLoop;
/// use innermost::sync::Semaphore;
///
/// let semaphore = Semaphore::new(1);
/// let event_loop = EventLoop::new()?;
/// let failing = event_loop.create_future::<()>();
/// failing.set_exception(std::io::Error::other("no")).expect("nobody else sets it");
/// assert!(event_loop.run_until_complete(semaphore.hold(failing)).is_err());
/// assert_eq!(semaphore.value(), 1);
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// [`Lock::hold`]: super::Lock::hold
/// [`Semaphore::hold`]: super::Semaphore::hold
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Hold<A: Coroutine, C>(Stage<A, A::Return, C>);

enum Stage<A, G, C> {
    Acquiring(A, C),
    /// The child comes before the guard, so that it is dropped first.
    Holding(C, G),
    Over,
}

/// The stage's name, for people.
#[derive(Debug)]
enum Standing {
    Acquiring,
    Holding,
    Over,
}

impl<A, C> Hold<A, C>
where
    A: Awaitable,
    C: Awaitable,
{
    pub(super) fn new(acquire: A, child: C) -> Self {
        Self(Stage::Acquiring(acquire, child))
    }
}

impl<A, C> Coroutine for Hold<A, C>
where
    A: Awaitable,
    C: Awaitable,
{
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    #[inline]
    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.0 {
                Stage::Acquiring(acquire, _) => {
                    let acquired = yield_from!(acquire, sent);
                    let Stage::Acquiring(_, child) = mem::replace(&mut self.0, Stage::Over) else {
                        return Err(Exception::reused());
                    };
                    self.0 = Stage::Holding(child, acquired?);
                }
                Stage::Holding(child, _) => {
                    let outcome = yield_from!(child, sent);
                    replace_ended(&mut self.0, Stage::Over);
                    return outcome.map(Step::Return);
                }
                Stage::Over => return Err(Exception::reused()),
            }
        }
    }

    fn state(&self) -> State<'_> {
        match &self.0 {
            Stage::Acquiring(acquire, _) => State::new("hold", &Standing::Acquiring).delegating_to(acquire.state()),
            Stage::Holding(child, _) => State::new("hold", &Standing::Holding).delegating_to(child.state()),
            Stage::Over => State::new("hold", &Standing::Over),
        }
    }
}

impl<A: Coroutine, C> fmt::Debug for Hold<A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Stage::Acquiring(..) => "Hold(acquiring)",
            Stage::Holding(..) => "Hold(holding)",
            Stage::Over => "Hold(over)",
        })
    }
}
