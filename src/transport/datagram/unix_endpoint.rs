//! Datagram endpoints of Unix sockets: `create_unix_datagram_endpoint`.

use core::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use socket2::{Domain, Socket, Type};

use super::super::open::Opening;
use super::super::protocol::DatagramProtocol;
use super::super::socket_file::BindPath;
use super::endpoint::{EndpointFactory, SOCKET_AND_MORE, SocketKind, of_socket, value_error};
use super::handle::DatagramTransport;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::LoopHandle;
use crate::net::AddressError;
use crate::sys::socket;
use crate::task::Await;
use crate::yield_from;

impl LoopHandle {
    /// Opens a datagram endpoint of a Unix socket, and returns its transport after the protocol's `connection_made` has been
    /// called. asyncio's `create_datagram_endpoint(family=AF_UNIX)`.
    ///
    /// It needs no address. Without a [`local_addr`](CreateUnixDatagramEndpoint::local_addr) it can send, but nobody can
    /// answer. Without a [`remote_addr`](CreateUnixDatagramEndpoint::remote_addr), each datagram is sent to an address of its
    /// own.
    ///
    /// No datagram is lost, and they arrive in order. If a receiver has no room, the datagram waits in the queue, and so do
    /// all later ones, whoever they are for. An endpoint with a peer is told when there is room. One without tries again
    /// after 1 ms, and then less and less often, up to every 50 ms. On the BSDs and macOS, a full receiver is reported as
    /// `ENOBUFS` to `error_received` instead, and the datagram is lost. A datagram has at most 256 KiB; the rest of a longer
    /// one is cut off.
    ///
    /// If the peer goes away, the endpoint gets `ConnectionRefused`, and `NotConnected` from then on. To reach a successor,
    /// open another endpoint.
    ///
    /// ```
    /// use innermost::{DatagramProtocol, DatagramTransport, EventLoop, LoopHandle};
    /// use std::os::unix::net::{SocketAddr, UnixDatagram};
    ///
    /// struct Echo(LoopHandle);
    ///
    /// impl DatagramProtocol<SocketAddr> for Echo {
    ///     fn datagram_received(&mut self, transport: &DatagramTransport<SocketAddr>, data: &[u8], from: SocketAddr) {
    ///         // A sender without an address gets no answer.
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
    /// let opening = event_loop.create_unix_datagram_endpoint(|| Echo(handle)).local_addr(path("echo"))?;
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
    /// Raises the system's error, in an [`AddressError`]: the path is in use or not allowed, or nobody listens at the peer's.
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

/// The coroutine returned by [`LoopHandle::create_unix_datagram_endpoint`]. Its methods set options before it is awaited. If
/// it is dropped before its end, it closes what it has opened.
#[must_use = "an endpoint is not opened until this is awaited"]
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
    Binding(BindPath),
    Opening(Opening<DatagramTransport<SocketAddr>>),
    Over,
}

impl CreateUnixDatagramEndpoint {
    /// Receives at this path. A stale socket file, whose socket is closed, is replaced. If a socket is bound to the path, or
    /// the path is anything but a socket, the address is in use. The file stays when the endpoint is closed.
    ///
    /// On Linux, a path that begins with a zero byte is an abstract name, which no file stands for.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput`, in an [`AddressError`], for a path that no socket can have: it is empty, too long, or has a
    /// zero byte in it.
    pub fn local_addr(mut self, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        socket::unix_address(path).map_err(AddressError::at("bind to", socket::shown(path)))?;
        self.local = Some(path.into());
        Ok(self)
    }

    /// Sets the only peer, the socket at this path: the endpoint sends to it, and receives from nobody else.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput`, in an [`AddressError`], for a path that no socket can have.
    pub fn remote_addr(mut self, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        socket::unix_address(path).map_err(AddressError::at("connect to", socket::shown(path)))?;
        self.remote = Some(path.into());
        Ok(self)
    }

    /// Takes over a Unix socket for datagrams. asyncio's `sock`.
    ///
    /// The other options are for sockets that the endpoint makes: together with this one, they raise `ValueError` when the
    /// endpoint is awaited.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket of another kind, and the system's error if the socket cannot be made
    /// non-blocking. asyncio raises `ValueError`.
    pub fn socket(mut self, socket: impl Into<OwnedFd>) -> io::Result<Self> {
        self.socket = Some(of_socket(socket.into(), SocketKind::UnixDatagram)?);
        Ok(self)
    }

    /// The first step. Connects before it binds: nobody but the peer can reach the endpoint before it has one, and no file
    /// is made if there is no peer.
    fn begin(&mut self) -> Result<Phase, Exception> {
        let (socket, local) = match (self.socket.take(), self.local.take(), self.remote.take()) {
            (Some(socket), None, None) => (socket, None),
            (Some(_), ..) => return Err(value_error(SOCKET_AND_MORE)),
            (None, local, remote) => (connected(remote.as_deref())?, local),
        };
        match local {
            Some(path) => Ok(Phase::Binding(BindPath::new(socket, path))),
            None => self.open(socket),
        }
    }

    fn open(&mut self, socket: Socket) -> Result<Phase, Exception> {
        let socket = UnixDatagram::from(socket);
        let peer = socket.peer_addr().ok();
        Ok(Phase::Opening(self.factory.open(&self.event_loop, socket, peer)?))
    }
}

/// A new socket, connected to its peer if there is one.
fn connected(remote: Option<&Path>) -> io::Result<Socket> {
    let socket = socket::new(Domain::UNIX, Type::DGRAM, None)?;
    if let Some(path) = remote {
        let connected = socket::unix_address(path).and_then(|address| socket.connect(&address));
        connected.map_err(AddressError::at("connect to", socket::shown(path)))?;
    }
    Ok(socket)
}

impl Coroutine for CreateUnixDatagramEndpoint {
    type Yield = Await;
    type Input = ();
    type Return = DatagramTransport<SocketAddr>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let next = match &mut self.phase {
                Phase::Created => take_sent(&mut sent).and_then(|()| self.begin()),
                Phase::Binding(bind) => yield_from!(bind, sent).and_then(|socket| self.open(socket)),
                Phase::Opening(opening) => {
                    let opened = yield_from!(opening, sent);
                    self.phase = Phase::Over;
                    return opened.map(Step::Return);
                }
                Phase::Over => Err(Exception::reused()),
            };
            self.phase = Phase::Over;
            self.phase = next?;
        }
    }

    fn state(&self) -> State<'_> {
        let own = State::new("create_unix_datagram_endpoint", self);
        match &self.phase {
            Phase::Binding(bind) => own.delegating_to(bind.state()),
            Phase::Opening(opening) => own.delegating_to(opening.state()),
            Phase::Created | Phase::Over => own,
        }
    }
}

impl fmt::Debug for CreateUnixDatagramEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Phase::Created => f.write_str("CreateUnixDatagramEndpoint(created)"),
            Phase::Binding(bind) => write!(f, "CreateUnixDatagramEndpoint({bind:?})"),
            Phase::Opening(opening) => opening.fmt(f),
            Phase::Over => f.write_str("CreateUnixDatagramEndpoint(over)"),
        }
    }
}
