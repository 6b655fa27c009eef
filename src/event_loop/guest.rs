//! Running as a guest: a host (the loop of a GUI or a game, a C program) waits in the loop's place, and runs one turn of it
//! whenever there is something to do.

use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use super::LoopHandle;
use super::timers::Timers;
use crate::coroutine::Exception;
use crate::sys::{Instant, SelectorFd};

impl LoopHandle {
    /// Runs one turn without waiting, for a host that waits in the loop's place. The host calls this at
    /// [`next_deadline`](Self::next_deadline), and when the descriptor from [`with_fd`](Self::with_fd) becomes readable.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed or running, or if another loop runs in this thread. The selector's errors.
    /// The [`KeyboardInterrupt`](crate::Kind::KeyboardInterrupt) of a task or a callback.
    pub fn run_once(&self) -> Result<(), Exception> {
        self.check_can_run()?;
        self.stop();
        self.run_forever()
    }

    /// Returns when the host should next call [`run_once`](Self::run_once): now if anything is ready, otherwise the
    /// first timer's deadline. Returns `None` if only a descriptor or another thread can give it work.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.0.scheduler.ready() > 0 {
            return Some(self.time());
        }
        self.0.with_timers(Timers::next_deadline)
    }

    /// Calls `function` with the descriptor that becomes readable when a descriptor, a signal or another thread gives the
    /// loop work. `None` if the loop is closed, in a forked child, if its selector has no
    /// descriptor, or if no descriptor is free for the copy that is lent.
    pub fn with_fd<R>(&self, function: impl FnOnce(Option<BorrowedFd<'_>>) -> R) -> R {
        if self.is_closed() || self.is_inherited() {
            return function(None);
        }
        let kept = self.0.fd_for_hosts.take();
        let copy = |fd: BorrowedFd<'_>| fd.try_clone_to_owned().ok().map(|fd| Rc::new(SelectorFd::from(fd)));
        let fd = kept.or_else(|| self.0.registry.with_fd(|fd| fd.and_then(copy)));
        self.0.fd_for_hosts.set(fd.clone());
        // This holds the descriptor as well: the function may close the loop.
        function(fd.as_deref().map(AsFd::as_fd))
    }
}
