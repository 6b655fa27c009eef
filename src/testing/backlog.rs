//! [`Backlog`]: the connections in memory that wait to be accepted.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::collections::VecDeque;
use std::rc::Rc;

use super::waiters::Waiters;
use crate::coroutine::{Exception, Step};
use crate::task::{Await, Progress, Scheduler, WaitTarget, Waiter, Way, Withdrawn};

pub(super) struct Backlog<S> {
    arrived: RefCell<VecDeque<Result<S, Exception>>>,
    acceptor: Waiters,
    is_closed: Cell<bool>,
}

impl<S: 'static> Backlog<S> {
    pub(super) fn push(&self, arrived: Result<S, Exception>) {
        self.arrived.borrow_mut().push_back(arrived);
        self.acceptor.wake(Way::Readable);
    }

    /// The number of connections and failures that wait.
    pub(super) fn len(&self) -> usize {
        self.arrived.borrow().len()
    }

    pub(super) fn attempt_accept(self: &Rc<Self>) -> Progress<S> {
        let arrived = self.arrived.borrow_mut().pop_front();
        match arrived {
            Some(accepted) => accepted.map(Step::Return),
            None => Ok(Step::Yield(Await::on(Way::Readable, Rc::clone(self) as Rc<_>))),
        }
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Ends the connections that have not been accepted. Nobody accepts here any more.
    pub(super) fn close(&self) {
        self.is_closed.set(true);
        let arrived = self.arrived.take();
        drop(arrived);
    }
}

impl<S> Default for Backlog<S> {
    fn default() -> Self {
        Self { arrived: RefCell::default(), acceptor: Waiters::default(), is_closed: Cell::new(false) }
    }
}

impl<S: 'static> WaitTarget for Backlog<S> {
    fn register(&self, way: Way, _: u32, waiter: Rc<dyn Waiter>, _: &Rc<Scheduler>) -> Result<(), Exception> {
        self.acceptor.register(way, self.has_come(way, 0), waiter, "another task is already accepting here")
    }

    fn has_come(&self, _: Way, _: u32) -> bool {
        !self.arrived.borrow().is_empty()
    }

    fn withdraw(&self, way: Way, _: u32, waiter: *const ()) -> Withdrawn {
        self.acceptor.withdraw(way, waiter)
    }
}

impl<S> fmt::Debug for Backlog<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "listener({} waiting)", self.arrived.borrow().len())
    }
}
