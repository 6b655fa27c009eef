//! Handles that keep nothing alive: for what the loop may hold itself.

use std::rc::{Rc, Weak};

use super::{Core, LoopHandle};

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
