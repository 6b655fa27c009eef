//! Those who wait for anything but data: until a connection is drained, or closed.
//!
//! Operations keep nothing between two resumes, so a place in a queue cannot be theirs, as it is an `Acquire`'s of a lock.
//! The channel tells those who wait by their task. Very many can wait, and be taken out again in any order.

use core::mem;
use std::collections::HashSet;
use std::rc::Rc;

use crate::task::{Waiter, WaiterList, Way};

pub(super) struct Others {
    drained: WaiterList<Rc<dyn Waiter>>,
    closed: WaiterList<Rc<dyn Waiter>>,
    /// The tasks that let others run in a `drain` of a connection that is being closed, by their addresses. A task that is
    /// dropped just then leaves its own behind: whoever gets the same address does not yield once.
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
