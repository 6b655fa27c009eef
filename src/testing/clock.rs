//! Time that does not pass by itself.

use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

use crate::sys::{Clock, Instant, Waiting};

/// A clock that stands still while anything is ready, and jumps to the next deadline when nothing is.
///
/// Its time begins at zero. Clones show the same time: one goes to the loop, the other stays with the test.
///
/// The loop that it is given to does not sleep. So nothing may come to that loop from outside that it has to wait for:
/// where there is no deadline either, running it raises a `RuntimeError`. The exception is what threads owe it: while the
/// loop awaits a thread's future ([`run_in_executor`](crate::LoopHandle::run_in_executor),
/// [`to_thread`](crate::to_thread), [`wrap_future`](crate::LoopHandle::wrap_future), a shutdown of executors), it really
/// waits for that, and time stands; but not where a thread waits for the loop meanwhile, by
/// [`ThreadFuture::result`](crate::executor::ThreadFuture::result). So a thread may take as long as it likes, and ends in
/// the same moment of the loop's time; one that waits for the loop in another way is waited for in vain.
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
    /// A clock that stands at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time that it shows.
    pub fn time(&self) -> Duration {
        self.0.get()
    }

    /// Moves it on by hand, as if what runs now had taken that long.
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
