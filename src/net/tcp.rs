//! TCP streams and listeners: `tcp(7)`.

use core::fmt;
use core::time::Duration;
use std::io::{self, IoSlice, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::listener::Accept;
use super::stream::{Sink, Source, close_now, left};
use super::{AddressError, BACKLOG, Listener, Stream};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::event_loop::{Left, Registered};
use crate::sys::{Direction, socket};
use crate::task::Await;
use crate::yield_from;

/// A TCP socket that listens for connections.
///
/// ```
/// use innermost::{
///     Await, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Step, TcpListener, TcpStream, yield_from,
/// };
/// use std::net::SocketAddr;
///
/// /// Accepts a connection, and returns its peer's address.
/// struct AcceptOne(TcpListener);
///
/// impl Coroutine for AcceptOne {
///     type Yield = Await;
///     type Input = ();
///     type Return = SocketAddr;
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         // `accept` borrows the listener, so it is made afresh at each resume.
///         let (_stream, peer) = yield_from!(self.0.accept(), sent)?;
///         Ok(Step::Return(peer))
///     }
/// }
///
/// let event_loop = EventLoop::new()?;
/// let listener = TcpListener::bind("127.0.0.1:0".parse()?)?;
/// let address = listener.local_addr()?;
/// event_loop.create_task(TcpStream::connect(address).map(drop))?;
/// let peer = event_loop.run_until_complete(AcceptOne(listener))?;
/// assert_eq!(peer.ip(), address.ip());
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub type TcpListener = Listener<net::TcpListener>;

/// A TCP connection.
///
/// ```
/// use innermost::{
///     Await, Buffer, ByteRead, ByteWrite, Coroutine, EventLoop, Exception, Resumed, Step, TcpStream, net, yield_from,
/// };
/// use std::io::{Cursor, Read, Write};
///
/// /// Connects, sends a line, and reads the answer to its end.
/// enum Client {
///     Connecting(net::Connect),
///     Talking { stream: TcpStream, question: Cursor<&'static [u8]>, answer: Buffer },
/// }
///
/// impl Coroutine for Client {
///     type Yield = Await;
///     type Input = ();
///     type Return = Vec<u8>;
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         loop {
///             match self {
///                 Self::Connecting(connect) => {
///                     let stream = yield_from!(connect, sent)?;
///                     let question = Cursor::new(&b"hello\n"[..]);
///                     *self = Self::Talking { stream, question, answer: Buffer::new() };
///                 }
///                 Self::Talking { stream, question, answer } => {
///                     yield_from!(stream.write_all(question), sent)?;
///                     while yield_from!(stream.read(answer), sent)? > 0 {}
///                     return Ok(Step::Return(answer.bytes().to_vec()));
///                 }
///             }
///         }
///     }
/// }
///
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let address = server.local_addr()?;
/// let greeter = std::thread::spawn(move || {
///     let (mut stream, _) = server.accept()?;
///     stream.read_exact(&mut [0; 6])?;
///     stream.write_all(b"hello, you\n")
/// });
/// let answer = EventLoop::new()?.run_until_complete(Client::Connecting(TcpStream::connect(address)))?;
/// assert_eq!(answer, b"hello, you\n");
/// greeter.join().expect("it does not panic")?;
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub type TcpStream = Stream<net::TcpStream>;

impl TcpListener {
    /// Listens at `address`. Port 0 picks a free port. An address that was in use a moment ago can be used again
    /// (`SO_REUSEADDR`).
    ///
    /// # Errors
    ///
    /// Returns the system's error, in an [`AddressError`]: the address is in use, is not of this machine, or is not
    /// allowed.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        let at = || AddressError::at("bind to", address);
        socket.bind(&address.into()).map_err(at())?;
        socket.listen(BACKLOG).map_err(at())?;
        Ok(Self(Registered::new(socket.into())))
    }

    /// Takes over a listening socket, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`, and the system's error if the socket
    /// cannot be made non-blocking.
    pub fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        socket::check_is_stream(&listener)?;
        listener.set_nonblocking(true)?;
        Ok(Self(Registered::new(listener)))
    }

    /// The address at which it listens.
    ///
    /// # Errors
    ///
    /// Returns the system's error.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get().local_addr()
    }
}

impl Accept for net::TcpListener {
    type Stream = net::TcpStream;
    type Address = SocketAddr;

    fn accept(&self) -> io::Result<(net::TcpStream, SocketAddr)> {
        socket::accept(self)
    }

    fn internet(address: &SocketAddr) -> Option<SocketAddr> {
        Some(*address)
    }
}

impl TcpStream {
    /// Connects to `address`. Raises the system's error, with the address in a note. asyncio's `sock_connect`.
    ///
    /// To connect to a host by its name, use [`connect`](fn@crate::connect).
    pub const fn connect(address: SocketAddr) -> Connect {
        Connect(ConnectingTcp::new(address, None))
    }

    /// Connects a socket that the caller has made to `address`: for example one that is bound to an address of this machine,
    /// or one whose options must be set before it connects. Makes it non-blocking. asyncio's `sock_connect`.
    ///
    /// ```
    /// use innermost::{EventLoop, TcpStream};
    /// use socket2::{Domain, Socket, Type};
    /// use std::net::{SocketAddr, TcpListener};
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    /// socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into())?;
    /// let connect = TcpStream::connect_from(socket, listener.local_addr()?)?;
    /// let stream = EventLoop::new()?.run_until_complete(connect)?;
    /// assert_eq!(stream.local_addr()?.ip().to_string(), "127.0.0.2");
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`, and the system's error if the socket
    /// cannot be made non-blocking.
    pub fn connect_from(socket: impl Into<OwnedFd>, address: SocketAddr) -> io::Result<Connect> {
        let socket = socket.into();
        socket::check_is_stream(&socket)?;
        socket::without_signals(&socket)?;
        let socket = Socket::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Connect(ConnectingTcp { address, local: None, socket: Some(socket), connecting: None }))
    }

    /// Takes over a connection, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`, and the system's error if the socket
    /// cannot be made non-blocking.
    pub fn from_std(stream: net::TcpStream) -> io::Result<Self> {
        socket::check_is_stream(&stream)?;
        socket::without_signals(&stream)?;
        stream.set_nonblocking(true)?;
        Ok(Self(Registered::new(stream)))
    }

    /// Closes one direction, or both. After [`Shutdown::Write`] the peer reads what was written, and then the end of the
    /// stream.
    ///
    /// # Errors
    ///
    /// Returns the system's error: `NotConnected` if the peer has reset the connection.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.get().shutdown(how)
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// Returns the system's error.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.get().local_addr()
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// Returns the system's error: `NotConnected` if the peer has reset the connection.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get().peer_addr()
    }
}

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

    fn abort(&self, deregister: impl FnOnce()) {
        // The kernel sends a reset when the last descriptor of the socket is closed. It fails for a connection that is over.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
        close_now(self, deregister);
    }
}

/// The coroutine returned by [`TcpStream::connect`]. If it is dropped before its end, it closes the socket.
#[must_use = "connecting does nothing until it is awaited"]
pub struct Connect(ConnectingTcp<net::TcpStream>);

impl Coroutine for Connect {
    type Yield = Await;
    type Input = ();
    type Return = TcpStream;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        match yield_from!(self.0, sent) {
            Ok(stream) => Ok(Step::Return(Stream(stream))),
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

/// Connects a socket, which becomes an `S`, to one address. Raises the system's errors.
pub(super) struct ConnectingTcp<S: AsFd> {
    address: SocketAddr,
    /// Addresses of this machine: the socket is bound to the first one that can be had.
    local: Option<Rc<[SocketAddr]>>,
    /// A socket that the caller has made, until it starts to connect.
    socket: Option<Socket>,
    connecting: Option<Registered<S>>,
}

impl<S: AsFd + From<Socket>> ConnectingTcp<S> {
    pub(super) const fn new(address: SocketAddr, local: Option<Rc<[SocketAddr]>>) -> Self {
        Self { address, local, socket: None, connecting: None }
    }

    /// Starts to connect. The socket becomes writable when the system has an answer.
    fn start(&mut self) -> io::Result<Registered<S>> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
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

/// Binds `socket` to the first of the `local` addresses that is of the same family as `address` and can be had.
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
