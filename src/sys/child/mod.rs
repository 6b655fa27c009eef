//! Child processes: a descriptor that says when a child has ended, the child's status, and signals that reach no stranger.
//!
//! Every system's [`Watch`] is a descriptor that becomes readable once the child has ended. So the event loop needs no
//! second way to wait, and no handler for `SIGCHLD`, which would clash with other parts of the program.
//!
//! | file | the descriptor is | where |
//! |---|---|---|
//! | `pidfd.rs`  | a process descriptor (`pidfd_open(2)`) | Linux since 5.4 |
//! | `thread.rs` | a pipe. A thread waits for the child, then closes the other end | older Linux, Android, and with `--cfg innermost_poll`, for tests |
//! | `kqueue.rs` | a queue of its own, which reports the end of the child (`EVFILT_PROC`) | macOS, the BSDs |
//! | `linux.rs`  | the choice between the first two | Linux |
//!
//! A child that has ended keeps its number until it is reaped. Only [`Watch::reap`] and [`Watch::wait`] do that, and no
//! signal is sent by number after that. A program may still reap our children behind our back: it ignores `SIGCHLD`, or
//! calls `wait(2)` for any child. Only a process descriptor is safe then.
//!
//! Preparing comes before the start of the child, because it can fail for want of a descriptor or a thread. After the
//! start, the only remedy would be to kill the child.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::syscall;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod kqueue;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod pidfd;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod thread;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use self::kqueue::{Prepared, Watch};
#[cfg(target_os = "linux")]
pub(crate) use self::linux::{Prepared, Watch};
#[cfg(target_os = "android")]
pub(crate) use self::thread::{Prepared, Watch};

/// Whether a call may wait for the child.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Waits,
    Asks,
}

/// Reaps a child, named by its number, if it has ended.
///
/// # Errors
///
/// `ECHILD` if somebody else has reaped it.
fn reap_by_number(pid: libc::pid_t, patience: Patience) -> io::Result<Option<ExitStatus>> {
    let flags = if patience == Patience::Waits { 0 } else { libc::WNOHANG };
    let mut status: libc::c_int = 0;
    // SAFETY: `status` may be written until the call returns.
    let reaped = repeated(|| unsafe { syscall!(waitpid(pid, &raw mut status, flags)) })?;
    Ok((reaped != 0).then(|| ExitStatus::from_raw(status)))
}

/// Sends a signal to a process, or to a group if the number is negative. The caller has not reaped the process.
fn signal_by_number(pid: libc::pid_t, signal: i32) -> io::Result<()> {
    // SAFETY: the call takes numbers alone.
    unsafe { syscall!(kill(pid, signal)) }.map(drop)
}

/// Sends a signal to the group that a child leads.
///
/// # Errors
///
/// The system's. `ESRCH` if the child has been reaped: another group may have the number.
fn signal_group_by_number(pid: libc::pid_t, signal: i32, is_reaped: bool) -> io::Result<()> {
    if is_reaped { Err(no_such_process()) } else { signal_by_number(-pid, signal) }
}

/// The number of a child, as the system's calls take it.
fn number(pid: u32) -> io::Result<libc::pid_t> {
    pid.try_into().map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))
}

/// Repeats a call until no signal interrupts it.
fn repeated<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The error for a process that has ended.
pub(crate) fn no_such_process() -> io::Error {
    io::Error::from_raw_os_error(libc::ESRCH)
}

/// Returns `true` if a child was reaped by somebody else, so its status is lost.
pub(crate) fn is_lost(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ECHILD)
}

#[cfg(test)]
mod tests;
