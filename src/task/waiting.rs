//! [`Await`]: the value that a coroutine yields to its task, and [`Awaitable`]: a coroutine that yields such values.

use core::fmt;
use std::rc::Rc;

use super::Scheduler;
use super::contracts::{Met, WaitTarget, Waiter, Way, Withdrawn};
use crate::coroutine::machine::parts::Defaults;
use crate::coroutine::{Coroutine, Exception, Step};

/// The event that a coroutine is waiting for. A coroutine yields this value to its task.
///
/// Awaitables yield these values. A machine passes them on with [`yield_from!`](crate::yield_from), and never inspects
/// them. A test that drives a machine by hand can print and compare them. Two values are equal if they stand for the
/// same event of the same object.
// `way` comes first. The bytes that distinguish a yield from an end are then at the front of a `Step`, and the compiler
// can follow them through a machine. In the order that Rust chose they came last, and passing an item back and forth
// between two tasks took 34 more instructions.
#[derive(Clone)]
#[repr(C)]
pub struct Await {
    way: Way,
    /// The waiter's place in a line, for [`Way::Place`].
    place: u32,
    /// `None` for the next turn.
    object: Option<Rc<dyn WaitTarget>>,
}

/// A coroutine that a task can wait for: a future, a task, a `sleep`, a socket operation, a machine of your own.
/// asyncio's awaitable.
///
/// This is shorthand for the bound `Coroutine<Yield = Await, Input = ()>`. Every such coroutine implements it.
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
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a coroutine that a task can run or wait for",
    label = "not a coroutine whose `Yield` is `Await` and whose `Input` is `()`",
    note = "an `async` block or function is not one: implement `Coroutine` for a type, or combine `lazy`, `from_fn` and `then`",
    note = "a closure or a function is not one: `lazy(f)` runs the coroutine that `f` returns, `from_fn(f)` calls `f` at each resume",
    note = "a machine declared by `machine!` is one once it is started in a state: `.start(State::First)`"
)]
pub trait Awaitable: Coroutine<Yield = Await, Input = ()> {}

impl<C: Coroutine<Yield = Await, Input = ()> + ?Sized> Awaitable for C {}

/// A result that each of several waiters can get. It is the bound `Clone`, with a compiler error that suggests `join`.
#[diagnostic::on_unimplemented(
    message = "a future or a task whose result is `{Self}` can be awaited only by `.join()`",
    label = "the result `{Self}` is not `Clone`",
    note = "awaiting a future or a task clones the result, since others may await it too",
    note = "`.join()` moves the result out instead"
)]
pub trait Shareable: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> Shareable for T {}

/// The outcome of one step of an awaitable: [`Step::Return`] with its result, [`Step::Yield`] with the event to wait
/// for, or the exception it raised.
pub type Progress<R> = Result<Step<Await, (), R>, Exception>;

/// What a machine yields that does not say it.
impl Defaults for () {
    type Yield = Await;
}

/// The exception for a task that is about to wait for something that no longer exists, because its owner was dropped.
#[cold]
pub(crate) fn dropped_while_awaited() -> Exception {
    Exception::runtime(
        "the coroutine that the task waits for was dropped: store it in a field, or in a variable that outlives the resume",
    )
}

impl Await {
    /// Makes a value that waits until everything that is ready now has run. `sleep` yields it for a delay of zero.
    #[inline(always)]
    pub const fn next_turn() -> Self {
        Self { way: Way::NextTurn, place: 0, object: None }
    }

    #[inline(always)]
    pub(crate) fn on(way: Way, object: Rc<dyn WaitTarget>) -> Self {
        Self { way, place: 0, object: Some(object) }
    }

    #[inline(always)]
    pub(crate) fn at_place(place: u32, object: Rc<dyn WaitTarget>) -> Self {
        Self { way: Way::Place, place, object: Some(object) }
    }

    /// Returns `true` if the coroutine waits only for the next turn.
    pub fn is_next_turn(&self) -> bool {
        self.object.is_none()
    }

    /// Returns `true` if the coroutine waits until a descriptor or a stream can be read.
    pub fn is_readable(&self) -> bool {
        self.way == Way::Readable
    }

    /// Returns `true` if the coroutine waits until a descriptor or a stream can be written.
    pub fn is_writable(&self) -> bool {
        self.way == Way::Writable
    }

    pub(super) fn new(way: Way, place: u32, object: Option<Rc<dyn WaitTarget>>) -> Self {
        Self { way, place, object }
    }

    /// Splits the value into its event, place and object. A wait for the next turn has no object.
    #[inline(always)]
    pub(super) fn into_parts(self) -> (Way, u32, Option<Rc<dyn WaitTarget>>) {
        (self.way, self.place, self.object)
    }

    /// Whether the event has come. Nobody can tell that of the next turn.
    #[inline]
    pub(super) fn has_come(&self) -> bool {
        self.object.as_ref().is_some_and(|object| object.has_come(self.way, self.place))
    }

    /// Whether this waits for a future or a task.
    #[inline]
    pub(super) fn is_outcome(&self) -> bool {
        matches!(self.way, Way::Outcome | Way::End)
    }

    /// Whether this waits for the object at that address.
    pub(super) fn is_on(&self, address: *const ()) -> bool {
        self.object.as_ref().is_some_and(|object| Rc::as_ptr(object).cast::<()>() == address)
    }

    /// Registers a waiter for anything but the next turn.
    pub(crate) fn register(&self, waiter: Rc<dyn Waiter>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        self.object.as_ref().map_or(Ok(()), |object| object.register(self.way, self.place, waiter, of))
    }

    /// The waiter's turn has come, and it cannot take it now.
    pub(super) fn pass_on(&self) {
        if let (Way::Place, Some(object)) = (self.way, &self.object) {
            object.pass_on(self.place);
        }
    }

    /// Cancels the wait of the waiter at that address.
    pub(super) fn cancel(&self, waiter: *const (), cancelled: &Exception) -> Met {
        match self.object.clone() {
            Some(object) => object.cancel_wait(self.way, self.place, waiter, cancelled),
            None => Met::TooLate,
        }
    }

    /// Removes the waiter at that address. A task that waits for the next turn has already been queued.
    pub(crate) fn withdraw(&self, waiter: *const ()) -> Withdrawn {
        match &self.object {
            Some(object) => object.withdraw(self.way, self.place, waiter),
            None => Withdrawn::Queued,
        }
    }

    /// The exception to raise in the waiter, if the object it waited for failed or was cancelled.
    pub(super) fn raised(&self) -> Option<Exception> {
        match self.way {
            Way::Outcome | Way::Place => self.object.as_ref()?.raised(self.place),
            Way::NextTurn | Way::End | Way::Readable | Way::Writable | Way::Any => None,
        }
    }
}

impl PartialEq for Await {
    fn eq(&self, other: &Self) -> bool {
        let same_object = match (&self.object, &other.object) {
            (Some(object), Some(other)) => Rc::ptr_eq(object, other),
            (None, None) => true,
            _ => false,
        };
        self.way == other.way && self.place == other.place && same_object
    }
}

impl Eq for Await {}

impl fmt::Debug for Await {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.object, self.way) {
            (None, _) => f.write_str("NextTurn"),
            (Some(object), Way::Readable) => write!(f, "Readable({object:?})"),
            (Some(object), Way::Writable) => write!(f, "Writable({object:?})"),
            (Some(object), _) => write!(f, "{object:?}"),
        }
    }
}
