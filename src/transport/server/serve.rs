//! Servers that are made: `create_server` and `create_unix_server`.

use core::fmt;
use core::mem;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;

use socket2::{Domain, Socket, Type};

use super::super::protocol::{AnyProtocol, StreamProtocol};
use super::super::socket_file::{self, SocketFile};
use super::super::stream::connect::stream_socket;
use super::handle::Server;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step, take_sent};
use crate::event_loop::LoopHandle;
use crate::net::AddressError;
use crate::resolver::{Addresses, Find, Side, SocketType};
use crate::sys::socket;
use crate::task::Await;
use crate::yield_from;

/// How many connections may wait to be accepted: asyncio's number.
const BACKLOG: i32 = 100;

/// How long accepting pauses where it has failed: asyncio's time.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

impl LoopHandle {
    /// Listens at each of `addresses`, and has `factory` make a protocol for each connection that comes; gives the
    /// [`Server`] when it listens. asyncio's `create_server`.
    ///
    /// Names are looked up first; an empty host, or `None`, is every address of this machine. It listens everywhere or
    /// nowhere: where one address cannot be had, there is no server. Only of what one name stands for, addresses that this
    /// machine does not have are passed over, as long as it has another: without IPv6, `localhost` is `127.0.0.1` alone.
    ///
    /// Port 0 picks one that is free, at each address another one: see [`Server::local_addrs`]. An address that was in
    /// use a moment ago can be used again; an IPv6 address takes connections by IPv6 only, so that `0.0.0.0` and `::` can
    /// stand side by side.
    ///
    /// ```
    /// use innermost::{EventLoop, Protocol, Transport};
    ///
    /// struct Echo;
    ///
    /// impl Protocol for Echo {
    ///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
    ///         let _ = transport.write(data);
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let server = event_loop.run_until_complete(event_loop.create_server(|| Echo, (["127.0.0.1", "127.0.0.2"], 0)))?;
    /// assert_eq!(server.local_addrs().len(), 2);
    /// server.close();
    ///
    /// let server = event_loop.run_until_complete(event_loop.create_server(|| Echo, ("", 0)))?;
    /// assert!(server.local_addrs().iter().all(|address| address.ip().is_unspecified()));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When it is resumed: what [`getaddrinfo`](Self::getaddrinfo) raises; the system's, in an [`AddressError`]: in use,
    /// not of this machine, not allowed; `ValueError` where there is no address.
    pub fn create_server<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnMut() -> P + 'static,
        addresses: impl Into<Addresses>,
    ) -> CreateServer {
        CreateServer::new(self, factory, Phase::Finding(Find::new(addresses.into(), SocketType::Stream, Side::Local)))
    }

    /// Listens at a Unix socket; on Linux, a zero byte in front of `path` stands for an abstract name, without a file. A
    /// socket file whose socket is closed is replaced. Closing the server removes the file, if it is still the same.
    /// asyncio's `create_unix_server`, which also replaces the socket of a server that still runs.
    ///
    /// Raises the system's errors, in an [`AddressError`]: `AddrInUse` if a socket of any kind is bound to the path,
    /// listening or not, or if the path is anything but a socket; `InvalidInput` for a path that is too long, or has a zero
    /// byte in it.
    pub fn create_unix_server<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnMut() -> P + 'static,
        path: impl AsRef<Path>,
    ) -> CreateServer {
        CreateServer::new(self, factory, Phase::AtPath(path.as_ref().into()))
    }

    /// Serves at a ready-made stream socket, which is bound. asyncio's `create_server(sock=…)`.
    ///
    /// Raises `ValueError` for a socket that is no stream.
    pub fn create_server_at<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnMut() -> P + 'static,
        socket: impl Into<OwnedFd>,
    ) -> CreateServer {
        CreateServer::new(self, factory, Phase::AtSocket(socket.into().into()))
    }
}

/// What [`LoopHandle::create_server`] and its like make: options, and then the coroutine. Dropped before it has ended, it
/// closes what it has opened.
#[must_use = "a server is made by whoever delegates to this"]
pub struct CreateServer {
    event_loop: LoopHandle,
    factory: Option<Box<dyn FnMut() -> AnyProtocol>>,
    phase: Phase,
    backlog: i32,
    accept_pause: Duration,
    reuse_address: bool,
    reuse_port: bool,
    keep_alive: bool,
    cleanup: bool,
    start_serving: bool,
}

enum Phase {
    Finding(Find),
    AtPath(Box<Path>),
    AtSocket(Socket),
    Made(Server),
    Over,
}

impl CreateServer {
    fn new<K, P: StreamProtocol<K>>(
        event_loop: &LoopHandle,
        mut factory: impl FnMut() -> P + 'static,
        phase: Phase,
    ) -> Self {
        Self {
            event_loop: event_loop.clone(),
            factory: Some(Box::new(move || factory().boxed())),
            phase,
            backlog: BACKLOG,
            accept_pause: ACCEPT_PAUSE,
            reuse_address: true,
            reuse_port: false,
            keep_alive: false,
            cleanup: true,
            start_serving: true,
        }
    }

    /// How many connections may wait to be accepted; 100 without this. The kernel lowers it to its own limit.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        self
    }

    /// How long accepting pauses where it has failed: no descriptor is free, and none will be by asking again. A second
    /// without this.
    pub fn accept_pause(mut self, pause: Duration) -> Self {
        self.accept_pause = pause;
        self
    }

    /// Whether an address that was in use a moment ago can be used (`SO_REUSEADDR`); it can, without this.
    pub fn reuse_address(mut self, reuse: bool) -> Self {
        self.reuse_address = reuse;
        self
    }

    /// Whether others may listen at the same address, each getting its share of the connections (`SO_REUSEPORT`); they
    /// may not, without this.
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// Whether the system probes connections that are idle for long (`SO_KEEPALIVE`); it does not, without this.
    pub fn keep_alive(mut self, keep_alive: bool) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Whether closing the server removes its socket file; it does, without this. asyncio's `cleanup_socket`.
    pub fn cleanup_socket(mut self, cleanup: bool) -> Self {
        self.cleanup = cleanup;
        self
    }

    /// Whether it listens at once, or not before [`Server::start_serving`] or [`Server::serve_forever`].
    pub fn start_serving(mut self, start: bool) -> Self {
        self.start_serving = start;
        self
    }

    fn make(&mut self, sockets: Vec<Socket>, file: Option<SocketFile>) -> Result<Server, Exception> {
        let factory = self.factory.take().expect("a server is made once: the coroutine is over after that");
        let server = Server::new(&self.event_loop, factory, (self.backlog, self.accept_pause), sockets, file);
        if self.start_serving {
            server.start_serving()?;
        }
        Ok(server)
    }

    /// At every address, but for those of a name that this machine does not have while it has others of that name.
    fn bind_all(&self, places: &[Vec<SocketAddr>]) -> Result<Vec<Socket>, Exception> {
        let mut sockets = Vec::new();
        for addresses in places {
            let (before, mut missing) = (sockets.len(), None);
            for &address in addresses {
                match self.bind(address) {
                    Ok(socket) => sockets.push(socket),
                    Err(error) if socket::is_not_of_this_machine(&error) => {
                        missing = missing.or(Some((address, error)))
                    }
                    Err(error) => return Err(AddressError::at("bind to", address)(error).into()),
                }
            }
            if let Some((address, error)) = missing
                && sockets.len() == before
            {
                return Err(AddressError::at("bind to", address)(error).into());
            }
        }
        if sockets.is_empty() {
            return Err(Exception::message(Kind::ValueError, "there is no address to listen at"));
        }
        Ok(sockets)
    }

    fn bind(&self, address: SocketAddr) -> io::Result<Socket> {
        let socket = socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(self.reuse_address)?;
        if self.reuse_port {
            socket.set_reuse_port(true)?;
        }
        if self.keep_alive {
            socket.set_keepalive(true)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        Ok(socket)
    }

    fn bind_path(&self, path: &Path) -> io::Result<(Socket, Option<SocketFile>)> {
        let bind = || {
            let socket = socket::new(Domain::UNIX, Type::STREAM, None)?;
            socket_file::bind(&socket, path)?;
            Ok(socket)
        };
        let socket = bind().map_err(AddressError::at("bind to", socket::shown(path)))?;
        let file = if self.cleanup { SocketFile::of(path) } else { None };
        Ok((socket, file))
    }
}

impl Coroutine for CreateServer {
    type Yield = Await;
    type Input = ();
    type Return = Server;

    /// Takes a turn once it listens, as asyncio does: what was ready comes first.
    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let places = match &mut self.phase {
            Phase::Finding(find) => yield_from!(find, sent),
            _ => take_sent(&mut sent).map(|()| Vec::new()),
        };
        let (sockets, file) = match (mem::replace(&mut self.phase, Phase::Over), places) {
            (Phase::Made(server), Ok(_)) => return Ok(Step::Return(server)),
            (Phase::Made(server), Err(raised)) => {
                server.close();
                return Err(raised);
            }
            (_, Err(raised)) => return Err(raised),
            (Phase::Finding(_), Ok(places)) => (self.bind_all(&places)?, None),
            (Phase::AtPath(path), _) => {
                let (socket, file) = self.bind_path(&path)?;
                (Vec::from([socket]), file)
            }
            (Phase::AtSocket(socket), _) => (Vec::from([stream_socket(socket)?]), None),
            (Phase::Over, _) => return Err(Exception::reused()),
        };
        self.phase = Phase::Made(self.make(sockets, file)?);
        Ok(Step::Yield(Await::next_turn()))
    }

    fn state(&self) -> State<'_> {
        let own = State::new("create_server", self);
        match &self.phase {
            Phase::Finding(find) => own.delegating_to(find.state()),
            _ => own,
        }
    }
}

/// A server that nobody took is closed.
impl Drop for CreateServer {
    fn drop(&mut self) {
        if let Phase::Made(server) = &self.phase {
            server.close();
        }
    }
}

impl fmt::Debug for CreateServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Phase::Finding(find) => write!(f, "CreateServer({find:?})"),
            Phase::AtPath(path) => write!(f, "CreateServer({})", socket::shown(path)),
            Phase::AtSocket(socket) => write!(f, "CreateServer({socket:?})"),
            Phase::Made(server) => server.fmt(f),
            Phase::Over => f.write_str("CreateServer(over)"),
        }
    }
}
