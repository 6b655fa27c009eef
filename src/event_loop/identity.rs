//! Comparing, hashing and printing a [`LoopHandle`]; and `WeakLoopHandle`, which does not keep the loop alive.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::rc::{Rc, Weak};

use super::{Core, LoopHandle};

impl PartialEq for LoopHandle {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for LoopHandle {}

impl Hash for LoopHandle {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("running", &self.is_running())
            .field("closed", &self.is_closed())
            .field("scheduler", &self.0.scheduler)
            .finish_non_exhaustive()
    }
}

/// A handle that does not keep the loop's memory alive.
#[derive(Clone)]
pub(crate) struct WeakLoopHandle(Weak<Core>);

impl WeakLoopHandle {
    /// The loop's handle, or `None` once the last strong handle is gone.
    pub(crate) fn upgrade(&self) -> Option<LoopHandle> {
        self.0.upgrade().map(LoopHandle)
    }
}

impl LoopHandle {
    pub(crate) fn downgrade(&self) -> WeakLoopHandle {
        WeakLoopHandle(Rc::downgrade(&self.0))
    }
}
