//! Handles to a loop: which loop one is of, for programs and for people, and handles that keep nothing alive.

use core::fmt;
use std::rc::{Rc, Weak};

use super::{Core, LoopHandle};

impl PartialEq for LoopHandle {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for LoopHandle {}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("running", &self.is_running())
            .field("closed", &self.is_closed())
            .field("scheduler", &self.0.scheduler)
            .finish_non_exhaustive()
    }
}

/// A handle that does not keep what the loop consists of.
#[derive(Clone)]
pub(crate) struct WeakLoopHandle(Weak<Core>);

impl WeakLoopHandle {
    /// `None` once the last handle is gone, and the loop with it.
    pub(crate) fn upgrade(&self) -> Option<LoopHandle> {
        self.0.upgrade().map(LoopHandle)
    }
}

impl LoopHandle {
    pub(crate) fn downgrade(&self) -> WeakLoopHandle {
        WeakLoopHandle(Rc::downgrade(&self.0))
    }
}
