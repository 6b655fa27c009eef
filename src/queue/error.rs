//! The errors of queues.

use core::error::Error;
use core::fmt;

/// The error of [`Queue::put_nowait`](super::Queue::put_nowait), which holds the item. asyncio's `QueueFull` and
/// `QueueShutDown`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PutError<T> {
    /// The queue is full.
    Full(T),
    /// The queue is shut down.
    ShutDown(T),
}

/// The error of [`Queue::get_nowait`](super::Queue::get_nowait). asyncio's `QueueEmpty` and `QueueShutDown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GetError {
    /// The queue is empty.
    Empty,
    /// The queue is empty and shut down, so there will be no more items.
    ShutDown,
}

/// The error that [`Queue::put`](super::Queue::put) and [`Queue::get`](super::Queue::get) raise if the queue is shut
/// down. asyncio's `QueueShutDown`.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::queue::{Queue, QueueShutDown, Shutdown};
///
/// let queue = Queue::<u32>::new();
/// queue.shutdown(Shutdown::Drain);
/// let raised = EventLoop::new()?.run_until_complete(queue.get()).unwrap_err();
/// assert!(raised.downcast_ref::<QueueShutDown>().is_some());
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct QueueShutDown;

impl<T> PutError<T> {
    /// Returns the item that was not added.
    pub fn into_item(self) -> T {
        match self {
            Self::Full(item) | Self::ShutDown(item) => item,
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full",
            Self::ShutDown(_) => "ShutDown",
        })
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("the queue is full"),
            Self::ShutDown(_) => QueueShutDown.fmt(f),
        }
    }
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the queue is empty"),
            Self::ShutDown => QueueShutDown.fmt(f),
        }
    }
}

impl fmt::Display for QueueShutDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is shut down")
    }
}

impl<T> Error for PutError<T> {}
impl Error for GetError {}
impl Error for QueueShutDown {}
