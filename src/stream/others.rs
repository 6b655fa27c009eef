//! Those who wait for anything but data: until a connection is drained, or closed.
//!
//! Operations keep nothing between two resumes, so a place in a queue cannot be theirs, as it is an `Acquire`'s of a lock.
//! The channel tells those who wait by their task. Very many can wait, and be taken out again in any order.

use core::mem;
use std::collections::HashSet;
use std::rc::Rc;

use super::channel::DRAINED;
use crate::task::{Erased, Readied, WaiterList};

pub(super) struct Others {
    drained: WaiterList<Rc<dyn Erased>>,
    closed: WaiterList<Rc<dyn Erased>>,
    /// The tasks that let others run in a `drain` of a connection that is being closed, by their addresses. A task that is
    /// dropped just then leaves its own behind: whoever gets the same address does not yield once.
    pub(super) yielded: HashSet<*const ()>,
}

impl Others {
    pub(super) fn list(&mut self, what: Readied) -> &mut WaiterList<Rc<dyn Erased>> {
        if what == DRAINED { &mut self.drained } else { &mut self.closed }
    }

    pub(super) fn take_all(&mut self, what: Readied) -> WaiterList<Rc<dyn Erased>> {
        mem::replace(self.list(what), WaiterList::new(None))
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
