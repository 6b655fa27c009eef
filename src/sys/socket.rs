//! Socket operations that `std::net` and `socket2` do not provide.
//!
//! The flags that make a new socket non-blocking and closed on exec in the system call that makes it are everywhere but
//! on Apple's systems. There it takes calls of their own, and so it does to have a write to a closed connection fail with
//! `EPIPE` and send no `SIGPIPE` (`SO_NOSIGPIPE`); elsewhere the standard library writes with `MSG_NOSIGNAL`.

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

/// Refuses a socket that is not a byte stream. Packets (`SOCK_DGRAM`, `SOCK_SEQPACKET`) have boundaries, which would be lost,
/// and an empty packet would look like the end of the stream.
///
/// # Errors
///
/// `InvalidInput` if the socket is not a byte stream; the errors of `getsockopt(2)`.
pub(crate) fn check_is_stream(socket: &impl AsFd) -> io::Result<()> {
    match kind(socket, Type::STREAM)? {
        Type::STREAM => Ok(()),
        kind => Err(io::Error::new(io::ErrorKind::InvalidInput, not_a_stream(kind))),
    }
}

/// Refuses a socket that is not a datagram socket.
///
/// # Errors
///
/// `InvalidInput` if the socket is not a datagram socket; the errors of `getsockopt(2)`.
pub(crate) fn check_is_datagram(socket: &impl AsFd) -> io::Result<()> {
    match kind(socket, Type::DGRAM)? {
        Type::DGRAM => Ok(()),
        kind => {
            let text = format!("A Datagram Socket was expected, got {kind:?}");
            Err(io::Error::new(io::ErrorKind::InvalidInput, text))
        }
    }
}

/// The type of a socket. Miri, which cannot tell, is told what is `expected`.
fn kind(socket: &impl AsFd, expected: Type) -> io::Result<Type> {
    if cfg!(miri) { Ok(expected) } else { SockRef::from(socket).r#type() }
}

/// Describes why a socket of that type is refused.
pub(crate) fn not_a_stream(kind: Type) -> String {
    format!("A Stream Socket was expected, got {kind:?}")
}

/// The address of a Unix socket at `path`. On Linux, a zero byte in front makes it a name that is no file's (`unix(7)`).
///
/// # Errors
///
/// `InvalidInput` where there is none: the path is too long, or the kernel would cut it off at a zero byte, or choose a name
/// of its own for an empty one.
pub(crate) fn unix_address(path: &Path) -> io::Result<SockAddr> {
    let bytes = path.as_os_str().as_bytes();
    let is_abstract = cfg!(any(target_os = "linux", target_os = "android")) && bytes.starts_with(&[0]);
    let wrong = match bytes {
        [] => "the path is empty",
        _ if !is_abstract && bytes.contains(&0) => "the path has a zero byte in it",
        _ => return SockAddr::unix(path),
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, wrong))
}

/// Such a path as a text that can be printed.
pub(crate) fn shown(path: &Path) -> String {
    format!("{}", path.display()).replace('\0', "\\0")
}

/// Accepts a connection, non-blocking and closed on exec, with the peer's address. Takes one system call where `accept4(2)`
/// exists.
///
/// # Errors
///
/// The errors of `accept4(2)`.
pub(crate) fn accept(listener: impl AsFd) -> io::Result<(TcpStream, SocketAddr)> {
    let (socket, address) = accept_any(listener)?;
    match address.as_socket() {
        Some(address) => Ok((socket.into(), address)),
        // Some systems (macOS) give a connection whose peer is gone already, and no address.
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

/// The standard library's for the address of a Unix socket. Without a path it has no name at all, as nearly every client.
///
/// # Errors
///
/// The standard library's.
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
    // SAFETY: `try_init` hands out storage for any address and its length, which live until the closure returns, and
    // which the kernel fills if the call succeeds.
    let (fd, address) = unsafe {
        SockAddr::try_init(|address, length| syscall!(accept4(listener.as_raw_fd(), address.cast(), length, flags)))?
    };
    // SAFETY: `accept4` has just made this descriptor, and nobody else owns it.
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
    // Where the peer has reset the connection, the system takes no options any more.
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

/// For sends: a peer that is gone causes an error instead of a signal.
#[cfg(not(target_vendor = "apple"))]
pub(crate) const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
/// Sockets are made [without signals](new) there.
#[cfg(target_vendor = "apple")]
pub(crate) const NO_SIGNAL: i32 = 0;

/// Whether `accept(2)` reports what has happened to one connection before it was accepted: the listener is well, and
/// the next connection may be too.
///
/// Linux hands on the network errors that wait on the new socket; `EPERM` is a firewall's.
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

/// Whether the connection itself has no error, although the socket reports one. On Linux, what the kernel says about
/// packets that were sent waits in a queue of its own (`MSG_ERRQUEUE`) and counts as an error until somebody reads it.
#[cfg(feature = "transport")]
pub(crate) fn is_well_despite_errors(socket: BorrowedFd<'_>) -> bool {
    has_error_alone(socket) && matches!(SockRef::from(&socket).take_error(), Ok(None))
}

/// How often a datagram is tried whose socket has an error: once for one that was there before, once for one that has
/// come meanwhile, and once for its own.
#[cfg(any(feature = "net", feature = "transport"))]
const TRIES: usize = 3;

/// Sends a datagram although its socket may have an error that belongs to an earlier one: the network has answered that
/// nobody is there. The system raises such an error by the next call and does not send what that was called with. So the
/// datagram is tried again, and only an error that stays is its own.
///
/// Gives the errors that did not stay as well. `send` gives what would block as an error that is not stale, or as a value.
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

/// Whether sending an internet datagram may have failed with this because of an earlier one. A router may answer anything,
/// even that the earlier one was too long.
#[cfg(any(feature = "net", feature = "transport"))]
pub(crate) fn may_be_stale(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Whether sending a Unix datagram may have failed with this because of what has come before: the peer has taken another
/// socket for its peer. That a peer is gone is an error of the datagram itself.
#[cfg(any(feature = "net", feature = "transport"))]
pub(crate) fn may_be_stale_unix(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionReset
}

/// Whether accepting has failed because no descriptor is free, or no memory: it may succeed later, and until then the
/// listener stays ready.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

/// Whether binding has failed because this machine does not have that address, or none of that family.
pub(crate) fn is_not_of_this_machine(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EADDRNOTAVAIL | libc::EAFNOSUPPORT))
}

/// Whether a socket that [`is_in_progress`] has connected: an error says that it never will, `WouldBlock` not yet.
///
/// # Errors
///
/// What connecting has met.
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

/// Whether a `connect(2)` that does not block has only started: it ends when the socket is writable.
pub(crate) fn is_in_progress(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EINTR))
}
