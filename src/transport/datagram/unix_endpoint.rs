//! Datagram endpoints of Unix sockets that are made: `create_unix_datagram_endpoint`.

use core::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use socket2::{Domain, Socket, Type};

use super::super::open::Opening;
use super::super::protocol::DatagramProtocol;
use super::super::socket_file;
use super::endpoint::{EndpointFactory, SOCKET_AND_MORE, SocketKind, of_socket, value_error};
use super::handle::DatagramTransport;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::LoopHandle;
use crate::net::AddressError;
use crate::sys::socket;
use crate::task::Await;
use crate::yield_from;

impl LoopHandle {
    /// Opens a datagram endpoint of a Unix socket, and gives its transport when the protocol's `connection_made` was
    /// called. It needs no address: without [`local_addr`](CreateUnixDatagramEndpoint::local_addr) it can send, and nobody
    /// can answer; without [`remote_addr`](CreateUnixDatagramEndpoint::remote_addr) each datagram says where it goes.
    /// asyncio's `create_datagram_endpoint(family=AF_UNIX)`.
    ///
    /// Datagrams arrive all, and in order: what a receiver has no room for waits in the queue, with what comes after it,
    /// for whomever that is. An endpoint with a peer is told when there is room; one without tries again after 1 ms, and
    /// then less and less often, up to every 50 ms. (So on Linux: the BSDs and macOS say `ENOBUFS` of a receiver that is
    /// full, which goes to `error_received`, and the datagram is lost.) A datagram has at most 256 KiB; the rest of a
    /// longer one is cut off.
    ///
    /// An endpoint whose peer is gone is told so by `ConnectionRefused`, and from then on has none: `NotConnected`. To
    /// reach who comes in its place, open another one.
    ///
    /// ```
    /// use innermost::{DatagramProtocol, DatagramTransport, EventLoop, LoopHandle};
    /// use std::os::unix::net::{SocketAddr, UnixDatagram};
    ///
    /// struct Echo(LoopHandle);
    ///
    /// impl DatagramProtocol<SocketAddr> for Echo {
    ///     fn datagram_received(&mut self, transport: &DatagramTransport<SocketAddr>, data: &[u8], from: SocketAddr) {
    ///         // Who has no address gets no answer.
    ///         let _ = transport.send_to(data, Some(from));
    ///         self.0.stop();
    ///     }
    /// }
    ///
    /// # let directory = std::env::temp_dir().join(format!("innermost-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&directory)?;
    /// # let path = |name: &str| directory.join(name);
    /// let event_loop = EventLoop::new()?;
    /// let handle = event_loop.handle();
    /// let opening = event_loop.create_unix_datagram_endpoint(|| Echo(handle)).local_addr(path("echo"));
    /// let transport = event_loop.run_until_complete(opening)?;
    ///
    /// let client = UnixDatagram::bind(path("client"))?;
    /// client.send_to(b"ping", path("echo"))?;
    /// event_loop.run_forever()?;
    /// assert_eq!(client.recv(&mut [0; 8])?, 4);
    /// transport.close();
    /// # std::fs::remove_dir_all(&directory)?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When it is resumed: the system's, in an [`AddressError`]: in use, not allowed, nobody is there; `InvalidInput`, in
    /// one too, for a path that is empty, too long, or has a zero byte in it.
    pub fn create_unix_datagram_endpoint<P: DatagramProtocol<SocketAddr>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
    ) -> CreateUnixDatagramEndpoint {
        CreateUnixDatagramEndpoint {
            event_loop: self.clone(),
            factory: EndpointFactory::new(factory),
            socket: None,
            local: None,
            remote: None,
            phase: Phase::Created,
        }
    }
}

/// What [`LoopHandle::create_unix_datagram_endpoint`] makes: options, and then the coroutine. Dropped before it has
/// ended, it closes what it has opened.
#[must_use = "an endpoint is opened by whoever delegates to this"]
pub struct CreateUnixDatagramEndpoint {
    event_loop: LoopHandle,
    factory: EndpointFactory<SocketAddr>,
    socket: Option<Socket>,
    local: Option<Box<Path>>,
    remote: Option<Box<Path>>,
    phase: Phase,
}

enum Phase {
    Created,
    Opening(Opening<DatagramTransport<SocketAddr>>),
    Over,
}

impl CreateUnixDatagramEndpoint {
    /// Receives at this path. A stale socket file, whose socket is closed, is replaced. If a socket is bound to the path, or
    /// the path is anything else, the address is in use. The file stays when the endpoint is closed.
    ///
    /// On Linux, a path that begins with a zero byte is a name that no file stands for.
    pub fn local_addr(mut self, path: impl AsRef<Path>) -> Self {
        self.local = Some(path.as_ref().into());
        self
    }

    /// Has one peer only, the socket at this path: sends to that, and receives from nobody else.
    pub fn remote_addr(mut self, path: impl AsRef<Path>) -> Self {
        self.remote = Some(path.as_ref().into());
        self
    }

    /// Takes over a Unix socket for datagrams; the other options are for sockets that are made here. asyncio's `sock`.
    ///
    /// Raises `ValueError` for any other socket.
    pub fn socket(mut self, socket: impl Into<OwnedFd>) -> Self {
        self.socket = Some(socket.into().into());
        self
    }

    fn open(&mut self) -> Result<Phase, Exception> {
        let socket = match (self.socket.take(), self.local.take(), self.remote.take()) {
            (Some(socket), None, None) => of_socket(socket, SocketKind::UnixDatagram)?,
            (Some(_), ..) => return Err(value_error(SOCKET_AND_MORE)),
            (None, local, remote) => make(local.as_deref(), remote.as_deref())?,
        };
        let socket = UnixDatagram::from(socket);
        let peer = socket.peer_addr().ok();
        Ok(Phase::Opening(self.factory.open(&self.event_loop, socket, peer)?))
    }
}

/// Connects first: so nobody but the peer finds it before it has one, and where there is no peer, no file is made.
fn make(local: Option<&Path>, remote: Option<&Path>) -> io::Result<Socket> {
    let socket = socket::new(Domain::UNIX, Type::DGRAM, None)?;
    if let Some(path) = remote {
        let connected = socket::unix_address(path).and_then(|address| socket.connect(&address));
        connected.map_err(AddressError::at("connect to", socket::shown(path)))?;
    }
    if let Some(path) = local {
        socket_file::bind(&socket, path).map_err(AddressError::at("bind to", socket::shown(path)))?;
    }
    Ok(socket)
}

impl Coroutine for CreateUnixDatagramEndpoint {
    type Yield = Await;
    type Input = ();
    type Return = DatagramTransport<SocketAddr>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created = self.phase {
            self.phase = Phase::Over;
            take_sent(&mut sent)?;
            self.phase = self.open()?;
        }
        let Phase::Opening(opening) = &mut self.phase else {
            return Err(Exception::reused());
        };
        let opened = yield_from!(opening, sent);
        self.phase = Phase::Over;
        opened.map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        let own = State::new("create_unix_datagram_endpoint", self);
        match &self.phase {
            Phase::Opening(opening) => own.delegating_to(opening.state()),
            Phase::Created | Phase::Over => own,
        }
    }
}

impl fmt::Debug for CreateUnixDatagramEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Phase::Created => f.write_str("CreateUnixDatagramEndpoint(created)"),
            Phase::Opening(opening) => opening.fmt(f),
            Phase::Over => f.write_str("CreateUnixDatagramEndpoint(over)"),
        }
    }
}
