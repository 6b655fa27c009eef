//! Layer 2: what is entered and left by awaiting.
//!
//! An [`AsyncContextManager`] is acquired, runs a body, and is left however the body ends: by value, exception, cancel
//! or close. [`with`](fn@with) is `async with`: a coroutine around a coroutine, so that no machine has to remember to leave. Where
//! one would rather do so by hand, both halves are coroutines: [`enter`](AsyncContextManager::enter) and
//! [`exit`](AsyncContextManager::exit).
//!
//! ```text
//!  created --enter--> inside: the body runs --the body has ended--> leaving: exit --> over
//!     \--enter raises: exit is not called                           what exit raises replaces what the body raised
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
//! [`task_group`](fn@crate::wait::task_group) are scopes of their own, and shorter where one of them is all that is
//! wanted.
//!
//! # Closing
//!
//! While a scope is closed (`GeneratorExit` passes through it), nothing can be awaited. A manager whose exit awaits
//! nevertheless has ignored the exit: whoever closes gets the `RuntimeError` "generator ignored GeneratorExit", as in
//! CPython. A scope that is dropped without being closed runs no exit; what its manager holds is dropped with it.
//!
//! Sources: PEP 492; `Lib/contextlib.py` of CPython 3.13 for the order of exits and what they see.

use crate::coroutine::{Coroutine, Exception, Resumed, Step};
use crate::task::Await;

mod exit_stack;
mod managers;
mod with;

pub use self::exit_stack::{EnterStack, ExitStack};
pub use self::managers::{Grouped, Holding, grouped, holding};
pub use self::with::{With, with};

/// How far something that awaits came: what a coroutine's `resume` gives that runs in a task and returns an `R`.
pub type Progress<R> = Result<Step<Await, (), R>, Exception>;

/// Something that is entered and left by awaiting: Python's `__aenter__` and `__aexit__`.
///
/// The manager keeps what it needs between two resumes, as a coroutine does; [`enter`](Self::enter) and
/// [`exit`](Self::exit) are made afresh each time. It is entered once.
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
    /// What it gives to the body: what `as` binds.
    type Value;

    /// Goes on entering, up to the next wait or the end.
    ///
    /// # Errors
    ///
    /// What entering raises. It is not left then.
    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<Self::Value>;

    /// Goes on leaving, up to the next wait or the end. `raised` is what the body has raised, the same at each resume of
    /// one exit.
    ///
    /// The first resume is never given an exception. A cancel that comes while it leaves is thrown in where it waits.
    ///
    /// # Errors
    ///
    /// What is to be raised in place of `raised`, which becomes its [`cause`](Exception::cause), unless it has one.
    fn resume_exit(&mut self, raised: Option<&Exception>, sent: Result<(), Exception>) -> Progress<Exited>;

    /// Enters: a coroutine, made afresh at each resume.
    fn enter(&mut self) -> Enter<'_, Self> {
        Enter(self)
    }

    /// Leaves, given what the body has raised, if it has: a coroutine, made afresh at each resume.
    fn exit<'a>(&'a mut self, raised: Option<&'a Exception>) -> Exit<'a, Self> {
        Exit(self, raised)
    }
}

/// What becomes of that which the body has raised: what `__aexit__` returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Exited {
    /// It goes on. All the same where the body has raised nothing.
    #[default]
    Propagate,
    /// It ends here.
    Suppress,
}

/// What [`AsyncContextManager::enter`] makes.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed"]
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

/// What [`AsyncContextManager::exit`] makes.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed"]
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
