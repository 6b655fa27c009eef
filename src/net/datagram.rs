//! Datagrams: `udp(7)`, `unix(7)`. Each operation moves one datagram, whole.

use core::cell::Cell;
use std::io;
use std::net;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix;
use std::path::Path;

use socket2::{Domain, SockRef, Type};

use super::moving::{at, wraps};
use super::{AddressError, Attempt, Operation};
use crate::coroutine::Coroutine;
use crate::event_loop::{Left, Registered};
use crate::sys::{Direction, descriptor, socket};
use crate::task::Await;

/// A UDP socket.
///
/// A datagram that is longer than the bytes it is to go to is cut off.
///
/// # Errors of earlier datagrams
///
/// The network may answer a datagram with an error: nobody is at that port. The system tells a socket that is
/// [connected](Self::connect), or has `IP_RECVERR`, of such an error by its next call, and a send that gets the error does
/// not send. Here [`send`](Self::send) and [`send_to`](Self::send_to) send nevertheless. The error is kept: the next
/// [`recv`](Self::recv) or [`recv_from`](Self::recv_from) raises it, one that is waiting already included, or
/// [`take_error`](Self::take_error) gives it. The socket goes on after that. Of several errors the latest is kept, as the
/// system does. asyncio's `sock_sendto` raises the error and loses the datagram.
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

/// A Unix socket for datagrams, which arrive all, and in order.
///
/// On Linux, a path that begins with a zero byte is an abstract name, which is no file's (`unix(7)`).
pub struct UnixDatagram(Registered<unix::net::UnixDatagram>, EarlierError);

wraps!(UdpSocket(net::UdpSocket));
wraps!(UnixDatagram(unix::net::UnixDatagram));

/// An error that a send has taken from the system, and that belongs to an earlier datagram.
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

/// The operations that both kinds have; they differ in their addresses.
macro_rules! datagrams {
    ($type:ident, $inner:ty, $address:ty, $may_be_stale:path) => {
        impl $type {
            /// Takes over a socket.
            ///
            /// # Errors
            ///
            /// `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`; the system's, from making it non-blocking.
            pub fn from_std(socket: $inner) -> io::Result<Self> {
                socket::check_is_datagram(&socket)?;
                socket.set_nonblocking(true)?;
                Ok(Self(Registered::new(socket), EarlierError::default()))
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
            /// An error that it raises is this datagram's own. One of an earlier datagram is kept for the next
            /// [`recv`](Self::recv) or [`take_error`](Self::take_error), and this datagram is sent.
            pub fn send<'a>(
                &'a self,
                bytes: &'a [u8],
            ) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a {
                Operation::new("send", move || {
                    self.attempt_send(|socket| Ok((socket.send(bytes)?, Left::More)))
                        .map_err(|raised| at(raised, "send", self.as_fd()))
                })
            }

            /// Waits for a datagram, puts it into `bytes`, and gives its length, which may be none.
            pub fn recv<'a>(
                &'a self,
                bytes: &'a mut [u8],
            ) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a {
                Operation::new("recv", move || {
                    self.attempt_recv(|socket| Ok((socket.recv(bytes)?, Left::More)))
                        .map_err(|raised| at(raised, "recv", self.as_fd()))
                })
            }

            /// Waits for a datagram, puts it into `bytes`, and gives its length and the address that it has come from.
            /// asyncio's `sock_recvfrom_into`.
            pub fn recv_from<'a>(
                &'a self,
                bytes: &'a mut [u8],
            ) -> impl Coroutine<Yield = Await, Input = (), Return = (usize, $address)> + 'a {
                Operation::new("recv_from", move || {
                    self.attempt_recv(|socket| Ok((socket.recv_from(bytes)?, Left::More)))
                        .map_err(|raised| at(raised, "recv_from", self.as_fd()))
                })
            }

            /// Takes the error of an earlier datagram, if there is one: what the next [`recv`](Self::recv) would raise.
            ///
            /// # Errors
            ///
            /// The system's, from asking for it.
            pub fn take_error(&self) -> io::Result<Option<io::Error>> {
                match self.1.take() {
                    None => self.0.get().take_error(),
                    kept => Ok(kept),
                }
            }

            fn attempt_send<T>(&self, mut send: impl FnMut(&$inner) -> io::Result<(T, Left)>) -> Attempt<T> {
                self.0.attempt(Direction::Write, |socket, _| {
                    let (result, earlier) = socket::send_despite_errors(|| send(socket), $may_be_stale);
                    if let Some(latest) = earlier.into_iter().next_back() {
                        self.1.keep(latest);
                        // The system has told whoever waits to receive, but has no error for it any more.
                        self.0.release(Direction::Read);
                    }
                    result
                })
            }

            fn attempt_recv<T>(&self, mut recv: impl FnMut(&$inner) -> io::Result<(T, Left)>) -> Attempt<T> {
                match self.1.take() {
                    Some(error) => Err(error.into()),
                    None => self.0.attempt(Direction::Read, |socket, _| recv(socket)),
                }
            }
        }
    };
}

datagrams!(UdpSocket, net::UdpSocket, SocketAddr, socket::may_be_stale);
datagrams!(UnixDatagram, unix::net::UnixDatagram, unix::net::SocketAddr, socket::may_be_stale_unix);

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
    /// An error that it raises is this datagram's own, as with [`send`](Self::send).
    pub fn send_to<'a>(
        &'a self,
        bytes: &'a [u8],
        address: SocketAddr,
    ) -> impl Coroutine<Yield = Await, Input = (), Return = usize> + 'a {
        Operation::new("send_to", move || {
            self.attempt_send(|socket| Ok((socket.send_to(bytes, address)?, Left::More)))
                .map_err(|raised| raised.with_note(format!("send_to: {address}")))
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
        Ok(Self(Registered::new(OwnedFd::from(socket).into()), EarlierError::default()))
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
            self.attempt_send(|socket| match send_to(socket, bytes, path) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && can_send(socket) => {
                    Err(io::Error::new(io::ErrorKind::ResourceBusy, "the receiver has no room for a datagram"))
                }
                result => Ok((result?, Left::More)),
            })
            .map_err(|raised| raised.with_note(format!("send_to: {}", socket::shown(path))))
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
