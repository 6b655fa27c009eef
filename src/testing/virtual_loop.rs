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
    EventLoop::with(Box::new(VirtualSelector::new(Descriptors::Refused)), Box::new(clock))
}

/// A loop whose time is that of `clock`. It watches descriptors whose events its own tasks cause.
pub(super) fn virtual_loop_of_pairs(clock: VirtualClock) -> Result<EventLoop, Exception> {
    EventLoop::with(Box::new(VirtualSelector::new(Descriptors::Watched(0))), Box::new(clock))
}

/// A selector that makes no system call before it has to.
#[derive(Debug)]
struct VirtualSelector {
    waker: Option<(OwnedFd, SelectorToken)>,
    descriptors: Descriptors,
    /// Made when the loop first waits for a thread, or first watches a descriptor.
    selector: Option<Box<dyn Selector>>,
}

/// Descriptors other than the waker's.
#[derive(Debug)]
enum Descriptors {
    Refused,
    /// How many are registered.
    Watched(usize),
}

impl VirtualSelector {
    const fn new(descriptors: Descriptors) -> Self {
        Self { waker: None, descriptors, selector: None }
    }

    fn selector(&mut self) -> io::Result<&mut Box<dyn Selector>> {
        if self.selector.is_none() {
            let mut selector = default_selector()?;
            if let Some((waker, token)) = &self.waker {
                selector.register(waker.as_fd(), *token)?;
            }
            self.selector = Some(selector);
        }
        Ok(self.selector.as_mut().expect("it was just made"))
    }

    /// One descriptor less is registered. Returns the selector if it knows it.
    fn forget(&mut self) -> Option<&mut Box<dyn Selector>> {
        let Descriptors::Watched(count) = &mut self.descriptors else { return None };
        *count = count.saturating_sub(1);
        self.selector.as_mut()
    }
}

impl Selector for VirtualSelector {
    /// The first descriptor is the waker.
    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        if self.waker.is_none() {
            self.waker = Some((fd.try_clone_to_owned()?, token));
            return Ok(());
        }
        if matches!(self.descriptors, Descriptors::Refused) {
            let text = "a virtual loop has no descriptors: connect by `testing::memory_pair` or a `testing::Network`";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        self.selector()?.register(fd, token)?;
        if let Descriptors::Watched(count) = &mut self.descriptors {
            *count += 1;
        }
        Ok(())
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.forget().map_or(Ok(()), |selector| selector.deregister(fd))
    }

    fn closing(&mut self, fd: BorrowedFd<'_>) {
        if let Some(selector) = self.forget() {
            selector.closing(fd);
        }
    }

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
        let watches = matches!(self.descriptors, Descriptors::Watched(1..));
        if self.waker.is_none() || (timeout == Some(Duration::ZERO) && !watches) {
            return Ok(());
        }
        self.selector()?.select(events, timeout)
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}
