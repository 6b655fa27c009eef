//! [`VirtualClock`]: time that does not pass by itself.

use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

use crate::sys::{Clock, Instant, Waiting};

/// A clock that stands still while anything is ready, and jumps to the next deadline when nothing is.
///
/// Its time starts at zero. Clones show the same time: give one to the loop, and keep one in the test.
///
/// A loop with this clock never sleeps, so it cannot wait for events from outside. If nothing is ready and there is no
/// deadline, running it raises `RuntimeError`.
///
/// Threads are the exception. While the loop awaits the future of a thread
/// ([`run_in_executor`](crate::LoopHandle::run_in_executor), [`to_thread`](crate::to_thread),
/// [`wrap_future`](crate::LoopHandle::wrap_future), a shutdown of executors), it really waits, and its time stands still. So a
/// thread can take as long as it needs, and ends at the same moment of virtual time. The loop does not wait while a thread
/// itself waits for the loop with [`ThreadFuture::result`](crate::executor::ThreadFuture::result). If a thread waits for the
/// loop in another way, both wait for ever.
///
/// ```
/// use innermost::testing::VirtualClock;
/// use innermost::selector::default_selector;
/// use innermost::{EventLoop, sleep};
/// use std::time::Duration;
///
/// let clock = VirtualClock::new();
/// let event_loop = EventLoop::with(default_selector()?, Box::new(clock.clone()))?;
/// event_loop.run_until_complete(sleep(Duration::from_secs(31_536_000)))?;
/// assert_eq!(clock.time(), Duration::from_secs(31_536_000));
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct VirtualClock(Rc<Cell<Duration>>);

impl VirtualClock {
    /// Makes a clock that shows zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time that the clock shows.
    pub fn time(&self) -> Duration {
        self.0.get()
    }

    /// Sets the clock back to zero.
    pub(super) fn restart(&self) {
        self.0.set(Duration::ZERO);
    }

    /// Advances the clock by hand, as if the code that is running had taken that long.
    pub fn advance(&self, duration: Duration) {
        self.0.set(self.0.get().saturating_add(duration));
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        Instant::from_zero(self.time())
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Waiting {
        let Some(deadline) = deadline else { return Waiting::ForNothing };
        self.0.set(self.0.get().max(deadline.since_zero()));
        Waiting::Jumped
    }
}
