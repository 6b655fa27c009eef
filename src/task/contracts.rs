//! The traits that tasks, futures, the scheduler and everything that can be waited for share.
//!
//! ```text
//!   ready queue --run--> Run
//!                         ^ is a
//!   WaitTarget --wake--> Waiter <--is a-- ErasedTask --is an--> Eventual <-- futures, gatherings
//!        ^ is a                                                    |
//!        +---------------------------------------------------------+
//! ```
//!
//! A waiter registers at one target and is either still there or queued exactly once: that is what [`Withdrawn`] says.

use core::fmt;
use std::rc::Rc;

use super::{AnyFuture, CallbackId, Scheduler, TaskState};
use crate::coroutine::{Exception, StackTrace};

/// Something in the ready queue.
pub(crate) trait Run {
    /// Runs in a turn of the loop that this is the scheduler of.
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>);

    /// What it has waited for failed or was cancelled: its next step raises that. Called before it is queued.
    fn will_raise(&self) {}

    /// It will never run: drops what it holds of the user's. Others may keep a handle.
    fn discard(&self, _scheduler: &Scheduler) {}
}

/// Anything that can be woken: a task.
pub(crate) trait Waiter: Run {
    /// Queues it.
    fn wake(self: Rc<Self>);
}

/// The event of an object that a waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Nothing: everything that is ready now runs first. There is no object.
    NextTurn,
    /// The outcome of a future or a task. A cancelled waiter cancels it.
    Outcome,
    /// The end of a future, a task or a connection, whatever its outcome. A cancelled waiter leaves it alone.
    End,
    Readable,
    Writable,
    /// A waiter's turn, at its place: for a lock, an item of a queue, and the like.
    Place,
}

/// Something that a waiter can wait for. Whoever puts a waiter to sleep can take it out again (rule 7).
///
/// An address tells a waiter from all others while it lives.
pub(crate) trait WaitTarget: fmt::Debug {
    /// Queues `waiter`, which belongs to the loop of `of`, once the event has come: at once, if it has come already.
    ///
    /// # Errors
    ///
    /// The exception to raise in the waiter instead. It is not registered then.
    fn register(&self, way: Way, place: u32, waiter: Rc<dyn Waiter>, of: &Rc<Scheduler>) -> Result<(), Exception>;

    /// Takes the waiter at that address out again, and changes nothing else.
    fn withdraw(&self, way: Way, place: u32, waiter: *const ()) -> Withdrawn;

    /// The waiter at that address was cancelled with this exception. By default, it is withdrawn.
    fn cancel_wait(self: Rc<Self>, way: Way, place: u32, waiter: *const (), _cancelled: &Exception) -> Met {
        self.withdraw(way, place, waiter).into()
    }

    /// The exception that a waiter of its outcome, or at that place, is to raise. Whoever asks has retrieved it.
    fn raised(&self, _place: u32) -> Option<Exception> {
        None
    }
}

/// Whether a waiter that is taken out was still there.
pub(crate) enum Withdrawn {
    /// It was still waiting. It is in no queue.
    Waiting(Rc<dyn Run>),
    /// It has been queued, exactly once.
    Queued,
}

impl Withdrawn {
    pub(crate) fn new(waiting: Option<Rc<dyn Run>>) -> Self {
        waiting.map_or(Self::Queued, Self::Waiting)
    }
}

/// What a cancellation meets at one object.
pub(crate) enum Met {
    /// Something that is cancelled now, and wakes whoever waits for it.
    Cancelled,
    /// Nothing to cancel: it is done, or the waiter has been queued.
    TooLate,
    /// A waiter that does not wait any more, and must be queued.
    Waiting(Rc<dyn Run>),
    /// A pending task, to be cancelled in turn.
    Task(Rc<dyn ErasedTask>),
    /// Something pending that is cancelled by cancelling its children. It wakes whoever waits for it.
    Parent(Rc<dyn Parent>),
}

impl From<Withdrawn> for Met {
    fn from(withdrawn: Withdrawn) -> Self {
        match withdrawn {
            Withdrawn::Waiting(run) => Self::Waiting(run),
            Withdrawn::Queued => Self::TooLate,
        }
    }
}

/// Something that is cancelled by cancelling its children.
pub(crate) trait Parent {
    fn child(&self, index: usize) -> Option<AnyFuture>;

    /// At least one child was cancelled for it.
    fn request_cancel(&self);
}

/// A future or a task, whatever its result.
pub(crate) trait Eventual: WaitTarget {
    /// That of the loop it belongs to.
    fn scheduler(&self) -> &Rc<Scheduler>;

    fn done(&self) -> bool;

    fn is_cancelled(&self) -> bool;

    /// Calls `notice` from the ready queue once it is done, in its place among the callbacks.
    fn notify(self: Rc<Self>, notice: Notice) -> CallbackId;

    fn remove_callback(&self, id: CallbackId) -> bool;

    /// Cancels it, or says what must be cancelled for that.
    fn cancel_once(self: Rc<Self>, cancelled: &Exception) -> Met;
}

/// A callback of our own, for any future.
pub(crate) type Notice = Box<dyn FnOnce(AnyFuture)>;

/// A task, whatever its coroutine.
pub(crate) trait ErasedTask: Eventual + Waiter {
    /// Its name, what it waits for, and what its next step throws in.
    fn state(&self) -> &TaskState;
    /// Where its coroutine stands.
    fn stack_trace(self: Rc<Self>) -> StackTrace;
    /// The exception it failed with, for people: it does not count as retrieved.
    fn failure(&self) -> Option<Exception>;
    /// Its step has panicked: ends with this.
    fn panicked(self: Rc<Self>, panic: Exception);
    /// Closes the coroutine, and ends cancelled.
    fn destroy(self: Rc<Self>);
}

/// Something that is kept alive by what it waits for, and keeps that alive. It lets go when the loop is closed.
pub(crate) trait Circle {
    fn break_open(&self);
}
