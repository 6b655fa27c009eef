//! Waits until there is room, and adds an item.

use core::fmt;

use super::{PutError, Queue, QueueShutDown};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::sync::Phase;
use crate::task::Await;

/// A coroutine that adds an item to a [`Queue`]. Created by [`Queue::put`].
///
/// Store this in a machine that waits for room. Dropping it leaves the line of waiters, and drops the item; to keep the
/// item, call [`into_item`](Self::into_item). If this waiter had been woken, the next one is woken instead.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Put<T> {
    queue: Queue<T>,
    item: Option<T>,
    phase: Phase,
}

impl<T> Put<T> {
    #[inline]
    pub(super) fn new(queue: Queue<T>, item: T) -> Self {
        Self { queue, item: Some(item), phase: Phase::Created }
    }

    /// Returns the item, or `None` if it was added to the queue.
    ///
    /// ```
    /// use innermost::Coroutine;
    /// use innermost::queue::{Queue, Shutdown};
    ///
    /// let queue = Queue::new();
    /// queue.shutdown(Shutdown::Drain);
    /// let mut put = queue.put("precious");
    /// assert!(put.resume(Ok(())).is_err());
    /// assert_eq!(put.into_item(), Some("precious"));
    /// ```
    pub fn into_item(mut self) -> Option<T> {
        self.item.take()
    }

    /// Leaves the queue of waiters. If this was woken and there is room, another waiter is woken for it.
    #[cold]
    #[inline(never)]
    fn give_up(&mut self) {
        let Some(place) = self.phase.end() else { return };
        let state = &self.queue.0;
        if place.leave() && !self.queue.is_full() {
            state.putters.pop_and_wake();
        }
    }
}

impl<T> Coroutine for Put<T> {
    type Yield = Await;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        match self.phase.go_on(sent) {
            Ok(true) => {}
            Ok(false) => return self.phase.wait_on::<Self>(),
            Err(raised) => {
                self.give_up();
                return Err(raised);
            }
        }
        let item = self.item.take().ok_or_else(Exception::reused)?;
        match self.queue.put_nowait(item) {
            Ok(()) => Ok(Step::Return(())),
            Err(PutError::Full(item)) => {
                self.item = Some(item);
                Ok(Step::Yield(self.phase.wait_at(self.queue.0.putters.join())))
            }
            Err(PutError::ShutDown(item)) => {
                self.item = Some(item);
                Err(QueueShutDown.into())
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Queue.put", &self.phase)
    }
}

impl<T> Drop for Put<T> {
    #[inline]
    fn drop(&mut self) {
        if self.phase.is_waiting() {
            self.give_up();
        }
    }
}

impl<T> fmt::Debug for Put<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").field("queue", &self.queue).field("phase", &self.phase).finish_non_exhaustive()
    }
}
