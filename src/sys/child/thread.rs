//! A thread for each child, where the kernel has no descriptor for it.
//!
//! The thread waits until the child has ended, without reaping it, and then closes its end of a pipe. The child is reaped
//! and signalled by its number, but only by the owner of the [`Watch`], in one thread. So no signal is sent to a number
//! that is free again.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use super::{Patience, number, reap_by_number, repeated, signal_by_number, signal_group_by_number};
use crate::sys::{descriptor, syscall};

/// A thread that will be told which child to wait for. It ends if this is dropped.
pub(crate) struct Prepared {
    pub(super) reader: OwnedFd,
    told: Sender<libc::pid_t>,
}

/// The end of a pipe, which a thread closes when the child has ended.
pub(crate) struct Watch {
    reader: OwnedFd,
    pid: libc::pid_t,
}

impl Prepared {
    /// # Errors
    ///
    /// The system's error if no descriptor or no thread is free.
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = descriptor::pipe()?;
        let (told, tells) = channel();
        let waits = move || {
            if let Ok(pid) = tells.recv() {
                wait_without_reaping(pid);
            }
            drop(writer);
        };
        thread::Builder::new().name("innermost_child".into()).stack_size(STACK).spawn(waits)?;
        Ok(Self { reader, told })
    }

    /// Watches a child.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub(crate) fn watch(self, pid: u32) -> io::Result<Watch> {
        let pid = number(pid)?;
        self.told.send(pid).expect("the thread waits to be told");
        Ok(Watch { reader: self.reader, pid })
    }
}

/// The thread makes one call, so the least that the system allows would do. A debug build needs more to begin with.
const STACK: usize = 64 * 1024;

/// Whoever reaps the child finds out why it ended. An error means that somebody has.
fn wait_without_reaping(pid: libc::pid_t) {
    // SAFETY: the kernel writes nothing through a null pointer.
    let waits = || unsafe {
        syscall!(waitid(libc::P_PID, pid as libc::id_t, core::ptr::null_mut(), libc::WEXITED | libc::WNOWAIT))
    };
    let _ = repeated(waits);
}

impl Watch {
    /// Returns `false`: the descriptor says when the child has ended.
    #[cfg(target_os = "android")]
    pub(crate) const fn has_ended(&self) -> bool {
        false
    }

    /// Reaps the child if it has ended.
    ///
    /// # Errors
    ///
    /// `ECHILD` if somebody else has reaped it.
    pub(crate) fn reap(&self) -> io::Result<Option<ExitStatus>> {
        reap_by_number(self.pid, Patience::Asks)
    }

    /// Waits until the child has ended, and reaps it.
    ///
    /// # Errors
    ///
    /// `ECHILD` if somebody else has reaped it.
    pub(crate) fn wait(&self) -> io::Result<Option<ExitStatus>> {
        reap_by_number(self.pid, Patience::Waits)
    }

    /// Sends a signal to the child, which has not been reaped.
    ///
    /// # Errors
    ///
    /// The system's: `EINVAL` for a number that is no signal.
    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        signal_by_number(self.pid, signal)
    }

    /// Sends a signal to the group that the child leads.
    ///
    /// # Errors
    ///
    /// The system's. `ESRCH` if the child has been reaped: another group may have the number.
    pub(crate) fn signal_group(&self, signal: i32, is_reaped: bool) -> io::Result<()> {
        signal_group_by_number(self.pid, signal, is_reaped)
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
