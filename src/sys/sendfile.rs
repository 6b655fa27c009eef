//! Sending a file to a socket without copying it through the process.
//!
//! `sendfile(2)` is not of POSIX: Linux, FreeBSD and Apple's systems have one each, with arguments of their own;
//! NetBSD and OpenBSD have none, and `libc` does not declare DragonFly's. If [`is_unavailable`], the caller reads and
//! writes instead.
//!
//! Other sends name `MSG_NOSIGNAL`, so that a peer that is gone is an error and no `SIGPIPE`. This call takes no flags, so
//! the signal is held back in the thread that calls, unless the process ignores it, as every program of Rust's does.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sends up to `count` bytes of `file`, starting at `offset`, to a socket. Returns the number of bytes sent, which is zero at
/// the end of the file. The position of the file does not change. Reading from a disk blocks.
///
/// # Errors
///
/// The errors of `sendfile(2)`. `WouldBlock` if the socket is full.
pub(crate) fn sendfile(socket: BorrowedFd<'_>, file: &File, offset: u64, count: usize) -> io::Result<usize> {
    let Ok(offset) = libc::off_t::try_from(offset) else {
        // A system whose offsets have 32 bits; the standard library reads with 64.
        return Err(io::Error::from_raw_os_error(libc::EOVERFLOW));
    };
    without_signal(|| call(socket.as_raw_fd(), file.as_raw_fd(), offset, count))
}

/// Whether the error means that the kernel does not support this, or not for this kind of file or socket.
pub(crate) fn is_unavailable(error: &io::Error) -> bool {
    // On some systems, two of these have the same number.
    let refusals = [libc::EINVAL, libc::ENOSYS, libc::EOPNOTSUPP, libc::ENOTSUP, libc::ENOTSOCK, libc::EOVERFLOW];
    error.raw_os_error().is_some_and(|number| refusals.contains(&number))
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn call(socket: i32, file: i32, mut offset: libc::off_t, count: usize) -> io::Result<usize> {
    // SAFETY: both descriptors are open, being borrowed by the caller; `offset` may be read and written until the call
    // returns.
    let sent = unsafe { super::syscall!(sendfile(socket, file, &raw mut offset, count))? };
    Ok(sent as usize)
}

/// What was sent before the socket was full, or a signal came, is told beside the error.
#[cfg(target_os = "freebsd")]
fn call(socket: i32, file: i32, offset: libc::off_t, count: usize) -> io::Result<usize> {
    let mut sent: libc::off_t = 0;
    // SAFETY: both descriptors are open, being borrowed by the caller; no headers are given; `sent` may be written until
    // the call returns. `count` is not 0, which would mean all.
    let result =
        unsafe { super::syscall!(sendfile(file, socket, offset, count, core::ptr::null_mut(), &raw mut sent, 0)) };
    so_far(result, sent)
}

/// The same, with one place for how much is wanted and how much was sent.
#[cfg(target_vendor = "apple")]
fn call(socket: i32, file: i32, offset: libc::off_t, count: usize) -> io::Result<usize> {
    let mut length = libc::off_t::try_from(count).unwrap_or(libc::off_t::MAX);
    // SAFETY: both descriptors are open, being borrowed by the caller; no headers are given; `length` may be read and
    // written until the call returns. It is not 0, which would mean all.
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

/// Apple's sockets are made without signals: see [`super::socket`]. Other systems here have no such call.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn without_signal<T>(operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    operation()
}

/// Keeps a `SIGPIPE` that `operation` brings from this thread, to which alone it is sent.
///
/// Whether it is ignored is asked each time, for a hundredth of what a chunk costs: an answer that was kept could be wrong
/// once, and deadly.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn without_signal<T>(operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    use core::mem::MaybeUninit;
    use core::ptr;

    // SAFETY: all zero is a valid action, and a valid set of signals: both are plain numbers.
    let (mut action, mut pipe, mut before, mut pending): (
        libc::sigaction,
        libc::sigset_t,
        libc::sigset_t,
        libc::sigset_t,
    ) = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: nothing is to be set; `action` may be written until the call returns. The signal exists, so it succeeds.
    unsafe { libc::sigaction(libc::SIGPIPE, ptr::null(), &raw mut action) };
    if action.sa_sigaction == libc::SIG_IGN {
        return operation();
    }
    // SAFETY: the sets may be read and written until each call returns, and were emptied before they are added to. With
    // a signal that exists and a way that exists, none of these fails.
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
        // SAFETY: the set and the time may be read until the call returns; nothing is to be told about the signal. That
        // none has come is an error that changes nothing.
        unsafe { libc::sigtimedwait(&raw const pipe, ptr::null_mut(), &raw const at_once) };
    }
    // SAFETY: as above; these are the signals that were blocked before.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
    result
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// As in a program that is not Rust's. If it did not work, there would be no process left to say so.
    #[test]
    fn a_peer_that_is_gone_is_an_error_and_no_signal_even_where_that_is_deadly() {
        // SAFETY: the default action needs nothing.
        let former = unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let (near, far) = UnixStream::pair().unwrap();
        drop(far);
        let file = File::open("/proc/self/exe").unwrap();
        for _ in 0..2 {
            let error = sendfile(near.as_fd(), &file, 0, 100).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        }
        // SAFETY: it was the action before.
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
