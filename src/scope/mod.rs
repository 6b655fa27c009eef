//! Layer 2: async context managers, which await to enter and to exit.
//!
//! [`with`](fn@with) is `async with`: it enters an [`AsyncContextManager`], runs a body, and exits however the body ends,
//! whether with a value, an exception, a cancellation or a close. It is a coroutine around a coroutine, so a machine cannot
//! forget to exit. For machines that do both by hand, [`enter`](AsyncContextManager::enter) and
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
//! [`Lock::hold`](crate::sync::Lock::hold), [`timeout`](fn@crate::wait::timeout) and
//! [`task_group`](fn@crate::wait::task_group) are scopes of their own, and shorter for a single one of them.
//!
//! # Closing
//!
//! Nothing can be awaited while a scope is being closed, that is, while `GeneratorExit` passes through it. If a manager's
//! exit awaits then, `close` raises the `RuntimeError` "generator ignored GeneratorExit", as in CPython. Dropping a scope
//! without closing it runs no exit; the manager is dropped with everything it holds.
//!
//! Sources: PEP 492; `Lib/contextlib.py` of CPython 3.13 for the order of exits and the exceptions they see.

use crate::coroutine::{Coroutine, Exception, Resumed};
use crate::task::Await;

mod exit_stack;
mod managers;
mod with;

pub use self::exit_stack::{EnterStack, ExitStack};
pub use self::managers::{Grouped, Holding, grouped, holding};
pub use self::with::{With, with};
pub use crate::task::Progress;

/// Something that awaits to enter and to exit. The equivalent of Python's `__aenter__` and `__aexit__`.
///
/// The manager itself keeps its state between two resumes. The coroutines of [`enter`](Self::enter) and
/// [`exit`](Self::exit) keep nothing, so they can be made again at each resume. A manager is entered once.
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
pub trait AsyncContextManager {
    /// The value that the body gets: the one that `as` binds in Python.
    type Value;

    /// Enters, up to the next wait or the end.
    ///
    /// # Errors
    ///
    /// What entering raises. There is no exit then.
    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<Self::Value>;

    /// Exits, up to the next wait or the end. `raised` is the body's exception, the same at each resume of one exit.
    ///
    /// In the first resume, `sent` is `Ok`. If the task is cancelled during the exit, the `CancelledError` is thrown in where
    /// the exit is waiting.
    ///
    /// # Errors
    ///
    /// An exception to raise in place of `raised`, which becomes its [`cause`](Exception::cause), unless it has one.
    fn resume_exit(&mut self, raised: Option<&Exception>, sent: Result<(), Exception>) -> Progress<Exited>;

    /// Enters. Returns a stateless coroutine, which can be made again at each resume.
    fn enter(&mut self) -> Enter<'_, Self> {
        Enter(self)
    }

    /// Exits, given the exception that the body has raised, if any. Returns a stateless coroutine, which can be made again at
    /// each resume.
    fn exit<'a>(&'a mut self, raised: Option<&'a Exception>) -> Exit<'a, Self> {
        Exit(self, raised)
    }
}

/// Whether an exit suppresses the body's exception: the result of `__aexit__`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Exited {
    /// The exception goes on. Has no effect if the body raised none.
    #[default]
    Propagate,
    /// The exception ends here.
    Suppress,
}

/// What [`AsyncContextManager::enter`] returns.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Enter<'a, M: ?Sized>(&'a mut M);

impl<M: AsyncContextManager + ?Sized> Coroutine for Enter<'_, M> {
    type Yield = Await;
    type Input = ();
    type Return = M::Value;

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.0.resume_enter(sent)
    }
}

/// What [`AsyncContextManager::exit`] returns.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Exit<'a, M: ?Sized>(&'a mut M, Option<&'a Exception>);

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
