//! Servers that are made: `create_server` and `create_unix_server`.

use core::fmt;
use core::time::Duration;
use std::boxed::Box;
use std::format;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::vec::Vec;

use socket2::{Domain, SockAddr, Socket, Type};

use super::protocol::{AnyProtocol, StreamProtocol};
use super::socket_file::SocketFile;
use super::{Addresses, Server};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};
use crate::event_loop::LoopHandle;
use crate::sys::socket;
use crate::task::Await;

/// How many connections may wait to be accepted: asyncio's number.
const BACKLOG: i32 = 100;

/// How long accepting pauses where it has failed: asyncio's time.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

impl LoopHandle {
    /// Listens at each of `addresses`, and has `factory` make a protocol for each connection that comes; gives the
    /// [`Server`] when it listens. Port 0 picks one that is free: see [`Server::local_addrs`]. asyncio's
    /// `create_server`.
    ///
    /// An address that was in use a moment ago can be used again; an IPv6 address takes connections by IPv6 only, so
    /// that `0.0.0.0` and `::` can stand side by side.
    ///
    /// Raises the system's errors, with the address: in use, not of this machine, not allowed.
    pub fn create_server<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnMut() -> P + 'static,
        addresses: impl Into<Addresses>,
    ) -> CreateServer {
        CreateServer::new(self, factory, Place::Addresses(addresses.into()))
    }

    /// Listens at a Unix socket. A socket file that is there already is taken to be left over, and replaced; any other
    /// file is not, and the address is in use. Closing the server removes the file, if it is still the same. asyncio's
    /// `create_unix_server`.
    pub fn create_unix_server<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnMut() -> P + 'static,
        path: impl AsRef<Path>,
    ) -> CreateServer {
        CreateServer::new(self, factory, Place::Path(path.as_ref().into()))
    }

    /// Serves at a ready-made stream socket, which is bound. asyncio's `create_server(sock=…)`.
    ///
    /// Raises `ValueError` for a socket that is no stream.
    pub fn create_server_at<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnMut() -> P + 'static,
        socket: impl Into<OwnedFd>,
    ) -> CreateServer {
        CreateServer::new(self, factory, Place::Socket(socket.into().into()))
    }
}

/// What [`LoopHandle::create_server`] and its like make: options, and then the coroutine.
#[must_use = "a server is made by whoever delegates to this"]
pub struct CreateServer {
    event_loop: LoopHandle,
    factory: Option<Box<dyn FnMut() -> AnyProtocol>>,
    place: Option<Place>,
    backlog: i32,
    accept_pause: Duration,
    reuse_address: bool,
    reuse_port: bool,
    keep_alive: bool,
    cleanup: bool,
    start_serving: bool,
    made: Option<Server>,
}

enum Place {
    Addresses(Addresses),
    Path(Box<Path>),
    Socket(Socket),
}

impl CreateServer {
    fn new<K, P: StreamProtocol<K>>(
        event_loop: &LoopHandle,
        mut factory: impl FnMut() -> P + 'static,
        place: Place,
    ) -> Self {
        Self {
            event_loop: event_loop.clone(),
            factory: Some(Box::new(move || factory().boxed())),
            place: Some(place),
            backlog: BACKLOG,
            accept_pause: ACCEPT_PAUSE,
            reuse_address: true,
            reuse_port: false,
            keep_alive: false,
            cleanup: true,
            start_serving: true,
            made: None,
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

    fn make(&mut self) -> Result<Server, Exception> {
        let again = || Exception::message(Kind::RuntimeError, "the server is made already");
        let place = self.place.take().ok_or_else(again)?;
        let (sockets, file) = match place {
            Place::Addresses(addresses) => (self.bind_all(&addresses)?, None),
            Place::Path(path) => self.bind_path(&path)?,
            Place::Socket(socket) => (Vec::from([of_socket(socket)?]), None),
        };
        let factory = self.factory.take().ok_or_else(again)?;
        let server = Server::new(&self.event_loop, factory, (self.backlog, self.accept_pause), sockets, file);
        if self.start_serving
            && let Err(raised) = server.start_serving()
        {
            server.close();
            return Err(raised);
        }
        Ok(server)
    }

    fn bind_all(&self, addresses: &Addresses) -> Result<Vec<Socket>, Exception> {
        let bind = |address| {
            self.bind(address).map_err(|error| {
                io::Error::new(error.kind(), format!("error while attempting to bind on address {address}: {error}"))
            })
        };
        let sockets: Vec<_> = addresses.iter().map(bind).collect::<io::Result<_>>()?;
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

    fn bind_path(&self, path: &Path) -> Result<(Vec<Socket>, Option<SocketFile>), Exception> {
        let address = SockAddr::unix(path)?;
        let socket = socket::new(Domain::UNIX, Type::STREAM, None)?;
        SocketFile::clear_stale(path)?;
        socket
            .bind(&address)
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen at {}: {error}", path.display())))?;
        let file = if self.cleanup { SocketFile::of(path) } else { None };
        Ok((Vec::from([socket]), file))
    }
}

fn of_socket(socket: Socket) -> Result<Socket, Exception> {
    if socket.r#type()? != Type::STREAM {
        let text = format!("A Stream Socket was expected, got {:?}", socket.r#type()?);
        return Err(Exception::message(Kind::ValueError, text));
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl Coroutine for CreateServer {
    type Yield = Await;
    type Input = ();
    type Return = Server;

    /// Takes a turn, as asyncio does: what was ready comes first.
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if let Some(server) = self.made.take() {
            return Ok(Step::Return(server));
        }
        self.made = Some(self.make()?);
        Ok(Step::Yield(Await::NextTurn))
    }

    fn state(&self) -> State<'_> {
        State::new("create_server", self)
    }
}

/// A server that nobody took is closed.
impl Drop for CreateServer {
    fn drop(&mut self) {
        if let Some(server) = self.made.take() {
            server.close();
        }
    }
}

impl fmt::Debug for CreateServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CreateServer")
    }
}
