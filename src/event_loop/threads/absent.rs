//! An empty stand-in for `threads/`, used if the feature `executor` is off.

use std::rc::Rc;

use super::LoopHandle;
use super::remote::Inbox;
use crate::task::Scheduler;

#[derive(Default)]
pub(super) struct Threads(());

impl Threads {
    pub(super) const fn clock_must_wait(&self, _: &Inbox, _: bool) -> bool {
        false
    }

    #[cfg(feature = "testing")]
    pub(super) const fn default_executor_is_open(&self) -> bool {
        true
    }

    pub(super) const fn close_links(&self, _: &Rc<Scheduler>) {}
}

impl LoopHandle {
    pub(super) const fn close_default_executor(&self) {}
}
