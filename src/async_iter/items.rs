//! An async iterator over the items of a queue.

use super::AsyncIterator;
use crate::coroutine::{Exception, Step};
use crate::queue::{Get, Queue, QueueShutDown};
use crate::scope::Progress;
use crate::yield_from;

/// Creates an iterator that takes items out of a queue, and ends when the queue is shut down and empty.
///
/// ```
/// use innermost::async_iter::{AsyncIterator, items};
/// use innermost::queue::{Queue, Shutdown};
/// use innermost::{EventLoop, Exception};
///
/// let queue = Queue::new();
/// let event_loop = EventLoop::new()?;
/// let all = event_loop.create_task(items(&queue).collect::<Vec<_>>())?;
/// event_loop.call_soon(move || {
///     queue.put_nowait("only one").expect("there is room");
///     queue.shutdown(Shutdown::Drain);
/// })?;
/// assert_eq!(event_loop.run_until_complete(all)?, ["only one"]);
/// # Ok::<(), Exception>(())
/// ```
pub fn items<T>(queue: &Queue<T>) -> Items<T> {
    Items { queue: queue.clone(), get: None }
}

/// An async iterator that takes items out of a queue. Created by [`items`](fn@items).
#[derive(Debug)]
#[must_use = "an async iterator does nothing until its items are awaited"]
pub struct Items<T> {
    queue: Queue<T>,
    get: Option<Get<T>>,
}

impl<T> AsyncIterator for Items<T> {
    type Item = T;

    fn resume_next(&mut self, mut sent: Result<(), Exception>) -> Progress<Option<T>> {
        let queue = &self.queue;
        let get = self.get.get_or_insert_with(|| queue.get());
        let got = yield_from!(get, sent);
        self.get = None;
        match got {
            Ok(item) => Ok(Step::Return(Some(item))),
            Err(raised) if raised.downcast_ref::<QueueShutDown>().is_some() => Ok(Step::Return(None)),
            Err(raised) => Err(raised),
        }
    }
}
