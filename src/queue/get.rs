//! Waits until there is an item, and takes it out.

use core::fmt;

use super::{GetError, Queue, QueueShutDown};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::sync::Phase;
use crate::task::Await;

/// A coroutine that takes an item out of a [`Queue`]. Created by [`Queue::get`].
///
/// Store this in a machine that waits for an item. Dropping it leaves the line of waiters, and loses no item. If this
/// waiter had been woken, the next one is woken instead.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Get<T> {
    queue: Queue<T>,
    phase: Phase,
}

impl<T> Get<T> {
    #[inline]
    pub(super) fn new(queue: Queue<T>) -> Self {
        Self { queue, phase: Phase::Created }
    }

    /// Leaves the queue of waiters. If this was woken and there is an item, another waiter is woken for it.
    #[cold]
    #[inline(never)]
    fn give_up(&mut self) {
        let Some(place) = self.phase.end() else { return };
        let state = &self.queue.0;
        if place.leave() && !self.queue.is_empty() {
            state.getters.pop_and_wake();
        }
    }
}

impl<T> Coroutine for Get<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    /// Always inlined: two calls and a copy of the yielded value would be an eighth of the cost of a wait.
    #[inline(always)]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        match self.phase.go_on(sent) {
            Ok(true) => {}
            Ok(false) => return self.phase.wait_on::<Self>(),
            Err(raised) => {
                self.give_up();
                return Err(raised);
            }
        }
        match self.queue.get_nowait() {
            Ok(item) => Ok(Step::Return(item)),
            Err(GetError::Empty) => Ok(Step::Yield(self.phase.wait_at(self.queue.0.getters.join()))),
            Err(GetError::ShutDown) => Err(QueueShutDown.into()),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Queue.get", &self.phase)
    }
}

impl<T> Drop for Get<T> {
    #[inline]
    fn drop(&mut self) {
        if self.phase.is_waiting() {
            self.give_up();
        }
    }
}

impl<T> fmt::Debug for Get<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Get").field("queue", &self.queue).field("phase", &self.phase).finish()
    }
}
