//! `running` and `current`: finding the loop of a thread. The current loop is the running one, or else the one that was
//! set.

use core::cell::RefCell;
use core::mem::ManuallyDrop;
use std::rc::{Rc, Weak};

use super::{Core, EventLoop, LoopHandle};
use crate::context::{self, Context};
use crate::coroutine::{Exception, Kind, Receiving};

thread_local! {
    /// The loop that is running in this thread. `ManuallyDrop` gives it no destructor, so it exists until the thread is
    /// gone: the destructor of another thread-local may run a loop. Between runs it is `None`, so nothing leaks.
    static RUNNING: ManuallyDrop<RefCell<Option<Rc<Core>>>> = const { ManuallyDrop::new(RefCell::new(None)) };
    static CURRENT: RefCell<Weak<Core>> = const { RefCell::new(Weak::new()) };
}

/// The loop that is running in this thread.
///
/// # Errors
///
/// `RuntimeError` if none is running.
pub(crate) fn running() -> Result<LoopHandle, Exception> {
    find_running().ok_or_else(|| Exception::message(Kind::RuntimeError, "no running event loop"))
}

/// The loop that is running in this thread, if there is one.
pub(crate) fn find_running() -> Option<LoopHandle> {
    let running = RUNNING.try_with(|running| running.borrow().clone()).ok().flatten().map(LoopHandle);
    // A child that was forked inside a callback has inherited this variable.
    running.filter(|event_loop| !event_loop.is_inherited())
}

/// The loop that is running in this thread, or else the loop that was set as the thread's current one, if it is open.
///
/// # Errors
///
/// `RuntimeError` if there is neither.
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

/// Makes a loop this thread's current one and returns the previous one, if it still exists.
pub(crate) fn set_current(event_loop: Option<&LoopHandle>) -> Option<LoopHandle> {
    let weak = event_loop.map_or_else(Weak::new, |event_loop| Rc::downgrade(&event_loop.0));
    // In a thread that is ending, the thread-local may be gone already.
    let former = CURRENT.try_with(|current| current.replace(weak)).ok()?;
    former.upgrade().map(LoopHandle).filter(|event_loop| !event_loop.is_inherited())
}

/// Methods that find the loop of this thread.
impl EventLoop {
    /// Returns the loop that is running in this thread. asyncio's `get_running_loop`.
    ///
    /// ```
    /// use innermost::{EventLoop, lazy, ready};
    ///
    /// let event_loop = EventLoop::new()?;
    /// assert!(EventLoop::running().is_err());
    /// let running = event_loop.run_until_complete(lazy(|| ready(EventLoop::running())))?;
    /// assert_eq!(running?, event_loop.handle());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `RuntimeError` if none is running.
    pub fn running() -> Result<LoopHandle, Exception> {
        running()
    }

    /// Returns the loop that is running in this thread, or else the loop set by [`set_current`](Self::set_current), if
    /// it is open. asyncio's `get_event_loop`.
    ///
    /// This never creates a loop. [`run`](fn@crate::run) and [`new`](Self::new) do.
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
    /// `RuntimeError` if there is no such loop.
    pub fn current() -> Result<LoopHandle, Exception> {
        current()
    }

    /// Sets this thread's current loop, or clears it. asyncio's `set_event_loop`.
    ///
    /// This does not keep the loop alive. [`current`](Self::current) has an example.
    pub fn set_current(event_loop: Option<LoopHandle>) {
        set_current(event_loop.as_ref());
    }
}

impl LoopHandle {
    /// Makes this the running loop until the returned guard is dropped, by a panic too.
    ///
    /// # Errors
    ///
    /// `RuntimeError` in a thread that is ending, on systems where its thread-locals are gone by then.
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
    /// The context of the code around the run. It becomes current again when this is dropped.
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
            // Closing cannot fail: the loop is not running any more.
            let _ = self.event_loop.close();
            self.event_loop.0.scheduler.forget_handler();
        }
        let left = context::swap(self.outer.take());
        self.event_loop.0.scheduler.drop_guarded(left);
    }
}
