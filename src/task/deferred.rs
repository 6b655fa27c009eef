//! A future that is made when its loop is known: at once, or when it is first awaited.
//!
//! `gather`, `join` and `shield` make tasks, and a task belongs to a loop. If a loop runs, or a future that was passed in has
//! one, they start at once. Otherwise they keep their arguments until they are first awaited. Clones of one handle share
//! that state.
//!
//! ```text
//!                  +--start--> starting --> started: a future
//!  unstarted ------+
//!                  +--cancel-> cancelled
//! ```
//!
//! One of these may hold others that are unstarted. asyncio evaluates arguments before the call, so the inner ones start
//! first. They can be nested to any depth; so starting them is a loop with an explicit stack.

use core::cell::{Cell, RefCell};
use core::mem;
use std::rc::Rc;

use super::child::Child;
use super::{Await, Future, Scheduler};
use crate::coroutine::{Exception, Step, drop_flat};

/// What [`gather`](fn@crate::wait::gather), [`gather_all`](fn@crate::wait::gather_all) and [`join`](fn@crate::wait::join)
/// return: an awaitable that gives all results together.
///
/// Clones refer to the same children. Awaiting moves the results out, so await it only once.
///
/// The children start at once if an event loop is running, or if the first child is a future or a task, which already
/// has a loop. Otherwise the children start when the gather is first awaited, or passed to
/// [`run_until_complete`](crate::LoopHandle::run_until_complete). If starting fails, the exception is raised when the
/// gather is awaited.
#[must_use = "dropping a gather discards its results, and where no loop runs, its children never start"]
pub struct Gather<R: 'static>(pub(crate) Deferred<R>);

/// What [`shield`](fn@crate::wait::shield) returns: an awaitable that gives the result of its child, and does not pass a
/// cancellation on to it.
///
/// Clones refer to the same child. The child starts at once if an event loop is running, or if it is a future or a
/// task. Otherwise it starts when the shield is first awaited, or passed to
/// [`run_until_complete`](crate::LoopHandle::run_until_complete).
#[must_use = "dropping a shield discards its result, and where no loop runs, its child never starts"]
pub struct Shield<T: 'static>(pub(crate) Deferred<T>);

/// A future that is made when its loop is known.
pub(crate) enum Deferred<T: 'static> {
    Started(Child<T>),
    /// It was unstarted when this handle was made.
    Shared(Rc<Cold<T>>),
}

/// What the handles share that were made where no loop runs.
pub(crate) struct Cold<T: 'static> {
    state: Cell<State<T>>,
    /// What must start first.
    inner: RefCell<Vec<Rc<dyn Unstarted>>>,
}

enum State<T: 'static> {
    Unstarted(Start<T>),
    /// Being started: what starts it runs code of the user's. It stays so if that panics.
    Starting,
    Cancelled(Exception),
    Started(Child<T>),
}

/// Starts the children in this loop.
type Start<T> = Box<dyn FnOnce(&Rc<Scheduler>) -> Result<Child<T>, Exception>>;

/// A [`Cold`], whatever it gives.
pub(crate) trait Unstarted {
    fn take_inner(&self) -> Vec<Rc<dyn Unstarted>>;

    /// Makes its future, if there is none. What it holds has started.
    fn start_alone(&self, home: &Rc<Scheduler>);
}

impl<T: 'static> Deferred<T> {
    /// Starts now.
    pub(crate) fn now(home: &Rc<Scheduler>, start: impl FnOnce(&Rc<Scheduler>) -> Result<Child<T>, Exception>) -> Self {
        Self::Started(started(home, start))
    }

    /// Starts `inner` and then this when it is first awaited.
    pub(crate) fn later(
        inner: Vec<Rc<dyn Unstarted>>,
        start: impl FnOnce(&Rc<Scheduler>) -> Result<Child<T>, Exception> + 'static,
    ) -> Self {
        let state = Cell::new(State::Unstarted(Box::new(start)));
        Self::Shared(Rc::new(Cold { state, inner: RefCell::new(inner) }))
    }

    /// The future and how its result is taken, if it has started.
    pub(crate) fn started(&self) -> Option<Child<T>> {
        match self {
            Self::Started(child) => Some(child.clone()),
            Self::Shared(cold) => cold.look(|state| match state {
                State::Started(child) => Some(child.clone()),
                _ => None,
            }),
        }
    }

    /// The future and how its result is taken. Starts it in the loop that `home` gives if it is unstarted.
    ///
    /// # Errors
    ///
    /// `RuntimeError` while it is being started, and what `home` raises.
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

    /// Itself, where it can be the child of another and has not started.
    pub(crate) fn unstarted(&self) -> Option<Rc<dyn Unstarted>> {
        match self {
            Self::Shared(cold) if cold.is_unstarted() => Some(Rc::clone(cold) as Rc<_>),
            _ => None,
        }
    }

    /// What tells it from all others while it lives.
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

    /// Cancels the future. One that is unstarted drops what it was given. `false` if it is done, or is being started.
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

    /// Goes on waiting, and starts it in the loop that `home` gives if it has not started.
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

/// Starts everything that `outermost` holds, the innermost first, and then itself.
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

/// What fails at starting is the outcome of a future, so that it is raised when that is awaited, or else reported.
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
    /// Looks at the state. Nothing of the user's runs meanwhile.
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

/// It may hold others of its kind.
impl<T: 'static> Drop for Cold<T> {
    fn drop(&mut self) {
        let state = mem::replace(self.state.get_mut(), State::Starting);
        if let State::Unstarted(start) = state {
            drop_flat((start, self.inner.take()));
        }
    }
}
