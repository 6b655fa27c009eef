//! [`WeightedQueue`]: a queue that is bounded by the weight of its items, for example by bytes.

use core::fmt;
use std::rc::Rc;

use super::room::{Room, Turn};
use super::{Get, GetError, PutError, Queue, QueueShutDown, Shutdown};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::sync::EventWait;
use crate::task::Await;

/// A first-in, first-out queue that is bounded by the weight of its items instead of their number.
///
/// A function says what an item weighs. It is called once for each item, when [`put`](Self::put) or
/// [`put_nowait`](Self::put_nowait) is called. [`of_bytes`](Self::of_bytes) counts bytes.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::queue::WeightedQueue;
///
/// let event_loop = EventLoop::new()?;
/// let queue = WeightedQueue::of_bytes(10);
/// queue.put_nowait("12345678")?;
/// event_loop.create_task(queue.put("123"))?; // waits until there is room
/// assert_eq!(event_loop.run_until_complete(queue.get())?, "12345678");
/// assert_eq!(event_loop.run_until_complete(queue.get())?, "123");
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Heavy items
///
/// An item that is heavier than the whole queue may hold waits until the queue is empty, and then goes in alone. So every
/// item can be added, and at most one of them exceeds the limit.
///
/// An item that weighs nothing takes no room. To bound the number of such items too, let the function add something for
/// each item, for example the memory that its type takes.
///
/// # Order
///
/// Items are added in the order in which their puts began to wait: a light item does not pass a heavy one, and
/// [`put_nowait`](Self::put_nowait) fails while any put waits. A put that is cancelled or dropped leaves the line, and
/// the others move up. A put that loses a [`Race`](crate::wait::Race) keeps its place. If its turn comes while no race is
/// running, the turn goes to the next put, and the loser joins the end of the line at the next race.
pub struct WeightedQueue<T> {
    items: Queue<Weighed<T>>,
    room: Rc<Room>,
    weigh: Rc<dyn Fn(&T) -> usize>,
}

struct Weighed<T> {
    item: T,
    weight: usize,
}

impl<T: 'static> WeightedQueue<T> {
    /// Creates a queue whose items may weigh up to `limit` together. `weigh` says what one of them weighs.
    pub fn new(limit: usize, weigh: impl Fn(&T) -> usize + 'static) -> Self {
        Self { items: Queue::new(), room: Room::new(limit), weigh: Rc::new(weigh) }
    }

    /// Creates a queue whose items may have up to `limit` bytes together.
    pub fn of_bytes(limit: usize) -> Self
    where
        T: AsRef<[u8]>,
    {
        Self::new(limit, |item| item.as_ref().len())
    }
}

impl<T> WeightedQueue<T> {
    /// Waits until there is room, and adds an item.
    ///
    /// # Errors
    ///
    /// Awaiting it raises [`QueueShutDown`] if the queue is shut down. [`WeightedPut::into_item`] then returns the item.
    pub fn put(&self, item: T) -> WeightedPut<T> {
        let weight = (self.weigh)(&item);
        WeightedPut { queue: self.clone(), item: Some(Weighed { item, weight }), phase: Phase::Created }
    }

    /// Adds an item without waiting.
    ///
    /// ```
    /// use innermost::queue::{PutError, WeightedQueue};
    ///
    /// let queue = WeightedQueue::new(10, |item: &u32| *item as usize);
    /// assert_eq!(queue.put_nowait(6), Ok(()));
    /// assert_eq!(queue.put_nowait(5), Err(PutError::Full(5)));
    /// assert_eq!(queue.put_nowait(4), Ok(()));
    /// assert_eq!(queue.weight(), 10);
    /// ```
    ///
    /// # Errors
    ///
    /// Returns a [`PutError`], which holds the item, if there is no room, if others wait for room, or if the queue is shut
    /// down.
    pub fn put_nowait(&self, item: T) -> Result<(), PutError<T>> {
        let weight = (self.weigh)(&item);
        if self.is_shut_down() {
            return Err(PutError::ShutDown(item));
        }
        if !self.room.take(weight) {
            return Err(PutError::Full(item));
        }
        self.add(Weighed { item, weight });
        Ok(())
    }

    /// Adds an item whose weight is reserved.
    fn add(&self, item: Weighed<T>) {
        if let Err(refused) = self.items.put_nowait(item) {
            self.room.give_back(refused.into_item().weight);
        }
    }

    /// Waits until there is an item, and takes it out.
    ///
    /// # Errors
    ///
    /// Awaiting it raises [`QueueShutDown`] if the queue is shut down and empty.
    pub fn get(&self) -> WeightedGet<T> {
        WeightedGet { get: self.items.get(), room: Rc::clone(&self.room) }
    }

    /// Takes the next item out without waiting.
    ///
    /// # Errors
    ///
    /// Returns [`GetError::Empty`] if there is no item, or [`GetError::ShutDown`] if there is none and the queue is
    /// shut down.
    pub fn get_nowait(&self) -> Result<T, GetError> {
        let Weighed { item, weight } = self.items.get_nowait()?;
        self.room.give_back(weight);
        Ok(item)
    }

    /// Waits until every item that was added has been taken out and reported with [`task_done`](Self::task_done).
    pub fn join(&self) -> EventWait {
        self.items.join()
    }

    /// Reports that an item that was taken out has been processed.
    ///
    /// # Errors
    ///
    /// Returns a `ValueError` if every item has been reported already.
    pub fn task_done(&self) -> Result<(), Exception> {
        self.items.task_done()
    }

    /// Returns the number of items in the queue.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns `true` if there are no items.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the weight of the items in the queue, and of those whose turn has come and that are about to be added.
    pub fn weight(&self) -> usize {
        self.room.used()
    }

    /// Returns the weight that the items in the queue may have together.
    pub fn limit(&self) -> usize {
        self.room.limit()
    }

    /// Closes the queue to new items and wakes all waiters, as [`Queue::shutdown`] does.
    pub fn shutdown(&self, items: Shutdown) {
        self.items.shutdown(items);
        self.room.close(items == Shutdown::Immediate);
    }

    /// Returns `true` if both handles refer to the same queue.
    pub fn is(&self, other: &Self) -> bool {
        self.items.is(&other.items)
    }

    fn is_shut_down(&self) -> bool {
        self.items.is_shut_down()
    }
}

impl<T> Clone for WeightedQueue<T> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), room: Rc::clone(&self.room), weigh: Rc::clone(&self.weigh) }
    }
}

/// Shows the number of items, their weight, and the number of waiters.
impl<T> fmt::Debug for WeightedQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightedQueue").field("items", &self.items).field("room", &self.room).finish()
    }
}

/// A coroutine that adds an item to a [`WeightedQueue`]. Created by [`WeightedQueue::put`].
///
/// Dropping it leaves the line, and drops the item; to keep the item, call [`into_item`](Self::into_item).
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct WeightedPut<T> {
    queue: WeightedQueue<T>,
    item: Option<Weighed<T>>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Created,
    Waiting(u32),
    Over,
}

impl<T> WeightedPut<T> {
    /// Returns the item, or `None` if it was added to the queue.
    pub fn into_item(mut self) -> Option<T> {
        self.item.take().map(|weighed| weighed.item)
    }

    fn give_up(&mut self) {
        if let Phase::Waiting(place) = core::mem::replace(&mut self.phase, Phase::Over) {
            self.queue.room.leave(place);
        }
    }
}

impl<T> Coroutine for WeightedPut<T> {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if let Err(raised) = sent {
            self.give_up();
            return Err(raised);
        }
        let room = &self.queue.room;
        let is_granted = match self.phase {
            Phase::Created => false,
            Phase::Waiting(place) => match room.turn(place) {
                Turn::Pending => return Ok(Step::Yield(Await::at_place(place, Rc::clone(room) as Rc<_>))),
                Turn::Granted => true,
                Turn::Over => false,
            },
            Phase::Over => return Err(Exception::reused()),
        };
        self.phase = Phase::Over;
        let weight = self.item.as_ref().ok_or_else(Exception::reused)?.weight;
        if self.queue.is_shut_down() {
            if is_granted {
                room.give_back(weight);
            }
            return Err(QueueShutDown.into());
        }
        if !is_granted && !room.take(weight) {
            let place = room.join(weight);
            self.phase = Phase::Waiting(place);
            return Ok(Step::Yield(Await::at_place(place, Rc::clone(room) as Rc<_>)));
        }
        let item = self.item.take().ok_or_else(Exception::reused)?;
        self.queue.add(item);
        Ok(Step::Return(()))
    }

    fn state(&self) -> State<'_> {
        State::new("WeightedQueue.put", &self.phase)
    }
}

impl<T> Drop for WeightedPut<T> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl<T> fmt::Debug for WeightedPut<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightedPut").field("queue", &self.queue).field("phase", &self.phase).finish_non_exhaustive()
    }
}

/// A coroutine that takes an item out of a [`WeightedQueue`]. Created by [`WeightedQueue::get`].
///
/// Dropping it leaves the line of waiters, and loses no item.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct WeightedGet<T> {
    get: Get<Weighed<T>>,
    room: Rc<Room>,
}

impl<T> Coroutine for WeightedGet<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        Ok(match self.get.resume(sent)? {
            Step::Return(Weighed { item, weight }) => {
                self.room.give_back(weight);
                Step::Return(item)
            }
            Step::Yield(wanted) => Step::Yield(wanted),
            Step::Delegate(frame) => Step::Delegate(frame),
        })
    }

    fn state(&self) -> State<'_> {
        self.get.state()
    }
}

impl<T> fmt::Debug for WeightedGet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeightedGet").field("get", &self.get).field("room", &self.room).finish()
    }
}
