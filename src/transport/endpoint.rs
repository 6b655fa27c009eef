//! Datagram endpoints that are made: `create_datagram_endpoint`.

use core::fmt;
use std::boxed::Box;
use std::format;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;

use socket2::{Domain, Socket, Type};

use super::DatagramTransport;
use super::open::Opening;
use super::protocol::DatagramProtocol;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};
use crate::event_loop::{LoopHandle, Registered};
use crate::sys::{Readiness, socket};
use crate::task::Await;

impl LoopHandle {
    /// Opens a UDP endpoint, and gives its transport when the protocol's `connection_made` was called. It needs an
    /// address of its own, a peer, or both. asyncio's `create_datagram_endpoint`.
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
    /// let opening = event_loop.create_datagram_endpoint(|| Echo).local_addr(([127, 0, 0, 1], 0).into());
    /// let transport = event_loop.run_until_complete(opening)?;
    /// assert_ne!(transport.local_addr()?.port(), 0);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// Raises the system's errors; `ValueError` where there is neither address, or one is of another family.
    pub fn create_datagram_endpoint<P: DatagramProtocol>(
        &self,
        factory: impl FnOnce() -> P + 'static,
    ) -> CreateDatagramEndpoint {
        CreateDatagramEndpoint {
            event_loop: self.clone(),
            factory: Some(Box::new(move || Box::new(factory()))),
            socket: None,
            local: None,
            remote: None,
            reuse_port: false,
            broadcast: false,
            opening: None,
        }
    }
}

type Factory = Box<dyn FnOnce() -> Box<dyn DatagramProtocol>>;

/// What [`LoopHandle::create_datagram_endpoint`] makes: options, and then the coroutine. Dropped before it has ended, it
/// closes what it has opened.
#[must_use = "an endpoint is opened by whoever delegates to this"]
pub struct CreateDatagramEndpoint {
    event_loop: LoopHandle,
    factory: Option<Factory>,
    socket: Option<Socket>,
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
    reuse_port: bool,
    broadcast: bool,
    opening: Option<Opening<DatagramTransport>>,
}

impl CreateDatagramEndpoint {
    /// Receives at this address; port 0 picks one that is free.
    pub fn local_addr(mut self, address: SocketAddr) -> Self {
        self.local = Some(address);
        self
    }

    /// Has one peer only: sends to that, and receives from nobody else. What other machines answer (nobody listens
    /// there) arrives only so.
    pub fn remote_addr(mut self, address: SocketAddr) -> Self {
        self.remote = Some(address);
        self
    }

    /// Whether others may receive at the same address (`SO_REUSEPORT`); they may not, without this.
    pub fn reuse_port(mut self, reuse: bool) -> Self {
        self.reuse_port = reuse;
        self
    }

    /// Whether it may send to everybody in a network (`SO_BROADCAST`); it may not, without this.
    pub fn broadcast(mut self, broadcast: bool) -> Self {
        self.broadcast = broadcast;
        self
    }

    /// Takes over a UDP socket; the other options are for sockets that are made here. asyncio's `sock`.
    pub fn socket(mut self, socket: impl Into<OwnedFd>) -> Self {
        self.socket = Some(socket.into().into());
        self
    }

    fn open(&mut self) -> Result<Opening<DatagramTransport>, Exception> {
        let (socket, peer) = match self.socket.take() {
            Some(socket) => self.take_over(socket)?,
            None => (self.make()?, self.remote),
        };
        let socket = Registered::new(UdpSocket::from(socket));
        socket.register_in(&self.event_loop, Readiness::WRITABLE)?;
        let ended = || Exception::message(Kind::RuntimeError, "the endpoint is opened already");
        let factory = self.factory.take().ok_or_else(ended)?;
        Ok(Opening::new(DatagramTransport::start(&self.event_loop, socket, factory(), peer)))
    }

    fn take_over(&self, socket: Socket) -> Result<(Socket, Option<SocketAddr>), Exception> {
        let value_error = |text| Exception::message(Kind::ValueError, text);
        if socket.r#type()? != Type::DGRAM || socket.local_addr()?.domain() == Domain::UNIX {
            return Err(value_error(format!("a UDP socket was expected, got {socket:?}")));
        }
        if self.local.is_some() || self.remote.is_some() || self.reuse_port || self.broadcast {
            return Err(value_error("socket modifier keyword arguments can not be used when sock is specified".into()));
        }
        socket.set_nonblocking(true)?;
        let peer = socket.peer_addr().ok().and_then(|peer| peer.as_socket());
        Ok((socket, peer))
    }

    fn make(&self) -> Result<Socket, Exception> {
        let value_error = |text| Exception::message(Kind::ValueError, text);
        let address = self.local.or(self.remote);
        let address = address.ok_or_else(|| value_error("an endpoint needs an address, its own or a peer's"))?;
        if self.remote.is_some_and(|remote| remote.is_ipv4() != address.is_ipv4()) {
            return Err(value_error("the endpoint's own address and its peer's are of different families"));
        }
        let socket = socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        if self.reuse_port {
            socket.set_reuse_port(true)?;
        }
        socket.set_broadcast(self.broadcast)?;
        if let Some(local) = self.local {
            socket.bind(&local.into()).map_err(|error| at("bind to", local, &error))?;
        }
        if let Some(remote) = self.remote {
            socket.connect(&remote.into()).map_err(|error| at("connect to", remote, &error))?;
        }
        Ok(socket)
    }
}

fn at(what: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {what} {address}: {error}"))
}

impl Coroutine for CreateDatagramEndpoint {
    type Yield = Await;
    type Input = ();
    type Return = DatagramTransport;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if self.opening.is_none() {
            core::mem::replace(&mut sent, Ok(()))?;
            self.opening = Some(self.open()?);
        }
        let step = self.opening.as_mut().expect("it was opened above").resume(sent);
        if !matches!(step, Ok(Step::Yield(_))) {
            self.opening = None;
        }
        step
    }

    fn state(&self) -> State<'_> {
        State::new("create_datagram_endpoint", self)
    }
}

impl fmt::Debug for CreateDatagramEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.opening {
            None => f.write_str("CreateDatagramEndpoint(created)"),
            Some(opening) => opening.fmt(f),
        }
    }
}
