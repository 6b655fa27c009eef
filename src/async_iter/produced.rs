//! The body of an async generator: a coroutine that yields items and awaits.

use core::fmt;
use core::marker::PhantomData;

use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, converted};
use crate::task::{Await, Awaitable};

/// What the body of an async generator yields: an item for its consumer, or a wait for the task.
///
/// These two are all there is, so a `match` on them is complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Produced<T> {
    /// An item. The yield evaluates to what the consumer sends.
    Item(T),
    /// What the task waits for. [`awaiting`] yields these.
    Await(Await),
}

impl<T> From<Await> for Produced<T> {
    fn from(awaited: Await) -> Self {
        Self::Await(awaited)
    }
}

/// A coroutine that can be the body of an [`AsyncGenerator`](super::AsyncGenerator): it yields [`Produced`] and returns
/// `()`. Implemented for every such coroutine.
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

/// Awaits in the body of an async generator: `yield_from!(awaiting(&mut self.pause), sent)?`.
///
/// It is stateless, so it can be made again at each resume, at no cost. A [`Call`](crate::Call) inside `child` costs one
/// allocation more than elsewhere, whatever its depth.
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

/// What [`awaiting`] returns: an awaitable inside a producer of `T` that is sent `S`.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Awaiting<C, T, S> {
    child: C,
    produces: PhantomData<fn(S) -> T>,
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
