//! What `std::net` and `socket2` leave out.

//!
//! The flags that make a new socket non-blocking and closed on exec in the system call that makes it are everywhere but
//! on Apple's systems. There it takes calls of their own, and so it does to have a write to a closed connection fail with
//! `EPIPE` and send no `SIGPIPE` (`SO_NOSIGPIPE`); elsewhere the standard library writes with `MSG_NOSIGNAL`.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

/// A new socket: non-blocking, closed on exec, and without signals.
///
/// # Errors
///
/// The kernel's, from `socket(2)`.
pub(crate) fn new(domain: Domain, kind: Type, protocol: Option<Protocol>) -> io::Result<Socket> {
    #[cfg(not(target_vendor = "apple"))]
    return Socket::new(domain, kind.nonblocking(), protocol);
    #[cfg(target_vendor = "apple")]
    {
        let socket = Socket::new(domain, kind, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// Has a socket that somebody else has made send no signals, as [`new`] does.
///
/// # Errors
///
/// The kernel's.
pub(crate) fn without_signals(socket: &impl AsFd) -> io::Result<()> {
    #[cfg(target_vendor = "apple")]
    socket2::SockRef::from(socket).set_nosigpipe(true)?;
    let _ = socket;
    Ok(())
}

/// Accepts a connection, in one system call where there is one for it: non-blocking, closed on exec, and with the
/// peer's address.
///
/// # Errors
///
/// The kernel's, from `accept4(2)`.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn accept(listener: impl AsFd) -> io::Result<(TcpStream, SocketAddr)> {
    use std::os::fd::{AsRawFd, FromRawFd};

    use super::syscall;

    let listener = listener.as_fd();
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: `try_init` hands out storage for any address and its length, which live until the closure returns, and
    // which the kernel fills if the call succeeds.
    let (fd, address) = unsafe {
        socket2::SockAddr::try_init(|address, length| {
            syscall!(accept4(listener.as_raw_fd(), address.cast(), length, flags))
        })?
    };
    // SAFETY: `accept4` has just made this descriptor, and nobody else owns it.
    let stream = unsafe { TcpStream::from_raw_fd(fd) };
    let address = address.as_socket().ok_or_else(|| io::Error::other("the peer has no internet address"))?;
    Ok((stream, address))
}

/// The same, in several calls: Apple's systems have no `accept4`.
///
/// # Errors
///
/// The kernel's, from `accept(2)`.
#[cfg(target_vendor = "apple")]
pub(crate) fn accept(listener: impl AsFd) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, address) = socket2::SockRef::from(&listener).accept()?;
    socket.set_nonblocking(true)?;
    let address = address.as_socket().ok_or_else(|| io::Error::other("the peer has no internet address"))?;
    Ok((socket.into(), address))
}

/// Whether a `connect(2)` that does not block has only started: it ends when the socket is writable.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}
