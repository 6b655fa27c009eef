//! What there is to ask of a descriptor that may be anything.

use core::mem::MaybeUninit;
use std::io;
#[cfg(feature = "net")]
use std::io::IoSlice;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::{Direction, syscall};

/// Whether operations on it return at once, whatever they find.
///
/// # Errors
///
/// The kernel's, from `fcntl(2)`.
pub(crate) fn is_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: the descriptor is open, being borrowed; the command takes no pointer.
    let flags = unsafe { syscall!(fcntl(fd.as_raw_fd(), libc::F_GETFL))? };
    Ok(flags & libc::O_NONBLOCK != 0)
}

/// Has operations on it return at once. That holds for all descriptors of the same open file, in whatever process.
///
/// # Errors
///
/// The kernel's, from `fcntl(2)`.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: as above.
    let flags = unsafe { syscall!(fcntl(fd.as_raw_fd(), libc::F_GETFL))? };
    if flags & libc::O_NONBLOCK == 0 {
        // SAFETY: as above.
        unsafe { syscall!(fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK))? };
    }
    Ok(())
}

/// Locks an open file or directory for its descriptors alone, until all of them are closed. Does not wait.
///
/// # Errors
///
/// The kernel's, from `flock(2)`: `WouldBlock` where another has it.
pub(crate) fn lock(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open, being borrowed; the command takes no pointer.
    unsafe { syscall!(flock(fd.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB)) }.map(drop)
}

/// Whether an operation in that direction would not block now. Of a number that is not open: no.
pub(crate) fn is_ready(fd: RawFd, direction: Direction) -> bool {
    let events = match direction {
        Direction::Read => libc::POLLIN,
        Direction::Write => libc::POLLOUT,
    };
    let mut asked = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: `asked` is one entry, readable and writable, until the call returns. It is no precondition that the number
    // in it is open.
    let count = unsafe { libc::poll(&raw mut asked, 1, 0) };
    count == 1 && asked.revents & libc::POLLNVAL == 0
}

/// Whether it is a Unix socket for datagrams.
pub(crate) fn is_unix_datagram(fd: BorrowedFd<'_>) -> bool {
    let mut kind: libc::c_int = 0;
    let mut size = size_of::<libc::c_int>() as libc::socklen_t;
    let place = (&raw mut kind).cast();
    // SAFETY: the kernel may write a number of that size until the call returns. The descriptor is open, being borrowed.
    let asked = unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_TYPE, place, &raw mut size) };
    if asked != 0 || kind != libc::SOCK_DGRAM {
        return false;
    }
    // SAFETY: all zero is a valid address, of no family.
    let mut address: libc::sockaddr_storage = unsafe { MaybeUninit::zeroed().assume_init() };
    let mut size = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: there is room for any address, of which the kernel may write `size` bytes until the call returns.
    let named = unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut address).cast(), &raw mut size) };
    named == 0 && libc::c_int::from(address.ss_family) == libc::AF_UNIX
}

/// A pipe's two ends, of which the second is written to; closed on exec.
///
/// # Errors
///
/// The kernel's, from `pipe(2)`.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two numbers, until the call returns.
    #[cfg(not(target_vendor = "apple"))]
    unsafe {
        syscall!(pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC))?;
    }
    // SAFETY: as above. Apple's systems have no `pipe2`.
    #[cfg(target_vendor = "apple")]
    unsafe {
        syscall!(pipe(ends.as_mut_ptr()))?;
    }
    // SAFETY: the call has just made both, and nobody else owns them.
    let ends = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
    #[cfg(target_vendor = "apple")]
    for end in [&ends.0, &ends.1] {
        close_on_exec(end.as_fd())?;
    }
    Ok(ends)
}

/// Makes `fd` a descriptor of the file of `other`, closed on exec, and closes what it was before.
///
/// # Errors
///
/// The kernel's, from `dup2(2)`.
pub(crate) fn replace(fd: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both are open, being borrowed, and stay so: what owns `fd` owns what it has become.
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

/// As much of `slices` as one system call can write, without the empty ones in front. More would be an error, and not a
/// short write, and empty ones alone would look as if nothing had been taken.
///
/// One that is too long by itself comes alone: a plain write takes as much of it as it can.
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

/// How many slices one system call takes on Linux, the BSDs and macOS (`IOV_MAX`).
#[cfg(feature = "net")]
const MOST_SLICES: usize = 1024;

/// How many bytes Linux moves in one system call at the most. macOS refuses 2 GiB.
const MOST_BYTES: usize = 0x7fff_f000;

#[cfg(any(target_vendor = "apple", target_os = "android"))]
fn close_on_exec(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open, being borrowed; the command takes no pointer.
    unsafe { syscall!(fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC)) }.map(drop)
}

/// Receives from a stream socket; gives how many bytes came, and whether there may be more although they are fewer than
/// was asked for: a read stops behind what its sender has attached descriptors to, and these are let go of here.
///
/// # Errors
///
/// The kernel's, from `recvmsg(2)`.
pub(crate) fn recv(socket: impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, bool)> {
    let length = bytes.len().min(MOST_BYTES);
    let mut room = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: length };
    // SAFETY: all zero is a valid message: no address, no memory, nothing attached. It has private fields on some systems.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut room;
    message.msg_iovlen = 1;
    // SAFETY: `message` refers to one vector, and that to `bytes`, which the kernel may write; all live until the call
    // returns.
    let count = unsafe { syscall!(recvmsg(socket.as_fd().as_raw_fd(), &raw mut message, 0))? };
    Ok((count as usize, message.msg_flags & libc::MSG_CTRUNC != 0))
}
