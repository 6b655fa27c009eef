//! What `std::net` and `socket2` leave out.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd};

use socket2::{SockAddr, Socket};

use super::syscall;

/// Accepts a connection, in one system call: non-blocking, closed on exec, and with the peer's address.
///
/// # Errors
///
/// The kernel's, from `accept4(2)`.
pub(crate) fn accept(listener: impl AsFd) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, address) = accept_any(listener)?;
    let address = address.as_socket().ok_or_else(|| io::Error::other("the peer has no internet address"))?;
    Ok((socket.into(), address))
}

/// The same, of whatever family.
///
/// # Errors
///
/// The kernel's, from `accept4(2)`.
pub(crate) fn accept_any(listener: impl AsFd) -> io::Result<(Socket, SockAddr)> {
    let listener = listener.as_fd();
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: `try_init` hands out storage for any address and its length, which live until the closure returns, and
    // which the kernel fills if the call succeeds.
    let (fd, address) = unsafe {
        SockAddr::try_init(|address, length| syscall!(accept4(listener.as_raw_fd(), address.cast(), length, flags)))?
    };
    // SAFETY: `accept4` has just made this descriptor, and nobody else owns it.
    let socket = unsafe { Socket::from_raw_fd(fd) };
    Ok((socket, address))
}

/// For sends: a peer that is gone is an error, and no signal.
pub(crate) const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;

/// Whether accepting has failed because no descriptor is free, or no memory: it may succeed later, and until then the
/// listener stays ready.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

/// Whether a socket that [`is_in_progress`] has connected: an error says that it never will, `WouldBlock` not yet.
///
/// # Errors
///
/// What connecting has met.
pub(crate) fn finish_connect(socket: &Socket) -> io::Result<()> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        result => result.map(drop),
    }
}

/// Whether a `connect(2)` that does not block has only started: it ends when the socket is writable.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}
