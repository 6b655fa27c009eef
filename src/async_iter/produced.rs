//! The body of an async generator: a coroutine that yields items and awaits.

use core::fmt;
use core::marker::PhantomData;

use crate::coroutine::{Coroutine, Exception, Resumed, State, Stateless, Step, converted};
use crate::task::{Await, Awaitable};

/// The type that the body of an async generator yields: an item for its consumer, or a wait for the task.
///
/// There is no third case, so a `match` on the two is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Produced<T> {
    /// An item. The yield evaluates to the value that the consumer sends.
    Item(T),
    /// A wait of the task. [`awaiting`] yields these.
    Await(Await),
}

impl<T> From<Await> for Produced<T> {
    fn from(awaited: Await) -> Self {
        Self::Await(awaited)
    }
}

/// A coroutine that can be the body of an [`AsyncGenerator`](super::AsyncGenerator).
///
/// Implemented for every coroutine that yields [`Produced`] and returns `()`.
pub trait Producer: Coroutine<Yield = Produced<<Self as Producer>::Item>, Return = ()> {
    /// The type of the items.
    type Item;
}

impl<C, T> Producer for C
where
    C: Coroutine<Yield = Produced<T>, Return = ()>,
{
    type Item = T;
}

/// Awaits a child in the body of an async generator.
///
/// Write `yield_from!(awaiting(&mut self.child), sent)?`. The wrapper keeps no state, so creating it afresh at each
/// resume costs nothing. `awaiting(..)` also takes a [`Stateless`] operation. A [`Call`](crate::Call) inside the child
/// costs one allocation more than elsewhere, at any depth.
///
/// # Errors
///
/// Raises whatever the child raises.
///
/// # Examples
///
/// ```
/// use innermost::async_iter::{AsyncGenerator, AsyncIterator, Produced, awaiting};
/// use innermost::{Coroutine, EventLoop, Exception, Resumed, Sleep, Step, sleep, yield_from};
/// use std::time::Duration;
///
/// /// Counts to 3, a millisecond before each number.
/// struct Ticker {
///     count: u32,
///     pause: Option<Sleep>,
/// }
///
/// impl Coroutine for Ticker {
///     type Yield = Produced<u32>;
///     type Input = ();
///     type Return = ();
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         if self.count == 3 {
///             return sent.map(Step::Return);
///         }
///         let pause = self.pause.get_or_insert_with(|| sleep(Duration::from_millis(1)));
///         yield_from!(awaiting(pause), sent)?;
///         self.pause = None;
///         self.count += 1;
///         Ok(Step::Yield(Produced::Item(self.count)))
///     }
/// }
///
/// let ticker = AsyncGenerator::new(Ticker { count: 0, pause: None });
/// let ticks: Vec<_> = EventLoop::new()?.run_until_complete(ticker.collect())?;
/// assert_eq!(ticks, [1, 2, 3]);
/// # Ok::<(), Exception>(())
/// ```
#[inline(always)]
pub const fn awaiting<C, T, S>(child: C) -> Awaiting<C, T, S>
where
    C: Awaitable,
{
    Awaiting { child, produces: PhantomData }
}

/// An awaitable inside an async generator whose items are `T` and which is sent `S`. Created by [`awaiting`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Awaiting<C, T, S> {
    child: C,
    produces: PhantomData<fn(S) -> T>,
}

impl<C, T, S> Stateless for Awaiting<C, T, S>
where
    C: Awaitable + Stateless,
    T: 'static,
    S: Default + 'static,
{
}

impl<C, T, S> Coroutine for Awaiting<C, T, S>
where
    C: Awaitable,
    T: 'static,
    S: Default + 'static,
{
    type Yield = Produced<T>;
    type Input = S;
    type Return = C::Return;

    #[inline(always)]
    fn resume(&mut self, sent: Result<S, Exception>) -> Resumed<Self> {
        match self.child.resume(sent.map(drop)) {
            Ok(Step::Yield(awaited)) => Ok(Step::Yield(Produced::Await(awaited))),
            Ok(Step::Return(returned)) => Ok(Step::Return(returned)),
            Ok(Step::Delegate(frame)) => Ok(Step::Delegate(converted(frame, Produced::Await))),
            Err(raised) => Err(raised),
        }
    }

    fn state(&self) -> State<'_> {
        self.child.state()
    }
}

impl<C: fmt::Debug, T, S> fmt::Debug for Awaiting<C, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Awaiting").field(&self.child).finish()
    }
}
