//! Unix sockets for streams: `unix(7)`.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{self, SocketAddr};
use std::path::{Path, PathBuf};

use socket2::{Domain, Type};

#[cfg(feature = "async_iter")]
use super::Incoming;
use super::accept::accept;
use super::moving::{Sink, Source, left, moves_bytes, wraps};
use super::{AddressError, BACKLOG, Operation};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::{Left, Registered};
use crate::sys::{descriptor, socket};
use crate::task::Await;
use crate::time::{Sleep, sleep};
use crate::yield_from;

/// Listens for connections at a path.
pub struct UnixListener(Registered<net::UnixListener>);

/// A connection within this machine.
pub struct UnixStream(Registered<net::UnixStream>);

wraps!(UnixListener(net::UnixListener));
wraps!(UnixStream(net::UnixStream));
moves_bytes!(read UnixStream);
moves_bytes!(write UnixStream);

impl UnixListener {
    /// Listens at `path`, where nothing may be yet; what this makes there stays when the listener is gone.
    ///
    /// # Errors
    ///
    /// The system's, in an [`AddressError`]: `AddrInUse` where there is something, not allowed, a path that is too long or
    /// has a zero byte in it.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let at = || AddressError::at("bind to", socket::shown(path));
        let address = socket::unix_address(path).map_err(at())?;
        let socket = socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&address).map_err(at())?;
        socket.listen(BACKLOG).map_err(at())?;
        Ok(Self(Registered::new(OwnedFd::from(socket).into())))
    }

    /// Listens at an address that need not be a path.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::from_std(net::UnixListener::bind_addr(address)?)
    }

    /// Takes over a listening socket.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`; the system's, from making it non-blocking.
    pub fn from_std(listener: net::UnixListener) -> io::Result<Self> {
        socket::check_is_stream(&listener)?;
        listener.set_nonblocking(true)?;
        Ok(Self(Registered::new(listener)))
    }

    /// Waits for a connection, and gives it with its peer's address, which nearly always is unnamed.
    ///
    /// Connections that failed before they were accepted are passed over. If the system runs out of descriptors or
    /// memory (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`), this raises, and the connection stays in the backlog: try again
    /// later.
    pub fn accept(&self) -> impl Coroutine<Yield = Await, Input = (), Return = (UnixStream, SocketAddr)> + '_ {
        Operation::new("accept", || {
            accept(&self.0, |listener| {
                let (stream, peer) = socket::accept_unix(listener)?;
                Ok((UnixStream(Registered::new(stream)), peer))
            })
        })
    }

    /// Its connections, one by one: see [`TcpListener::incoming`](super::TcpListener::incoming).
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

impl UnixStream {
    /// Connects to `path`.
    pub fn connect(path: impl AsRef<Path>) -> ConnectUnix {
        ConnectUnix(ConnectingUnix::new(path.as_ref()))
    }

    /// Two ends that are connected to each other.
    ///
    /// # Errors
    ///
    /// The system's: no descriptor is free.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = net::UnixStream::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Takes over a connection.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`; the system's, from making it non-blocking.
    pub fn from_std(stream: net::UnixStream) -> io::Result<Self> {
        socket::check_is_stream(&stream)?;
        stream.set_nonblocking(true)?;
        Ok(Self(Registered::new(stream)))
    }

    /// Closes one direction, or both: after [`Shutdown::Write`] the peer finds the end of the stream behind what was
    /// written.
    ///
    /// # Errors
    ///
    /// The system's.
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
    /// The system's.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get().peer_addr()
    }
}

impl Source for net::UnixStream {
    #[inline]
    fn recv(&self, bytes: &mut [u8]) -> io::Result<(usize, Left)> {
        let (count, is_cut_short) = descriptor::recv(self, bytes)?;
        Ok((count, if is_cut_short { Left::More } else { left(count, bytes.len()) }))
    }
}

impl Sink for net::UnixStream {
    #[inline]
    fn send(&self, bytes: &[u8]) -> io::Result<(usize, Left)> {
        let count = socket::send(self, bytes)?;
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

/// What [`UnixStream::connect`] makes. Dropped before it has ended, it connects to nothing.
///
/// A Unix socket connects at once or not at all: where a listener has as many connections in its backlog as it takes, the
/// kernel offers nothing to wait for. So it is tried again after a while, for as long as it takes.
pub struct ConnectUnix(ConnectingUnix<net::UnixStream>);

impl Coroutine for ConnectUnix {
    type Yield = Await;
    type Input = ();
    type Return = UnixStream;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        match yield_from!(self.0, sent) {
            Ok(stream) => Ok(Step::Return(UnixStream(stream))),
            Err(raised) => Err(raised.with_note(format!("connect: {}", socket::shown(&self.0.path)))),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("connect", &self.0.path)
    }
}

impl fmt::Debug for ConnectUnix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Connects a Unix socket, which becomes an `S`. Raises the system's errors.
pub(crate) struct ConnectingUnix<S> {
    path: PathBuf,
    pause: Duration,
    waiting: Option<Sleep>,
    result: PhantomData<fn() -> S>,
}

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl<S: AsFd + From<net::UnixStream>> ConnectingUnix<S> {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), pause: FIRST_PAUSE, waiting: None, result: PhantomData }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn attempt(&self) -> io::Result<Registered<S>> {
        let address = socket::unix_address(&self.path)?;
        let socket = socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.connect(&address)?;
        Ok(Registered::new(net::UnixStream::from(socket).into()))
    }
}

impl<S: AsFd + From<net::UnixStream>> Coroutine for ConnectingUnix<S> {
    type Yield = Await;
    type Input = ();
    type Return = Registered<S>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                yield_from!(waiting, sent)?;
                self.waiting = None;
            }
            take_sent(&mut sent)?;
            match self.attempt() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waiting = Some(sleep(self.pause));
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
                connected => return Ok(Step::Return(connected?)),
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("connect", &self.path)
    }
}

impl<S> fmt::Debug for ConnectingUnix<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connect({})", socket::shown(&self.path))
    }
}
