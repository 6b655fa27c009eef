//! An empty stand-in for `threads.rs`, used if the feature `executor` is off.

use crate::event_loop::LoopHandle;

pub(super) const fn do_without(_: &LoopHandle) {}
