//! [`Others`]: tasks that wait for anything but data, that is, until a stream is drained or closed.
//!
//! Operations keep nothing between two resumes, so they cannot hold a place in a queue as the `Acquire` of a lock does. The
//! channel identifies waiters by their task. There can be very many, and any of them can be removed cheaply.

use core::mem;
use std::collections::HashSet;
use std::rc::Rc;

use crate::task::{Waiter, WaiterList, Way};

pub(super) struct Others {
    drained: WaiterList<Rc<dyn Waiter>>,
    closed: WaiterList<Rc<dyn Waiter>>,
    /// The addresses of the tasks that have let others run in a `drain` while the connection is being closed. A task dropped
    /// at that moment leaves its address behind; the next task at that address skips one yield.
    pub(super) yielded: HashSet<*const ()>,
}

impl Others {
    pub(super) fn list(&mut self, way: Way) -> &mut WaiterList<Rc<dyn Waiter>> {
        if way == Way::Writable { &mut self.drained } else { &mut self.closed }
    }

    pub(super) fn take_all(&mut self, way: Way) -> WaiterList<Rc<dyn Waiter>> {
        mem::replace(self.list(way), WaiterList::new(None))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.drained.is_empty() && self.closed.is_empty() && self.yielded.is_empty()
    }
}

impl Default for Others {
    fn default() -> Self {
        Self { drained: WaiterList::new(None), closed: WaiterList::new(None), yielded: HashSet::new() }
    }
}
