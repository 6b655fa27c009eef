//! [`AnyFuture`]: a future or a task, whatever its result.

use core::fmt;
use std::rc::Rc;

use super::cancel;
use super::contracts::{Eventual, Met, Way};
use super::{Await, CallbackId, Scheduler};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};

/// A future or a task whatever its result. Awaiting it gives nothing, and raises nothing of the future's: it waits for
/// the end. Who is cancelled meanwhile leaves the future as it is, as asyncio's `wait` does.
///
/// What futures of different types are put into where they stand in one list.
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

    /// As [`Future::cancel`](super::Future::cancel), or [`Task::cancel`](super::Task::cancel) where it is a task.
    pub fn cancel(&self) -> bool {
        cancel::cancel(Rc::clone(&self.0), Exception::cancelled())
    }

    /// Whether it is finished or cancelled.
    pub fn done(&self) -> bool {
        self.0.done()
    }

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Whether both stand for the same future.
    pub fn is(&self, other: &Self) -> bool {
        self.address() == other.address()
    }

    /// What tells it from all other futures while it lives.
    pub(crate) fn address(&self) -> *const () {
        Rc::as_ptr(&self.0).cast()
    }

    pub(crate) fn scheduler(&self) -> &Rc<Scheduler> {
        self.0.scheduler()
    }

    /// What it failed with, or was cancelled with; it counts as retrieved then.
    pub(crate) fn raised(&self) -> Option<Exception> {
        self.0.raised(0)
    }

    /// Has `notice` called with it, as soon as it is done. That is why `notice` need not capture it, and must not: a
    /// future that is never done would keep itself.
    pub(crate) fn notify(&self, notice: impl FnOnce(Self) + 'static) -> CallbackId {
        Rc::clone(&self.0).notify(Box::new(notice))
    }

    pub(crate) fn remove_callback(&self, id: CallbackId) -> bool {
        self.0.remove_callback(id)
    }

    /// Removes a callback from it, if it is still about and not done.
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

impl fmt::Debug for AnyFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Waiting for its end, however it ends.
impl Coroutine for AnyFuture {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.done() {
            return Ok(Step::Return(()));
        }
        Ok(Step::Yield(Await::on(Way::End, Rc::clone(&self.0) as Rc<_>)))
    }

    fn state(&self) -> State<'_> {
        State::new("Future", self)
    }
}
