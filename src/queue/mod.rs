//! Queues between the tasks of one loop. Layer 2.
//!
//! ```text
//!   put --> waits while it is full         get --> waits while it is empty
//!             |   ^                                  |   ^
//!             v   | wakes the first              wakes the first |   v
//!           [ items ....................................... ]
//! ```
//!
//! A task that is woken has no claim on an item. It checks again when it runs, and waits at the end of the line if
//! another task has taken the item. A task that was woken and is then cancelled or dropped wakes the next one in its
//! place.
//!
//! A machine that waits for a queue stores [`Get`] or [`Put`]. Every operation that waits raises `CancelledError` when
//! its task [is cancelled](crate#what-awaiting-raises).
//!
//! | asyncio | here | file |
//! |---|---|---|
//! | `Queue`, `LifoQueue`, `PriorityQueue` | [`Queue`], [`LifoQueue`], [`PriorityQueue`] | `mod.rs`, `kinds.rs` |
//! | `put`, `get` | [`Put`], [`Get`] | `put.rs`, `get.rs` |
//! | `QueueFull`, `QueueEmpty`, `QueueShutDown` | [`PutError`], [`GetError`], [`QueueShutDown`] | `error.rs` |
//! | | [`WeightedQueue`], bounded by bytes or another weight | `weighted.rs`, `room.rs` |
//! | | the items, in the order in which a queue of this kind returns them | `items.rs` |
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
mod room;
mod weighted;

pub use self::error::{GetError, PutError, QueueShutDown};
pub use self::get::Get;
use self::items::{Items, Taken};
pub use self::kinds::{LifoQueue, PriorityQueue};
pub use self::put::Put;
pub use self::weighted::{WeightedGet, WeightedPut, WeightedQueue};

/// A first-in, first-out queue. asyncio's `Queue`.
///
/// A queue is a handle: clones refer to the same queue. [`LifoQueue`] and [`PriorityQueue`] return their items in
/// another order. They dereference to this type, and so have all of its methods.
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
    /// Drops the items that are left, perhaps later. A function pointer, because only the constructor knows that they
    /// are `'static`.
    drop_items: fn(Taken<T>),
}

/// Decides whether [`Queue::shutdown`] keeps or drops the items that are still in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shutdown {
    /// Keeps the items, which can still be taken out. asyncio's `immediate=False`.
    Drain,
    /// Drops the items, and counts them as done. asyncio's `immediate=True`.
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
    /// Waits until there is room, and adds an item. asyncio's `put`.
    ///
    /// # Errors
    ///
    /// Raises [`QueueShutDown`] if the queue is shut down. [`Put::into_item`] then returns the item.
    #[inline]
    pub fn put(&self, item: T) -> Put<T> {
        Put::new(self.clone(), item)
    }

    /// Adds an item without waiting. asyncio's `put_nowait`.
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
    /// Returns a [`PutError`], which holds the item, if the queue is full or shut down.
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
        // Last, because comparing items runs user code, which may panic.
        self.0.items.push(item);
        Ok(())
    }

    /// Waits until there is an item, and takes it out. asyncio's `get`.
    ///
    /// # Errors
    ///
    /// Raises [`QueueShutDown`] if the queue is shut down and empty.
    ///
    /// # Examples
    ///
    /// A machine stores the [`Get`] that it is waiting for:
    ///
    /// ```
    /// use innermost::queue::{Get, Queue, QueueShutDown, Shutdown};
    /// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step, yield_from};
    ///
    /// /// Adds up the numbers in a queue until it is shut down.
    /// struct Adder {
    ///     queue: Queue<u32>,
    ///     next: Get<u32>,
    ///     sum: u32,
    /// }
    ///
    /// impl Coroutine for Adder {
    ///     type Yield = Await;
    ///     type Input = ();
    ///     type Return = u32;
    ///
    ///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
    ///         loop {
    ///             match yield_from!(self.next, sent) {
    ///                 Ok(number) => self.sum += number,
    ///                 Err(raised) if raised.downcast_ref::<QueueShutDown>().is_some() => {
    ///                     return Ok(Step::Return(self.sum));
    ///                 }
    ///                 Err(raised) => return Err(raised),
    ///             }
    ///             self.next = self.queue.get();
    ///         }
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let queue = Queue::new();
    /// let adder = event_loop.create_task(Adder { queue: queue.clone(), next: queue.get(), sum: 0 })?;
    /// event_loop.call_soon(move || {
    ///     for number in [1, 2, 3] {
    ///         queue.put_nowait(number).expect("it has no limit");
    ///     }
    ///     queue.shutdown(Shutdown::Drain);
    /// })?;
    /// assert_eq!(event_loop.run_until_complete(adder)?, 6);
    /// # Ok::<(), Exception>(())
    /// ```
    #[inline]
    pub fn get(&self) -> Get<T> {
        Get::new(self.clone())
    }

    /// Takes the next item out without waiting. asyncio's `get_nowait`.
    ///
    /// ```
    /// use innermost::queue::{GetError, Queue};
    ///
    /// let queue = Queue::new();
    /// queue.put_nowait(1)?;
    /// assert_eq!(queue.get_nowait(), Ok(1));
    /// assert_eq!(queue.get_nowait(), Err(GetError::Empty));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`GetError::Empty`] if there is no item, or [`GetError::ShutDown`] if there is none and the queue is
    /// shut down.
    #[inline]
    pub fn get_nowait(&self) -> Result<T, GetError> {
        if let Some(item) = self.0.items.pop() {
            self.0.putters.pop_and_wake();
            return Ok(item);
        }
        Err(if self.0.shut_down.get() { GetError::ShutDown } else { GetError::Empty })
    }

    /// Waits until every item that was added has been taken out and reported with [`task_done`](Self::task_done).
    /// asyncio's `join`.
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

    /// Reports that an item that was taken out has been processed. asyncio's `task_done`.
    ///
    /// [`join`](Self::join) waits for these reports.
    ///
    /// # Errors
    ///
    /// Returns a `ValueError` if every item has been reported already.
    #[inline]
    pub fn task_done(&self) -> Result<(), Exception> {
        let Some(left) = self.0.unfinished.get().checked_sub(1) else {
            return Err(Exception::message(Kind::ValueError, "task_done() called too many times"));
        };
        self.finish_down_to(left);
        Ok(())
    }

    /// Returns the number of items in the queue. asyncio's `qsize`.
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

    /// Returns the number of items that the queue can hold, or 0 if it can hold any number.
    pub fn maxsize(&self) -> usize {
        self.0.maxsize
    }

    /// Closes the queue to new items and wakes all waiters. asyncio's `shutdown`.
    ///
    /// From now on, [`put`](Self::put) raises [`QueueShutDown`], and [`get`](Self::get) raises it once the queue is
    /// empty. That includes the waiters.
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

    fn is_shut_down(&self) -> bool {
        self.0.shut_down.get()
    }

    /// Returns `true` if both handles refer to the same queue.
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

/// Drops the items that are left without recursion, because they may hold queues.
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
