//! TCP: `tcp(7)`.

use core::fmt;
use std::format;
use std::io::{self, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;

use socket2::{Domain, Protocol, Type};

use super::{Buffer, Operation};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::event_loop::{Left, Registered};
use crate::sys::{Direction, socket};
use crate::task::{Await, Awaitable};

/// How many connections may wait to be accepted. The kernel lowers it to its own limit (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

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
    /// The system's: in use, not of this machine, not allowed.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(Self(Registered::new(socket.into())))
    }

    /// Takes over a listening socket.
    ///
    /// # Errors
    ///
    /// The system's, from making it non-blocking.
    pub fn from_std(listener: net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self(Registered::new(listener)))
    }

    /// Waits for a connection, and gives it with its peer's address.
    ///
    /// A connection that its peer has given up before it was accepted is passed over. No free descriptor (`EMFILE`,
    /// `ENFILE`) is raised, and the connection waits on: try again when one is free.
    pub fn accept(&self) -> impl Awaitable<Return = (TcpStream, SocketAddr)> + '_ {
        Operation::new("accept", || {
            self.0.attempt(Direction::Read, |listener, _| {
                loop {
                    match socket::accept(listener) {
                        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                        result => {
                            let (stream, peer) = result?;
                            return Ok(((TcpStream(Registered::new(stream)), peer), Left::More));
                        }
                    }
                }
            })
        })
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

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get().as_fd()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A connection.
pub struct TcpStream(Registered<net::TcpStream>);

impl TcpStream {
    /// Connects to `address`.
    pub const fn connect(address: SocketAddr) -> Connect {
        Connect { address, local: None, stream: None }
    }

    /// Takes over a connection.
    ///
    /// # Errors
    ///
    /// The system's, from making it non-blocking.
    pub fn from_std(stream: net::TcpStream) -> io::Result<Self> {
        socket::without_signals(&stream)?;
        stream.set_nonblocking(true)?;
        Ok(Self(Registered::new(stream)))
    }

    /// Waits for bytes, appends them to `buffer`, and gives how many came: none at the end of the stream.
    ///
    /// Raises an [`io::Error`]: what the connection has met, or `StorageFull` where the buffer has no room.
    #[inline]
    pub fn read<'a>(&'a self, buffer: &'a mut Buffer) -> impl Awaitable<Return = usize> + 'a {
        Operation::new("read", move || {
            self.0.attempt(Direction::Read, |mut stream, spare| {
                let (count, room) = buffer.fill(spare, |room| stream.read(room))?;
                Ok((count, left(count, room)))
            })
        })
    }

    /// Waits for bytes, puts them into `bytes`, and gives how many came: none at the end of the stream, or where `bytes`
    /// is empty. `recv(2)`.
    pub fn recv<'a>(&'a self, bytes: &'a mut [u8]) -> impl Awaitable<Return = usize> + 'a {
        Operation::new("recv", move || {
            self.0.attempt(Direction::Read, |mut stream, _| {
                let count = stream.read(bytes)?;
                Ok((count, left(count, bytes.len())))
            })
        })
    }

    /// Writes what is in `buffer`, until that is empty.
    ///
    /// Raises an [`io::Error`]: what the connection has met. What was not written is in the buffer then.
    #[inline]
    pub fn write_all<'a>(&'a self, buffer: &'a mut Buffer) -> impl Awaitable<Return = ()> + 'a {
        Operation::new("write_all", move || {
            while !buffer.is_empty() {
                let step = self.0.attempt(Direction::Write, |mut stream, spare| {
                    let (count, wanted) = (stream.write(buffer.bytes())?, buffer.len());
                    buffer.consume_into(count, spare);
                    Ok(((), left(count, wanted)))
                })?;
                if let Step::Yield(wanted) = step {
                    return Ok(Step::Yield(wanted));
                }
            }
            Ok(Step::Return(()))
        })
    }

    /// Writes some of `bytes`, and gives how many: at least one, unless there are none. `send(2)`.
    pub fn send<'a>(&'a self, bytes: &'a [u8]) -> impl Awaitable<Return = usize> + 'a {
        Operation::new("send", move || {
            self.0.attempt(Direction::Write, |mut stream, _| {
                let count = stream.write(bytes)?;
                Ok((count, left(count, bytes.len())))
            })
        })
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

    /// Whether small writes leave at once (`TCP_NODELAY`) or wait for the peer to have acknowledged what went before.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.get().set_nodelay(nodelay)
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

    /// Closes the connection by a reset when it is dropped: nothing lingers, and what was not sent is lost
    /// (`SO_LINGER` of zero).
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn reset_on_drop(&self) -> io::Result<()> {
        socket2::SockRef::from(self.0.get()).set_linger(Some(core::time::Duration::ZERO))
    }
}

/// A short read or write has found the end of what there was.
const fn left(moved: usize, wanted: usize) -> Left {
    if moved < wanted { Left::Nothing } else { Left::More }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get().as_fd()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What [`TcpStream::connect`] makes. Dropped before it has ended, it closes the socket.
pub struct Connect {
    address: SocketAddr,
    /// The addresses of this machine from which it may be, the first that can be had.
    local: Option<Rc<[SocketAddr]>>,
    stream: Option<TcpStream>,
}

impl Connect {
    /// The same, from one of these addresses of this machine: the first of the same family that can be had.
    pub(super) fn bound_to_one_of(self, local: Rc<[SocketAddr]>) -> Self {
        Self { local: Some(local), ..self }
    }

    /// Starts to connect: to be gone on with when the socket is writable.
    fn start(address: SocketAddr, local: Option<&[SocketAddr]>) -> io::Result<TcpStream> {
        let socket = socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(local) = local {
            Self::bind(&socket, address, local)?;
        }
        match socket.connect(&address.into()) {
            Err(error) if !socket::is_in_progress(&error) => Err(error),
            _ => Ok(TcpStream(Registered::new(socket.into()))),
        }
    }

    fn bind(socket: &socket2::Socket, address: SocketAddr, local: &[SocketAddr]) -> io::Result<()> {
        let text = "no local address is of the same family";
        let mut bound = Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
        for local in local.iter().filter(|local| local.is_ipv6() == address.is_ipv6()) {
            bound = socket
                .bind(&(*local).into())
                .map_err(|error| io::Error::new(error.kind(), format!("cannot connect from {local}: {error}")));
            if bound.is_ok() {
                break;
            }
        }
        bound
    }

    /// Whether the connection stands. `WouldBlock` while it does not yet.
    fn finish(stream: &net::TcpStream) -> io::Result<()> {
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
            result => result.map(drop),
        }
    }
}

impl Coroutine for Connect {
    type Yield = Await;
    type Input = ();
    type Return = TcpStream;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => Self::start(self.address, self.local.as_deref())?,
        };
        let step = stream.0.attempt(Direction::Write, |stream, _| Ok((Self::finish(stream)?, Left::More)))?;
        if let Step::Yield(wanted) = step {
            self.stream = Some(stream);
            return Ok(Step::Yield(wanted));
        }
        Ok(Step::Return(stream))
    }

    fn state(&self) -> State<'_> {
        State::new("connect", &self.address)
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connect({})", self.address)
    }
}
