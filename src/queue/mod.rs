//! Layer 2: queues between the tasks of one loop.
//!
//! ```text
//!   put --> waits while it is full         get --> waits while it is empty
//!             |   ^                                  |   ^
//!             v   | wakes the first              wakes the first |   v
//!           [ items ....................................... ]
//! ```
//!
//! A woken task has no claim on an item. It checks again when it runs, and waits at the end of the line if another task
//! took the item. A task that was woken and is then cancelled or dropped wakes the next one in its place.
//!
//! A machine that waits at a queue stores [`Get`] or [`Put`].
//!
//! | asyncio | here | file |
//! |---|---|---|
//! | `Queue`, `LifoQueue`, `PriorityQueue` | [`Queue`], [`LifoQueue`], [`PriorityQueue`] | `mod.rs`, `kinds.rs` |
//! | `put`, `get` | [`Put`], [`Get`] | `put.rs`, `get.rs` |
//! | `QueueFull`, `QueueEmpty`, `QueueShutDown` | [`PutError`], [`GetError`], [`QueueShutDown`] | `error.rs` |
//! | | the items in the order of the queue's kind | `items.rs` |
//!
//! Source: `Lib/asyncio/queues.py` of CPython 3.13, for the behaviour and the order of events.

use core::cell::Cell;
use core::fmt;
use core::mem::needs_drop;
use std::rc::Rc;

use crate::coroutine::{Exception, Kind, drop_flat};
use crate::sync::{Event, EventWait, WaitQueue};

mod error;
mod get;
mod items;
mod kinds;
mod put;

pub use self::error::{GetError, PutError, QueueShutDown};
pub use self::get::Get;
use self::items::{Items, Taken};
pub use self::kinds::{LifoQueue, PriorityQueue};
pub use self::put::Put;

/// A first-in, first-out queue. asyncio's `Queue`.
///
/// Clones are handles to the same queue. [`LifoQueue`] and [`PriorityQueue`] order their items differently, and
/// dereference to this type.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::queue::Queue;
///
/// let event_loop = EventLoop::new()?;
/// let queue = Queue::bounded(1);
/// queue.put_nowait("first")?;
/// event_loop.create_task(queue.put("second"))?; // waits until there is room
/// assert_eq!(event_loop.run_until_complete(queue.get())?, "first");
/// assert_eq!(event_loop.run_until_complete(queue.get())?, "second");
/// # Ok::<(), innermost::Exception>(())
/// ```
pub struct Queue<T>(Rc<QueueState<T>>);

struct QueueState<T> {
    items: Items<T>,
    maxsize: usize,
    getters: WaitQueue,
    putters: WaitQueue,
    unfinished: Cell<usize>,
    /// Set while nothing is unfinished.
    finished: Event,
    shut_down: Cell<bool>,
    /// Drops the items that are left, perhaps later. A pointer, because only the constructor knows that they are `'static`.
    drop_items: fn(Taken<T>),
}

/// Decides what [`Queue::shutdown`] does with the items that are still in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// Keep the items: they can still be taken out. asyncio's `immediate=False`.
    Drain,
    /// Drop the items, and count them as done. asyncio's `immediate=True`.
    Immediate,
}

impl<T: 'static> Queue<T> {
    /// Creates a queue without a limit.
    pub fn new() -> Self {
        Self::bounded(0)
    }

    /// Creates a queue that holds up to `maxsize` items, or any number if `maxsize` is 0.
    pub fn bounded(maxsize: usize) -> Self {
        Self::of(Items::fifo(), maxsize)
    }

    fn of(items: Items<T>, maxsize: usize) -> Self {
        let finished = Event::new();
        finished.set();
        Self(Rc::new(QueueState {
            items,
            maxsize,
            getters: WaitQueue::new("Queue.get"),
            putters: WaitQueue::new("Queue.put"),
            unfinished: Cell::new(0),
            finished,
            shut_down: Cell::new(false),
            drop_items: drop_flat,
        }))
    }
}

impl<T> Queue<T> {
    /// Adds an item, waiting until there is room. asyncio's `put`.
    ///
    /// # Errors
    ///
    /// Raises [`QueueShutDown`] if the queue is shut down. [`Put::into_item`] gives the item back.
    #[inline]
    pub fn put(&self, item: T) -> Put<T> {
        Put::new(self.clone(), item)
    }

    /// Adds an item if there is room now. asyncio's `put_nowait`.
    ///
    /// ```
    /// use innermost::queue::{PutError, Queue};
    ///
    /// let queue = Queue::bounded(1);
    /// assert_eq!(queue.put_nowait(1), Ok(()));
    /// assert_eq!(queue.put_nowait(2), Err(PutError::Full(2)));
    /// ```
    ///
    /// # Errors
    ///
    /// Returns the item if the queue is full or shut down.
    #[inline]
    pub fn put_nowait(&self, item: T) -> Result<(), PutError<T>> {
        if self.0.shut_down.get() {
            return Err(PutError::ShutDown(item));
        }
        if self.is_full() {
            return Err(PutError::Full(item));
        }
        self.0.unfinished.set(self.0.unfinished.get() + 1);
        self.0.finished.clear();
        self.0.getters.pop_and_wake();
        // Last, because comparing items may run user code, which may panic.
        self.0.items.push(item);
        Ok(())
    }

    /// Takes the next item out, waiting until there is one. asyncio's `get`.
    ///
    /// # Errors
    ///
    /// Raises [`QueueShutDown`] if the queue is shut down and empty.
    #[inline]
    pub fn get(&self) -> Get<T> {
        Get::new(self.clone())
    }

    /// Takes the next item out if there is one now. asyncio's `get_nowait`.
    ///
    /// # Errors
    ///
    /// [`GetError::Empty`] if there is no item; [`GetError::ShutDown`] if there is none and the queue is shut down.
    #[inline]
    pub fn get_nowait(&self) -> Result<T, GetError> {
        if let Some(item) = self.0.items.pop() {
            self.0.putters.pop_and_wake();
            return Ok(item);
        }
        Err(if self.0.shut_down.get() { GetError::ShutDown } else { GetError::Empty })
    }

    /// Waits until every item that was added has been taken out and reported with [`task_done`](Self::task_done).
    ///
    /// ```
    /// use innermost::EventLoop;
    /// use innermost::queue::Queue;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let queue = Queue::new();
    /// queue.put_nowait("work")?;
    /// let joined = event_loop.create_task(queue.join())?;
    /// event_loop.call_soon(move || {
    ///     queue.get_nowait().expect("it was put in");
    ///     queue.task_done().expect("it was put in");
    /// })?;
    /// event_loop.run_until_complete(joined)?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn join(&self) -> EventWait {
        self.0.finished.wait()
    }

    /// Reports that an item that was taken out has been processed.
    ///
    /// # Errors
    ///
    /// `ValueError` if this was reported for every item already.
    #[inline]
    pub fn task_done(&self) -> Result<(), Exception> {
        let Some(left) = self.0.unfinished.get().checked_sub(1) else {
            return Err(Exception::message(Kind::ValueError, "task_done() called too many times"));
        };
        self.finish_down_to(left);
        Ok(())
    }

    /// The number of items in the queue. asyncio's `qsize`.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.items.len()
    }

    /// Returns `true` if there are no items. asyncio's `empty`.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns `true` if there is no room for another item. asyncio's `full`.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.0.maxsize > 0 && self.len() >= self.0.maxsize
    }

    /// The number of items that the queue can hold; 0 means any number.
    pub fn maxsize(&self) -> usize {
        self.0.maxsize
    }

    /// Closes the queue to new items and wakes all waiters. A waiting [`put`](Self::put) raises [`QueueShutDown`]. A
    /// waiting [`get`](Self::get) raises it once the queue is empty.
    ///
    /// ```
    /// use innermost::queue::{GetError, PutError, Queue, Shutdown};
    ///
    /// let queue = Queue::new();
    /// queue.put_nowait(1)?;
    /// queue.shutdown(Shutdown::Drain);
    /// assert_eq!(queue.put_nowait(2), Err(PutError::ShutDown(2)));
    /// assert_eq!(queue.get_nowait(), Ok(1));
    /// assert_eq!(queue.get_nowait(), Err(GetError::ShutDown));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn shutdown(&self, items: Shutdown) {
        self.0.shut_down.set(true);
        let dropped = match items {
            Shutdown::Drain => None,
            Shutdown::Immediate => {
                let dropped = self.0.items.take();
                self.finish_down_to(self.0.unfinished.get().saturating_sub(dropped.len()));
                Some(dropped)
            }
        };
        while self.0.getters.pop_and_wake() {}
        while self.0.putters.pop_and_wake() {}
        if let Some(dropped) = dropped {
            (self.0.drop_items)(dropped);
        }
    }

    /// Returns `true` if both are handles to the same queue.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    fn finish_down_to(&self, left: usize) {
        self.0.unfinished.set(left);
        if left == 0 {
            self.0.finished.set();
        }
    }
}

/// The items may hold queues.
impl<T> Drop for QueueState<T> {
    fn drop(&mut self) {
        if needs_drop::<T>() && self.items.len() > 0 {
            (self.drop_items)(self.items.take());
        }
    }
}

impl<T: 'static> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

/// Shows the number of items and of waiters, but not the items, which need not implement `Debug`.
impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = &self.0;
        f.debug_struct("Queue")
            .field("len", &self.len())
            .field("maxsize", &state.maxsize)
            .field("getters", &state.getters.len())
            .field("putters", &state.putters.len())
            .field("unfinished", &state.unfinished.get())
            .field("shut_down", &state.shut_down.get())
            .finish()
    }
}
