//! Combinators: bodies that are a single expression need no type of their own. A body with several states is easier to
//! read as a machine.

use core::fmt;

use super::{Coroutine, Exception, Resumed, State, Step, replace_ended};
use crate::yield_from;

/// Methods that combine a coroutine with a function. Every coroutine has them.
///
/// Each method consumes the coroutine and returns a new one, which yields whatever the original yields. The new one holds
/// the original inline, so resuming or dropping a chain of tens of thousands recurses, and overflows the stack. Put a
/// [`Call`](crate::Call) around a coroutine that grows that deep.
pub trait CoroutineExt: Coroutine + Sized {
    /// Applies `f` to the value that this coroutine returns.
    ///
    /// If the coroutine raises, `f` is not called and the exception propagates.
    ///
    /// ```
    /// use innermost::{CoroutineExt, Generator, Stop, ready};
    ///
    /// let mut doubled = Generator::new(ready::<(), (), _>(21).map(|n| 2 * n));
    /// assert!(matches!(doubled.next(), Err(Stop::Returned(42))));
    /// ```
    fn map<F, R>(self, f: F) -> Map<Self, F>
    where
        F: FnOnce(Self::Return) -> R,
    {
        Map { child: self, f: Some(f) }
    }

    /// Applies `f`, which may fail, to the value that this coroutine returns.
    ///
    /// # Errors
    ///
    /// The new coroutine raises what this one raises, or the exception that `f` returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::{CoroutineExt, Generator, Stop, ready};
    ///
    /// let parsed = |text| Generator::new(ready::<(), (), &str>(text).try_map(|text| Ok(text.parse::<u32>()?)));
    /// assert!(matches!(parsed("42").next(), Err(Stop::Returned(42))));
    /// assert!(matches!(parsed("forty-two").next(), Err(Stop::Raised(_))));
    /// ```
    fn try_map<F, R>(self, f: F) -> TryMap<Self, F>
    where
        F: FnOnce(Self::Return) -> Result<R, Exception>,
    {
        TryMap { child: self, f: Some(f) }
    }

    /// Runs this coroutine, and then the coroutine that `f` makes from its return value.
    ///
    /// If this coroutine raises, `f` is not called and the exception propagates. `f` may return a `Result`, whose error
    /// is raised.
    ///
    /// ```
    /// use innermost::{CoroutineExt, Exception, Generator, from_iter};
    ///
    /// let both = Generator::new(from_iter(1..3).then(|()| from_iter(5..7)));
    /// assert_eq!(both.collect::<Result<Vec<_>, _>>()?, [1, 2, 5, 6]);
    /// # Ok::<(), Exception>(())
    /// ```
    fn then<F, C>(self, f: F) -> Then<Self, F, C>
    where
        F: FnOnce(Self::Return) -> C,
        C: Coroutine<Yield = Self::Yield, Input = Self::Input>,
    {
        Then(ThenState::First(self, Some(f)))
    }

    /// Handles an exception that this coroutine raises: `f` returns a value in its place, or an exception to raise.
    /// Python's `except`.
    ///
    /// `f` is not called for a `GeneratorExit`. A coroutine that is being closed must not go on, so handling that needs
    /// a machine of its own.
    ///
    /// # Errors
    ///
    /// The new coroutine raises the exception that `f` returns.
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::{CoroutineExt, Generator, Stop, yield_once};
    ///
    /// let mut calm = Generator::new(yield_once::<_, u32>("well?").catch(|_| Ok(0)));
    /// calm.next()?;
    /// assert!(matches!(calm.throw(std::io::Error::other("no")), Err(Stop::Returned(0))));
    /// # Ok::<(), Stop<u32>>(())
    /// ```
    fn catch<F>(self, f: F) -> Catch<Self, F>
    where
        F: FnOnce(Exception) -> Result<Self::Return, Exception>,
    {
        Catch { child: self, f: Some(f) }
    }
}

impl<C: Coroutine> CoroutineExt for C {}

/// A coroutine that applies a function to the value that another one returns. Created by [`CoroutineExt::map`].
#[derive(Clone)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Map<C, F> {
    child: C,
    f: Option<F>,
}

impl<C, F, R> Coroutine for Map<C, F>
where
    C: Coroutine,
    F: FnOnce(C::Return) -> R,
{
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = R;

    #[inline(always)]
    fn resume(&mut self, mut sent: Result<C::Input, Exception>) -> Resumed<Self> {
        let returned = yield_from!(self.child, sent)?;
        self.f.take().map(|f| Step::Return(f(returned))).ok_or_else(Exception::reused)
    }

    fn state(&self) -> State<'_> {
        self.child.state()
    }
}

/// A coroutine that applies a function, which may fail, to the value that another one returns. Created by
/// [`CoroutineExt::try_map`].
#[derive(Clone)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct TryMap<C, F> {
    child: C,
    f: Option<F>,
}

impl<C, F, R> Coroutine for TryMap<C, F>
where
    C: Coroutine,
    F: FnOnce(C::Return) -> Result<R, Exception>,
{
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = R;

    #[inline(always)]
    fn resume(&mut self, mut sent: Result<C::Input, Exception>) -> Resumed<Self> {
        let returned = yield_from!(self.child, sent)?;
        let f = self.f.take().ok_or_else(Exception::reused)?;
        f(returned).map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        self.child.state()
    }
}

/// A coroutine that runs a second coroutine after the first has returned. Created by [`CoroutineExt::then`].
#[derive(Clone)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Then<C, F, D>(ThenState<C, F, D>);

#[derive(Clone)]
enum ThenState<C, F, D> {
    First(C, Option<F>),
    Second(D),
}

impl<C, F, D> Coroutine for Then<C, F, D>
where
    C: Coroutine,
    F: FnOnce(C::Return) -> D,
    D: Coroutine<Yield = C::Yield, Input = C::Input>,
{
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = D::Return;

    fn resume(&mut self, mut sent: Result<C::Input, Exception>) -> Resumed<Self> {
        loop {
            match &mut self.0 {
                ThenState::First(first, f) => {
                    let returned = yield_from!(first, sent)?;
                    let f = f.take().ok_or_else(Exception::reused)?;
                    let second = f(returned);
                    replace_ended(&mut self.0, ThenState::Second(second));
                }
                ThenState::Second(second) => return yield_from!(second, sent).map(Step::Return),
            }
        }
    }

    fn state(&self) -> State<'_> {
        match &self.0 {
            ThenState::First(first, _) => first.state(),
            ThenState::Second(second) => second.state(),
        }
    }
}

/// A coroutine that handles the exceptions of another one. Created by [`CoroutineExt::catch`].
#[derive(Clone)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Catch<C, F> {
    child: C,
    f: Option<F>,
}

impl<C, F> Coroutine for Catch<C, F>
where
    C: Coroutine,
    F: FnOnce(Exception) -> Result<C::Return, Exception>,
{
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    #[inline(always)]
    fn resume(&mut self, mut sent: Result<C::Input, Exception>) -> Resumed<Self> {
        match yield_from!(self.child, sent) {
            Err(raised) if !raised.is_generator_exit() => {
                let f = self.f.take().ok_or_else(Exception::reused)?;
                f(raised).map(Step::Return)
            }
            outcome => outcome.map(Step::Return),
        }
    }

    fn state(&self) -> State<'_> {
        self.child.state()
    }
}

macro_rules! debug_by_name {
    ($($name:ident<$($param:ident),+>)+) => {$(
        impl<$($param),+> fmt::Debug for $name<$($param),+> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    )+};
}

debug_by_name! { Map<C, F> TryMap<C, F> Then<C, F, D> Catch<C, F> }
