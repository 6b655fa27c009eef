//! [`Gather`] and [`Shield`]: futures that are created once their loop is known, at once or when first awaited.
//!
//! `gather`, `join` and `shield` create tasks, and a task belongs to a loop. If a loop is running, or if a future that
//! was passed in has a loop, they start at once. Otherwise they keep their arguments until they are first awaited.
//! Clones of one handle share that state.
//!
//! ```text
//!                  +--start--> starting --> started: a future
//!  unstarted ------+
//!                  +--cancel-> cancelled
//! ```
//!
//! An unstarted future may hold other unstarted futures as its arguments. The inner ones start first, since asyncio
//! evaluates arguments before the call. They can be nested to any depth, so starting them is a loop with an explicit
//! stack.

use core::cell::{Cell, RefCell};
use core::mem;
use std::rc::Rc;

use super::child::Child;
use super::{Await, Future, Scheduler};
use crate::coroutine::{Exception, Step, drop_flat};

/// An awaitable that gives the results of several children together. Returned by [`gather`](fn@crate::wait::gather),
/// [`gather_all`](fn@crate::wait::gather_all) and [`join`](fn@crate::wait::join).
///
/// Clones refer to the same children. Awaiting moves the results out, so it can be awaited once.
///
/// The children start at once if an event loop is running, or if the first child is a future or a task, which already
/// has a loop. Otherwise the children start when the gather is first awaited, or passed to
/// [`run_until_complete`](crate::LoopHandle::run_until_complete). If starting fails, the exception is raised when the
/// gather is awaited.
#[must_use = "dropping a gather discards its results, and where no loop runs, its children never start"]
pub struct Gather<R: 'static>(pub(crate) Deferred<R>);

/// An awaitable that gives the result of its child, and does not pass a cancellation on to it. Returned by
/// [`shield`](fn@crate::wait::shield).
///
/// Clones refer to the same child. The child starts at once if an event loop is running, or if it is a future or a
/// task. Otherwise it starts when the shield is first awaited, or passed to
/// [`run_until_complete`](crate::LoopHandle::run_until_complete).
#[must_use = "dropping a shield discards its result, and where no loop runs, its child never starts"]
pub struct Shield<T: 'static>(pub(crate) Deferred<T>);

/// A future that is created once its loop is known.
pub(crate) enum Deferred<T: 'static> {
    Started(Child<T>),
    /// The future had not started when this handle was made. It may have started since.
    Shared(Rc<Cold<T>>),
}

/// The state shared by the clones of a handle that was made while no loop was running.
pub(crate) struct Cold<T: 'static> {
    state: Cell<State<T>>,
    /// The unstarted futures among the arguments, which must start first.
    inner: RefCell<Vec<Rc<dyn Unstarted>>>,
}

enum State<T: 'static> {
    Unstarted(Start<T>),
    /// Being started. Starting calls user code; if that panics, the state stays `Starting`.
    Starting,
    Cancelled(Exception),
    Started(Child<T>),
}

/// A function that starts the children in a loop.
type Start<T> = Box<dyn FnOnce(&Rc<Scheduler>) -> Result<Child<T>, Exception>>;

/// A [`Cold`] without the type of its result.
pub(crate) trait Unstarted {
    fn take_inner(&self) -> Vec<Rc<dyn Unstarted>>;

    /// Creates the future, if there is none yet. Its unstarted arguments have been started before.
    fn start_alone(&self, home: &Rc<Scheduler>);
}

impl<T: 'static> Deferred<T> {
    /// Starts the future now.
    pub(crate) fn now(home: &Rc<Scheduler>, start: impl FnOnce(&Rc<Scheduler>) -> Result<Child<T>, Exception>) -> Self {
        Self::Started(started(home, start))
    }

    /// Keeps `start` until the future is first awaited. Then `inner` starts first.
    pub(crate) fn later(
        inner: Vec<Rc<dyn Unstarted>>,
        start: impl FnOnce(&Rc<Scheduler>) -> Result<Child<T>, Exception> + 'static,
    ) -> Self {
        let state = Cell::new(State::Unstarted(Box::new(start)));
        Self::Shared(Rc::new(Cold { state, inner: RefCell::new(inner) }))
    }

    /// The future and the way to read its result, or `None` if it has not started.
    pub(crate) fn started(&self) -> Option<Child<T>> {
        match self {
            Self::Started(child) => Some(child.clone()),
            Self::Shared(cold) => cold.look(|state| match state {
                State::Started(child) => Some(child.clone()),
                _ => None,
            }),
        }
    }

    /// The future and the way to read its result. Starts it in the loop that `home` returns, if it has not started.
    ///
    /// # Errors
    ///
    /// `RuntimeError` while it is being started, and any exception of `home`.
    pub(crate) fn start(&self, home: impl FnOnce() -> Result<Rc<Scheduler>, Exception>) -> Result<Child<T>, Exception> {
        let cold = match self {
            Self::Started(child) => return Ok(child.clone()),
            Self::Shared(cold) => cold,
        };
        if cold.look(|state| matches!(state, State::Unstarted(_) | State::Cancelled(_))) {
            start_each(Rc::clone(cold) as Rc<_>, &home()?);
        }
        self.started().ok_or_else(|| Exception::runtime("awaited while its children are being started"))
    }

    /// Returns the shared state if the future has not started, for an outer future that takes this one as an argument.
    pub(crate) fn unstarted(&self) -> Option<Rc<dyn Unstarted>> {
        match self {
            Self::Shared(cold) if cold.is_unstarted() => Some(Rc::clone(cold) as Rc<_>),
            _ => None,
        }
    }

    /// An address that identifies the future while it is alive.
    pub(crate) fn address(&self) -> *const () {
        match (self.started(), self) {
            (Some(child), _) => child.any().address(),
            (None, Self::Shared(cold)) => Rc::as_ptr(cold).cast(),
            (None, Self::Started(_)) => unreachable!("it has started"),
        }
    }

    /// # Errors
    ///
    /// `CancelledError` if it was cancelled before it started.
    pub(crate) fn check_not_cancelled(&self) -> Result<(), Exception> {
        match self {
            Self::Started(_) => Ok(()),
            Self::Shared(cold) => cold.look(|state| match state {
                State::Cancelled(cancelled) => Err(cancelled.clone()),
                _ => Ok(()),
            }),
        }
    }

    pub(crate) fn done(&self) -> bool {
        self.started().map_or_else(|| self.check_not_cancelled().is_err(), |child| child.future.done())
    }

    pub(crate) fn cancelled(&self) -> bool {
        self.started().map_or_else(|| self.check_not_cancelled().is_err(), |child| child.future.cancelled())
    }

    /// Cancels the future. If it has not started, it drops its arguments. Returns `false` if it is done, or is being
    /// started.
    pub(crate) fn cancel(&self, cancelled: Exception) -> bool {
        if let Some(child) = self.started() {
            return child.future.cancel_with(cancelled);
        }
        let Self::Shared(cold) = self else { return false };
        if !cold.is_unstarted() {
            return false;
        }
        let former = cold.state.replace(State::Cancelled(cancelled));
        let inner = cold.inner.take();
        drop_flat((former, inner));
        true
    }

    /// Awaits the future. Starts it in the loop that `home` returns, if it has not started.
    pub(crate) fn resume(
        &mut self,
        sent: Result<(), Exception>,
        home: impl FnOnce() -> Result<Rc<Scheduler>, Exception>,
    ) -> Result<Step<Await, (), T>, Exception> {
        sent?;
        if let Self::Shared(_) = self {
            self.check_not_cancelled()?;
            *self = Self::Started(self.start(home)?);
        }
        let Self::Started(child) = self else { unreachable!("it was just started") };
        if child.future.done() {
            return child.outcome().map(Step::Return);
        }
        Ok(Step::Yield(child.future.wanted()))
    }
}

impl<T: 'static> Clone for Deferred<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Started(child) => Self::Started(child.clone()),
            Self::Shared(cold) => Self::Shared(Rc::clone(cold)),
        }
    }
}

/// Starts all unstarted arguments of `outermost`, innermost first, and then `outermost`.
fn start_each(outermost: Rc<dyn Unstarted>, home: &Rc<Scheduler>) {
    let mut stack = vec![(outermost, false)];
    while let Some((cold, is_next)) = stack.pop() {
        if is_next {
            cold.start_alone(home);
            continue;
        }
        let inner = cold.take_inner();
        stack.push((cold, true));
        stack.extend(inner.into_iter().rev().map(|inner| (inner, false)));
    }
}

/// Starts a future. If that fails, returns a future that failed with the exception. Awaiting that future raises the
/// exception; if nobody awaits it, the exception is reported.
fn started<T: 'static>(
    home: &Rc<Scheduler>,
    start: impl FnOnce(&Rc<Scheduler>) -> Result<Child<T>, Exception>,
) -> Child<T> {
    start(home).unwrap_or_else(|raised| {
        let failed = Future::new(Rc::clone(home));
        assert!(failed.set_exception(raised).is_ok(), "nobody else knows of it");
        Child::moving(failed)
    })
}

impl<T: 'static> Cold<T> {
    /// Looks at the state. `look` must not run user code.
    fn look<R>(&self, look: impl FnOnce(&State<T>) -> R) -> R {
        let state = self.state.replace(State::Starting);
        let seen = look(&state);
        self.state.set(state);
        seen
    }

    fn is_unstarted(&self) -> bool {
        self.look(|state| matches!(state, State::Unstarted(_)))
    }
}

impl<T: 'static> Unstarted for Cold<T> {
    fn take_inner(&self) -> Vec<Rc<dyn Unstarted>> {
        self.inner.take()
    }

    fn start_alone(&self, home: &Rc<Scheduler>) {
        match self.state.replace(State::Starting) {
            State::Unstarted(start) => self.state.set(State::Started(started(home, start))),
            State::Cancelled(cancelled) => {
                let future = Future::new(Rc::clone(home));
                future.cancel_with(cancelled);
                self.state.set(State::Started(Child::moving(future)));
            }
            state => self.state.set(state),
        }
    }
}

/// The arguments may hold other unstarted futures, nested to any depth, so they are dropped without recursion.
impl<T: 'static> Drop for Cold<T> {
    fn drop(&mut self) {
        let state = mem::replace(self.state.get_mut(), State::Starting);
        if let State::Unstarted(start) = state {
            drop_flat((start, self.inner.take()));
        }
    }
}
