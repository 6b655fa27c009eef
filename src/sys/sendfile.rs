//! `sendfile(2)`: sending a file to a socket without copying it through the process.
//!
//! The call is not in POSIX. Linux, FreeBSD and Apple's systems each have one, with different arguments. NetBSD and
//! OpenBSD have none, and `libc` does not declare DragonFly's. If the error [`is_unavailable`], the caller reads and
//! writes instead.
//!
//! If the peer is gone, a send must fail without sending the process a `SIGPIPE`. Other sends pass `MSG_NOSIGNAL` for
//! that. `sendfile` takes no flags, so the signal is blocked in the calling thread during the call. That is not needed
//! if the process ignores the signal, as every Rust program does by default.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sends up to `count` bytes of `file`, starting at `offset`, to a socket. Returns the number of bytes sent, which is
/// zero at the end of the file. The position of the file does not change. Reading from a disk blocks.
///
/// # Errors
///
/// The errors of `sendfile(2)`. `WouldBlock` if the socket is full.
pub(crate) fn sendfile(socket: BorrowedFd<'_>, file: &File, offset: u64, count: usize) -> io::Result<usize> {
    let Ok(offset) = libc::off_t::try_from(offset) else {
        // Offsets have 32 bits on this system. The caller then reads the file with the standard library, whose offsets
        // have 64.
        return Err(io::Error::from_raw_os_error(libc::EOVERFLOW));
    };
    without_signal(|| call(socket.as_raw_fd(), file.as_raw_fd(), offset, count))
}

/// Returns `true` if the error means that the kernel does not support the call, or not for this kind of file or socket.
pub(crate) fn is_unavailable(error: &io::Error) -> bool {
    // On some systems, two of these have the same number.
    let refusals = [libc::EINVAL, libc::ENOSYS, libc::EOPNOTSUPP, libc::ENOTSUP, libc::ENOTSOCK, libc::EOVERFLOW];
    error.raw_os_error().is_some_and(|number| refusals.contains(&number))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn call(socket: i32, file: i32, mut offset: libc::off_t, count: usize) -> io::Result<usize> {
    // SAFETY: both descriptors are open, because the caller has borrowed them. `offset` may be read and written until
    // the call returns.
    let sent = unsafe { super::syscall!(sendfile(socket, file, &raw mut offset, count))? };
    Ok(sent as usize)
}

/// Calls `sendfile` on FreeBSD. If the socket is full or a signal comes, the call fails, and `sent` tells how much was
/// sent before.
#[cfg(target_os = "freebsd")]
fn call(socket: i32, file: i32, offset: libc::off_t, count: usize) -> io::Result<usize> {
    let mut sent: libc::off_t = 0;
    // SAFETY: both descriptors are open, because the caller has borrowed them. No headers are passed. `sent` may be
    // written until the call returns. `count` is not 0, which would mean the whole file.
    let result =
        unsafe { super::syscall!(sendfile(file, socket, offset, count, core::ptr::null_mut(), &raw mut sent, 0)) };
    so_far(result, sent)
}

/// Calls `sendfile` on Apple's systems. `length` is first the number of bytes to send, and then the number sent, which
/// is set even if the call fails because the socket is full or a signal comes.
#[cfg(target_vendor = "apple")]
fn call(socket: i32, file: i32, offset: libc::off_t, count: usize) -> io::Result<usize> {
    let mut length = libc::off_t::try_from(count).unwrap_or(libc::off_t::MAX);
    // SAFETY: both descriptors are open, because the caller has borrowed them. No headers are passed. `length` may be
    // read and written until the call returns. It is not 0, which would mean the whole file.
    let result = unsafe { super::syscall!(sendfile(file, socket, offset, &raw mut length, core::ptr::null_mut(), 0)) };
    so_far(result, length)
}

#[cfg(any(target_os = "freebsd", target_vendor = "apple"))]
fn so_far(result: io::Result<i32>, sent: libc::off_t) -> io::Result<usize> {
    use io::ErrorKind::{Interrupted, WouldBlock};

    match result {
        Err(error) if !matches!(error.kind(), Interrupted | WouldBlock) || sent == 0 => Err(error),
        _ => Ok(sent as usize),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple")))]
fn call(_: i32, _: i32, _: libc::off_t, _: usize) -> io::Result<usize> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

/// Nothing to do. On Apple's systems, sockets are created without signals: see [`super::socket`]. The other systems
/// here have no `sendfile`.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn without_signal<T>(operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    operation()
}

/// Calls `operation` with `SIGPIPE` blocked. The kernel sends this signal to the calling thread alone, so it is enough
/// to block it here.
///
/// Each call asks whether the process ignores the signal. That costs a hundredth of sending a chunk. A remembered
/// answer could be wrong, and once would be enough to kill the process.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn without_signal<T>(operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    use core::mem::MaybeUninit;
    use core::ptr;

    // SAFETY: all zeros is a valid action and a valid set of signals, since both consist of plain numbers.
    let (mut action, mut pipe, mut before, mut pending): (
        libc::sigaction,
        libc::sigset_t,
        libc::sigset_t,
        libc::sigset_t,
    ) = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the null pointer means that no action is set. `action` may be written until the call returns. The signal
    // exists, so the call succeeds.
    unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), &raw mut action) };
    if action.sa_sigaction == libc::SIG_IGN {
        return operation();
    }
    // SAFETY: the sets may be read and written until each call returns, and `pipe` is emptied before a signal is added
    // to it. None of these calls fails, because the signal and the operation exist.
    let was_pending = unsafe {
        libc::sigemptyset(&raw mut pipe);
        libc::sigaddset(&raw mut pipe, libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const pipe, &raw mut before);
        libc::sigpending(&raw mut pending);
        libc::sigismember(&raw const pending, libc::SIGPIPE) == 1
    };
    let result = operation();
    let is_broken = result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    if is_broken && !was_pending {
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the set and the time may be read until the call returns. The null pointer means that no information
        // about the signal is wanted. If none is pending, the call fails and has no effect.
        unsafe { libc::sigtimedwait(&raw const pipe, ptr::null_mut(), &raw const at_once) };
    }
    // SAFETY: `before` may be read until the call returns. It has the signals that were blocked before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
    result
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// Sets up the signal as in a program that is not written in Rust. If blocking it failed, the process would be
    /// killed.
    #[test]
    fn a_peer_that_is_gone_is_an_error_and_no_signal_even_where_that_is_deadly() {
        // SAFETY: the default action has no preconditions.
        let former = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let (near, far) = UnixStream::pair().unwrap();
        drop(far);
        let file = File::open("/proc/self/exe").unwrap();
        for _ in 0..2 {
            let error = sendfile(near.as_fd(), &file, 0, 100).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
        // SAFETY: this was the action before, so it is valid.
        unsafe { libc::signal(libc::SIGPIPE, former) };
    }

    #[test]
    fn a_file_is_sent_from_its_offset_and_its_position_stays() {
        use std::io::{Read, Seek};

        let (near, mut far) = UnixStream::pair().unwrap();
        let mut file = File::open("/proc/self/exe").unwrap();
        assert_eq!(sendfile(near.as_fd(), &file, 1, 3).unwrap(), 3);
        let mut bytes = [0; 3];
        far.read_exact(&mut bytes).unwrap();
        assert_eq!((&bytes, file.stream_position().unwrap()), (b"ELF", 0));
        let end = file.metadata().unwrap().len();
        assert_eq!(sendfile(near.as_fd(), &file, end, 3).unwrap(), 0);
    }
}
