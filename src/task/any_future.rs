//! [`AnyFuture`]: a future or a task without the type of its result.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::rc::Rc;

use super::cancel;
use super::contracts::{Eventual, Met};
use super::{CallbackId, Scheduler};
use crate::coroutine::Exception;

/// A future or a task without the type of its result, for lists of futures with different types.
///
/// Awaiting it waits until the future is done, and gives `()` even if the future failed. Cancelling the waiter does not
/// cancel the future, as with asyncio's `wait`.
///
/// ```
/// use innermost::EventLoop;
///
/// let event_loop = EventLoop::new()?;
/// let (number, text) = (event_loop.create_future::<u32>(), event_loop.create_future::<String>());
/// let both = [number.any_future(), text.any_future()];
/// assert!(both.iter().all(|future| future.cancel()));
/// assert!(number.cancelled() && text.cancelled());
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone)]
pub struct AnyFuture(Rc<dyn Eventual>);

impl AnyFuture {
    pub(super) fn new(future: Rc<dyn Eventual>) -> Self {
        Self(future)
    }

    /// Cancels the future or the task. Returns `false` if it is already done. A task gets a `CancelledError` at its
    /// next step; see [`Task::cancel`](super::Task::cancel).
    pub fn cancel(&self) -> bool {
        cancel::cancel(Rc::clone(&self.0), Exception::cancelled())
    }

    /// Returns `true` once there is an outcome: a result, an exception or a cancellation.
    pub fn done(&self) -> bool {
        self.0.done()
    }

    /// Returns `true` if the future or the task was cancelled.
    pub fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns `true` if both handles refer to the same future.
    pub fn is(&self, other: &Self) -> bool {
        self.address() == other.address()
    }

    /// An address that identifies the future while it is alive.
    pub(crate) fn address(&self) -> *const () {
        Rc::as_ptr(&self.0).cast()
    }

    pub(crate) fn scheduler(&self) -> &Rc<Scheduler> {
        self.0.scheduler()
    }

    /// The exception that the future failed or was cancelled with. Calling this marks the exception as retrieved.
    pub(crate) fn raised(&self) -> Option<Exception> {
        self.0.raised(0)
    }

    /// Calls `notice` with the future once it is done. `notice` must not capture the future: a future that never
    /// completes would keep itself alive.
    pub(crate) fn notify(&self, notice: impl FnOnce(Self) + 'static) -> CallbackId {
        Rc::clone(&self.0).notify(Box::new(notice))
    }

    pub(crate) fn remove_callback(&self, id: CallbackId) -> bool {
        self.0.remove_callback(id)
    }

    /// Makes a function that removes a callback, if the future is still alive and pending.
    pub(crate) fn callback_remover(&self, id: CallbackId) -> impl FnOnce(Self) + 'static {
        let weak = Rc::downgrade(&self.0);
        move |_| {
            if let Some(future) = weak.upgrade().filter(|future| !future.done()) {
                future.remove_callback(id);
            }
        }
    }

    pub(super) fn cancel_once(&self, cancelled: &Exception) -> Met {
        Rc::clone(&self.0).cancel_once(cancelled)
    }
}

/// Two handles are equal if they refer to the same future.
impl PartialEq for AnyFuture {
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
    }
}

impl Eq for AnyFuture {}

impl Hash for AnyFuture {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl fmt::Debug for AnyFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Implements `Coroutine` for a handle without the type of its result: awaiting the handle waits for the end.
macro_rules! awaits_end {
    ($(#[$documentation:meta])* $handle:ident, $name:literal) => {
        $(#[$documentation])*
        impl $crate::coroutine::Coroutine for $handle {
            type Yield = $crate::task::Await;
            type Input = ();
            type Return = ();

            fn resume(&mut self, sent: Result<(), $crate::Exception>) -> $crate::coroutine::Resumed<Self> {
                sent?;
                if self.done() {
                    return Ok($crate::coroutine::Step::Return(()));
                }
                let end = $crate::task::Await::on($crate::task::Way::End, std::rc::Rc::clone(&self.0) as std::rc::Rc<_>);
                Ok($crate::coroutine::Step::Yield(end))
            }

            fn state(&self) -> $crate::coroutine::State<'_> {
                $crate::coroutine::State::new($name, self)
            }
        }
    };
}
pub(super) use awaits_end;

awaits_end!(
    /// Awaiting an `AnyFuture` waits until it is done, whatever its outcome.
    AnyFuture,
    "Future"
);
