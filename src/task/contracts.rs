//! The traits that connect tasks, futures, the scheduler, and everything a task can wait for.
//!
//! ```text
//!   ready queue --run--> Run
//!                         ^ is a
//!   WaitTarget --wake--> Waiter <--is a-- ErasedTask --is an--> Eventual <-- futures, gatherings
//!        ^ is a                                                    |
//!        +---------------------------------------------------------+
//! ```
//!
//! A waiter registers with one target. From then on it is either still waiting there, or it has been queued exactly
//! once. [`WaitTarget::withdraw`] says which.

use core::fmt;
use std::rc::Rc;

use super::{AnyFuture, CallbackId, Scheduler, TaskState};
use crate::coroutine::{Exception, StackTrace};

/// An entry of the ready queue: a task or a callback.
pub(crate) trait Run {
    /// Runs the callback, or takes the task's next step. `scheduler` is that of the loop whose turn it is.
    fn run(self: Rc<Self>, scheduler: &Rc<Scheduler>);

    /// Tells a task that the object it was waiting for failed or was cancelled, so that its next step raises the
    /// exception. Called before the task is queued.
    fn will_raise(&self) {}

    /// The task, if running this takes a step of one.
    #[cfg(feature = "testing")]
    fn as_task(self: Rc<Self>) -> Option<Rc<dyn ErasedTask>> {
        None
    }

    /// What a report calls this entry, if it is not a task.
    #[cfg(feature = "testing")]
    fn label(&self) -> &'static str {
        core::any::type_name::<Self>()
    }

    /// Drops the user's values, because this will never run. Somebody may still hold a handle.
    fn discard(&self, _scheduler: &Scheduler) {}

    /// Gives up its registration at an object where only one waiter can be, because another one comes. Returns `false` if it
    /// still needs the registration.
    fn give_way(&self) -> bool {
        false
    }
}

/// Something that can wait and be woken: a task, or a branch of a race in one.
pub(crate) trait Waiter: Run {
    /// Appends the waiter to its ready queue.
    fn wake(self: Rc<Self>);

    /// The address of the task that waits. Null for a branch of a race that no task waits for now.
    fn task(&self) -> *const ();
}

/// The event of an object that a waiter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The next turn: everything that is ready now runs first. There is no object.
    NextTurn,
    /// The outcome of a future or a task. Cancelling the waiter cancels the future too.
    Outcome,
    /// The end of a future, a task or a connection, whatever its outcome. Cancelling the waiter leaves the object
    /// alone.
    End,
    Readable,
    Writable,
    /// The waiter's turn in a line: for a lock, for an item of a queue, and so on.
    Place,
    /// The first of several events. The object is the race.
    Any,
}

/// Something that a waiter can wait for. Whoever puts a waiter to sleep can take it out again (rule 7).
///
/// A waiter is identified by its address, which is unique while the waiter is alive.
pub(crate) trait WaitTarget: fmt::Debug {
    /// Registers `waiter`, a waiter of the loop whose scheduler is `of`. The target queues it when the event comes, or
    /// at once if the event has already come.
    ///
    /// # Errors
    ///
    /// The exception to raise in the waiter, which is then not registered.
    fn register(&self, way: Way, place: u32, waiter: Rc<dyn Waiter>, of: &Rc<Scheduler>) -> Result<(), Exception>;

    /// Whether the event has come: a waiter that registers now would be queued at once.
    fn has_come(&self, way: Way, place: u32) -> bool;

    /// Removes the waiter at that address, and changes nothing else.
    fn withdraw(&self, way: Way, place: u32, waiter: *const ()) -> Withdrawn;

    /// Handles the cancellation of the waiter at that address. By default, the waiter is withdrawn.
    fn cancel_wait(self: Rc<Self>, way: Way, place: u32, waiter: *const (), _cancelled: &Exception) -> Met {
        self.withdraw(way, place, waiter).into()
    }

    /// The exception to raise in a task that waited for the outcome, or at that place. Calling this marks the exception
    /// as retrieved.
    fn raised(&self, _place: u32) -> Option<Exception> {
        None
    }

    /// The turn of the waiter at that place has come, and it cannot take it now. The next waiter gets it (rule 7). The
    /// waiter tries again when it comes back.
    fn pass_on(&self, _place: u32) {}
}

/// The answer to withdrawing a waiter: whether it was still waiting.
pub(crate) enum Withdrawn {
    /// The waiter was still waiting, and is in no queue.
    Waiting(Rc<dyn Run>),
    /// The waiter had already been queued, exactly once.
    Queued,
}

impl Withdrawn {
    pub(crate) fn new(waiting: Option<Rc<dyn Run>>) -> Self {
        waiting.map_or(Self::Queued, Self::Waiting)
    }
}

/// The answer of one object to a cancellation.
pub(crate) enum Met {
    /// The object is now cancelled, and has queued its waiters.
    Cancelled,
    /// There is nothing to cancel: the object is done, or the waiter has already been queued.
    TooLate,
    /// The waiter was taken out, and the caller must queue it.
    Waiting(Rc<dyn Run>),
    /// The object is a pending task, which must be cancelled in turn.
    Task(Rc<dyn ErasedTask>),
    /// The object is pending and is cancelled by cancelling its children. It wakes its own waiters when they are done.
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

/// A future that is cancelled by cancelling its children.
pub(crate) trait Parent {
    fn child(&self, index: usize) -> Option<AnyFuture>;

    /// Notes that at least one child was cancelled because this was.
    fn request_cancel(&self);
}

/// A future or a task without the type of its result.
pub(crate) trait Eventual: WaitTarget {
    /// The scheduler of the loop it belongs to.
    fn scheduler(&self) -> &Rc<Scheduler>;

    fn done(&self) -> bool;

    fn is_cancelled(&self) -> bool;

    /// Has `notice` called from the ready queue once the future is done. It keeps its place among the callbacks.
    fn notify(self: Rc<Self>, notice: Notice) -> CallbackId;

    fn remove_callback(&self, id: CallbackId) -> bool;

    /// Cancels the future, or returns the object that must be cancelled to do so.
    fn cancel_once(self: Rc<Self>, cancelled: &Exception) -> Met;
}

/// A callback of this crate, which does not know the type of the future's result.
pub(crate) type Notice = Box<dyn FnOnce(AnyFuture)>;

/// A task without the type of its coroutine.
pub(crate) trait ErasedTask: Eventual + Waiter {
    /// The task's name, the event it waits for, and the exception that its next step throws in.
    fn state(&self) -> &TaskState;

    /// The coroutine's frames, and the event the innermost is waiting for.
    fn stack_trace(self: Rc<Self>) -> StackTrace;

    /// Passes on the state of each of the coroutine's frames, innermost first.
    #[cfg(feature = "testing")]
    fn show_states(self: Rc<Self>, show: &mut dyn FnMut(&crate::coroutine::State<'_>));

    /// The exception the task failed with, for printing. Does not mark it as retrieved.
    fn failure(&self) -> Option<Exception>;

    /// Ends the task with this exception, because its step panicked.
    fn panicked(self: Rc<Self>, panic: Exception);

    /// Closes the coroutine and ends the task as cancelled.
    fn destroy(self: Rc<Self>);
}

/// An object in a reference cycle: it owns the object it waits for, and that object owns it. Closing the loop breaks
/// the cycle.
pub(crate) trait Circle {
    fn break_open(&self);
}
