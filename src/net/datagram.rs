//! Sockets for datagrams: `udp(7)`, `unix(7)`. Each operation moves one whole datagram.

use core::cell::Cell;
use core::fmt;
use std::io;
use std::net;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix;
use std::path::Path;

use socket2::{Domain, SockRef, Type};

use super::AddressError;
use super::place::at;
use super::unix::path_of;
use crate::coroutine::Stateless;
use crate::event_loop::{Left, Operation, Registered};
use crate::sys::{Direction, descriptor, socket};
use crate::task::{Awaitable, Progress};

/// A UDP socket.
///
/// A datagram that is longer than the receiver's bytes is cut off.
///
/// # Errors of earlier datagrams
///
/// The network may answer a datagram with an error: nobody listens at that port. If the socket is
/// [connected](Self::connect) or has `IP_RECVERR`, the system reports that error at the socket's next call, and a send that
/// gets the report does not send. [`send`](Self::send) and [`send_to`](Self::send_to) send nevertheless, and keep the
/// error. It is raised by the next [`recv`](Self::recv) or [`recv_from`](Self::recv_from), or by one that is already
/// waiting; [`take_error`](Self::take_error) returns it without raising. The socket stays usable. Only the latest error is
/// kept, as in the system. asyncio's `sock_sendto` raises the error and loses the datagram.
///
/// ```
/// use innermost::{EventLoop, Step, UdpSocket, from_fn, yield_from};
///
/// let socket = UdpSocket::bind("127.0.0.1:0".parse()?)?;
/// let address = socket.local_addr()?;
/// let mut is_sent = false;
/// let answer = EventLoop::new()?.run_until_complete(from_fn(move |mut sent| {
///     if !is_sent {
///         yield_from!(socket.send_to(b"ping", address), sent)?;
///         is_sent = true;
///     }
///     yield_from!(socket.recv_from(&mut [0; 1500]), sent).map(Step::Return)
/// }))?;
/// assert_eq!(answer, (4, address));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct UdpSocket(Registered<net::UdpSocket>, EarlierError);

/// A Unix socket for datagrams. No datagram is lost, and they arrive in order.
///
/// On Linux, a path that begins with a zero byte is an abstract name, which no file stands for (`unix(7)`).
pub struct UnixDatagram(Registered<unix::net::UnixDatagram>, EarlierError);

/// An error that a send got from the system, and that belongs to an earlier datagram.
#[derive(Default)]
struct EarlierError(Cell<Option<io::Error>>);

impl EarlierError {
    #[cold]
    fn keep(&self, error: io::Error) {
        self.0.set(Some(error));
    }

    #[inline]
    fn take(&self) -> Option<io::Error> {
        self.0.take()
    }
}

/// The operations of both kinds of socket, which differ in their addresses.
macro_rules! datagrams {
    ($type:ident, $inner:ty, $address:ty, $may_be_stale:path) => {
        impl $type {
            /// Takes over a socket, and makes it non-blocking.
            ///
            /// # Errors
            ///
            /// Returns `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`, and the system's error if the
            /// socket cannot be made non-blocking.
            pub fn from_std(socket: $inner) -> io::Result<Self> {
                socket::check_is_datagram(&socket)?;
                socket::without_signals(&socket)?;
                socket.set_nonblocking(true)?;
                Ok(Self(Registered::new(socket), EarlierError::default()))
            }

            /// The standard library's object, for its options. Operations that would block fail with `WouldBlock` instead.
            pub const fn get_ref(&self) -> &$inner {
                self.0.get()
            }

            /// Ends the registration, and returns the standard library's object. It stays non-blocking, and has a new
            /// descriptor.
            ///
            /// # Errors
            ///
            /// Returns the system's error if no descriptor is free.
            pub fn into_std(self) -> io::Result<$inner> {
                self.0.into_std()
            }

            /// This socket's address.
            ///
            /// # Errors
            ///
            /// Returns the system's error.
            pub fn local_addr(&self) -> io::Result<$address> {
                self.0.get().local_addr()
            }

            /// The address that the socket is connected to.
            ///
            /// # Errors
            ///
            /// Returns `NotConnected` if there is none.
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.0.get().peer_addr()
            }

            /// Sends a datagram to the address that the socket is connected to, and returns its length.
            ///
            /// Raises an [`io::Error`] if this datagram cannot be sent. An error of an earlier datagram does not keep this one
            /// from being sent: it is kept for the next [`recv`](Self::recv) or [`take_error`](Self::take_error).
            pub fn send<'a>(&'a self, bytes: &'a [u8]) -> impl Awaitable<Return = usize> + Stateless + 'a {
                Operation::new("send", move || {
                    self.attempt_send(|socket| Ok((socket.send(bytes)?, Left::More)))
                        .map_err(|raised| at(raised, "send", self.as_fd()))
                })
            }

            /// Waits for a datagram, stores it in `bytes`, and returns its length, which may be 0.
            ///
            /// Raises an [`io::Error`]: the system's, or that of an earlier datagram.
            pub fn recv<'a>(&'a self, bytes: &'a mut [u8]) -> impl Awaitable<Return = usize> + Stateless + 'a {
                Operation::new("recv", move || {
                    self.attempt_recv(|socket| Ok((socket.recv(bytes)?, Left::More)))
                        .map_err(|raised| at(raised, "recv", self.as_fd()))
                })
            }

            /// Waits for a datagram, stores it in `bytes`, and returns its length and its sender's address. asyncio's
            /// `sock_recvfrom_into`.
            ///
            /// Raises an [`io::Error`]: the system's, or that of an earlier datagram.
            pub fn recv_from<'a>(
                &'a self,
                bytes: &'a mut [u8],
            ) -> impl Awaitable<Return = (usize, $address)> + Stateless + 'a {
                Operation::new("recv_from", move || {
                    self.attempt_recv(|socket| Ok((socket.recv_from(bytes)?, Left::More)))
                        .map_err(|raised| at(raised, "recv_from", self.as_fd()))
                })
            }

            /// Takes the error of an earlier datagram, if there is one. The next [`recv`](Self::recv) would raise it.
            ///
            /// # Errors
            ///
            /// Returns the system's error if it cannot be asked.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                match self.1.take() {
                    None => self.0.get().take_error(),
                    kept => Ok(kept),
                }
            }

            fn attempt_send<T>(&self, mut send: impl FnMut(&$inner) -> io::Result<(T, Left)>) -> Progress<T> {
                self.0.attempt(Direction::Write, |socket, _| {
                    let (result, earlier) = socket::send_despite_errors(|| send(socket), $may_be_stale);
                    if let Some(latest) = earlier.into_iter().next_back() {
                        self.1.keep(latest);
                        // The system has already woken the task that waits to receive, and has no error for it any more.
                        self.0.release(Direction::Read);
                    }
                    result
                })
            }

            fn attempt_recv<T>(&self, mut recv: impl FnMut(&$inner) -> io::Result<(T, Left)>) -> Progress<T> {
                match self.1.take() {
                    Some(error) => Err(error.into()),
                    None => self.0.attempt(Direction::Read, |socket, _| recv(socket)),
                }
            }
        }

        impl AsFd for $type {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.get().as_fd()
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

datagrams!(UdpSocket, net::UdpSocket, SocketAddr, socket::may_be_stale);
datagrams!(UnixDatagram, unix::net::UnixDatagram, unix::net::SocketAddr, socket::may_be_stale_unix);

impl UdpSocket {
    /// Makes a socket that is bound to `address`. Port 0 picks a free port.
    ///
    /// # Errors
    ///
    /// Returns the system's error, in an [`AddressError`]: the address is in use, is not of this machine, or is not
    /// allowed.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::from_std(net::UdpSocket::bind(address).map_err(AddressError::at("bind to", address))?)
    }

    /// Connects the socket: [`send`](Self::send) sends to `address`, and only datagrams from there are received.
    ///
    /// # Errors
    ///
    /// Returns the system's error, in an [`AddressError`]: the address cannot be reached.
    pub fn connect(&self, address: SocketAddr) -> io::Result<()> {
        self.0.get().connect(address).map_err(AddressError::at("connect to", address))
    }

    /// Sends a datagram to `address`, and returns its length. asyncio's `sock_sendto`.
    ///
    /// Raises an [`io::Error`] if this datagram cannot be sent. An error of an earlier datagram does not keep this one from
    /// being sent: it is kept for the next [`recv_from`](Self::recv_from) or [`take_error`](Self::take_error).
    pub fn send_to<'a>(
        &'a self,
        bytes: &'a [u8],
        address: SocketAddr,
    ) -> impl Awaitable<Return = usize> + Stateless + 'a {
        Operation::new("send_to", move || {
            self.attempt_send(|socket| Ok((socket.send_to(bytes, address)?, Left::More)))
                .map_err(|raised| raised.with_note(format!("send_to: {address}")))
        })
    }
}

impl UnixDatagram {
    /// Makes a socket that is bound to `path`, where nothing may exist yet. The file that this creates stays when the socket
    /// is dropped.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a path that no socket can have: it is empty, too long, or has a zero byte in it. Returns
    /// the system's error otherwise: `AddrInUse` if the path exists. Both are in an [`AddressError`].
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let at = || AddressError::at("bind to", socket::shown(path));
        let address = socket::unix_address(path).map_err(at())?;
        let socket = socket::new(Domain::UNIX, Type::DGRAM, None)?;
        socket.bind(&address).map_err(at())?;
        Ok(Self(Registered::new(OwnedFd::from(socket).into()), EarlierError::default()))
    }

    /// Makes a socket that is bound to `address`, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for an unnamed address, and otherwise the errors of [`bind`](Self::bind).
    pub fn bind_addr(address: &unix::net::SocketAddr) -> io::Result<Self> {
        Self::bind(path_of(address)?)
    }

    /// Makes a socket without an address. Others can send to it only once it is connected.
    ///
    /// # Errors
    ///
    /// Returns the system's error if no descriptor is free.
    pub fn unbound() -> io::Result<Self> {
        Self::from_std(unix::net::UnixDatagram::unbound()?)
    }

    /// Makes two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// Returns the system's error if no descriptor is free.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = unix::net::UnixDatagram::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Connects the socket: [`send`](Self::send) sends to the socket at `path`, and only datagrams from there are received.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a path that no socket can have, and otherwise the system's error: nobody listens there.
    /// Both are in an [`AddressError`].
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let connect = |address| SockRef::from(self.0.get()).connect(&address);
        socket::unix_address(path).and_then(connect).map_err(AddressError::at("connect to", socket::shown(path)))
    }

    /// Connects the socket to `address`, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for an unnamed address, and otherwise the errors of [`connect`](Self::connect).
    pub fn connect_addr(&self, address: &unix::net::SocketAddr) -> io::Result<()> {
        self.connect(path_of(address)?)
    }

    /// Sends a datagram to the socket at `path`, and returns its length.
    ///
    /// Raises [`ResourceBusy`](io::ErrorKind::ResourceBusy) if the receiver has no room, because the system offers nothing
    /// to wait for. To wait for room, use [`connect`](Self::connect) and [`send`](Self::send).
    pub fn send_to<'a>(&'a self, bytes: &'a [u8], path: &'a Path) -> impl Awaitable<Return = usize> + Stateless + 'a {
        Operation::new("send_to", move || self.attempt_send_to(bytes, path))
    }

    /// Sends a datagram to the socket at `address`, which may be an abstract name, and returns its length: an answer to
    /// [`recv_from`](Self::recv_from).
    ///
    /// Raises `InvalidInput` if the address is unnamed, and [`ResourceBusy`](io::ErrorKind::ResourceBusy) if the receiver
    /// has no room.
    pub fn send_to_addr<'a>(
        &'a self,
        bytes: &'a [u8],
        address: &'a unix::net::SocketAddr,
    ) -> impl Awaitable<Return = usize> + Stateless + 'a {
        Operation::new("send_to_addr", move || self.attempt_send_to(bytes, &path_of(address)?))
    }

    fn attempt_send_to(&self, bytes: &[u8], path: &Path) -> Progress<usize> {
        self.attempt_send(|socket| match send_to(socket, bytes, path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && can_send(socket) => {
                Err(io::Error::new(io::ErrorKind::ResourceBusy, "the receiver has no room for a datagram"))
            }
            result => Ok((result?, Left::More)),
        })
        .map_err(|raised| raised.with_note(format!("send_to: {}", socket::shown(path))))
    }
}

fn send_to(from: &unix::net::UnixDatagram, bytes: &[u8], path: &Path) -> io::Result<usize> {
    SockRef::from(from).send_to_with_flags(bytes, &socket::unix_address(path)?, socket::NO_SIGNAL)
}

/// Returns `true` if the sender has room, so that it is the receiver that has none.
#[cold]
fn can_send(socket: &unix::net::UnixDatagram) -> bool {
    descriptor::is_ready(socket.as_raw_fd(), Direction::Write)
}
