//! Waits until a lock or a semaphore can be acquired, and gives up when cancelled. The two share this code. `lock.rs` and
//! `semaphore.rs` say who is next (`Gate::give_up`).

use super::wait_queue::{Phase, Place, WaitQueue};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::task::Await;

/// A handle to something that tasks acquire one after the other.
pub(super) trait Gate: Sized {
    /// Holds what was acquired, and releases it when dropped.
    type Guard;

    /// The name of the operation, for people.
    const ACQUIRE: &'static str;

    fn waiters(&self) -> &WaitQueue;

    /// Acquires without waiting, or returns the handle if that is impossible.
    fn try_enter(self) -> Result<Self::Guard, Self>;

    /// Acquires for a waiter whose turn it is.
    fn enter(self) -> Self::Guard;

    /// Takes a waiter that gives up out of the queue. If it was this waiter's turn, it is now the next waiter's.
    fn give_up(&self, place: Place);
}

/// A coroutine that acquires at once if that is possible, and otherwise waits in the queue.
#[derive(Debug)]
pub(super) struct Entering<G: Gate> {
    /// Moves into the guard. `None` once this is over.
    gate: Option<G>,
    /// Its place in the queue while it waits.
    place: Option<Place>,
}

impl<G: Gate> Entering<G> {
    #[inline]
    pub(super) fn new(gate: G) -> Self {
        Self { gate: Some(gate), place: None }
    }

    #[inline(never)]
    fn begin_to_wait(&mut self, gate: G) -> Resumed<Self> {
        self.place = Some(gate.waiters().join());
        self.gate = Some(gate);
        self.wait(Ok(()))
    }

    #[inline(never)]
    fn wait(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if sent.is_ok() && self.place.as_ref().is_some_and(Place::is_passed_over) {
            self.place.take().map(Place::leave);
            return self.resume(Ok(()));
        }
        let passed = match &self.place {
            Some(place) => place.pass(sent).map(|passed| (!passed).then(|| place.wanted())),
            None => sent.map(|()| None),
        };
        match passed {
            Ok(None) => self.place = None,
            Ok(Some(wanted)) => return Ok(Step::Yield(wanted)),
            Err(raised) => {
                self.give_up();
                return Err(raised);
            }
        }
        self.gate.take().map(|gate| Step::Return(gate.enter())).ok_or_else(Exception::reused)
    }

    fn give_up(&mut self) {
        if let (Some(gate), Some(place)) = (self.gate.take(), self.place.take()) {
            gate.give_up(place);
        }
    }
}

impl<G: Gate> Coroutine for Entering<G> {
    type Yield = Await;
    type Input = ();
    type Return = G::Guard;

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if self.place.is_some() || sent.is_err() {
            return self.wait(sent);
        }
        match self.gate.take().ok_or_else(Exception::reused)?.try_enter() {
            Ok(guard) => Ok(Step::Return(guard)),
            Err(gate) => self.begin_to_wait(gate),
        }
    }

    fn state(&self) -> State<'_> {
        match &self.place {
            Some(place) => State::new(G::ACQUIRE, place),
            None if self.gate.is_some() => State::new(G::ACQUIRE, &Phase::Created),
            None => State::new(G::ACQUIRE, &Phase::Over),
        }
    }
}

impl<G: Gate> Drop for Entering<G> {
    #[inline]
    fn drop(&mut self) {
        if self.place.is_some() {
            self.give_up();
        }
    }
}
