//! [`virtual_loop`](fn@virtual_loop): an event loop in virtual time, without descriptors.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::VirtualClock;
use crate::coroutine::Exception;
use crate::event_loop::EventLoop;
use crate::sys::{Direction, Selector, SelectorEvent, SelectorToken, default_selector};

/// Makes an event loop whose time is virtual: it jumps to the next deadline when nothing is ready.
///
/// If every task waits and there is no deadline, running the loop raises `RuntimeError`, which says what each task waits for.
/// The loop supports no descriptors: using a socket in it raises [`Unsupported`](io::ErrorKind::Unsupported). While it awaits
/// a thread, it really waits, and its time stands still; see [`VirtualClock`].
///
/// ```
/// use innermost::sleep;
/// use innermost::testing::virtual_loop;
/// use std::time::Duration;
///
/// let event_loop = virtual_loop()?;
/// event_loop.run_until_complete(sleep(Duration::from_secs(3600)))?;
/// assert_eq!(event_loop.time().since_zero(), Duration::from_secs(3600));
///
/// let never = event_loop.create_future::<()>();
/// let raised = event_loop.run_until_complete(event_loop.create_task(never)?).unwrap_err();
/// let expected = "deadlock: the loop would wait forever\n  Task-2: Future: Future(pending) waits for Future(pending)";
/// assert_eq!(raised.to_string(), expected);
/// # event_loop.set_exception_handler(|_| {});
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Returns the system's error if no descriptor is free for the loop's waker.
pub fn virtual_loop() -> Result<EventLoop, Exception> {
    virtual_loop_with(VirtualClock::new())
}

/// A loop without descriptors, whose time is that of `clock`.
pub(super) fn virtual_loop_with(clock: VirtualClock) -> Result<EventLoop, Exception> {
    EventLoop::with(Box::new(NoDescriptors::default()), Box::new(clock))
}

/// A selector that watches only the loop's waker.
#[derive(Debug, Default)]
struct NoDescriptors {
    waker: Option<(OwnedFd, SelectorToken)>,
    /// The selector that waits for the waker, made when the loop first waits for a thread.
    selector: Option<Box<dyn Selector>>,
}

impl Selector for NoDescriptors {
    /// The first descriptor is the waker. Others are refused.
    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        if self.waker.is_some() {
            let text = "a virtual loop has no descriptors: connect by `testing::memory_pair` or a `testing::Network`";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        self.waker = Some((fd.try_clone_to_owned()?, token));
        Ok(())
    }

    fn deregister(&mut self, _: BorrowedFd<'_>) -> io::Result<()> {
        Ok(())
    }

    fn closing(&mut self, _: BorrowedFd<'_>) {}

    /// The inner selector may report levels. If it does not, the calls that follow from this have no effect.
    fn reports_levels(&self) -> bool {
        true
    }

    fn drained(&mut self, token: SelectorToken, direction: Direction) {
        if let Some(selector) = &mut self.selector {
            selector.drained(token, direction);
        }
    }

    fn in_vain(&mut self, token: SelectorToken, direction: Direction) {
        if let Some(selector) = &mut self.selector {
            selector.in_vain(token, direction);
        }
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let Some((waker, token)) = self.waker.as_ref().filter(|_| timeout != Some(Duration::ZERO)) else {
            return Ok(());
        };
        let selector = match &mut self.selector {
            Some(selector) => selector,
            none => none.insert({
                let mut selector = default_selector()?;
                selector.register(waker.as_fd(), *token)?;
                selector
            }),
        };
        selector.select(events, timeout)
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
