//! Async context managers, whose entry and exit can await. Layer 2.
//!
//! [`with`](fn@with) is Python's `async with`. It enters an [`AsyncContextManager`], runs a body, and exits however the
//! body ends: with a value, an exception, a cancellation or a close. Since it is a coroutine around a coroutine, a
//! machine cannot forget to exit. For machines that do both by hand, [`enter`](AsyncContextManager::enter) and
//! [`exit`](AsyncContextManager::exit) are coroutines too.
//!
//! ```text
//!  created --enter--> inside: the body runs --the body has ended--> exiting --> over
//!     \--enter raises: exit is not called               an exception of exit replaces the body's
//! ```
//!
//! | file | holds | Python's |
//! |---|---|---|
//! | `mod.rs`        | [`AsyncContextManager`], [`Exited`] | `__aenter__`, `__aexit__` |
//! | `with.rs`       | [`with`](fn@with) | `async with` |
//! | `exit_stack.rs` | [`ExitStack`]: any number of managers | `contextlib.AsyncExitStack` |
//! | `managers.rs`   | [`holding`], [`grouped`]: locks, semaphores, timeouts and task groups as managers | |
//!
//! For a single lock, timeout or task group, [`Lock::hold`](crate::sync::Lock::hold),
//! [`timeout`](fn@crate::wait::timeout) and [`task_group`](fn@crate::wait::task_group) are shorter.
//!
//! # Closing
//!
//! A scope that is being closed, because `GeneratorExit` passes through it, cannot await anything. If a manager's exit
//! awaits all the same, `close` raises the `RuntimeError` "generator ignored GeneratorExit", as in CPython. Dropping a
//! scope without closing it runs no exit. It drops the manager with everything that the manager holds.
//!
//! Sources: PEP 492; `Lib/contextlib.py` of CPython 3.13 for the order of exits and the exceptions they see.

use crate::coroutine::{Coroutine, Exception, Resumed, Stateless};
use crate::task::Await;

mod exit_stack;
mod managers;
mod with;

pub use self::exit_stack::{EnterStack, ExitStack};
pub use self::managers::{Grouped, Holding, grouped, holding};
pub use self::with::{With, with};
pub use crate::task::Progress;

/// A resource whose entry and exit can await. Python's `__aenter__` and `__aexit__`.
///
/// The manager itself keeps the state between two resumes. The coroutines of [`enter`](Self::enter) and
/// [`exit`](Self::exit) keep nothing, so create them afresh at each resume. Enter a manager only once.
///
/// ```
/// use innermost::scope::{AsyncContextManager, Exited, Progress, with};
/// use innermost::{EventLoop, Exception, Sleep, Step, ready, sleep, yield_from};
/// use std::time::Duration;
///
/// /// A connection that takes a while to say goodbye.
/// struct Connected {
///     goodbye: Sleep,
/// }
///
/// impl AsyncContextManager for Connected {
///     type Value = &'static str;
///
///     fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<&'static str> {
///         sent?;
///         Ok(Step::Return("the connection"))
///     }
///
///     fn resume_exit(&mut self, _raised: Option<&Exception>, mut sent: Result<(), Exception>) -> Progress<Exited> {
///         yield_from!(self.goodbye, sent)?;
///         Ok(Step::Return(Exited::Propagate))
///     }
/// }
///
/// let connected = Connected { goodbye: sleep(Duration::from_millis(1)) };
/// let length = with(connected, |connection| ready(connection.len()));
/// assert_eq!(EventLoop::new()?.run_until_complete(length)?, Some(14));
/// # Ok::<(), Exception>(())
/// ```
///
/// A machine can enter and exit by hand. It exits however its body ends, and obeys the result of the exit:
///
/// ```
/// use innermost::scope::{AsyncContextManager, Exited, holding};
/// use innermost::sync::Lock;
/// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Sleep, Step, sleep, yield_from};
/// use std::time::Duration;
///
/// /// Sleeps inside a manager.
/// struct Nap<M> {
///     manager: M,
///     phase: Phase,
/// }
///
/// enum Phase {
///     Entering,
///     Inside(Sleep),
///     Exiting(Result<(), Exception>),
/// }
///
/// impl<M: AsyncContextManager> Coroutine for Nap<M> {
///     type Yield = Await;
///     type Input = ();
///     type Return = ();
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         loop {
///             self.phase = match &mut self.phase {
///                 Phase::Entering => {
///                     yield_from!(self.manager.enter(), sent)?;
///                     Phase::Inside(sleep(Duration::from_millis(1)))
///                 }
///                 Phase::Inside(nap) => Phase::Exiting(yield_from!(nap, sent)),
///                 Phase::Exiting(body) => {
///                     return match yield_from!(self.manager.exit(body.as_ref().err()), sent)? {
///                         Exited::Propagate => body.clone().map(Step::Return),
///                         Exited::Suppress => Ok(Step::Return(())),
///                     };
///                 }
///             };
///         }
///     }
/// }
///
/// let lock = Lock::new();
/// let nap = Nap { manager: holding(lock.acquire()), phase: Phase::Entering };
/// EventLoop::new()?.run_until_complete(nap)?;
/// assert!(!lock.locked());
/// # Ok::<(), Exception>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async context manager",
    label = "cannot be entered and exited",
    note = "`holding(lock.acquire())` holds a lock, `grouped(group)` enters a task group, and `aclosing(generator)` closes a generator"
)]
pub trait AsyncContextManager {
    /// The type of the value that the body gets: the one that `as` binds in Python.
    type Value;

    /// Runs the entry up to the next wait or the end.
    ///
    /// # Errors
    ///
    /// Returns the exception that the entry raises. The manager does not exit then.
    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<Self::Value>;

    /// Runs the exit up to the next wait or the end.
    ///
    /// `raised` is the exception of the body, if any. It is the same at each resume of one exit. `sent` is `Ok` at the
    /// first resume. If the task is cancelled during the exit, the `CancelledError` is thrown in where the exit is
    /// waiting.
    ///
    /// # Errors
    ///
    /// Returns an exception to raise in place of `raised`. [`with`](fn@with) makes `raised` its
    /// [`cause`](Exception::cause), unless it has one.
    fn resume_exit(&mut self, raised: Option<&Exception>, sent: Result<(), Exception>) -> Progress<Exited>;

    /// Returns a coroutine that enters the manager and returns its value.
    ///
    /// The coroutine is stateless: create it afresh at each resume, as in `yield_from!(self.manager.enter(), sent)?`.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the exception of the entry.
    fn enter(&mut self) -> Enter<'_, Self> {
        Enter(self)
    }

    /// Returns a coroutine that exits the manager. `raised` is the exception of the body, if any.
    ///
    /// The coroutine is stateless: create it afresh at each resume, with the same exception.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the exception of the exit.
    fn exit<'a>(&'a mut self, raised: Option<&'a Exception>) -> Exit<'a, Self> {
        Exit(self, raised)
    }
}

/// The result of an exit: the exception of the body goes on, or ends here. Python's result of `__aexit__`.
///
/// There is no third way to treat the exception, so a `match` on the two is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Exited {
    /// The exception goes on. Return this also if the body has raised nothing.
    #[default]
    Propagate,
    /// The exception ends here.
    Suppress,
}

/// A coroutine that enters a manager. Created by [`AsyncContextManager::enter`].
///
/// It keeps no state. Do not store it: create it afresh at each resume.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Enter<'a, M: ?Sized>(&'a mut M);

impl<M: AsyncContextManager + ?Sized> Stateless for Enter<'_, M> {}

impl<M: AsyncContextManager + ?Sized> Coroutine for Enter<'_, M> {
    type Yield = Await;
    type Input = ();
    type Return = M::Value;

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.0.resume_enter(sent)
    }
}

/// A coroutine that exits a manager. Created by [`AsyncContextManager::exit`].
///
/// It keeps no state. Do not store it: create it afresh at each resume.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Exit<'a, M: ?Sized>(&'a mut M, Option<&'a Exception>);

impl<M: AsyncContextManager + ?Sized> Stateless for Exit<'_, M> {}

impl<M: AsyncContextManager + ?Sized> Coroutine for Exit<'_, M> {
    type Yield = Await;
    type Input = ();
    type Return = Exited;

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.0.resume_exit(self.1, sent)
    }
}

impl<M: AsyncContextManager + ?Sized> AsyncContextManager for &mut M {
    type Value = M::Value;

    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<M::Value> {
        (**self).resume_enter(sent)
    }

    fn resume_exit(&mut self, raised: Option<&Exception>, sent: Result<(), Exception>) -> Progress<Exited> {
        (**self).resume_exit(raised, sent)
    }
}

impl<M: AsyncContextManager + ?Sized> AsyncContextManager for Box<M> {
    type Value = M::Value;

    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<M::Value> {
        (**self).resume_enter(sent)
    }

    fn resume_exit(&mut self, raised: Option<&Exception>, sent: Result<(), Exception>) -> Progress<Exited> {
        (**self).resume_exit(raised, sent)
    }
}
