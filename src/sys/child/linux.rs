//! The choice between a process descriptor and a thread, made when the program runs: a kernel may be too old, and a
//! sandbox may forbid the calls.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::ExitStatus;

use super::{pidfd, thread};

/// Everything that watching a child needs.
pub(crate) enum Prepared {
    Pidfd(pidfd::Prepared),
    Thread(thread::Prepared),
}

/// A descriptor that is readable once a child has ended.
pub(crate) enum Watch {
    Pidfd(pidfd::Watch),
    Thread(thread::Watch),
}

impl Prepared {
    /// # Errors
    ///
    /// The system's error if no descriptor or no thread is free.
    pub(crate) fn new() -> io::Result<Self> {
        if cfg!(innermost_poll) {
            return thread::Prepared::new().map(Self::Thread);
        }
        match pidfd::Prepared::new() {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => thread::Prepared::new().map(Self::Thread),
            prepared => prepared.map(Self::Pidfd),
        }
    }

    /// Watches a child that nobody has reaped.
    ///
    /// # Errors
    ///
    /// `ESRCH` or `ECHILD` if somebody else has reaped the child. The system's error if another thread has taken the last
    /// free descriptor.
    pub(crate) fn watch(self, pid: u32) -> io::Result<Watch> {
        match self {
            Self::Pidfd(prepared) => prepared.watch(pid).map(Watch::Pidfd),
            Self::Thread(prepared) => prepared.watch(pid).map(Watch::Thread),
        }
    }
}

/// Calls the method of either kind.
macro_rules! either {
    ($watch:expr, $method:ident($($argument:expr),*)) => {
        match $watch {
            Watch::Pidfd(watch) => watch.$method($($argument),*),
            Watch::Thread(watch) => watch.$method($($argument),*),
        }
    };
}

impl Watch {
    pub(crate) const fn has_ended(&self) -> bool {
        false
    }

    pub(crate) fn reap(&self) -> io::Result<Option<ExitStatus>> {
        either!(self, reap())
    }

    pub(crate) fn wait(&self) -> io::Result<Option<ExitStatus>> {
        either!(self, wait())
    }

    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        either!(self, signal(signal))
    }

    pub(crate) fn signal_group(&self, signal: i32, is_reaped: bool) -> io::Result<()> {
        either!(self, signal_group(signal, is_reaped))
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        either!(self, as_fd())
    }
}
