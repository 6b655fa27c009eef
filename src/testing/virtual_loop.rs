//! An event loop in virtual time, cut off from the system.

use core::time::Duration;
use std::boxed::Box;
use std::io;
use std::os::fd::BorrowedFd;
use std::vec::Vec;

use super::VirtualClock;
use crate::coroutine::Exception;
use crate::event_loop::EventLoop;
use crate::sys::{Direction, Event, Selector, Token};

/// An event loop whose time is virtual and that never waits: it jumps to the next deadline when nothing is ready.
///
/// Where everything waits and no deadline is left, running it raises a `RuntimeError` that says for what each task
/// waits. It knows no descriptors: using a socket in it raises [`Unsupported`](io::ErrorKind::Unsupported).
///
/// ```
/// use innermost::sleep;
/// use innermost::testing::virtual_loop;
/// use std::time::Duration;
///
/// let event_loop = virtual_loop()?;
/// event_loop.run_until_complete(sleep(Duration::from_secs(3600)))?;
/// assert_eq!(event_loop.time(), Duration::from_secs(3600));
///
/// let never = event_loop.create_future::<()>();
/// let raised = event_loop.run_until_complete(event_loop.create_task(never)?).unwrap_err();
/// let expected = "deadlock: everything waits for ever\n  Task-2: Future: Future(pending) waits for Future(pending)";
/// assert_eq!(raised.to_string(), expected);
/// # event_loop.set_exception_handler(|_| {});
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// The system's: no descriptor is free for the loop's waker.
pub fn virtual_loop() -> Result<EventLoop, Exception> {
    EventLoop::with(Box::new(NoDescriptors { has_waker: false }), Box::new(VirtualClock::new()))
}

/// Watches nothing, and finds nothing ready.
#[derive(Debug)]
struct NoDescriptors {
    has_waker: bool,
}

impl Selector for NoDescriptors {
    /// The first is the waker, which a loop that never sleeps does without.
    fn register(&mut self, _: BorrowedFd<'_>, _: Token) -> io::Result<()> {
        if self.has_waker {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a virtual loop has no descriptors"));
        }
        self.has_waker = true;
        Ok(())
    }

    fn deregister(&mut self, _: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    fn closing(&mut self, _: BorrowedFd<'_>) {}

    fn reports_levels(&self) -> bool {
        false
    }

    fn drained(&mut self, _: Token, _: Direction) {}

    fn select(&mut self, _: &mut Vec<Event>, _: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
