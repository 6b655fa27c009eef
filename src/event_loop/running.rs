//! Which loop runs in this thread.

use core::cell::RefCell;
use std::rc::Rc;

use super::{Core, LoopHandle};
use crate::context;
use crate::coroutine::{Exception, Kind};

std::thread_local! {
    static RUNNING: RefCell<Option<Rc<Core>>> = const { RefCell::new(None) };
}

/// The loop that runs in this thread.
///
/// # Errors
///
/// `RuntimeError` where none does.
pub(crate) fn running() -> Result<LoopHandle, Exception> {
    find_running().ok_or_else(|| Exception::message(Kind::RuntimeError, "no running event loop"))
}

/// The same; `None` where none does.
pub(super) fn find_running() -> Option<LoopHandle> {
    RUNNING.try_with(|running| running.borrow().clone()).ok().flatten().map(LoopHandle)
}

impl LoopHandle {
    /// Makes this the running loop until what is returned is dropped, by a panic too.
    pub(super) fn enter(&self) -> Running<'_> {
        self.0.scheduler.set_running(true);
        RUNNING.set(Some(Rc::clone(&self.0)));
        Running { event_loop: self, _context: context::enter(None) }
    }
}

pub(super) struct Running<'a> {
    event_loop: &'a LoopHandle,
    /// That of the program around the run, which is the current one again when this is dropped.
    _context: context::Entered,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.event_loop.0.scheduler.set_running(false);
        self.event_loop.0.stopping.set(false);
        RUNNING.take();
        if self.event_loop.0.orphaned.get() {
            // Not refused: it does not run any more.
            let _ = self.event_loop.close();
        }
    }
}
