//! The check that a loop is used only in the process that created it, not in a forked child.
//!
//! A child shares the kernel's part of its parent's loop: the set of descriptors, and the eventfd that wakes the loop.
//! If the child asked that set for events, it would steal them from the parent. If it removed a descriptor from the
//! set, the parent would no longer be told about that descriptor. So the child gets an error when it uses its parent's
//! loop. It can drop whatever it inherits, and create loops of its own.

use super::LoopHandle;
use crate::coroutine::{Exception, Kind};
use crate::sys::Process;

impl LoopHandle {
    /// Returns `true` if this loop belongs to the process that forked this one.
    pub(super) fn is_inherited(&self) -> bool {
        !self.0.process.is_current()
    }
}

/// # Errors
///
/// `RuntimeError` in a forked child of the process that made the loop.
#[inline]
pub(super) fn check_process(made_by: Process) -> Result<(), Exception> {
    if made_by.is_current() { Ok(()) } else { Err(inherited()) }
}

#[cold]
fn inherited() -> Exception {
    let text = "this event loop belongs to the process that forked this one: make a new loop here";
    Exception::message(Kind::RuntimeError, text)
}
