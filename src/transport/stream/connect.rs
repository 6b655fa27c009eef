//! Outgoing connections: `create_connection`, `create_unix_connection` and `connect_accepted_socket`.

use core::fmt;
use core::time::Duration;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;

use socket2::Socket;

use super::super::layer::Layer;
use super::super::open::{Factory, Opening, Securing};
use super::super::protocol::StreamProtocol;
use super::connection::Transport;
use super::connection::Ways;
use super::io::Io;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::{LoopHandle, Registered};
use crate::net::{AddressError, Connecting, ConnectingUnix};
use crate::resolver::Addresses;
use crate::sys::socket;
use crate::task::Await;
use crate::yield_from;

impl LoopHandle {
    /// Connects by TCP. Once connected, calls `factory` to make the protocol, and returns the transport after the
    /// protocol's `connection_made` has been called. asyncio's `create_connection`.
    ///
    /// Names are looked up first. The addresses are tried one after the other, or side by side with a
    /// [`happy_eyeballs_delay`](CreateConnection::happy_eyeballs_delay). To limit the total time, use
    /// [`timeout`](fn@crate::timeout).
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
    /// Raises the errors of [`getaddrinfo`](Self::getaddrinfo); a [`ConnectError`](crate::net::ConnectError) with each
    /// address and the system's error for it; and `ValueError` if there is no address.
    pub fn create_connection<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        addresses: impl Into<Addresses>,
    ) -> CreateConnection {
        CreateConnection::new(self, Factory::new(factory), Phase::Connecting(Connecting::new(addresses.into(), None)))
    }

    /// Connects to the Unix socket at `path`. On Linux, a path that begins with a zero byte is an abstract name. If the
    /// server's backlog is full, this tries again until there is room. asyncio's `create_unix_connection`.
    ///
    /// Raises the system's error, in an [`AddressError`].
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput`, in an [`AddressError`], for a path that no socket can have: it is empty, too long, or has a
    /// zero byte in it.
    pub fn create_unix_connection<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        path: impl AsRef<Path>,
    ) -> io::Result<CreateConnection> {
        let connecting = ConnectingUnix::new(path.as_ref())?;
        Ok(CreateConnection::new(self, Factory::new(factory), Phase::ConnectingUnix(connecting)))
    }

    /// Takes over a connected stream socket, and returns a transport for it. asyncio's `connect_accepted_socket` and
    /// `create_connection(sock=…)`.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket that is not a stream, and the system's error if the socket cannot be made
    /// non-blocking. asyncio raises `ValueError`.
    pub fn connect_accepted_socket<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        socket: impl Into<OwnedFd>,
    ) -> io::Result<CreateConnection> {
        let io = Registered::new(Io::of_socket(stream_socket(socket.into())?)?);
        without_delay(&io);
        Ok(CreateConnection::new(self, Factory::new(factory), Phase::Connected(io)))
    }
}

/// The coroutine returned by [`LoopHandle::create_connection`], [`create_unix_connection`](LoopHandle::create_unix_connection)
/// and [`connect_accepted_socket`](LoopHandle::connect_accepted_socket). Its methods set options before it is awaited. If it
/// is dropped before its end, it closes what it has opened.
#[must_use = "a connection is not made until this is awaited"]
pub struct CreateConnection {
    event_loop: LoopHandle,
    factory: Factory,
    layer: Option<Result<Rc<dyn Layer>, Exception>>,
    phase: Phase,
}

enum Phase {
    Connecting(Connecting<Io>),
    ConnectingUnix(ConnectingUnix<Io>),
    Connected(Registered<Io>),
    Opening(Opening<Transport>),
    Securing(Securing),
    Over,
}

/// Options of connections by TCP. They have no effect on others.
impl CreateConnection {
    /// Connects from an address of this machine: the first of `local` that can be had. Port 0 lets the system choose the
    /// port. A name is looked up. asyncio's `local_addr`.
    pub fn local_addr(self, local: impl Into<Addresses>) -> Self {
        self.with(|connecting| connecting.set_local(local.into()))
    }

    /// Tries the next address after `delay` without an answer, beside the ones before. With `None`, the default, the next
    /// address is tried only once the one before has failed. RFC 8305 recommends 250 ms.
    pub fn happy_eyeballs_delay(self, delay: Option<Duration>) -> Self {
        self.with(|connecting| connecting.set_delay(delay))
    }

    /// Sets how many addresses of the first family are tried before the first address of the other family. Zero keeps the
    /// order of the look-up. The default is one if there is a delay, and zero otherwise.
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
        Self { event_loop: event_loop.clone(), factory, layer: None, phase }
    }

    fn open(&mut self, io: Registered<Io>) -> Result<Phase, Exception> {
        Ok(match self.layer.take() {
            None => Phase::Opening(self.factory.open(&self.event_loop, io, Ways::Both)?),
            Some(layer) => Phase::Securing(self.factory.secure(&self.event_loop, io, layer?)?),
        })
    }

    /// Puts a layer between the protocol and the connection, or raises an error before connecting.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is the only layer"))]
    pub(crate) fn layer(mut self, layer: Result<Rc<dyn Layer>, Exception>) -> Self {
        self.layer = Some(layer);
        self
    }
}

impl Coroutine for CreateConnection {
    type Yield = Await;
    type Input = ();
    type Return = Transport;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Some(Err(_)) = &self.layer {
            take_sent(&mut sent)?;
            self.phase = Phase::Over;
            self.layer.take().unwrap_or_else(|| Err(Exception::reused()))?;
        }
        loop {
            let next = match &mut self.phase {
                Phase::Connecting(connecting) => yield_from!(connecting, sent).and_then(|io| {
                    without_delay(&io);
                    self.open(io)
                }),
                Phase::ConnectingUnix(connecting) => match yield_from!(connecting, sent) {
                    Ok(io) => self.open(io),
                    Err(raised) => Err(AddressError::of_raised(raised, "connect to", socket::shown(connecting.path()))),
                },
                Phase::Connected(_) => {
                    take_sent(&mut sent).and_then(|()| match core::mem::replace(&mut self.phase, Phase::Over) {
                        Phase::Connected(io) => self.open(io),
                        _ => unreachable!("it is connected"),
                    })
                }
                Phase::Opening(opening) => {
                    let opened = yield_from!(opening, sent);
                    self.phase = Phase::Over;
                    return opened.map(Step::Return);
                }
                Phase::Securing(securing) => {
                    let opened = yield_from!(securing, sent);
                    self.phase = Phase::Over;
                    return opened.map(Step::Return);
                }
                Phase::Over => Err(Exception::reused()),
            };
            // A failure closes its descriptors before it is raised.
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
            Phase::Securing(securing) => own.delegating_to(securing.state()),
            Phase::Connected(_) | Phase::Over => own,
        }
    }
}

/// Sets `TCP_NODELAY`, as asyncio does. Transports gather small writes themselves, so the kernel need not. Sockets other
/// than TCP have no such delay.
pub(in crate::transport) fn without_delay(socket: &Registered<Io>) {
    if let Io::Socket(socket) = socket.get() {
        let _ = socket.set_tcp_nodelay(true);
    }
}

/// Prepares a socket that the program has made for a transport or a server.
///
/// # Errors
///
/// `InvalidInput` for a socket that is not a stream; the system's.
pub(in crate::transport) fn stream_socket(socket: OwnedFd) -> io::Result<Socket> {
    socket::check_is_stream(&socket)?;
    socket::without_signals(&socket)?;
    let socket = Socket::from(socket);
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
            Phase::Securing(securing) => securing.fmt(f),
            Phase::Over => f.write_str("CreateConnection(over)"),
        }
    }
}
