//! Socket operations that `std::net` and `socket2` do not provide, and the meaning of socket errors.
//!
//! Most systems can create a socket that is non-blocking and closed on exec in one system call. Apple's systems need
//! more calls for that. They need one more call (`SO_NOSIGPIPE`) so that a write to a closed connection fails with
//! `EPIPE` and sends no `SIGPIPE`; elsewhere, writes pass `MSG_NOSIGNAL`.

use core::ffi::c_int;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpStream};
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
use std::os::fd::{AsFd, BorrowedFd};
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};

use super::has_error_alone;

/// Creates a socket that is non-blocking, closed on exec, and sends no signals.
///
/// # Errors
///
/// The errors of `socket(2)`.
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

/// Makes a socket that was created elsewhere send no signals.
///
/// # Errors
///
/// The errors of `setsockopt(2)`.
pub(crate) fn without_signals(socket: &impl AsFd) -> io::Result<()> {
    #[cfg(target_vendor = "apple")]
    SockRef::from(socket).set_nosigpipe(true)?;
    let _ = socket;
    Ok(())
}

/// Checks that a socket is a byte stream. Packets (`SOCK_DGRAM`, `SOCK_SEQPACKET`) have boundaries, which would be
/// lost, and an empty packet would look like the end of the stream.
///
/// # Errors
///
/// `InvalidInput` if the socket is not a byte stream. The errors of `getsockopt(2)`.
pub(crate) fn check_is_stream(socket: &impl AsFd) -> io::Result<()> {
    match kind(socket, Type::STREAM)? {
        Type::STREAM => Ok(()),
        kind => Err(io::Error::new(io::ErrorKind::InvalidInput, not_a_stream(kind))),
    }
}

/// Checks that a socket is a datagram socket.
///
/// # Errors
///
/// `InvalidInput` if the socket is not a datagram socket. The errors of `getsockopt(2)`.
pub(crate) fn check_is_datagram(socket: &impl AsFd) -> io::Result<()> {
    match kind(socket, Type::DGRAM)? {
        Type::DGRAM => Ok(()),
        kind => {
            let text = format!("A Datagram Socket was expected, got {kind:?}");
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

/// The type of a socket. Miri does not support asking for it, so it gets the type that is `expected`.
fn kind(socket: &impl AsFd, expected: Type) -> io::Result<Type> {
    if cfg!(miri) { Ok(expected) } else { SockRef::from(socket).r#type() }
}

/// The error text for a socket of a type that is not a byte stream.
pub(crate) fn not_a_stream(kind: Type) -> String {
    format!("A Stream Socket was expected, got {kind:?}")
}

/// The address of a Unix socket at `path`. On Linux, a path that begins with a zero byte is an abstract name, which is
/// not in the file system (`unix(7)`).
///
/// # Errors
///
/// `InvalidInput` if the path is too long, is empty (the kernel would choose a name), or has a zero byte in it (the
/// kernel would cut it off there).
pub(crate) fn unix_address(path: &Path) -> io::Result<SockAddr> {
    let bytes = path.as_os_str().as_bytes();
    let is_abstract = cfg!(any(target_os = "linux", target_os = "android")) && bytes.starts_with(&[0]);
    let wrong = match bytes {
        [] => "the path is empty",
        _ if !is_abstract && bytes.contains(&0) => "the path has a zero byte in it",
        _ => {
            let too_long = |_| {
                let text = format!("the path has {} bytes, more than a socket's address holds", bytes.len());
                io::Error::new(io::ErrorKind::InvalidInput, text)
            };
            return SockAddr::unix(path).map_err(too_long);
        }
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, wrong))
}

/// The path of a Unix socket as text that can be printed, even if it has a zero byte.
pub(crate) fn shown(path: &Path) -> String {
    format!("{}", path.display()).replace('\0', "\\0")
}

/// Accepts a connection, non-blocking and closed on exec, and returns it with the peer's address. This is one system
/// call if the system has `accept4(2)`.
///
/// # Errors
///
/// The errors of `accept4(2)`.
pub(crate) fn accept(listener: impl AsFd) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, address) = accept_any(listener)?;
    match address.as_socket() {
        Some(address) => Ok((socket.into(), address)),
        // If the peer is already gone, some systems (macOS) return a connection without an address.
        None if c_int::from(address.family()) == libc::AF_UNSPEC => Err(aborted()),
        None => Err(io::Error::other("the peer has no internet address")),
    }
}

/// Accepts a connection at a Unix socket, non-blocking and closed on exec.
///
/// # Errors
///
/// The errors of `accept4(2)`.
pub(crate) fn accept_unix(listener: impl AsFd) -> io::Result<(UnixStream, unix::net::SocketAddr)> {
    let (stream, address) = accept_any(listener)?;
    Ok((stream.into(), unix_name(&address)?))
}

/// Converts the address of a Unix socket to the standard library's type. An address without a path is unnamed, like
/// that of nearly every client.
///
/// # Errors
///
/// The standard library's errors.
pub(crate) fn unix_name(address: &SockAddr) -> io::Result<unix::net::SocketAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_namespace() {
        return unix::net::SocketAddr::from_abstract_name(name);
    }
    address.as_unix().map_or_else(|| unix::net::SocketAddr::from_pathname(""), Ok)
}

/// Accepts a connection of any address family.
///
/// # Errors
///
/// The errors of `accept4(2)`.
#[cfg(not(target_vendor = "apple"))]
pub(crate) fn accept_any(listener: impl AsFd) -> io::Result<(Socket, SockAddr)> {
    use std::os::fd::{AsRawFd, FromRawFd};

    use super::syscall;

    let listener = listener.as_fd();
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: `try_init` passes storage for any address and its length. Both live until the closure returns, and the
    // kernel fills them in if the call succeeds.
    let (fd, address) = unsafe {
        SockAddr::try_init(|address, length| syscall!(accept4(listener.as_raw_fd(), address.cast(), length, flags)))?
    };
    // SAFETY: `accept4` has just created this descriptor, and nobody else owns it.
    let socket = unsafe { Socket::from_raw_fd(fd) };
    Ok((socket, address))
}

/// Accepts a connection of any address family in several calls, because Apple's systems have no `accept4`.
///
/// # Errors
///
/// The errors of `accept(2)`.
#[cfg(target_vendor = "apple")]
pub(crate) fn accept_any(listener: impl AsFd) -> io::Result<(Socket, SockAddr)> {
    let (socket, address) = SockRef::from(&listener).accept_raw()?;
    // If the peer has reset the connection, the system refuses to set options.
    let prepare = || {
        socket.set_cloexec(true)?;
        socket.set_nonblocking(true)?;
        without_signals(&socket)
    };
    prepare().map_err(|_: io::Error| aborted())?;
    Ok((socket, address))
}

fn aborted() -> io::Error {
    io::Error::from_raw_os_error(libc::ECONNABORTED)
}

/// The flag for sends with which a peer that is gone causes an error instead of a signal.
#[cfg(not(target_vendor = "apple"))]
pub(crate) const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
/// On Apple's systems, sockets are created [without signals](new), so sends need no flag.
#[cfg(target_vendor = "apple")]
pub(crate) const NO_SIGNAL: i32 = 0;

/// Returns `true` if an error of `accept(2)` concerns only one connection, which failed before it was accepted. The
/// listener is fine, and the next connection may be too.
///
/// Linux passes on network errors that are pending on the new socket. `EPERM` comes from a firewall.
pub(crate) fn is_of_one_connection(error: &io::Error) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(libc::ENONET | libc::ENOSR) = error.raw_os_error() {
        return true;
    }
    matches!(
        error.raw_os_error(),
        Some(
            libc::ECONNABORTED
                | libc::ECONNRESET
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::ENOPROTOOPT
                | libc::EOPNOTSUPP
                | libc::EPERM
                | libc::EPROTO
                | libc::EPROTONOSUPPORT
                | libc::ESOCKTNOSUPPORT
                | libc::ETIMEDOUT
        )
    )
}

/// Returns `true` if the connection itself has no error, although the socket reports one. On Linux, reports about
/// packets that were sent are kept in a separate queue (`MSG_ERRQUEUE`), and count as an error until somebody reads
/// them.
#[cfg(feature = "transport")]
pub(crate) fn is_well_despite_errors(socket: BorrowedFd<'_>) -> bool {
    has_error_alone(socket) && matches!(SockRef::from(&socket).take_error(), Ok(None))
}

/// The number of times that a datagram is tried if its socket has an error: one try may report an earlier error, the
/// second an error that came meanwhile, and the third the datagram's own.
#[cfg(any(feature = "net", feature = "transport"))]
const TRIES: usize = 3;

/// Sends a datagram although its socket may have an error that belongs to an earlier one.
///
/// If the network reports that an earlier datagram had no receiver, the system returns that error from the next call,
/// and does not send the datagram of that call. So the datagram is tried again, and only an error that stays is its
/// own.
///
/// Also returns the errors that did not stay. If `send` would block, it must say so by an error that `may_be_stale`
/// rejects, or by a value.
#[cfg(any(feature = "net", feature = "transport"))]
pub(crate) fn send_despite_errors<T>(
    mut send: impl FnMut() -> io::Result<T>,
    may_be_stale: fn(&io::Error) -> bool,
) -> (io::Result<T>, Vec<io::Error>) {
    let mut errors = Vec::new();
    loop {
        match send() {
            Err(error) if may_be_stale(&error) => {
                errors.push(error);
                if errors.len() < TRIES {
                    continue;
                }
                errors.dedup_by_key(|error| error.raw_os_error());
                let own = errors.pop().expect("there are as many as tries");
                return (Err(own), errors);
            }
            result => return (result, errors),
        }
    }
}

/// Returns `true` if this error of sending an internet datagram may belong to an earlier one. A router may answer with
/// any error, even that the earlier datagram was too long.
#[cfg(any(feature = "net", feature = "transport"))]
pub(crate) fn may_be_stale(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Returns `true` if this error of sending a Unix datagram may belong to an earlier event: the peer has connected to
/// another socket. If the peer is gone, the error is the datagram's own.
#[cfg(any(feature = "net", feature = "transport"))]
pub(crate) fn may_be_stale_unix(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionReset
}

/// Returns `true` if accepting failed because no descriptor or no memory is free. It may succeed later, and until then
/// the listener stays ready.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

/// Returns `true` if binding failed because this machine does not have the address, or no address of its family.
pub(crate) fn is_not_of_this_machine(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT))
}

/// Checks whether a socket whose connecting [`is_in_progress`] is connected.
///
/// # Errors
///
/// `WouldBlock` if it is not connected yet. Any other error means that connecting has failed.
pub(crate) fn finish_connect(socket: impl AsFd) -> io::Result<()> {
    let socket = SockRef::from(&socket);
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        result => result.map(drop),
    }
}

/// Sends bytes. A peer that is gone causes an error instead of a signal.
///
/// # Errors
///
/// The errors of `send(2)`.
#[inline]
pub(crate) fn send(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    SockRef::from(&socket).send_with_flags(bytes, NO_SIGNAL)
}

/// Sends several slices in order. A peer that is gone causes an error instead of a signal.
///
/// # Errors
///
/// The errors of `sendmsg(2)`.
pub(crate) fn send_vectored(socket: impl AsFd, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    SockRef::from(&socket).send_vectored_with_flags(slices, NO_SIGNAL)
}

/// Returns `true` if this error of a non-blocking `connect(2)` means that connecting has started. It has ended once the
/// socket is writable.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}
