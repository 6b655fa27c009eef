//! Queues that return their items in another order.

use core::fmt;
use core::ops::Deref;

use super::Queue;
use super::items::Items;

/// A last-in, first-out queue. asyncio's `LifoQueue`.
///
/// The methods are those of [`Queue`].
///
/// ```
/// use innermost::queue::LifoQueue;
///
/// let stack = LifoQueue::new();
/// stack.put_nowait("first")?;
/// stack.put_nowait("second")?;
/// assert_eq!(stack.get_nowait(), Ok("second"));
/// # Ok::<(), innermost::Exception>(())
/// ```
pub struct LifoQueue<T>(Queue<T>);

/// A queue whose smallest item comes first. asyncio's `PriorityQueue`.
///
/// Equal items come in the order in which they were added. The methods are those of [`Queue`].
///
/// ```
/// use innermost::queue::PriorityQueue;
///
/// let queue = PriorityQueue::new();
/// queue.put_nowait((2, "later"))?;
/// queue.put_nowait((1, "now"))?;
/// assert_eq!(queue.get_nowait(), Ok((1, "now")));
/// # Ok::<(), innermost::Exception>(())
/// ```
pub struct PriorityQueue<T>(Queue<T>);

impl<T: 'static> LifoQueue<T> {
    /// Creates a queue without a limit.
    pub fn new() -> Self {
        Self::bounded(0)
    }

    /// Creates a queue that holds up to `maxsize` items, or any number if `maxsize` is 0.
    pub fn bounded(maxsize: usize) -> Self {
        Self(Queue::of(Items::lifo(), maxsize))
    }
}

impl<T: Ord + 'static> PriorityQueue<T> {
    /// Creates a queue without a limit.
    pub fn new() -> Self {
        Self::bounded(0)
    }

    /// Creates a queue that holds up to `maxsize` items, or any number if `maxsize` is 0.
    pub fn bounded(maxsize: usize) -> Self {
        Self(Queue::of(Items::priority(), maxsize))
    }
}

impl<T: 'static> Default for LifoQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Ord + 'static> Default for PriorityQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! is_a_queue {
    ($($name:ident)+) => {$(
        impl<T> Deref for $name<T> {
            type Target = Queue<T>;

            #[inline]
            fn deref(&self) -> &Queue<T> {
                &self.0
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }
    )+};
}

is_a_queue! { LifoQueue PriorityQueue }
