//! What `std::net` and `socket2` leave out.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::linux::net::SocketAddrExt;
use std::os::unix;
use std::os::unix::net::UnixStream;

use socket2::{SockAddr, SockRef};

use super::syscall;

/// Accepts a connection, in one system call: non-blocking, closed on exec, and with the peer's address.
///
/// # Errors
///
/// The kernel's, from `accept4(2)`.
pub(crate) fn accept(listener: impl AsFd) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, address) = accept_any(listener)?;
    let address = address.as_socket().ok_or_else(|| io::Error::other("the peer has no internet address"))?;
    Ok((stream.into(), address))
}

/// The same at a Unix socket.
///
/// # Errors
///
/// As [`accept`].
pub(crate) fn accept_unix(listener: impl AsFd) -> io::Result<(UnixStream, unix::net::SocketAddr)> {
    let (stream, address) = accept_any(listener)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_namespace() {
        return Ok((stream.into(), unix::net::SocketAddr::from_abstract_name(name)?));
    }
    // Without a path it has no name at all, as nearly every client.
    let address = address.as_unix().map_or_else(|| unix::net::SocketAddr::from_pathname(""), Ok)?;
    Ok((stream.into(), address))
}

fn accept_any(listener: impl AsFd) -> io::Result<(OwnedFd, SockAddr)> {
    let listener = listener.as_fd();
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: `try_init` hands out storage for any address and its length, which live until the closure returns, and
    // which the kernel fills if the call succeeds.
    let (fd, address) = unsafe {
        SockAddr::try_init(|address, length| syscall!(accept4(listener.as_raw_fd(), address.cast(), length, flags)))?
    };
    // SAFETY: `accept4` has just made this descriptor, and nobody else owns it.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, address))
}

/// Sends, without the signal that a peer that is gone would bring.
///
/// # Errors
///
/// The kernel's, from `send(2)`.
#[inline]
pub(crate) fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    SockRef::from(&socket).send_with_flags(bytes, NO_SIGNAL)
}

/// The same from several places, in their order.
///
/// # Errors
///
/// The kernel's, from `sendmsg(2)`.
pub(crate) fn send_vectored(socket: impl AsFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    SockRef::from(&socket).send_vectored_with_flags(slices, NO_SIGNAL)
}

/// Where there is no such flag, a socket has it as an option, which `socket2` and the standard library set.
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: libc::c_int = 0;
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;

/// Whether a `connect(2)` that does not block has only started: it ends when the socket is writable.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}
