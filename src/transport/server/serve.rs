//! Making servers: `create_server`, `create_unix_server` and `create_server_at`.

use core::fmt;
use core::mem;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

use socket2::{Domain, Socket, Type};

use super::super::layer::MakeLayer;
use super::super::protocol::{AnyProtocol, StreamProtocol};
use super::super::socket_file::{BindPath, SocketFile};
use super::super::stream::connect::stream_socket;
use super::handle::Server;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step, take_sent};
use crate::event_loop::LoopHandle;
use crate::net::AddressError;
use crate::resolver::{Addresses, Find, Side, SocketType};
use crate::sys::socket;
use crate::task::{Await, Progress};
use crate::yield_from;

/// How many connections may wait to be accepted. asyncio's number.
const BACKLOG: i32 = 100;

/// How long accepting pauses after a failure. asyncio's time.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

impl LoopHandle {
    /// Listens at each of `addresses`, and calls `factory` to make a protocol for each connection. Returns the [`Server`]
    /// once it listens. asyncio's `create_server`.
    ///
    /// Names are looked up first. An empty host, or `None`, stands for every address of this machine. The server listens at
    /// all addresses or at none: if one cannot be had, there is no server. The exception is a name with several addresses:
    /// those that this machine does not have are skipped as long as it has another. Without IPv6, `localhost` is
    /// `127.0.0.1` alone.
    ///
    /// Port 0 picks a free port, a different one for each address; see [`Server::local_addrs`]. An address that was in use a
    /// moment ago can be used again. An IPv6 address accepts connections by IPv6 only, so that `0.0.0.0` and `::` can be
    /// used side by side.
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
    /// Raises the errors of [`getaddrinfo`](Self::getaddrinfo); the system's error, in an [`AddressError`]: the address is in
    /// use, is not of this machine, or is not allowed; and `ValueError` if there is no address.
    pub fn create_server<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnMut() -> P + 'static,
        addresses: impl Into<Addresses>,
    ) -> CreateServer {
        CreateServer::new(self, factory, Phase::Finding(Find::new(addresses.into(), SocketType::Stream, Side::Local)))
    }

    /// Listens at a Unix socket. On Linux, a path that begins with a zero byte is an abstract name, without a file. A stale
    /// socket file, whose socket is closed, is replaced. Closing the server removes the file, if it is still the same.
    /// asyncio's `create_unix_server`, which also replaces the socket of a server that still runs.
    ///
    /// Raises the system's error, in an [`AddressError`]: `AddrInUse` if a socket of any kind is bound to the path, listening
    /// or not, or if the path is anything but a socket.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput`, in an [`AddressError`], for a path that no socket can have: it is empty, too long, or has a
    /// zero byte in it.
    pub fn create_unix_server<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnMut() -> P + 'static,
        path: impl AsRef<Path>,
    ) -> io::Result<CreateServer> {
        let path = path.as_ref();
        let at = || AddressError::at("bind to", socket::shown(path));
        socket::unix_address(path).map_err(at())?;
        let socket = socket::new(Domain::UNIX, Type::STREAM, None).map_err(at())?;
        Ok(CreateServer::new(self, factory, Phase::Binding(BindPath::new(socket, path.into()))))
    }

    /// Takes over a stream socket that is bound to an address, and listens there. asyncio's `create_server(sock=…)`.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket that is not a stream, and the system's error if the socket cannot be made
    /// non-blocking. asyncio raises `ValueError`.
    pub fn create_server_at<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnMut() -> P + 'static,
        socket: impl Into<OwnedFd>,
    ) -> io::Result<CreateServer> {
        Ok(CreateServer::new(self, factory, Phase::AtSocket(stream_socket(socket.into())?)))
    }
}

/// The coroutine returned by [`LoopHandle::create_server`], [`create_unix_server`](LoopHandle::create_unix_server) and
/// [`create_server_at`](LoopHandle::create_server_at). Its methods set options before it is awaited. If it is dropped before
/// its end, it closes what it has opened.
#[must_use = "a server is not made until this is awaited"]
pub struct CreateServer {
    event_loop: LoopHandle,
    factory: Option<Box<dyn FnMut() -> AnyProtocol>>,
    make_layer: Option<Result<Rc<MakeLayer>, Exception>>,
    phase: Phase,
    backlog: i32,
    accept_pause: Duration,
    reuse_address: bool,
    reuse_port: bool,
    keepalive: bool,
    keeps_file: bool,
    starts_later: bool,
}

enum Phase {
    Finding(Find),
    Binding(BindPath),
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
            make_layer: None,
            phase,
            backlog: BACKLOG,
            accept_pause: ACCEPT_PAUSE,
            reuse_address: true,
            reuse_port: false,
            keepalive: false,
            keeps_file: false,
            starts_later: false,
        }
    }

    /// Sets how many connections may wait to be accepted. The default is 100. The kernel lowers the number to its own limit.
    pub fn backlog(mut self, backlog: u32) -> Self {
        self.backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        self
    }

    /// Sets how long accepting pauses after a failure, such as a lack of descriptors. The default is a second.
    pub fn accept_pause(mut self, pause: Duration) -> Self {
        self.accept_pause = pause;
        self
    }

    /// Sets whether an address that was in use a moment ago can be used (`SO_REUSEADDR`). The default is `true`.
    pub fn reuse_address(mut self, reuse: bool) -> Self {
        self.reuse_address = reuse;
        self
    }

    /// Sets whether others may listen at the same address; each gets a share of the connections (`SO_REUSEPORT`). The default
    /// is `false`.
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// Sets whether the system probes connections that are idle for long (`SO_KEEPALIVE`). The default is `false`.
    pub fn keepalive(mut self, keepalive: bool) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// Keeps the socket file when the server is closed. asyncio's `cleanup_socket=False`.
    pub fn keep_socket_file(mut self) -> Self {
        self.keeps_file = true;
        self
    }

    /// Does not listen until [`Server::start_serving`] or [`Server::serve_forever`] is called. asyncio's
    /// `start_serving=False`.
    pub fn start_serving_later(mut self) -> Self {
        self.starts_later = true;
        self
    }

    /// Puts a layer between each protocol and its connection, or raises an error instead of listening.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is the only layer"))]
    pub(crate) fn layer(mut self, make: Result<Rc<MakeLayer>, Exception>) -> Self {
        self.make_layer = Some(make);
        self
    }

    fn make(&mut self, sockets: Vec<Socket>, file: Option<SocketFile>) -> Result<Server, Exception> {
        let factory = self.factory.take().expect("a server is made once, and its coroutine ends after that");
        let make_layer = self.make_layer.take().transpose()?;
        let server =
            Server::new(&self.event_loop, factory, make_layer, (self.backlog, self.accept_pause), sockets, file);
        if !self.starts_later {
            server.start_serving()?;
        }
        Ok(server)
    }

    /// Binds a socket to every address. Skips the addresses of a name that this machine does not have, if it has another
    /// address of that name.
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
        if self.keepalive {
            socket.set_keepalive(true)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        Ok(socket)
    }

    /// The sockets that the current phase ends with, and the file that the server removes.
    fn advance(&mut self, mut sent: Result<(), Exception>) -> Progress<(Vec<Socket>, Option<SocketFile>)> {
        Ok(Step::Return(match &mut self.phase {
            Phase::Finding(find) => {
                let places = yield_from!(find, sent)?;
                (self.bind_all(&places)?, None)
            }
            Phase::Binding(bind) => {
                let socket = yield_from!(bind, sent)?;
                let file = if self.keeps_file { None } else { SocketFile::of(bind.path()) };
                (Vec::from([socket]), file)
            }
            Phase::AtSocket(_) => {
                take_sent(&mut sent)?;
                let Phase::AtSocket(socket) = mem::replace(&mut self.phase, Phase::Over) else {
                    unreachable!("it is at a socket")
                };
                (Vec::from([socket]), None)
            }
            Phase::Made(_) | Phase::Over => {
                take_sent(&mut sent)?;
                return Err(Exception::reused());
            }
        }))
    }
}

impl Coroutine for CreateServer {
    type Yield = Await;
    type Input = ();
    type Return = Server;

    /// Yields for one turn once the server listens, as asyncio does: callbacks that are ready run first.
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Made(_) = self.phase {
            let Phase::Made(server) = mem::replace(&mut self.phase, Phase::Over) else { unreachable!("it is made") };
            return match sent {
                Ok(()) => Ok(Step::Return(server)),
                Err(raised) => {
                    server.close();
                    Err(raised)
                }
            };
        }
        let advanced = match (&self.make_layer, &sent) {
            (Some(Err(raised)), Ok(())) => Err(raised.clone()),
            _ => self.advance(sent),
        };
        if !matches!(advanced, Ok(Step::Yield(_) | Step::Delegate(_))) {
            self.phase = Phase::Over;
        }
        match advanced? {
            Step::Return((sockets, file)) => {
                self.phase = Phase::Made(self.make(sockets, file)?);
                Ok(Step::Yield(Await::next_turn()))
            }
            Step::Yield(wanted) => Ok(Step::Yield(wanted)),
            Step::Delegate(frame) => Ok(Step::Delegate(frame)),
        }
    }

    fn state(&self) -> State<'_> {
        let own = State::new("create_server", self);
        match &self.phase {
            Phase::Finding(find) => own.delegating_to(find.state()),
            Phase::Binding(bind) => own.delegating_to(bind.state()),
            _ => own,
        }
    }
}

/// Closes a server that nobody has taken.
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
            Phase::Binding(bind) => write!(f, "CreateServer({bind:?})"),
            Phase::AtSocket(socket) => write!(f, "CreateServer({socket:?})"),
            Phase::Made(server) => server.fmt(f),
            Phase::Over => f.write_str("CreateServer(over)"),
        }
    }
}
