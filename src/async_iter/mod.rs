//! Async iterators, whose items are awaited one by one. Layer 2.
//!
//! A machine awaits the next item of an [`AsyncIterator`] with `yield_from!(items.next(), sent)?`. The result is an
//! `Option`, and `None` is the end: Python's `StopAsyncIteration`.
//!
//! An [`AsyncGenerator`] is an async iterator whose body is a coroutine that both yields items and awaits:
//!
//! ```text
//!              resume                          resume
//!   consumer ---------> AsyncGenerator.next() ---------> the producer
//!      |  Some(item) <-----    yields Item    <-----------  |
//!      |                                                    |
//!    task <------------------  yields Await  <--------------+
//! ```
//!
//! | file | holds | Python's |
//! |---|---|---|
//! | `mod.rs`        | [`AsyncIterator`]; [`Next`] | `__anext__`, `anext` |
//! | `consume.rs`    | `for_each`, `collect` | `async for`, `[x async for x in ..]` |
//! | `produced.rs`   | [`Produced`], [`Producer`], [`awaiting`]: the body of a generator | an async generator function |
//! | `generator.rs`  | [`AsyncGenerator`], and how a dropped one is closed | an async generator |
//! | `operations.rs` | [`NextItem`], [`Close`] | `asend`, `athrow`, `aclose` |
//! | `closing.rs`    | [`aclosing`]; closing all generators of a loop | `contextlib.aclosing`, `shutdown_asyncgens` |
//! | `items.rs`      | [`items`](fn@items): the items of a queue, until it is shut down | |
//! | `interval.rs`   | [`interval`](fn@interval): ticks | |
//!
//! Sources: PEP 492, PEP 525; `Objects/genobject.c` and `Lib/asyncio/base_events.py` of CPython 3.13 for the rules.

use crate::coroutine::{Coroutine, Exception, Resumed, Stateless};
use crate::scope::Progress;
use crate::task::{Await, Awaitable};

mod closing;
mod consume;
mod generator;
mod interval;
mod items;
mod operations;
mod produced;

pub use self::closing::{Aclosing, ShutdownAsyncgens, aclosing};
pub use self::consume::{Collect, ForEach};
pub use self::generator::AsyncGenerator;
pub use self::interval::{Interval, interval};
pub use self::items::{Items, items};
pub use self::operations::{Close, NextItem};
pub use self::produced::{Awaiting, Produced, Producer, awaiting};

/// An iterator whose items are awaited one by one. Python's asynchronous iterator.
///
/// The iterator itself keeps all state between two resumes, including whatever it is waiting for:
///
/// ```
/// use innermost::async_iter::AsyncIterator;
/// use innermost::scope::Progress;
/// use innermost::{EventLoop, Exception, Sleep, Step, sleep, yield_from};
/// use std::time::Duration;
///
/// /// Counts to 3, a millisecond between two numbers.
/// struct Ticks {
///     count: u32,
///     pause: Sleep,
/// }
///
/// impl AsyncIterator for Ticks {
///     type Item = u32;
///
///     fn resume_next(&mut self, mut sent: Result<(), Exception>) -> Progress<Option<u32>> {
///         if self.count == 3 {
///             return Ok(Step::Return(None));
///         }
///         yield_from!(self.pause, sent)?;
///         self.pause = sleep(Duration::from_millis(1));
///         self.count += 1;
///         Ok(Step::Return(Some(self.count)))
///     }
/// }
///
/// let ticks = Ticks { count: 0, pause: sleep(Duration::from_millis(1)) };
/// let all: Vec<_> = EventLoop::new()?.run_until_complete(ticks.collect())?;
/// assert_eq!(all, [1, 2, 3]);
/// # Ok::<(), Exception>(())
/// ```
pub trait AsyncIterator {
    /// The type of the items.
    type Item;

    /// Runs to the next wait, to the next item, or to the end, which is `None`.
    ///
    /// A consumer that is cancelled while it waits may catch the exception and ask again. The iterator then goes on
    /// from there.
    ///
    /// # Errors
    ///
    /// Returns an exception to raise in the consumer in place of an item.
    fn resume_next(&mut self, sent: Result<(), Exception>) -> Progress<Option<Self::Item>>;

    /// Returns a coroutine that waits for the next item, or returns `None` at the end. Python's `anext`.
    ///
    /// The coroutine is stateless: create it afresh at each resume.
    ///
    /// # Errors
    ///
    /// Awaiting it raises whatever the iterator raises.
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::async_iter::{AsyncIterator, items};
    /// use innermost::queue::{Queue, Shutdown};
    /// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step, yield_from};
    ///
    /// /// Adds up all items.
    /// struct Sum<I> {
    ///     numbers: I,
    ///     sum: u32,
    /// }
    ///
    /// impl<I: AsyncIterator<Item = u32>> Coroutine for Sum<I> {
    ///     type Yield = Await;
    ///     type Input = ();
    ///     type Return = u32;
    ///
    ///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
    ///         while let Some(number) = yield_from!(self.numbers.next(), sent)? {
    ///             self.sum += number;
    ///         }
    ///         Ok(Step::Return(self.sum))
    ///     }
    /// }
    ///
    /// let queue = Queue::new();
    /// for number in [1, 2, 3] {
    ///     queue.put_nowait(number)?;
    /// }
    /// queue.shutdown(Shutdown::Drain);
    /// let sum = Sum { numbers: items(&queue), sum: 0 };
    /// assert_eq!(EventLoop::new()?.run_until_complete(sum)?, 6);
    /// # Ok::<(), Exception>(())
    /// ```
    fn next(&mut self) -> Next<'_, Self> {
        Next(self)
    }

    /// Runs a coroutine for each item, one after the other. Python's `async for`.
    ///
    /// # Errors
    ///
    /// Awaiting it raises whatever the iterator or one of the coroutines raises. The iteration ends with that. For a
    /// generator that awaits while it cleans up, use [`aclosing`].
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::async_iter::{AsyncIterator, items};
    /// use innermost::queue::{Queue, Shutdown};
    /// use innermost::{EventLoop, Exception, sleep};
    /// use std::time::Duration;
    ///
    /// let naps = Queue::new();
    /// naps.put_nowait(1)?;
    /// naps.shutdown(Shutdown::Drain);
    /// let all = items(&naps).for_each(|nap| sleep(Duration::from_millis(nap)));
    /// EventLoop::new()?.run_until_complete(all)?;
    /// # Ok::<(), Exception>(())
    /// ```
    fn for_each<F, C>(self, body: F) -> ForEach<Self, F, C>
    where
        Self: Sized,
        F: FnMut(Self::Item) -> C,
        C: Awaitable,
    {
        ForEach::new(self, body)
    }

    /// Collects all items. Python's `[item async for item in items]`.
    ///
    /// # Errors
    ///
    /// Awaiting it raises whatever the iterator raises. The items so far are then lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::async_iter::{AsyncIterator, items};
    /// use innermost::queue::{Queue, Shutdown};
    /// use innermost::{EventLoop, Exception};
    ///
    /// let queue = Queue::new();
    /// queue.put_nowait('a')?;
    /// queue.put_nowait('b')?;
    /// queue.shutdown(Shutdown::Drain);
    /// let text: String = EventLoop::new()?.run_until_complete(items(&queue).collect())?;
    /// assert_eq!(text, "ab");
    /// # Ok::<(), Exception>(())
    /// ```
    fn collect<B>(self) -> Collect<Self, B>
    where
        Self: Sized,
        B: Default + Extend<Self::Item>,
    {
        Collect::new(self)
    }
}

/// A coroutine that waits for the next item. Created by [`AsyncIterator::next`].
///
/// It keeps no state. Do not store it: create it afresh at each resume.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Next<'a, I: ?Sized>(&'a mut I);

impl<I: AsyncIterator + ?Sized> Stateless for Next<'_, I> {}

impl<I: AsyncIterator + ?Sized> Coroutine for Next<'_, I> {
    type Yield = Await;
    type Input = ();
    type Return = Option<I::Item>;

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.0.resume_next(sent)
    }
}

impl<I: AsyncIterator + ?Sized> AsyncIterator for &mut I {
    type Item = I::Item;

    fn resume_next(&mut self, sent: Result<(), Exception>) -> Progress<Option<I::Item>> {
        (**self).resume_next(sent)
    }
}

impl<I: AsyncIterator + ?Sized> AsyncIterator for Box<I> {
    type Item = I::Item;

    fn resume_next(&mut self, sent: Result<(), Exception>) -> Progress<Option<I::Item>> {
        (**self).resume_next(sent)
    }
}
