//! [`OwnedTask`]: a task that is cancelled when its handle is dropped.

use core::fmt;
use core::ops::Deref;

use super::{Await, Task};
use crate::coroutine::{Coroutine, Exception, Resumed, State};

/// A task that is cancelled when this handle is dropped. Returned by [`Task::cancel_on_drop`].
///
/// A plain [`Task`] goes on when its handles are dropped. A machine that owns a helper task keeps an `OwnedTask` in a
/// field instead, and the helper ends with the machine, however that ends. Dropping does not wait: the helper gets its
/// `CancelledError` in the next turn, and may clean up. To wait for helpers, use a [`TaskGroup`](crate::wait::TaskGroup).
///
/// ```
/// use innermost::{EventLoop, Exception, ready, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let helper = event_loop.create_task(sleep(Duration::from_secs(3600)))?;
/// let owned = helper.clone().cancel_on_drop();
/// drop(owned);
/// assert!(event_loop.run_until_complete(helper).unwrap_err().is_cancelled());
///
/// // Awaiting it moves the result out.
/// let answer = event_loop.create_task(ready(String::from("42")))?.cancel_on_drop();
/// assert_eq!(event_loop.run_until_complete(answer)?, "42");
/// # Ok::<(), Exception>(())
/// ```
#[must_use = "the task is cancelled when this is dropped"]
pub struct OwnedTask<T: 'static> {
    task: Task<T>,
    is_detached: bool,
}

impl<T: 'static> Task<T> {
    /// Returns a handle that cancels the task when it is dropped. Dropping other handles of the task still has no effect.
    pub fn cancel_on_drop(self) -> OwnedTask<T> {
        OwnedTask { task: self, is_detached: false }
    }
}

impl<T: 'static> OwnedTask<T> {
    /// Returns a plain handle. The task is no longer cancelled when its handles are dropped.
    pub fn detach(mut self) -> Task<T> {
        self.is_detached = true;
        self.task.clone()
    }
}

/// Gives access to the methods of the task.
impl<T: 'static> Deref for OwnedTask<T> {
    type Target = Task<T>;

    fn deref(&self) -> &Task<T> {
        &self.task
    }
}

/// Awaiting it waits for the task and moves its result out, as [`Task::join`] does. Cancelling the waiter cancels the task.
impl<T: 'static> Coroutine for OwnedTask<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.task.join().resume(sent)
    }

    fn state(&self) -> State<'_> {
        State::new("OwnedTask", &self.task)
    }
}

impl<T: 'static> Drop for OwnedTask<T> {
    fn drop(&mut self) {
        if !self.is_detached {
            self.task.cancel();
        }
    }
}

impl<T: 'static> fmt::Debug for OwnedTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedTask").field(&self.task).finish()
    }
}
