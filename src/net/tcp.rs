//! TCP: `tcp(7)`.

use core::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use socket2::{Domain, Protocol, Socket, Type};

#[cfg(feature = "async_iter")]
use super::Incoming;
use super::accept::accept;
use super::moving::{Sink, Source, left, moves_bytes, wraps};
use super::{AddressError, BACKLOG, Buffer, ByteRead, ByteWrite, Operation};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::event_loop::{Left, Registered};
use crate::sys::{Direction, socket};
use crate::task::{Await, Awaitable};
use crate::yield_from;

/// Listens for connections.
///
/// ```
/// use innermost::{CoroutineExt, EventLoop, TcpListener, TcpStream};
///
/// let event_loop = EventLoop::new()?;
/// let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
/// let address = listener.local_addr()?;
/// event_loop.create_task(TcpStream::connect(address).map(drop))?;
/// # // `accept` borrows the listener; a machine that owns it makes it afresh at each resume.
/// # use innermost::{Await, Coroutine, Exception, Resumed, Step, yield_from};
/// # struct AcceptOne(TcpListener);
/// # impl Coroutine for AcceptOne {
/// #     type Yield = Await;
/// #     type Input = ();
/// #     type Return = std::net::SocketAddr;
/// #     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
/// #         Ok(Step::Return(yield_from!(self.0.accept(), sent)?.1))
/// #     }
/// # }
/// let peer = event_loop.run_until_complete(AcceptOne(listener))?;
/// assert_eq!(peer.ip(), address.ip());
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct TcpListener(Registered<net::TcpListener>);

impl TcpListener {
    /// Listens at `address`; port 0 picks one that is free. An address that was in use a moment ago can be used again
    /// (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// The system's, in an [`AddressError`]: in use, not of this machine, not allowed.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        let at = || AddressError::at("bind to", address);
        socket.bind(&address.into()).map_err(at())?;
        socket.listen(BACKLOG).map_err(at())?;
        Ok(Self(Registered::new(socket.into())))
    }

    /// Takes over a listening socket.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`; the system's, from making it non-blocking.
    pub fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        socket::check_is_stream(&listener)?;
        listener.set_nonblocking(true)?;
        Ok(Self(Registered::new(listener)))
    }

    /// Waits for a connection, and gives it with its peer's address.
    ///
    /// Connections that failed before they were accepted are passed over: the peer has given up, a firewall refuses it,
    /// the network is gone. If the system runs out of descriptors or memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`),
    /// this raises, and the connection stays in the backlog: try again later.
    pub fn accept(&self) -> impl Awaitable<Return = (TcpStream, SocketAddr)> + '_ {
        Operation::new("accept", || {
            accept(&self.0, |listener| {
                let (stream, peer) = socket::accept(listener)?;
                Ok((TcpStream(Registered::new(stream)), peer))
            })
        })
    }

    /// Its connections, one by one, each with its peer's address: it is [`accept`](Self::accept)ed when it is asked for.
    ///
    /// ```
    /// use innermost::async_iter::AsyncIterator;
    /// use innermost::{EventLoop, TcpListener, TcpStream, ready};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    /// let address = listener.local_addr()?;
    /// // What `for_each` is given runs to its end before the next one is let in: to serve many at once, make a task.
    /// let letting_in = listener.incoming().for_each(|(_stream, peer)| {
    ///     println!("there is {peer}");
    ///     ready(())
    /// });
    /// event_loop.create_task(letting_in)?;
    /// event_loop.run_until_complete(TcpStream::connect(address))?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    #[cfg(feature = "async_iter")]
    pub const fn incoming(self) -> Incoming<Self> {
        Incoming::new(self)
    }

    /// The address at which it listens.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get().local_addr()
    }
}

/// A connection.
pub struct TcpStream(Registered<net::TcpStream>);

impl TcpStream {
    /// Connects to `address`.
    pub const fn connect(address: SocketAddr) -> Connect {
        Connect(ConnectingTcp::new(address, None))
    }

    /// Connects a socket of the caller's to `address`: one that is bound to an address of this machine's, or has options
    /// that must be set before. asyncio's `sock_connect`. Raises `InvalidInput` for a socket that is no stream.
    ///
    /// ```
    /// use innermost::{EventLoop, TcpStream};
    /// use socket2::{Domain, Socket, Type};
    /// use std::net::{SocketAddr, TcpListener};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    /// socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into())?;
    /// let connect = TcpStream::connect_from(socket, listener.local_addr()?);
    /// let stream = EventLoop::new()?.run_until_complete(connect)?;
    /// assert_eq!(stream.local_addr()?.ip().to_string(), "127.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn connect_from(socket: impl Into<OwnedFd>, address: SocketAddr) -> Connect {
        Connect(ConnectingTcp { address, local: None, socket: Some(socket.into()), connecting: None })
    }

    pub(super) const fn of(connected: Registered<net::TcpStream>) -> Self {
        Self(connected)
    }

    /// Takes over a connection.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`; the system's, from making it non-blocking.
    pub fn from_std(stream: net::TcpStream) -> io::Result<Self> {
        socket::check_is_stream(&stream)?;
        socket::without_signals(&stream)?;
        stream.set_nonblocking(true)?;
        Ok(Self(Registered::new(stream)))
    }

    /// As [`ByteRead::read`].
    #[inline]
    pub fn read<'a>(&'a self, buffer: &'a mut Buffer) -> impl Awaitable<Return = usize> + 'a {
        ByteRead::read(self, buffer)
    }

    /// As [`ByteRead::recv`].
    pub fn recv<'a>(&'a self, bytes: &'a mut [u8]) -> impl Awaitable<Return = usize> + 'a {
        ByteRead::recv(self, bytes)
    }

    /// As [`ByteWrite::write_all`].
    #[inline]
    pub fn write_all<'a>(&'a self, buffer: &'a mut Buffer) -> impl Awaitable<Return = ()> + 'a {
        ByteWrite::write_all(self, buffer)
    }

    /// As [`ByteWrite::send`].
    pub fn send<'a>(&'a self, bytes: &'a [u8]) -> impl Awaitable<Return = usize> + 'a {
        ByteWrite::send(self, bytes)
    }

    /// Closes one direction, or both: after [`Shutdown::Write`] the peer finds the end of the stream behind what was
    /// written.
    ///
    /// # Errors
    ///
    /// The system's: `NotConnected` where the peer has reset the connection.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.get().shutdown(how)
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get().local_addr()
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// The system's: `NotConnected` where the peer has reset the connection.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get().peer_addr()
    }
}

wraps!(TcpListener(net::TcpListener));
wraps!(TcpStream(net::TcpStream));
moves_bytes!(read TcpStream);
moves_bytes!(write TcpStream);

impl Source for net::TcpStream {
    #[inline]
    fn recv(&self, bytes: &mut [u8]) -> io::Result<(usize, Left)> {
        let mut stream = self;
        let count = stream.read(bytes)?;
        Ok((count, left(count, bytes.len())))
    }
}

impl Sink for net::TcpStream {
    #[inline]
    fn send(&self, bytes: &[u8]) -> io::Result<(usize, Left)> {
        let mut stream = self;
        let count = stream.write(bytes)?;
        Ok((count, left(count, bytes.len())))
    }

    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<(usize, Left)> {
        let count = socket::send_vectored(self, slices)?;
        Ok((count, left(count, slices.iter().map(|slice| slice.len()).sum())))
    }

    fn finish(&self, _: impl FnOnce()) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// What [`TcpStream::connect`] makes. Dropped before it has ended, it closes the socket.
pub struct Connect(ConnectingTcp<net::TcpStream>);

impl Coroutine for Connect {
    type Yield = Await;
    type Input = ();
    type Return = TcpStream;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        match yield_from!(self.0, sent) {
            Ok(stream) => Ok(Step::Return(TcpStream(stream))),
            Err(raised) => Err(raised.with_note(format!("connect: {}", self.0.address))),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("connect", &self.0.address)
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One attempt to connect to an address, of a socket that becomes an `S`. Raises the system's errors.
pub(super) struct ConnectingTcp<S: AsFd> {
    address: SocketAddr,
    /// The addresses of this machine from which it may be, the first that can be had.
    local: Option<Rc<[SocketAddr]>>,
    /// The caller's own, until it begins.
    socket: Option<OwnedFd>,
    connecting: Option<Registered<S>>,
}

impl<S: AsFd + From<Socket>> ConnectingTcp<S> {
    pub(super) const fn new(address: SocketAddr, local: Option<Rc<[SocketAddr]>>) -> Self {
        Self { address, local, socket: None, connecting: None }
    }

    /// Starts to connect: to be gone on with when the socket is writable.
    fn start(&mut self) -> io::Result<Registered<S>> {
        let socket = match self.socket.take() {
            Some(socket) => {
                socket::check_is_stream(&socket)?;
                let socket = Socket::from(socket);
                socket.set_nonblocking(true)?;
                socket
            }
            None => socket::new(Domain::for_address(self.address), Type::STREAM, Some(Protocol::TCP))?,
        };
        if let Some(local) = self.local.as_deref() {
            bind_to_one_of(&socket, self.address, local)?;
        }
        match socket.connect(&self.address.into()) {
            Err(error) if !socket::is_in_progress(&error) => Err(error),
            _ => Ok(Registered::new(socket.into())),
        }
    }
}

/// To the first of the same family that can be had.
fn bind_to_one_of(socket: &Socket, address: SocketAddr, local: &[SocketAddr]) -> io::Result<()> {
    let text = "no local address is of the same family";
    let mut bound = Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
    for local in local.iter().filter(|local| local.is_ipv6() == address.is_ipv6()) {
        bound = socket.bind(&(*local).into()).map_err(AddressError::at("connect from", local));
        if bound.is_ok() {
            break;
        }
    }
    bound
}

impl<S: AsFd + From<Socket>> Coroutine for ConnectingTcp<S> {
    type Yield = Await;
    type Input = ();
    type Return = Registered<S>;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        let connecting = match self.connecting.take() {
            Some(connecting) => connecting,
            None => self.start()?,
        };
        let finish = |socket: &S, _: &_| Ok((socket::finish_connect(socket)?, Left::More));
        match connecting.attempt(Direction::Write, finish)? {
            Step::Yield(wanted) => {
                self.connecting = Some(connecting);
                Ok(Step::Yield(wanted))
            }
            _connected => Ok(Step::Return(connecting)),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("connect", &self.address)
    }
}

impl<S: AsFd> fmt::Debug for ConnectingTcp<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connect({})", self.address)
    }
}
