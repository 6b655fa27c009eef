//! What `std::net` and `socket2` leave out.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd};

use socket2::SockAddr;

use super::syscall;

/// Accepts a connection, in one system call: non-blocking, closed on exec, and with the peer's address.
///
/// # Errors
///
/// The kernel's, from `accept4(2)`.
pub(crate) fn accept(listener: impl AsFd) -> io::Result<(TcpStream, SocketAddr)> {
    let listener = listener.as_fd();
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: `try_init` hands out storage for any address and its length, which live until the closure returns, and
    // which the kernel fills if the call succeeds.
    let (fd, address) = unsafe {
        SockAddr::try_init(|address, length| syscall!(accept4(listener.as_raw_fd(), address.cast(), length, flags)))?
    };
    // SAFETY: `accept4` has just made this descriptor, and nobody else owns it.
    let stream = unsafe { TcpStream::from_raw_fd(fd) };
    let address = address.as_socket().ok_or_else(|| io::Error::other("the peer has no internet address"))?;
    Ok((stream, address))
}

/// Whether a `connect(2)` that does not block has only started: it ends when the socket is writable.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}
