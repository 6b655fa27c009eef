//! Why something could not be put in or got.

use core::error::Error;
use core::fmt;

/// Why an item could not be put in at once. Gives it back. asyncio's `QueueFull` and `QueueShutDown`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutError<T> {
    /// There is no room.
    Full(T),
    /// The queue takes nothing any more.
    ShutDown(T),
}

/// Why no item could be got at once. asyncio's `QueueEmpty` and `QueueShutDown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GetError {
    /// There is none.
    Empty,
    /// There is none, and there will be none.
    ShutDown,
}

/// What putting and getting raise once the queue is shut down. asyncio's `QueueShutDown`.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueShutDown;

impl<T> PutError<T> {
    /// What was to be put in.
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
