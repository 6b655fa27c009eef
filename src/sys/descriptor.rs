//! Operations on descriptors of any kind: flags, readiness, pipes, locks.

use core::mem::MaybeUninit;
use std::io;
#[cfg(feature = "net")]
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::{Direction, syscall};

/// Returns `true` if a descriptor is non-blocking.
///
/// # Errors
///
/// The errors of `fcntl(2)`.
pub(crate) fn is_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: the descriptor is open, because it is borrowed. The command takes no pointer.
    let flags = unsafe { syscall!(fcntl(fd.as_raw_fd(), libc::F_GETFL))? };
    Ok(flags & libc::O_NONBLOCK != 0)
}

/// Makes a descriptor non-blocking. This affects all descriptors of the same open file, in every process.
///
/// # Errors
///
/// The errors of `fcntl(2)`.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: as above.
    let flags = unsafe { syscall!(fcntl(fd.as_raw_fd(), libc::F_GETFL))? };
    if flags & libc::O_NONBLOCK == 0 {
        // SAFETY: as above.
        unsafe { syscall!(fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK))? };
    }
    Ok(())
}

/// Makes a descriptor blocking. This affects all descriptors of the same open file, in every process.
///
/// # Errors
///
/// The errors of `fcntl(2)`.
#[cfg(feature = "process")]
pub(crate) fn set_blocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: as above.
    unsafe {
        let flags = syscall!(fcntl(fd.as_raw_fd(), libc::F_GETFL))?;
        syscall!(fcntl(fd.as_raw_fd(), libc::F_SETFL, flags & !libc::O_NONBLOCK)).map(drop)
    }
}

/// Locks an open file or directory until all its descriptors are closed. Does not wait for the lock.
///
/// # Errors
///
/// The errors of `flock(2)`. `WouldBlock` if somebody else holds the lock.
pub(crate) fn lock(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open, because it is borrowed. The call takes no pointer.
    unsafe { syscall!(flock(fd.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB)) }.map(drop)
}

/// Returns `true` if an operation in that direction would not block now. Returns `false` if the descriptor is not open.
pub(crate) fn is_ready(fd: RawFd, direction: Direction) -> bool {
    let events = match direction {
        Direction::Read => libc::POLLIN,
        Direction::Write => libc::POLLOUT,
    };
    let mut asked = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: `asked` is one entry that may be read and written until the call returns. The descriptor in it need not
    // be open.
    let count = unsafe { libc::poll(&raw mut asked, 1, 0) };
    count == 1 && asked.revents & libc::POLLNVAL == 0
}

/// Returns `true` if a descriptor is a Unix datagram socket.
pub(crate) fn is_unix_datagram(fd: BorrowedFd<'_>) -> bool {
    let mut kind: libc::c_int = 0;
    let mut size = size_of::<libc::c_int>() as libc::socklen_t;
    let place = (&raw mut kind).cast();
    // SAFETY: `place` has room for a number of `size` bytes, which the kernel may write until the call returns. The
    // descriptor is open, because it is borrowed.
    let asked = unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TYPE, place, &raw mut size) };
    if asked != 0 || kind != libc::SOCK_DGRAM {
        return false;
    }
    // SAFETY: all zeros is a valid address, of no family.
    let mut address: libc::sockaddr_storage = unsafe { MaybeUninit::zeroed().assume_init() };
    let mut size = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: `address` has room for any address. The kernel may write up to `size` bytes until the call returns.
    let named = unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut address).cast(), &raw mut size) };
    named == 0 && libc::c_int::from(address.ss_family) == libc::AF_UNIX
}

/// Creates a pipe whose ends are closed on exec. Returns the end to read from, then the end to write to.
///
/// # Errors
///
/// The errors of `pipe(2)`.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two numbers, which may be written until the call returns.
    #[cfg(not(target_vendor = "apple"))]
    unsafe {
        syscall!(pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC))?;
    }
    // SAFETY: as above. Apple's systems have no `pipe2`.
    #[cfg(target_vendor = "apple")]
    unsafe {
        syscall!(pipe(ends.as_mut_ptr()))?;
    }
    // SAFETY: the call has just created both descriptors, and nobody else owns them.
    let ends = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
    #[cfg(target_vendor = "apple")]
    for end in [&ends.0, &ends.1] {
        close_on_exec(end.as_fd())?;
    }
    Ok(ends)
}

/// Makes `fd` refer to the open file of `other`, closed on exec. Closes the file that `fd` referred to before.
///
/// # Errors
///
/// The errors of `dup2(2)`.
pub(crate) fn replace(fd: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both descriptors are open, because they are borrowed, and stay open. The owner of `fd` then owns the new
    // file under the same number.
    #[cfg(not(any(target_vendor = "apple", target_os = "android")))]
    unsafe {
        syscall!(dup3(other.as_raw_fd(), fd.as_raw_fd(), libc::O_CLOEXEC)).map(drop)
    }
    // SAFETY: as above. Apple's systems have no `dup3`, and `libc` does not declare Android's.
    #[cfg(any(target_vendor = "apple", target_os = "android"))]
    unsafe {
        syscall!(dup2(other.as_raw_fd(), fd.as_raw_fd()))?;
        close_on_exec(fd)
    }
}

/// Returns the part of `slices` that one system call can write, without empty slices at the front. Passing more would
/// be an error rather than a short write. Passing only empty slices would look as if nothing had been written.
///
/// A slice that is too long by itself is returned alone, since a plain write writes as much of it as it can.
#[cfg(feature = "net")]
pub(crate) fn in_one_call<'a, 'b>(slices: &'a [IoSlice<'b>]) -> &'a [IoSlice<'b>] {
    let empty = slices.iter().take_while(|slice| slice.is_empty()).count();
    let slices = &slices[empty..];
    let mut bytes: usize = 0;
    let fits = |slice: &&IoSlice<'_>| {
        bytes = bytes.saturating_add(slice.len());
        bytes <= MOST_BYTES
    };
    let count = slices.iter().take(MOST_SLICES).take_while(fits).count();
    &slices[..count.max(1).min(slices.len())]
}

/// The greatest number of slices for one system call on Linux, the BSDs and macOS (`IOV_MAX`).
#[cfg(feature = "net")]
const MOST_SLICES: usize = 1024;

/// The greatest number of bytes that Linux moves in one system call. macOS refuses 2 GiB.
const MOST_BYTES: usize = 0x7fff_f000;

/// Has a descriptor closed on exec.
///
/// # Errors
///
/// The errors of `fcntl(2)`.
#[cfg(not(target_os = "linux"))]
pub(crate) fn close_on_exec(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open, because it is borrowed. The command takes no pointer.
    unsafe { syscall!(fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC)) }.map(drop)
}

/// Receives from a stream socket. Returns the number of bytes, and `true` if more may follow although the read was
/// short. That happens because a read stops after data with descriptors attached. Such descriptors are closed here.
///
/// # Errors
///
/// The errors of `recvmsg(2)`.
pub(crate) fn recv(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, bool)> {
    let length = bytes.len().min(MOST_BYTES);
    let mut room = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: length };
    // SAFETY: all zeros is a valid message: no address, no memory, nothing attached. The struct has private fields on
    // some systems, so it cannot be written as a literal.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut room;
    message.msg_iovlen = 1;
    // SAFETY: `message` points to one vector, which points to `bytes`. The kernel may write all of these, and they live
    // until the call returns.
    let count = unsafe { syscall!(recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, 0))? };
    Ok((count as usize, message.msg_flags & libc::MSG_CTRUNC != 0))
}
