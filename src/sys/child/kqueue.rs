//! A kernel queue for each child, on macOS and the BSDs. It reports one thing: the end of the child.
//!
//! A queue can be watched by another queue and by `poll(2)`, so it is registered like any descriptor. The child's end may
//! be reported a moment before the child can be reaped, so reaping waits once the end has been reported. A child that has
//! ended before it was added is refused with `ESRCH`, on some systems.
//!
//! The child is reaped and signalled by its number, but only by the owner of the [`Watch`], in one thread. So no signal is
//! sent to a number that is free again.

use core::cell::Cell;
use core::mem;
use core::ptr;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::process::ExitStatus;

use super::{Patience, number, reap_by_number, repeated, signal_by_number, signal_group_by_number};
use crate::sys::fork::NotInherited;
use crate::sys::{descriptor, selector, syscall};

/// An empty queue. A fork does not copy it, so no child has it.
pub(crate) struct Prepared(NotInherited<OwnedFd>);

/// A queue that reports the end of a child.
pub(crate) struct Watch {
    queue: NotInherited<OwnedFd>,
    pid: libc::pid_t,
    /// True once the end has been reported.
    has_ended: Cell<bool>,
}

impl Prepared {
    /// # Errors
    ///
    /// The system's error if no descriptor is free.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer. The result is a new descriptor that nobody else owns.
        let queue = NotInherited::from(unsafe { OwnedFd::from_raw_fd(syscall!(kqueue())?) });
        descriptor::close_on_exec(queue.as_fd())?;
        Ok(Self(queue))
    }

    /// Watches a child.
    ///
    /// # Errors
    ///
    /// The system's error if it has no memory.
    pub(crate) fn watch(self, pid: u32) -> io::Result<Watch> {
        let watch = Watch { queue: self.0, pid: number(pid)?, has_ended: Cell::new(false) };
        // SAFETY: all zeros is a valid entry: it has numbers, and a null pointer that nobody dereferences.
        let mut end: libc::kevent = unsafe { mem::zeroed() };
        end.ident = pid as _;
        end.filter = libc::EVFILT_PROC as _;
        end.flags = (libc::EV_ADD | libc::EV_ONESHOT) as _;
        end.fflags = libc::NOTE_EXIT;
        match repeated(|| watch.call(Some(&end), None)) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {
                // Nothing will be reported any more.
                watch.has_ended.set(true);
                Ok(watch)
            }
            result => result.map(|_| watch),
        }
    }
}

impl Watch {
    /// Returns `true` if the child has ended, and the descriptor may never say so.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    /// Reaps the child if it has ended.
    ///
    /// # Errors
    ///
    /// `ECHILD` if somebody else has reaped it.
    pub(crate) fn reap(&self) -> io::Result<Option<ExitStatus>> {
        if !self.has_ended.get() {
            // SAFETY: all zeros is a valid entry.
            let mut reported: libc::kevent = unsafe { mem::zeroed() };
            self.has_ended.set(repeated(|| self.call(None, Some(&mut reported)))? > 0);
        }
        reap_by_number(self.pid, if self.has_ended.get() { Patience::Waits } else { Patience::Asks })
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

    /// Makes a change, and fetches an event, without waiting. Returns the number of events.
    fn call(&self, change: Option<&libc::kevent>, event: Option<&mut libc::kevent>) -> io::Result<usize> {
        let (changes, changed) = (change.map_or(ptr::null(), ptr::from_ref), usize::from(change.is_some()));
        let room = usize::from(event.is_some());
        let events = event.map_or(ptr::null_mut(), ptr::from_mut);
        let at_once = selector::timespec(Duration::ZERO);
        let queue = self.queue.as_fd().as_raw_fd();
        // SAFETY: `changes` has `changed` entries, and `events` has room for `room` of them. All live until the call
        // returns.
        let count = unsafe { syscall!(kevent(queue, changes, changed as _, events, room as _, &raw const at_once))? };
        Ok(count as usize)
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}
