//! Ready-made consumers: a body for each item, and all items in a collection.

use core::fmt;
use core::mem;

use super::AsyncIterator;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, replace_ended};
use crate::task::{Await, Awaitable};
use crate::yield_from;

/// A coroutine that runs a coroutine for each item of an iterator. Created by [`AsyncIterator::for_each`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct ForEach<I, F, C> {
    /// The first field: the coroutine that uses an item is dropped before the source of the item.
    running: Option<C>,
    items: I,
    body: F,
}

impl<I, F, C> ForEach<I, F, C> {
    pub(super) const fn new(items: I, body: F) -> Self {
        Self { running: None, items, body }
    }
}

impl<I, F, C> Coroutine for ForEach<I, F, C>
where
    I: AsyncIterator,
    F: FnMut(I::Item) -> C,
    C: Awaitable,
{
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some(running) = &mut self.running {
                let ended = yield_from!(running, sent);
                replace_ended(&mut self.running, None);
                ended?;
            }
            match yield_from!(self.items.next(), sent)? {
                Some(item) => self.running = Some((self.body)(item)),
                None => return Ok(Step::Return(())),
            }
        }
    }

    fn state(&self) -> State<'_> {
        match &self.running {
            Some(running) => State::new("for_each", &"in an item").delegating_to(running.state()),
            None => State::new("for_each", &"between items"),
        }
    }
}

/// A coroutine that collects the items of an iterator. Created by [`AsyncIterator::collect`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Collect<I, B> {
    items: I,
    collected: B,
}

impl<I, B: Default> Collect<I, B> {
    pub(super) fn new(items: I) -> Self {
        Self { items, collected: B::default() }
    }
}

impl<I, B> Coroutine for Collect<I, B>
where
    I: AsyncIterator,
    B: Default + Extend<I::Item>,
{
    type Yield = Await;
    type Input = ();
    type Return = B;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while let Some(item) = yield_from!(self.items.next(), sent)? {
            self.collected.extend([item]);
        }
        Ok(Step::Return(mem::take(&mut self.collected)))
    }
}

impl<I: fmt::Debug, F, C> fmt::Debug for ForEach<I, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForEach").field(&self.items).finish()
    }
}

impl<I: fmt::Debug, B> fmt::Debug for Collect<I, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Collect").field(&self.items).finish()
    }
}
