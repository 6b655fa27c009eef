//! Who waits, in order: what all primitives stand on.
//!
//! A waiter is a future, as in asyncio: whoever wakes it completes it, and the task behind it runs in the next turn. In
//! between, the waiter is still here, done: that is how a primitive knows that a wake-up is on its way and must not be
//! given twice.
//!
//! ```text
//!   first                    pending                  last
//!     |                         |                      |
//!   woken <-> cancelled <-> waiting <-> cancelled <-> waiting
//!   \____ all of them done ___/
//! ```
//!
//! The queue is a doubly linked list in a slab: joining, and leaving from anywhere, cost the same however many wait. A
//! walk to the first that still waits begins at `pending`, and never passes the same waiter twice.
//!
//! Futures are used again (rule 2). A task refers to what it has waited for until it waits for something else, so that
//! the future of its last wait cannot be used for the next one, but that of the wait before: hence two spare ones.
//!
//! Invariants:
//!
//! 1. Everyone before `pending` is done, and who is done stays so. `pending` may be done too: it was cancelled since.
//! 2. `woken` counts who was woken and has not left. Only this queue wakes its waiters.
//! 3. Nothing is borrowed while a waiter is woken or dropped.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::mem;

use slab::Slab;

use crate::coroutine::{Coroutine, Exception, Resumed, State};
use crate::event_loop::running;
use crate::task::{Await, Future};

/// An index of no waiter.
const NONE: usize = usize::MAX;

/// Tasks that wait, first come first.
pub(crate) struct WaitQueue {
    waiters: RefCell<Slab<Waiter>>,
    first: Cell<usize>,
    last: Cell<usize>,
    pending: Cell<usize>,
    woken: Cell<usize>,
    spare: [Cell<Option<Future<()>>>; 2],
}

struct Waiter {
    future: Future<()>,
    before: usize,
    behind: usize,
}

impl WaitQueue {
    pub(crate) const fn new() -> Self {
        Self {
            waiters: RefCell::new(Slab::new()),
            first: Cell::new(NONE),
            last: Cell::new(NONE),
            pending: Cell::new(NONE),
            woken: Cell::new(0),
            spare: [const { Cell::new(None) }; 2],
        }
    }

    /// How many wait, or are about to run.
    pub(crate) fn len(&self) -> usize {
        self.waiters.borrow().len()
    }

    /// Whether anybody is there who was not cancelled.
    #[inline]
    pub(crate) fn has_live(&self) -> bool {
        self.woken.get() > 0 || (self.pending.get() != NONE && self.first_pending().is_some())
    }

    /// Joins the queue.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where no loop runs.
    pub(crate) fn join(&self) -> Result<Place, Exception> {
        let future = self.future()?;
        let last = self.last.get();
        let mut waiters = self.waiters.borrow_mut();
        let index = waiters.insert(Waiter { future: future.clone(), before: last, behind: NONE });
        match waiters.get_mut(last) {
            Some(former) => former.behind = index,
            None => self.first.set(index),
        }
        self.last.set(index);
        if self.pending.get() == NONE {
            self.pending.set(index);
        }
        Ok(Place { index, future })
    }

    /// Leaves the queue, if it was not taken out before. Gives whether it was woken, rather than cancelled or nothing.
    pub(crate) fn leave(&self, place: Place) -> bool {
        let Place { index, future } = place;
        let mut waiters = self.waiters.borrow_mut();
        let is_there = waiters.get(index).is_some_and(|waiter| waiter.future.is(&future));
        let left = is_there.then(|| self.unlink(&mut waiters, index));
        drop(waiters);
        drop(left);
        let woken = was_woken(&future);
        self.keep(future);
        woken
    }

    /// Wakes the first, unless it is done already.
    #[inline]
    pub(crate) fn wake_first(&self) {
        if self.first.get() != NONE {
            let first = self.waiters.borrow().get(self.first.get()).map(|waiter| waiter.future.clone());
            self.wake(first.as_ref().filter(|future| !future.done()));
        }
    }

    /// Wakes the first that still waits. `false` where there is none.
    #[inline]
    pub(crate) fn wake_next(&self) -> bool {
        self.pending.get() != NONE && self.wake(self.first_pending().as_ref())
    }

    /// Wakes up to `count` that still wait.
    pub(crate) fn wake_up_to(&self, count: usize) {
        for _ in 0..count {
            if !self.wake_next() {
                return;
            }
        }
    }

    /// Takes waiters out from the front, up to one that still waits, and wakes that. `false` where there is none.
    pub(crate) fn pop_and_wake(&self) -> bool {
        while self.first.get() != NONE {
            let mut waiters = self.waiters.borrow_mut();
            let popped = self.unlink(&mut waiters, self.first.get());
            drop(waiters);
            if popped.future.set_result(()).is_ok() {
                return true;
            }
        }
        false
    }

    /// A pending future of the running loop.
    fn future(&self) -> Result<Future<()>, Exception> {
        let event_loop = running()?;
        for slot in &self.spare {
            if let Some(spare) = slot.take() {
                if event_loop.renew_future(&spare) {
                    return Ok(spare);
                }
                slot.set(Some(spare));
            }
        }
        Ok(event_loop.create_future())
    }

    fn keep(&self, future: Future<()>) {
        if !future.done() {
            return;
        }
        let mut spare = Some(future);
        for slot in &self.spare {
            spare = slot.replace(spare);
            if spare.is_none() {
                return;
            }
        }
    }

    fn wake(&self, pending: Option<&Future<()>>) -> bool {
        let Some(future) = pending else { return false };
        self.woken.set(self.woken.get() + 1);
        future.set_result(()).is_ok()
    }

    fn first_pending(&self) -> Option<Future<()>> {
        let waiters = self.waiters.borrow();
        let mut index = self.pending.get();
        while let Some(waiter) = waiters.get(index)
            && waiter.future.done()
        {
            index = waiter.behind;
        }
        self.pending.set(index);
        waiters.get(index).map(|waiter| waiter.future.clone())
    }

    fn unlink(&self, waiters: &mut Slab<Waiter>, index: usize) -> Waiter {
        let waiter = waiters.remove(index);
        match waiters.get_mut(waiter.before) {
            Some(before) => before.behind = waiter.behind,
            None => self.first.set(waiter.behind),
        }
        match waiters.get_mut(waiter.behind) {
            Some(behind) => behind.before = waiter.before,
            None => self.last.set(waiter.before),
        }
        if self.pending.get() == index {
            self.pending.set(waiter.behind);
        }
        if was_woken(&waiter.future) {
            self.woken.set(self.woken.get() - 1);
        }
        waiter
    }
}

impl fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitQueue({} waiting)", self.len())
    }
}

fn was_woken(future: &Future<()>) -> bool {
    future.done() && !future.cancelled()
}

/// A place in a queue, to be waited at. Whoever holds it leaves the queue, whichever way the wait ends.
pub(crate) struct Place {
    index: usize,
    future: Future<()>,
}

impl Coroutine for Place {
    type Yield = Await;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        Coroutine::resume(&mut self.future, sent)
    }

    fn state(&self) -> State<'_> {
        Coroutine::state(&self.future)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.future.fmt(f)
    }
}

/// How far a coroutine is that waits in a queue once.
#[derive(Debug)]
pub(crate) enum Phase {
    Created,
    Waiting(Place),
    Over,
}

impl Phase {
    /// Ends, and gives the place that is to be left.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<Place> {
        match mem::replace(self, Self::Over) {
            Self::Waiting(place) => Some(place),
            Self::Created | Self::Over => None,
        }
    }
}

/// What a coroutine raises that is resumed after its end.
#[cold]
pub(crate) fn reused() -> Exception {
    Exception::runtime("cannot reuse already awaited coroutine")
}
