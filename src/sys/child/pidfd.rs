//! Process descriptors of Linux. The kernel keeps a descriptor and a process together, whatever becomes of the number.

use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::{Patience, number, repeated, signal_group_by_number};
use crate::sys::syscall;

/// True once the kernel was seen to reap by descriptors.
static CAN_REAP: AtomicBool = AtomicBool::new(false);

/// A place for a process descriptor. It is taken by a descriptor of this process.
pub(crate) struct Prepared {
    _place: OwnedFd,
}

/// A child's process descriptor.
pub(crate) struct Watch {
    fd: OwnedFd,
    pid: libc::pid_t,
}

impl Prepared {
    /// # Errors
    ///
    /// `Unsupported` if this kernel has no process descriptors that can be waited for, or if a sandbox forbids them. The
    /// kernel's error if no descriptor is free.
    pub(crate) fn new() -> io::Result<Self> {
        let own = open(number(std::process::id())?).map_err(|error| match error.raw_os_error() {
            Some(libc::ENOSYS | libc::EPERM | libc::EINVAL) => io::ErrorKind::Unsupported.into(),
            _ => error,
        })?;
        if !CAN_REAP.load(Ordering::Relaxed) {
            // No process is a child of itself. Linux 5.3 does not get so far as to say so.
            match reap(&own, Patience::Asks) {
                Err(error) if super::is_lost(&error) => CAN_REAP.store(true, Ordering::Relaxed),
                _ => return Err(io::ErrorKind::Unsupported.into()),
            }
        }
        Ok(Self { _place: own })
    }

    /// Watches a child that nobody has reaped.
    ///
    /// # Errors
    ///
    /// `ESRCH` or `ECHILD` if somebody else has reaped the child. The kernel's error if another thread has taken the last
    /// free descriptor.
    pub(crate) fn watch(self, pid: u32) -> io::Result<Watch> {
        let pid = number(pid)?;
        drop(self);
        Ok(Watch { fd: open(pid)?, pid })
    }
}

impl Watch {
    /// Reaps the child if it has ended.
    ///
    /// # Errors
    ///
    /// `ECHILD` if somebody else has reaped it.
    pub(crate) fn reap(&self) -> io::Result<Option<ExitStatus>> {
        reap(&self.fd, Patience::Asks)
    }

    /// Waits until the child has ended, and reaps it.
    ///
    /// # Errors
    ///
    /// `ECHILD` if somebody else has reaped it.
    pub(crate) fn wait(&self) -> io::Result<Option<ExitStatus>> {
        reap(&self.fd, Patience::Waits)
    }

    /// Sends the child a signal.
    ///
    /// # Errors
    ///
    /// The kernel's: `ESRCH` if the child has been reaped, `EINVAL` for a number that is no signal.
    pub(crate) fn signal(&self, signal: i32) -> io::Result<()> {
        send(&self.fd, signal, 0)
    }

    /// Sends a signal to the group that the child leads, also once the child is gone.
    ///
    /// # Errors
    ///
    /// The kernel's: `ESRCH` if nobody is in the group. Before Linux 6.9, also if the child has been reaped: by then
    /// another group may have the number.
    pub(crate) fn signal_group(&self, signal: i32, is_reaped: bool) -> io::Result<()> {
        match send(&self.fd, signal, PIDFD_SIGNAL_PROCESS_GROUP) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                signal_group_by_number(self.pid, signal, is_reaped)
            }
            result => result,
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// `libc` declares these for none or for few systems.
const P_PIDFD: libc::idtype_t = 3;
const PIDFD_SIGNAL_PROCESS_GROUP: libc::c_uint = 1 << 2;

/// Opens a process descriptor, closed on exec.
fn open(pid: libc::pid_t) -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers alone.
    let fd = unsafe { syscall!(syscall(libc::SYS_pidfd_open, pid, 0 as libc::c_uint))? };
    // SAFETY: the call has just created the descriptor, whose number fits, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

fn send(fd: &OwnedFd, signal: i32, flags: libc::c_uint) -> io::Result<()> {
    let nothing = ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open. Where the information would be, null stands for that of `kill(2)`.
    unsafe { syscall!(syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), signal, nothing, flags)) }.map(drop)
}

fn reap(fd: &OwnedFd, patience: Patience) -> io::Result<Option<ExitStatus>> {
    let flags = libc::WEXITED | if patience == Patience::Waits { 0 } else { libc::WNOHANG };
    // SAFETY: all zeros is a valid value: it has numbers, and pointers that may be null.
    let mut ended: libc::siginfo_t = unsafe { MaybeUninit::zeroed().assume_init() };
    let id = fd.as_raw_fd() as libc::id_t;
    // SAFETY: the descriptor is open. `ended` may be written until the call returns.
    repeated(|| unsafe { syscall!(waitid(P_PIDFD, id, &raw mut ended, flags)) })?;
    // SAFETY: the call has filled in the fields of a child that ended, or left zeros if none has.
    let (pid, status) = unsafe { (ended.si_pid(), ended.si_status()) };
    Ok((pid != 0).then(|| ExitStatus::from_raw(packed(ended.si_code, status))))
}

/// The status as `waitpid(2)` returns it.
const fn packed(code: libc::c_int, status: libc::c_int) -> libc::c_int {
    match code {
        libc::CLD_EXITED => (status & 0xff) << 8,
        libc::CLD_DUMPED => status & 0x7f | 0x80,
        _ => status & 0x7f,
    }
}
