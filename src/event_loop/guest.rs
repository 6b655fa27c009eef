//! A loop that is a guest of another: a host (a GUI's loop, a game's, a C program) waits in its place, and has it run one
//! turn whenever there is something to do.

use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use super::LoopHandle;
use super::timers::Timers;
use crate::coroutine::Exception;
use crate::sys::{Instant, SelectorFd};

impl LoopHandle {
    /// Runs one turn without waiting, for a loop that is a guest of another. The host waits in its place: for
    /// [`next_deadline`](Self::next_deadline), and for the descriptor that [`with_fd`](Self::with_fd) gives to be
    /// readable.
    ///
    /// # Errors
    ///
    /// As [`run_forever`](Self::run_forever).
    pub fn run_once(&self) -> Result<(), Exception> {
        self.check_can_run()?;
        self.stop();
        self.run_forever()
    }

    /// When the loop has something to do by itself: now, if anything is ready; `None` where only a descriptor or another
    /// thread can give it something.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.0.scheduler.ready() > 0 {
            return Some(self.time());
        }
        self.0.with_timers(Timers::next_deadline)
    }

    /// Calls `function` with the descriptor that becomes readable when the loop has something to do.
    pub fn with_fd<R>(&self, function: impl FnOnce(Option<BorrowedFd<'_>>) -> R) -> R {
        if self.is_closed() || self.is_inherited() {
            return function(None);
        }
        let kept = self.0.fd_for_hosts.take();
        let copy = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().ok().map(|fd| Rc::new(SelectorFd::from(fd)));
        let fd = kept.or_else(|| self.0.registry.with_fd(|fd| fd.and_then(copy)));
        self.0.fd_for_hosts.set(fd.clone());
        // Held here as well: the function may close the loop.
        function(fd.as_deref().map(AsFd::as_fd))
    }
}
