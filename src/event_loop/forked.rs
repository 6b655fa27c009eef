//! Loops in a forked child.
//!
//! A child shares the kernel's part of its parent's loop: the set of descriptors, and the eventfd that wakes the loop. Asking
//! that set for events would steal them from the parent. Removing a descriptor from it would make the parent deaf to its own.
//! So the child cannot use its parent's loop, and gets an error if it tries. It can drop whatever it inherits, and make loops
//! of its own.

use super::LoopHandle;
use crate::coroutine::{Exception, Kind};
use crate::sys::Process;

impl LoopHandle {
    /// Whether this loop belongs to the process that forked this one.
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
