//! Connections that are made from here: `create_connection` and `create_unix_connection`.

use core::fmt;
use core::time::Duration;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use socket2::{Socket, Type};

use super::super::open::{Factory, Opening};
use super::super::protocol::StreamProtocol;
use super::connection::Ways;
use super::handle::Transport;
use super::io::Io;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step, take_sent};
use crate::event_loop::{LoopHandle, Registered};
use crate::net::{AddressError, Connecting, ConnectingUnix};
use crate::resolver::Addresses;
use crate::sys::socket;
use crate::task::Await;
use crate::yield_from;

impl LoopHandle {
    /// Connects by TCP, makes a protocol by `factory` once that has succeeded, and gives the transport when the
    /// protocol's `connection_made` was called. asyncio's `create_connection`.
    ///
    /// Names are looked up first. The addresses are tried one after the other, unless
    /// [`happy_eyeballs_delay`](CreateConnection::happy_eyeballs_delay) says otherwise; a limit to the time that all of it
    /// takes is [`timeout`](fn@crate::timeout)'s.
    ///
    /// ```
    /// use innermost::{EventLoop, Protocol, Transport, timeout};
    /// use std::time::Duration;
    ///
    /// struct Client;
    ///
    /// impl Protocol for Client {
    ///     fn data_received(&mut self, _: &Transport, data: &[u8]) {
    ///         println!("{} bytes", data.len());
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let port = listener.local_addr()?.port();
    /// let connecting = event_loop
    ///     .create_connection(|| Client, ("localhost", port))
    ///     .happy_eyeballs_delay(Some(Duration::from_millis(250)));
    /// let transport = event_loop.run_until_complete(timeout(connecting, Duration::from_secs(5)))?;
    /// assert_eq!(transport.peer_addr()?.port(), port);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When it is resumed: what [`getaddrinfo`](Self::getaddrinfo) raises; a [`ConnectError`](crate::net::ConnectError)
    /// with each address and the system's error for it; `ValueError` where there is no address.
    pub fn create_connection<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        addresses: impl Into<Addresses>,
    ) -> CreateConnection {
        CreateConnection::new(self, Factory::new(factory), Phase::Connecting(Connecting::new(addresses.into(), None)))
    }

    /// Connects to the Unix socket at `path`; on Linux, a zero byte in front stands for an abstract name. Where that has as many connections in its backlog as it takes, it is tried
    /// again until it has fewer. asyncio's `create_unix_connection`.
    ///
    /// Raises the system's errors, in an [`AddressError`].
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a path that is too long, or has a zero byte in it.
    pub fn create_unix_connection<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        path: impl AsRef<Path>,
    ) -> io::Result<CreateConnection> {
        let path = path.as_ref();
        socket::unix_address(path).map_err(AddressError::at("connect to", socket::shown(path)))?;
        Ok(CreateConnection::new(self, Factory::new(factory), Phase::ConnectingUnix(ConnectingUnix::new(path))))
    }

    /// Makes a transport of a stream socket that is connected, whoever has connected or accepted it. asyncio's
    /// `create_connection(sock=…)` and `connect_accepted_socket`.
    ///
    /// Raises `ValueError` for a socket that is no stream.
    pub fn connect_accepted_socket<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        socket: impl Into<OwnedFd>,
    ) -> CreateConnection {
        CreateConnection::new(self, Factory::new(factory), Phase::Connected(socket.into().into()))
    }
}

/// What [`LoopHandle::create_connection`] and its like make: options, and then the coroutine. Dropped before it has
/// ended, it closes what it has opened.
#[must_use = "a connection is made by whoever delegates to this"]
pub struct CreateConnection {
    event_loop: LoopHandle,
    factory: Factory,
    phase: Phase,
}

enum Phase {
    Connecting(Connecting<Io>),
    ConnectingUnix(ConnectingUnix<Io>),
    Connected(Socket),
    Opening(Opening<Transport>),
    Over,
}

/// They are for connections to the internet, and say nothing to others.
impl CreateConnection {
    /// Connects from this address of this machine, or from the first of these that can be had; port 0 leaves the port to
    /// the system. A name is looked up. asyncio's `local_addr`.
    pub fn local_addr(self, local: impl Into<Addresses>) -> Self {
        self.with(|connecting| connecting.set_local(local.into()))
    }

    /// After how long without an answer the next address is tried as well, while the one before is still being tried;
    /// `None`, as without this, tries it when that has failed. RFC 8305 recommends 250 ms.
    pub fn happy_eyeballs_delay(self, delay: Option<Duration>) -> Self {
        self.with(|connecting| connecting.set_delay(delay))
    }

    /// How many addresses of the first family are tried before the first of the other; zero leaves the order as the
    /// look-up has given it. Without this it is one, where there is a delay, and otherwise zero.
    pub fn interleave(self, first_family_count: usize) -> Self {
        self.with(|connecting| connecting.set_interleave(first_family_count))
    }

    fn with(mut self, change: impl FnOnce(&mut Connecting<Io>)) -> Self {
        if let Phase::Connecting(connecting) = &mut self.phase {
            change(connecting);
        }
        self
    }

    fn new(event_loop: &LoopHandle, factory: Factory, phase: Phase) -> Self {
        Self { event_loop: event_loop.clone(), factory, phase }
    }

    fn open(&mut self, io: Registered<Io>) -> Result<Phase, Exception> {
        Ok(Phase::Opening(self.factory.open(&self.event_loop, io, Ways::Both)?))
    }
}

impl Coroutine for CreateConnection {
    type Yield = Await;
    type Input = ();
    type Return = Transport;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let next = match &mut self.phase {
                Phase::Connecting(connecting) => yield_from!(connecting, sent).and_then(|io| {
                    without_delay(&io);
                    self.open(io)
                }),
                Phase::ConnectingUnix(connecting) => match yield_from!(connecting, sent) {
                    Ok(io) => self.open(io),
                    Err(raised) => Err(not_connected(raised, connecting.path())),
                },
                Phase::Connected(_) => {
                    take_sent(&mut sent).and_then(|()| match core::mem::replace(&mut self.phase, Phase::Over) {
                        Phase::Connected(socket) => self.open(of_socket(socket)?),
                        _ => unreachable!("it is connected"),
                    })
                }
                Phase::Opening(opening) => {
                    let opened = yield_from!(opening, sent);
                    self.phase = Phase::Over;
                    return opened.map(Step::Return);
                }
                Phase::Over => Err(Exception::reused()),
            };
            // What has failed is closed before anybody hears of it.
            self.phase = Phase::Over;
            self.phase = next?;
        }
    }

    fn state(&self) -> State<'_> {
        let own = State::new("create_connection", self);
        match &self.phase {
            Phase::Connecting(connecting) => own.delegating_to(connecting.state()),
            Phase::ConnectingUnix(connecting) => own.delegating_to(connecting.state()),
            Phase::Opening(opening) => own.delegating_to(opening.state()),
            Phase::Connected(_) | Phase::Over => own,
        }
    }
}

fn not_connected(raised: Exception, path: &Path) -> Exception {
    match raised.downcast::<io::Error>() {
        Ok(error) => AddressError::at("connect to", socket::shown(path))(error).into(),
        Err(raised) => raised,
    }
}

/// Small writes are gathered here already: they are not to wait in the kernel as well. As asyncio does. What is no TCP
/// socket has no such delay.
pub(in crate::transport) fn without_delay(socket: &Registered<Io>) {
    if let Io::Socket(socket) = socket.get() {
        let _ = socket.set_tcp_nodelay(true);
    }
}

fn of_socket(socket: Socket) -> Result<Registered<Io>, Exception> {
    let io = Registered::new(Io::of_socket(stream_socket(socket)?)?);
    without_delay(&io);
    Ok(io)
}

/// A socket that somebody else has made, fit for a transport or a server.
pub(in crate::transport) fn stream_socket(socket: Socket) -> Result<Socket, Exception> {
    let kind = socket.r#type()?;
    if kind != Type::STREAM {
        return Err(Exception::message(Kind::ValueError, socket::not_a_stream(kind)));
    }
    socket::without_signals(&socket)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

impl fmt::Debug for CreateConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Phase::Connecting(connecting) => write!(f, "CreateConnection({connecting:?})"),
            Phase::ConnectingUnix(connecting) => write!(f, "CreateConnection({connecting:?})"),
            Phase::Connected(_) => f.write_str("CreateConnection(created)"),
            Phase::Opening(opening) => opening.fmt(f),
            Phase::Over => f.write_str("CreateConnection(over)"),
        }
    }
}
