//! What a coroutine yields to the task that drives it.

use core::fmt;
use std::rc::Rc;

use super::cancel::Several;
use super::waits_for::Way;
use super::{Erased, Run, Scheduler};
use crate::coroutine::{Coroutine, Exception};

/// What a coroutine waits for: what it yields to its task.
///
/// What can be awaited makes these; a machine passes them on (by [`yield_from!`](crate::yield_from)) and need not look
/// inside. A test that drives a machine by hand can print and compare them: two are equal if they wait for the same
/// thing.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Await {
    /// For nothing: until all that is ready now has run. What `sleep(0)` yields.
    NextTurn,
    /// For a future or a task.
    Future(Awaited),
    /// For the end of a task, whatever comes of it.
    End(Awaited),
    /// For a descriptor to be ready for reading.
    Readable(Awaited),
    /// For a descriptor to be ready for writing.
    Writable(Awaited),
    /// For its turn, at that place among those who wait: for a lock, an item of a queue, and the like.
    Place(Awaited, u32),
}

/// A future, a task, a descriptor or a lock that somebody waits for. For people: to print, and to compare.
#[derive(Clone)]
pub struct Awaited(Rc<dyn WaitTarget>);

/// What a task can wait for: every coroutine of tasks, and so a future, a task, a `sleep`, a machine of one's own.
/// asyncio's awaitable. Nobody implements it: it is a short name, in bounds, for `Coroutine<Yield = Await, Input = ()>`.
///
/// ```
/// use innermost::{Awaitable, CoroutineExt, EventLoop, sleep};
/// use std::time::Duration;
///
/// fn after<T>(delay: Duration, value: T) -> impl Awaitable<Return = T> {
///     sleep(delay).map(|()| value)
/// }
///
/// let event_loop = EventLoop::new()?;
/// assert_eq!(event_loop.run_until_complete(after(Duration::from_millis(1), "done"))?, "done");
/// # Ok::<(), innermost::Exception>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is nothing that a task can wait for",
    label = "not a coroutine whose `Yield` is `Await` and whose `Input` is `()`"
)]
pub trait Awaitable: Coroutine<Yield = Await, Input = ()> {}

impl<C: Coroutine<Yield = Await, Input = ()> + ?Sized> Awaitable for C {}

/// For what of an object a task waits: an object may be ready in more than one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readied {
    /// Its outcome, or to be readable.
    First,
    /// Its end, or to be writable.
    Second,
    /// The turn of whoever has this place.
    Place(u32),
}

/// Something that a task can wait for. Whoever puts a task to sleep can take it out again (rule 7).
pub(crate) trait WaitTarget: fmt::Debug {
    /// Queues `task`, a task of that loop, once it is done: at once, if it is done already.
    ///
    /// # Errors
    ///
    /// What is to be raised in the task instead, which is not taken then.
    fn wake_when_done(&self, what: Readied, task: Rc<dyn Erased>, of: &Rc<Scheduler>) -> Result<(), Exception>;

    /// The task at that address was cancelled, with this exception. It may not wait here any more.
    fn cancel_wait(self: Rc<Self>, what: Readied, task: *const (), cancelled: &Exception) -> Withdrawn;

    /// What is thrown into the task that waits, if it is done and has no result. Whoever asks has seen the exception.
    fn raised(&self, what: Readied) -> Option<Exception>;

    /// Takes the task at that address out again, if it waits, and changes nothing else.
    fn take_waiter(&self, what: Readied, task: *const ()) -> Option<Rc<dyn Run>>;
}

/// What became of a wait that was cancelled.
pub(crate) enum Withdrawn {
    /// The awaited object is cancelled, and will queue the task itself.
    Cancelled,
    /// The awaited object is a task, which is to be cancelled in its turn.
    Task(Rc<dyn Erased>),
    /// The awaited object's children are to be cancelled for it; it will queue the task itself.
    Several(Rc<dyn Several>),
    /// The task does not wait any more, and must be queued.
    Waiting(Rc<dyn Run>),
    /// There is nothing to take back: the task is in the queue already, or about to be.
    TooLate,
}

impl Await {
    /// What it is, the place if it is one, and the object of it. `None` for the next turn.
    #[inline(always)]
    pub(super) fn into_parts(self) -> Option<(Way, u32, Rc<dyn WaitTarget>)> {
        let place = if let Self::Place(_, place) = self { place } else { 0 };
        let (way, object) = match self {
            Self::NextTurn => return None,
            Self::Future(object) => (Way::Future, object),
            Self::End(object) => (Way::End, object),
            Self::Readable(object) => (Way::Readable, object),
            Self::Writable(object) => (Way::Writable, object),
            Self::Place(object, _) => (Way::Place, object),
        };
        Some((way, place, object.0))
    }

    pub(super) fn of(way: Way, place: u32, object: Option<Awaited>) -> Option<Self> {
        Some(match (way, object) {
            (Way::Nothing, _) => return None,
            (Way::NextTurn, _) | (_, None) => Self::NextTurn,
            (Way::Future, Some(object)) => Self::Future(object),
            (Way::End, Some(object)) => Self::End(object),
            (Way::Readable, Some(object)) => Self::Readable(object),
            (Way::Writable, Some(object)) => Self::Writable(object),
            (Way::Place, Some(object)) => Self::Place(object, place),
        })
    }

    /// What is thrown in where this has failed, or was cancelled.
    pub(super) fn raised(&self) -> Option<Exception> {
        match self {
            Self::Future(_) | Self::Place(..) => self.object().and_then(|(object, what)| object.raised(what)),
            Self::NextTurn | Self::End(_) | Self::Readable(_) | Self::Writable(_) => None,
        }
    }

    pub(super) fn cancel_wait(&self, task: *const (), cancelled: &Exception) -> Withdrawn {
        match self.object() {
            Some((object, what)) => Rc::clone(object).cancel_wait(what, task, cancelled),
            None => Withdrawn::TooLate,
        }
    }

    pub(super) fn take_waiter(&self, task: *const ()) -> Option<Rc<dyn Run>> {
        self.object().and_then(|(object, what)| object.take_waiter(what, task))
    }

    fn object(&self) -> Option<(&Rc<dyn WaitTarget>, Readied)> {
        match self {
            Self::NextTurn => None,
            Self::Future(object) | Self::Readable(object) => Some((&object.0, Readied::First)),
            Self::End(object) | Self::Writable(object) => Some((&object.0, Readied::Second)),
            Self::Place(object, place) => Some((&object.0, Readied::Place(*place))),
        }
    }
}

impl Awaited {
    pub(crate) fn new(object: Rc<dyn WaitTarget>) -> Self {
        Self(object)
    }
}

/// Whether both are the same object.
impl PartialEq for Awaited {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Awaited {}

impl fmt::Debug for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Await {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NextTurn => f.write_str("NextTurn"),
            Self::Future(object) | Self::End(object) => write!(f, "{object:?}"),
            Self::Readable(object) => write!(f, "Readable({object:?})"),
            Self::Writable(object) => write!(f, "Writable({object:?})"),
            Self::Place(object, _) => write!(f, "{object:?}"),
        }
    }
}
