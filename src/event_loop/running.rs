//! Which loop runs in this thread, and which is its current one where none does.

use core::cell::RefCell;
use core::mem::ManuallyDrop;
use std::rc::{Rc, Weak};

use super::{Core, EventLoop, LoopHandle};
use crate::context::{self, Context};
use crate::coroutine::{Exception, Kind, Receiving};

thread_local! {
    /// Without a destructor, so that it is there until the thread is gone: a destructor of another thread-local may run
    /// a loop. It holds nothing then, as what a loop leaves is `None`.
    static RUNNING: ManuallyDrop<RefCell<Option<Rc<Core>>>> = const { ManuallyDrop::new(RefCell::new(None)) };
    static CURRENT: RefCell<Weak<Core>> = const { RefCell::new(Weak::new()) };
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
pub(crate) fn find_running() -> Option<LoopHandle> {
    let running = RUNNING.try_with(|running| running.borrow().clone()).ok().flatten().map(LoopHandle);
    // A child that was forked in a callback has inherited the mark.
    running.filter(|event_loop| !event_loop.is_inherited())
}

/// The loop that runs in this thread, else its current one, where that is open.
///
/// # Errors
///
/// `RuntimeError` where there is neither.
fn current() -> Result<LoopHandle, Exception> {
    let set = || CURRENT.try_with(|current| current.borrow().upgrade()).ok().flatten().map(LoopHandle);
    let set = || set().filter(|event_loop| !event_loop.is_inherited());
    find_running().or_else(set).filter(|event_loop| event_loop.is_running() || !event_loop.is_closed()).ok_or_else(
        || {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or("(unnamed)");
            Exception::message(Kind::RuntimeError, format!("There is no current event loop in thread '{name}'."))
        },
    )
}

/// Makes a loop this thread's current one; gives the former, if it is still about.
pub(crate) fn set_current(event_loop: Option<&LoopHandle>) -> Option<LoopHandle> {
    let weak = event_loop.map_or_else(Weak::new, |event_loop| Rc::downgrade(&event_loop.0));
    // A thread that ends has no current loop any more.
    let former = CURRENT.try_with(|current| current.replace(weak)).ok()?;
    former.upgrade().map(LoopHandle).filter(|event_loop| !event_loop.is_inherited())
}

/// The loop of this thread.
impl EventLoop {
    /// The loop that runs in this thread: asyncio's `get_running_loop`.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where none does.
    pub fn running() -> Result<LoopHandle, Exception> {
        running()
    }

    /// The loop that runs in this thread. If none does, the loop set by [`set_current`](Self::set_current), while that is
    /// open. asyncio's `get_event_loop`. This never makes a loop: use [`run`](fn@crate::run) or [`new`](Self::new).
    ///
    /// ```
    /// use innermost::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// assert!(EventLoop::current().is_err());
    /// EventLoop::set_current(Some(event_loop.handle()));
    /// assert_eq!(EventLoop::current()?, event_loop.handle());
    /// drop(event_loop);
    /// assert!(EventLoop::current().is_err());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `RuntimeError` where there is none.
    pub fn current() -> Result<LoopHandle, Exception> {
        current()
    }

    /// Sets this thread's current loop, or clears it. Does not keep the loop alive. asyncio's `set_event_loop`.
    pub fn set_current(event_loop: Option<LoopHandle>) {
        set_current(event_loop.as_ref());
    }
}

impl LoopHandle {
    /// Makes this the running loop until what is returned is dropped, by a panic too.
    ///
    /// # Errors
    ///
    /// `RuntimeError` in a thread that ends, where thread-locals need the system's help and ours are gone.
    pub(super) fn enter(&self) -> Result<Running<'_>, Exception> {
        if RUNNING.try_with(|running| running.replace(Some(Rc::clone(&self.0)))).is_err() {
            let text = "no event loop can run in a thread whose thread-locals are gone";
            return Err(Exception::message(Kind::RuntimeError, text));
        }
        self.0.scheduler.set_running(true);
        Ok(Running { event_loop: self, outer: context::swap(None), _receiving: self.0.scheduler.receives() })
    }
}

pub(super) struct Running<'a> {
    event_loop: &'a LoopHandle,
    /// That of the program around the run, which is the current one again when this is dropped.
    outer: Option<Context>,
    _receiving: Receiving,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.event_loop.0.scheduler.set_running(false);
        self.event_loop.0.scheduler.set_stopping(false);
        self.event_loop.0.runs.set(self.event_loop.0.runs.get().wrapping_add(1));
        let _ = RUNNING.try_with(|running| running.take());
        if self.event_loop.0.orphaned.get() {
            // Not refused: it does not run any more.
            let _ = self.event_loop.close();
            self.event_loop.0.scheduler.forget_handler();
        }
        let left = context::swap(self.outer.take());
        self.event_loop.0.scheduler.drop_guarded(left);
    }
}
