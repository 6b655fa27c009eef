//! Datagrams: `udp(7)`, `unix(7)`. Each operation moves one datagram, whole.

use std::io;
use std::net;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix;
use std::path::Path;

use socket2::{Domain, SockRef, Type};

use super::moving::{at, wraps};
use super::{AddressError, Operation};
use crate::coroutine::Coroutine;
use crate::event_loop::{Left, Registered};
use crate::sys::{Direction, descriptor, socket};
use crate::task::Await;

/// A UDP socket.
///
/// A datagram that is longer than the bytes it is to go to is cut off. What the network says of one that was sent (there
/// is no such port) is raised by the next operation of a socket that is [connected](Self::connect), and the socket goes
/// on: asyncio's `error_received`.
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
pub struct UdpSocket(Registered<net::UdpSocket>);

/// A Unix socket for datagrams, which arrive all, and in order.
///
/// On Linux, a path that begins with a zero byte is an abstract name, which is no file's (`unix(7)`).
pub struct UnixDatagram(Registered<unix::net::UnixDatagram>);

wraps!(UdpSocket(net::UdpSocket));
wraps!(UnixDatagram(unix::net::UnixDatagram));

/// The operations that both kinds have; they differ in their addresses.
macro_rules! datagrams {
    ($type:ident, $inner:ty, $address:ty) => {
        impl $type {
            /// Takes over a socket.
            ///
            /// # Errors
            ///
            /// `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`; the system's, from making it non-blocking.
            pub fn from_std(socket: $inner) -> io::Result<Self> {
                socket::check_is_datagram(&socket)?;
                socket.set_nonblocking(true)?;
                Ok(Self(Registered::new(socket)))
            }

            /// This socket's address.
            ///
            /// # Errors
            ///
            /// The system's.
            pub fn local_addr(&self) -> io::Result<$address> {
                self.0.get().local_addr()
            }

            /// The address that it is connected to.
            ///
            /// # Errors
            ///
            /// The system's: `NotConnected`.
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.0.get().peer_addr()
            }

            /// Sends a datagram to the address that the socket is connected to; gives its length.
            ///
            /// The system may report what became of an earlier datagram (`ConnectionRefused`) instead of sending this one.
            /// The error is raised and this datagram is not sent: send it again.
            pub fn send<'a>(
                &'a self,
                bytes: &'a [u8],
            ) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a {
                Operation::new("send", move || {
                    self.0
                        .attempt(Direction::Write, |socket, _| Ok((socket.send(bytes)?, Left::More)))
                        .map_err(|raised| at(raised, "send", self.as_fd()))
                })
            }

            /// Waits for a datagram, puts it into `bytes`, and gives its length, which may be none.
            pub fn recv<'a>(
                &'a self,
                bytes: &'a mut [u8],
            ) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a {
                Operation::new("recv", move || {
                    self.0
                        .attempt(Direction::Read, |socket, _| Ok((socket.recv(bytes)?, Left::More)))
                        .map_err(|raised| at(raised, "recv", self.as_fd()))
                })
            }

            /// The same, and gives the address that it has come from. asyncio's `sock_recvfrom_into`.
            pub fn recv_from<'a>(
                &'a self,
                bytes: &'a mut [u8],
            ) -> impl Coroutine<Yield = Await, Input = (), Return = (usize, $address)> + 'a {
                Operation::new("recv_from", move || {
                    self.0
                        .attempt(Direction::Read, |socket, _| Ok((socket.recv_from(bytes)?, Left::More)))
                        .map_err(|raised| at(raised, "recv_from", self.as_fd()))
                })
            }
        }
    };
}

datagrams!(UdpSocket, net::UdpSocket, SocketAddr);
datagrams!(UnixDatagram, unix::net::UnixDatagram, unix::net::SocketAddr);

impl UdpSocket {
    /// A socket at `address`; port 0 picks one that is free.
    ///
    /// # Errors
    ///
    /// The system's, in an [`AddressError`]: in use, not of this machine, not allowed.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        Self::from_std(net::UdpSocket::bind(address).map_err(AddressError::at("bind to", address))?)
    }

    /// Makes `address` the one that [`send`](Self::send) sends to, and takes only what comes from there.
    ///
    /// # Errors
    ///
    /// The system's, in an [`AddressError`]: unreachable.
    pub fn connect(&self, address: SocketAddr) -> io::Result<()> {
        self.0.get().connect(address).map_err(AddressError::at("connect to", address))
    }

    /// Sends a datagram to `address`; gives its length. asyncio's `sock_sendto`.
    ///
    /// With `IP_RECVERR`, the system may report what became of an earlier datagram instead of sending this one. The error
    /// is raised and this datagram is not sent: send it again.
    pub fn send_to<'a>(
        &'a self,
        bytes: &'a [u8],
        address: SocketAddr,
    ) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a {
        Operation::new("send_to", move || {
            self.0
                .attempt(Direction::Write, |socket, _| Ok((socket.send_to(bytes, address)?, Left::More)))
                .map_err(|raised| raised.with_note(std::format!("send_to: {address}")))
        })
    }
}

impl UnixDatagram {
    /// A socket at `path`, where nothing may be yet; what this makes there stays when the socket is gone.
    ///
    /// # Errors
    ///
    /// The system's, in an [`AddressError`]: `AddrInUse` where there is something, not allowed, a path that is empty, too
    /// long or has a zero byte in it.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let at = || AddressError::at("bind to", socket::shown(path));
        let address = socket::unix_address(path).map_err(at())?;
        let socket = socket::new(Domain::UNIX, Type::DGRAM, None)?;
        socket.bind(&address).map_err(at())?;
        Ok(Self(Registered::new(OwnedFd::from(socket).into())))
    }

    /// A socket that has no address: nobody can send to it unless it is connected.
    ///
    /// # Errors
    ///
    /// The system's: no descriptor is free.
    pub fn unbound() -> io::Result<Self> {
        Self::from_std(unix::net::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// The system's: no descriptor is free.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = unix::net::UnixDatagram::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Makes the socket at `path` the one that [`send`](Self::send) sends to, and takes only what comes from there.
    ///
    /// # Errors
    ///
    /// The system's, in an [`AddressError`]: nobody is there.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let connect = |address| SockRef::from(self.0.get()).connect(&address);
        socket::unix_address(path).and_then(connect).map_err(AddressError::at("connect to", socket::shown(path)))
    }

    /// Sends a datagram to the socket at `path`; gives its length.
    ///
    /// Where that has no room, the system offers nothing to wait for: a [`ResourceBusy`](io::ErrorKind::ResourceBusy) is
    /// raised. To wait for room, [`connect`](Self::connect) and [`send`](Self::send).
    pub fn send_to<'a>(
        &'a self,
        bytes: &'a [u8],
        path: &'a Path,
    ) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a {
        Operation::new("send_to", move || {
            self.0
                .attempt(Direction::Write, |socket, _| match send_to(socket, bytes, path) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock && can_send(socket) => {
                        Err(io::Error::new(io::ErrorKind::ResourceBusy, "the receiver has no room for a datagram"))
                    }
                    result => Ok((result?, Left::More)),
                })
                .map_err(|raised| raised.with_note(std::format!("send_to: {}", socket::shown(path))))
        })
    }
}

fn send_to(from: &unix::net::UnixDatagram, bytes: &[u8], path: &Path) -> io::Result<usize> {
    SockRef::from(from).send_to_with_flags(bytes, &socket::unix_address(path)?, socket::NO_SIGNAL)
}

/// Whether what a datagram lacks room for is not the sender.
#[cold]
fn can_send(socket: &unix::net::UnixDatagram) -> bool {
    descriptor::is_ready(socket.as_raw_fd(), Direction::Write)
}
