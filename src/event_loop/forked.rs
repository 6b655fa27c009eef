//! Loops in a forked child.
//!
//! A child shares with its parent what the kernel keeps for a loop: the set of descriptors, the eventfd that wakes it. To
//! ask the one for events would steal them from the parent; to take a descriptor out of it would stop the parent from
//! hearing of its own. So the child cannot use its parent's loop, and is told so; but it can drop whatever it inherits.
//! What it makes itself is its own.

use super::LoopHandle;
use crate::coroutine::{Exception, Kind};
use crate::sys::Process;

impl LoopHandle {
    /// Whether it is a loop of the process that has forked this one.
    pub(super) fn is_inherited(&self) -> bool {
        !self.0.process.is_current()
    }
}

/// # Errors
///
/// `RuntimeError` in a forked child of the process that made a loop.
#[inline]
pub(super) fn check_process(made_by: Process) -> Result<(), Exception> {
    if made_by.is_current() { Ok(()) } else { Err(inherited()) }
}

#[cold]
fn inherited() -> Exception {
    let text = "this event loop belongs to the process that forked this one: make a new loop here";
    Exception::message(Kind::RuntimeError, text)
}
