//! Unix sockets for streams: `unix(7)`.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::net::Shutdown;
#[cfg(target_os = "android")]
use std::os::android::net::SocketAddrExt;
use std::os::fd::{AsFd, OwnedFd};
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
#[cfg(any(target_os = "linux", target_os = "android"))]
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::{self, SocketAddr};
use std::path::{Path, PathBuf};

use socket2::{Domain, Type};

use super::listener::Accept;
use super::stream::{Sink, Source, close_now, left};
use super::{AddressError, BACKLOG, Listener, Stream};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::{Left, Registered};
use crate::sys::{descriptor, socket};
use crate::task::Await;
use crate::time::{Sleep, sleep};
use crate::yield_from;

/// A Unix socket that listens for connections at a path.
///
/// On Linux, a path that begins with a zero byte is an abstract name, which no file stands for (`unix(7)`).
///
/// ```
/// use innermost::{EventLoop, Step, UnixListener, UnixStream, from_fn, join, yield_from};
///
/// let path = std::env::temp_dir().join(format!("innermost-listener-{}", std::process::id()));
/// let listener = UnixListener::bind(&path)?;
/// let accept = from_fn(move |mut sent| yield_from!(listener.accept(), sent).map(Step::Return));
/// let connected = EventLoop::new()?.run_until_complete(join((UnixStream::connect(&path)?, accept)));
/// std::fs::remove_file(&path)?;
/// let (near, (_far, peer)) = connected?;
/// assert_eq!(near.peer_addr()?.as_pathname(), Some(&*path));
/// assert!(peer.is_unnamed());
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub type UnixListener = Listener<net::UnixListener>;

/// A connection within this machine, over a Unix socket.
///
/// ```
/// use innermost::{Buffer, ByteRead, ByteWrite, EventLoop, Step, UnixStream, from_fn, yield_from};
/// use std::io::Cursor;
///
/// let event_loop = EventLoop::new()?;
/// let (near, far) = UnixStream::pair()?;
/// let mut message = Cursor::new(b"hello");
/// let write = from_fn(move |mut sent| yield_from!(near.write_all(&mut message), sent).map(Step::Return));
/// event_loop.create_task(write)?;
///
/// let mut received = Buffer::new();
/// let read = from_fn(move |mut sent| {
///     // Until the end of the stream: once it has written, `write` is dropped, and `near` with it.
///     while yield_from!(far.read(&mut received), sent)? > 0 {}
///     Ok(Step::Return(received.bytes().to_vec()))
/// });
/// assert_eq!(event_loop.run_until_complete(read)?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub type UnixStream = Stream<net::UnixStream>;

impl UnixListener {
    /// Listens at `path`, where nothing may exist yet. The file that this creates stays when the listener is dropped.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a path that no socket can have: it is empty, too long, or has a zero byte in it. Returns
    /// the system's error otherwise: `AddrInUse` if the path exists. Both are in an [`AddressError`].
    pub fn bind(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let at = || AddressError::at("bind to", socket::shown(path));
        let address = socket::unix_address(path).map_err(at())?;
        let socket = socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&address).map_err(at())?;
        socket.listen(BACKLOG).map_err(at())?;
        Ok(Self(Registered::new(OwnedFd::from(socket).into())))
    }

    /// Listens at `address`, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for an unnamed address, and otherwise the errors of [`bind`](Self::bind).
    pub fn bind_addr(address: &SocketAddr) -> io::Result<Self> {
        Self::bind(path_of(address)?)
    }

    /// Takes over a listening socket, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`, and the system's error if the socket
    /// cannot be made non-blocking.
    pub fn from_std(listener: net::UnixListener) -> io::Result<Self> {
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

impl Accept for net::UnixListener {
    type Stream = net::UnixStream;
    type Address = SocketAddr;

    fn accept(&self) -> io::Result<(net::UnixStream, SocketAddr)> {
        socket::accept_unix(self)
    }

    fn internet(_: &SocketAddr) -> Option<std::net::SocketAddr> {
        None
    }
}

impl UnixStream {
    /// Connects to the socket at `path`. Raises the system's error, with the path in a note.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput`, in an [`AddressError`], for a path that no socket can have: it is empty, too long, or has a
    /// zero byte in it.
    pub fn connect(path: impl AsRef<Path>) -> io::Result<ConnectUnix> {
        Ok(ConnectUnix(ConnectingUnix::new(path.as_ref())?))
    }

    /// Connects to the socket at `address`, which may be an abstract name. Raises the system's error, with the path in a note.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for an unnamed address.
    pub fn connect_addr(address: &SocketAddr) -> io::Result<ConnectUnix> {
        Self::connect(path_of(address)?)
    }

    /// Two streams that are connected to each other.
    ///
    /// # Errors
    ///
    /// Returns the system's error if no descriptor is free.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = net::UnixStream::pair()?;
        Ok((Self::from_std(one)?, Self::from_std(other)?))
    }

    /// Takes over a connection, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket of another type, such as `SOCK_SEQPACKET`, and the system's error if the socket
    /// cannot be made non-blocking.
    pub fn from_std(stream: net::UnixStream) -> io::Result<Self> {
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
    /// Returns the system's error.
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
    /// Returns the system's error.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get().peer_addr()
    }
}

/// The path of an address. An abstract name becomes a path that begins with a zero byte.
///
/// # Errors
///
/// `InvalidInput` for an unnamed address.
pub(super) fn path_of(address: &SocketAddr) -> io::Result<PathBuf> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = address.as_abstract_name() {
        return Ok(OsString::from_vec([&[0], name].concat()).into());
    }
    let unnamed = || io::Error::new(io::ErrorKind::InvalidInput, "the address is unnamed");
    address.as_pathname().map(Path::to_path_buf).ok_or_else(unnamed)
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

    fn abort(&self, deregister: impl FnOnce()) {
        close_now(self, deregister);
    }
}

/// The coroutine returned by [`UnixStream::connect`]. If it is dropped before its end, nothing is connected.
///
/// A Unix socket connects at once or not at all. If the listener's backlog is full, the kernel offers nothing to wait for,
/// so this tries again after a pause of 1 ms to 50 ms, until there is room.
#[must_use = "connecting does nothing until it is awaited"]
pub struct ConnectUnix(ConnectingUnix<net::UnixStream>);

impl Coroutine for ConnectUnix {
    type Yield = Await;
    type Input = ();
    type Return = UnixStream;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        match yield_from!(self.0, sent) {
            Ok(stream) => Ok(Step::Return(Stream(stream))),
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
    /// # Errors
    ///
    /// `InvalidInput`, in an [`AddressError`], for a path that no socket can have.
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        socket::unix_address(path).map_err(AddressError::at("connect to", socket::shown(path)))?;
        Ok(Self { path: path.to_path_buf(), pause: FIRST_PAUSE, waiting: None, result: PhantomData })
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
