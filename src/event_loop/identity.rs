//! Which loop a handle is of: for programs, that compare, and for people.

use core::fmt;
use std::rc::Rc;

use super::LoopHandle;

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
