//! UDP endpoints: `create_datagram_endpoint`.

use core::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;

use socket2::{Domain, Socket, Type};

use super::super::open::Opening;
use super::super::protocol::DatagramProtocol;
use super::family::DatagramAddress;
use super::handle::DatagramTransport;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step, take_sent};
use crate::event_loop::{LoopHandle, Registered};
use crate::net::AddressError;
use crate::resolver::{Addresses, Find, Side, SocketType};
use crate::sys::{Readiness, socket};
use crate::task::Await;
use crate::yield_from;

impl LoopHandle {
    /// Opens a UDP endpoint, and returns its transport after the protocol's `connection_made` has been called. An endpoint
    /// needs an address of its own, a peer, or both. Names are looked up, and their addresses are tried in turn: each
    /// address of this machine with each address of the peer of the same family. asyncio's `create_datagram_endpoint`.
    ///
    /// For Unix sockets, use [`create_unix_datagram_endpoint`](Self::create_unix_datagram_endpoint).
    ///
    /// ```
    /// use innermost::{DatagramProtocol, DatagramTransport, EventLoop};
    /// use std::net::SocketAddr;
    ///
    /// struct Echo;
    ///
    /// impl DatagramProtocol for Echo {
    ///     fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: SocketAddr) {
    ///         let _ = transport.send_to(data, Some(from));
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let opening = event_loop.create_datagram_endpoint(|| Echo).local_addr(("localhost", 0));
    /// let transport = event_loop.run_until_complete(opening)?;
    /// assert_ne!(transport.local_addr()?.port(), 0);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// Raises the errors of [`getaddrinfo`](Self::getaddrinfo); the system's error for the first address tried, in an
    /// [`AddressError`]; and `ValueError` if there is no address, or if no two addresses are of the same family.
    pub fn create_datagram_endpoint<P: DatagramProtocol>(
        &self,
        factory: impl FnOnce() -> P + 'static,
    ) -> CreateDatagramEndpoint {
        CreateDatagramEndpoint {
            event_loop: self.clone(),
            factory: EndpointFactory::new(factory),
            socket: None,
            local: None,
            remote: None,
            reuse_port: false,
            broadcast: false,
            phase: Phase::Created,
        }
    }
}

/// Makes the protocol of an endpoint.
pub(in crate::transport) struct EndpointFactory<A: DatagramAddress>(Option<Make<A>>);

type Make<A> = Box<dyn FnOnce() -> Box<dyn DatagramProtocol<A>>>;

impl<A: DatagramAddress> EndpointFactory<A> {
    pub(in crate::transport) fn new<P: DatagramProtocol<A>>(factory: impl FnOnce() -> P + 'static) -> Self {
        Self(Some(Box::new(move || Box::new(factory()))))
    }

    /// Makes the protocol, once, and its transport.
    pub(in crate::transport) fn open(
        &mut self,
        event_loop: &LoopHandle,
        socket: A::Socket,
        peer: Option<A>,
    ) -> Result<Opening<DatagramTransport<A>>, Exception> {
        let socket = Registered::new(socket);
        socket.register_in(event_loop, Readiness::WRITABLE)?;
        let factory = self.0.take().expect("an endpoint is opened once, and its coroutine ends after that");
        Ok(Opening::new(DatagramTransport::start(event_loop, socket, factory(), peer)))
    }
}

/// The coroutine returned by [`LoopHandle::create_datagram_endpoint`]. Its methods set options before it is awaited. If it is
/// dropped before its end, it closes what it has opened.
#[must_use = "an endpoint is not opened until this is awaited"]
pub struct CreateDatagramEndpoint {
    event_loop: LoopHandle,
    factory: EndpointFactory<SocketAddr>,
    socket: Option<Socket>,
    local: Option<Addresses>,
    remote: Option<Addresses>,
    reuse_port: bool,
    broadcast: bool,
    phase: Phase,
}

enum Phase {
    Created,
    FindingLocal(Find),
    /// With the endpoint's own addresses, if it is to have one.
    FindingRemote(Option<Vec<SocketAddr>>, Find),
    Opening(Opening<DatagramTransport>),
    Over,
}

/// The endpoint's own address, and its peer's.
type Pair = (Option<SocketAddr>, Option<SocketAddr>);

impl CreateDatagramEndpoint {
    /// Receives at the first of these addresses that can be had. Port 0 picks a free port. An empty host stands for every
    /// address of this machine.
    pub fn local_addr(mut self, address: impl Into<Addresses>) -> Self {
        self.local = Some(address.into());
        self
    }

    /// Sets the only peer: the endpoint sends to it, and receives from nobody else. Only an endpoint with a peer is told
    /// that nobody listens there.
    pub fn remote_addr(mut self, address: impl Into<Addresses>) -> Self {
        self.remote = Some(address.into());
        self
    }

    /// Sets whether others may receive at the same address (`SO_REUSEPORT`). The default is `false`.
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// Sets whether the endpoint may send to broadcast addresses (`SO_BROADCAST`). The default is `false`.
    pub fn broadcast(mut self, broadcast: bool) -> Self {
        self.broadcast = broadcast;
        self
    }

    /// Takes over a UDP socket. asyncio's `sock`.
    ///
    /// The other options are for sockets that the endpoint makes: together with this one, they raise `ValueError` when the
    /// endpoint is awaited.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a socket of another kind, and the system's error if the socket cannot be made
    /// non-blocking. asyncio raises `ValueError`.
    pub fn socket(mut self, socket: impl Into<OwnedFd>) -> io::Result<Self> {
        self.socket = Some(of_socket(socket.into(), SocketKind::Udp)?);
        Ok(self)
    }

    /// The first step. A socket that the program has made needs no address.
    fn begin(&mut self) -> Result<Phase, Exception> {
        match (self.socket.take(), self.local.take(), self.remote.take()) {
            (Some(socket), None, None) if !self.reuse_port && !self.broadcast => {
                let peer = socket.peer_addr().ok().and_then(|peer| peer.as_socket());
                self.open(socket, peer)
            }
            (Some(_), ..) => Err(value_error(SOCKET_AND_MORE)),
            (None, Some(local), remote) => {
                self.remote = remote;
                Ok(Phase::FindingLocal(Find::new(local, SocketType::Datagram, Side::Local)))
            }
            (None, None, Some(remote)) => Ok(find_remote(None, remote)),
            (None, None, None) => Err(value_error(NO_ADDRESS)),
        }
    }

    /// Opens the first of several pairs of addresses that can be had.
    fn open_first(&mut self, pairs: Vec<Pair>) -> Result<Phase, Exception> {
        let mut first = None;
        for pair in pairs {
            match self.make(pair) {
                Ok(socket) => return self.open(socket, pair.1),
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.map_or_else(|| value_error(NO_PAIR), Exception::from))
    }

    fn make(&self, (local, remote): Pair) -> io::Result<Socket> {
        let of_this_family = local.or(remote).expect("a pair has one address at least");
        let socket = socket::new(Domain::for_address(of_this_family), Type::DGRAM, None)?;
        if self.reuse_port {
            socket.set_reuse_port(true)?;
        }
        socket.set_broadcast(self.broadcast)?;
        if let Some(local) = local {
            socket.bind(&local.into()).map_err(AddressError::at("bind to", local))?;
        }
        if let Some(remote) = remote {
            socket.connect(&remote.into()).map_err(AddressError::at("connect to", remote))?;
        }
        Ok(socket)
    }

    fn open(&mut self, socket: Socket, peer: Option<SocketAddr>) -> Result<Phase, Exception> {
        Ok(Phase::Opening(self.factory.open(&self.event_loop, UdpSocket::from(socket), peer)?))
    }
}

pub(in crate::transport) const SOCKET_AND_MORE: &str =
    "socket modifier keyword arguments can not be used when sock is specified";
const NO_ADDRESS: &str = "an endpoint needs an address of its own or a peer's";
const NO_PAIR: &str = "there is no address, or no two addresses are of the same family";

fn find_remote(local: Option<Vec<SocketAddr>>, remote: Addresses) -> Phase {
    Phase::FindingRemote(local, Find::new(remote, SocketType::Datagram, Side::Remote))
}

/// Each address of this machine with each address of the peer that is of the same family.
fn pairs(local: &[SocketAddr], remote: &[SocketAddr]) -> Vec<Pair> {
    let with = |local: SocketAddr| {
        let of_its_family = remote.iter().filter(move |remote| remote.is_ipv4() == local.is_ipv4());
        of_its_family.map(move |remote| (Some(local), Some(*remote)))
    };
    local.iter().copied().flat_map(with).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) enum SocketKind {
    Udp,
    UnixDatagram,
}

/// Prepares a socket that the program has made for an endpoint of that kind.
///
/// # Errors
///
/// `InvalidInput` for a socket of another kind; the system's.
pub(in crate::transport) fn of_socket(socket: OwnedFd, wanted: SocketKind) -> io::Result<Socket> {
    let socket = Socket::from(socket);
    let domain = socket.local_addr()?.domain();
    let fits = match wanted {
        SocketKind::Udp => domain == Domain::IPV4 || domain == Domain::IPV6,
        SocketKind::UnixDatagram => domain == Domain::UNIX,
    };
    if socket.r#type()? != Type::DGRAM || !fits {
        let wanted = match wanted {
            SocketKind::Udp => "UDP",
            SocketKind::UnixDatagram => "Unix datagram",
        };
        let text = format!("a {wanted} socket was expected, got {socket:?}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    socket::without_signals(&socket)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

pub(in crate::transport) fn value_error(text: &'static str) -> Exception {
    Exception::message(Kind::ValueError, text)
}

impl Coroutine for CreateDatagramEndpoint {
    type Yield = Await;
    type Input = ();
    type Return = DatagramTransport;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let next = match &mut self.phase {
                Phase::Created => take_sent(&mut sent).and_then(|()| self.begin()),
                Phase::FindingLocal(find) => yield_from!(find, sent).and_then(|local| match self.remote.take() {
                    Some(remote) => Ok(find_remote(Some(local.concat()), remote)),
                    None => self.open_first(local.concat().into_iter().map(|local| (Some(local), None)).collect()),
                }),
                Phase::FindingRemote(local, find) => {
                    let remote = yield_from!(find, sent);
                    let local = local.take();
                    remote.and_then(|remote| match (local, remote.concat()) {
                        (Some(local), remote) => self.open_first(pairs(&local, &remote)),
                        (None, remote) => {
                            self.open_first(remote.into_iter().map(|remote| (None, Some(remote))).collect())
                        }
                    })
                }
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
        let own = State::new("create_datagram_endpoint", self);
        match &self.phase {
            Phase::FindingLocal(find) | Phase::FindingRemote(_, find) => own.delegating_to(find.state()),
            Phase::Opening(opening) => own.delegating_to(opening.state()),
            Phase::Created | Phase::Over => own,
        }
    }
}

impl fmt::Debug for CreateDatagramEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Phase::Created => f.write_str("CreateDatagramEndpoint(created)"),
            Phase::FindingLocal(find) | Phase::FindingRemote(_, find) => write!(f, "CreateDatagramEndpoint({find:?})"),
            Phase::Opening(opening) => opening.fmt(f),
            Phase::Over => f.write_str("CreateDatagramEndpoint(over)"),
        }
    }
}
