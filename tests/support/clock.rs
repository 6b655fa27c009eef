//! Loops with virtual time. They fail instead of waiting for ever.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

use innermost::EventLoop;
use innermost::selector::{Clock, Selector, SelectorEvent, SelectorToken, Waiting, default_selector};

/// Implements all methods of a selector but `register` and `select`, by calling those of the field `inner`.
macro_rules! forwards_the_rest {
    () => {
        fn deregister(&mut self, fd: std::os::fd::BorrowedFd<'_>) -> std::io::Result<()> {
            self.inner.deregister(fd)
        }

        fn closing(&mut self, fd: std::os::fd::BorrowedFd<'_>) {
            self.inner.closing(fd);
        }

        fn reports_levels(&self) -> bool {
            self.inner.reports_levels()
        }

        fn drained(&mut self, token: innermost::selector::SelectorToken, direction: innermost::selector::Direction) {
            self.inner.drained(token, direction);
        }

        fn in_vain(&mut self, token: innermost::selector::SelectorToken, direction: innermost::selector::Direction) {
            self.inner.in_vain(token, direction);
        }

        fn as_fd(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
            self.inner.as_fd()
        }
    };
}
pub(crate) use forwards_the_rest;

/// A clock that stands still until it is moved. When a loop has nothing else to do, it jumps to the next deadline.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualClock {
    now: Rc<Cell<Duration>>,
    reads: Rc<Cell<u32>>,
    stays: bool,
}

impl VirtualClock {
    /// A clock that never jumps: only [`advance`](Self::advance) moves it.
    pub(crate) fn that_stays() -> Self {
        Self { stays: true, ..Self::default() }
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.now.set(self.now.get() + by);
    }

    /// How often the clock was read.
    pub(crate) fn reads(&self) -> u32 {
        self.reads.get()
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> innermost::Instant {
        self.reads.set(self.reads.get() + 1);
        innermost::Instant::from_zero(self.now.get())
    }

    fn wait_until(&self, deadline: Option<innermost::Instant>) -> Waiting {
        match deadline {
            Some(deadline) if !self.stays => {
                self.now.set(self.now.get().max(deadline.since_zero()));
                Waiting::Jumped
            }
            _ => Waiting::Sleep,
        }
    }
}

/// The system's selector. Records the timeouts that it was given.
#[derive(Debug)]
pub(crate) struct WatchedSelector {
    inner: Box<dyn Selector>,
    timeouts: Timeouts,
    wait: Wait,
}

/// The timeout of each call of `select`, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeouts(Rc<RefCell<Vec<Option<Duration>>>>);

impl Timeouts {
    pub(crate) fn take(&self) -> Vec<Option<Duration>> {
        self.0.take()
    }
}

/// What a [`WatchedSelector`] does when it is asked to wait.
pub(crate) enum Wait {
    /// Waits. Fails if there is no timeout, because nothing would ever end the wait.
    Waits,
    /// Calls the function, then waits.
    Tells(Box<dyn Fn()>),
    /// Moves the clock by the timeout instead of waiting.
    Moves(VirtualClock),
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waits => "Waits",
            Self::Tells(_) => "Tells",
            Self::Moves(_) => "Moves",
        })
    }
}

impl WatchedSelector {
    pub(crate) fn new(wait: Wait) -> Self {
        let inner = default_selector().expect("there are descriptors left");
        Self { inner, timeouts: Timeouts::default(), wait }
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        self.timeouts.clone()
    }
}

impl Selector for WatchedSelector {
    forwards_the_rest!();

    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        self.inner.register(fd, token)
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        self.timeouts.0.borrow_mut().push(timeout);
        match (&self.wait, timeout) {
            (Wait::Waits | Wait::Moves(_), None) => Err(io::Error::other("nothing will ever come")),
            (Wait::Moves(clock), Some(timeout)) => {
                clock.advance(timeout);
                self.inner.select(events, Some(Duration::ZERO))
            }
            (Wait::Tells(tell), timeout) if timeout != Some(Duration::ZERO) => {
                tell();
                self.inner.select(events, timeout)
            }
            _ => self.inner.select(events, timeout),
        }
    }
}

/// A loop with that selector and that clock. Its exception handler prints each report to the test's output.
pub(crate) fn loop_of(selector: WatchedSelector, clock: impl Clock + 'static) -> EventLoop {
    let event_loop = EventLoop::with(Box::new(selector), Box::new(clock)).expect("there are descriptors left");
    event_loop.set_exception_handler(|context| println!("{context}"));
    event_loop
}

/// A loop with virtual time, and its clock. The loop fails where it would wait for ever.
pub(crate) fn virtual_loop() -> (EventLoop, VirtualClock) {
    let clock = VirtualClock::default();
    (loop_of(WatchedSelector::new(Wait::Waits), clock.clone()), clock)
}

/// A loop with virtual time, for tests that do not need the clock. Fails where it would wait for ever.
pub(crate) fn test_loop() -> EventLoop {
    virtual_loop().0
}
