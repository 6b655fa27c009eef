//! Connections that are made from here: `create_connection` and `create_unix_connection`.

use core::fmt;
use std::format;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::string::String;
use std::vec::Vec;

use socket2::{Domain, SockAddr, Socket, Type};

use super::connection::Ways;
use super::io::Io;
use super::open::{Factory, Opening};
use super::protocol::StreamProtocol;
use super::{Addresses, Transport};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};
use crate::event_loop::{Left, LoopHandle, Registered};
use crate::sys::{Direction, Readiness, socket};
use crate::task::Await;

impl LoopHandle {
    /// Connects by TCP, makes a protocol by `factory` once that has succeeded, and gives the transport when the
    /// protocol's `connection_made` was called. Where there are several addresses, they are tried one after the other.
    /// asyncio's `create_connection`.
    ///
    /// See [`Protocol`](crate::Protocol) for an example.
    pub fn create_connection<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        addresses: impl Into<Addresses>,
    ) -> CreateConnection {
        let targets = addresses.into().iter().map(SockAddr::from).collect();
        CreateConnection::new(self, Factory::new(factory), targets)
    }

    /// Connects to the Unix socket at `path`. asyncio's `create_unix_connection`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a path that is too long, or has a zero byte in it.
    pub fn create_unix_connection<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        path: impl AsRef<Path>,
    ) -> io::Result<CreateConnection> {
        let target = SockAddr::unix(path)?;
        Ok(CreateConnection::new(self, Factory::new(factory), Vec::from([target])))
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
        let mut connection = CreateConnection::new(self, Factory::new(factory), Vec::new());
        connection.phase = Phase::Connected(socket.into().into());
        connection
    }
}

/// What [`LoopHandle::create_connection`] and its like make: options, and then the coroutine. Dropped before it has
/// ended, it closes what it has opened.
#[must_use = "a connection is made by whoever delegates to this"]
pub struct CreateConnection {
    event_loop: LoopHandle,
    factory: Factory,
    local: Option<SocketAddr>,
    /// What is still to be tried, the next last.
    targets: Vec<SockAddr>,
    failed: Vec<(SockAddr, io::Error)>,
    phase: Phase,
}

enum Phase {
    Choosing,
    Connecting(SockAddr, Registered<Io>),
    Connected(Socket),
    Opening(Opening<Transport>),
}

impl CreateConnection {
    fn new(event_loop: &LoopHandle, factory: Factory, mut targets: Vec<SockAddr>) -> Self {
        targets.reverse();
        let event_loop = event_loop.clone();
        Self { event_loop, factory, local: None, targets, failed: Vec::new(), phase: Phase::Choosing }
    }

    /// Connects from this address of this machine; port 0 leaves the port to the system. asyncio's `local_addr`.
    pub fn local_addr(mut self, address: SocketAddr) -> Self {
        self.local = Some(address);
        self
    }

    /// Starts to connect to the next address, if there is one.
    fn next(&mut self) -> Result<Phase, Exception> {
        while let Some(target) = self.targets.pop() {
            match self.start(&target) {
                Ok(io) => return Ok(Phase::Connecting(target, io)),
                Err(raised) => self.failed.push((target, raised.downcast::<io::Error>()?)),
            }
        }
        Err(self.failure())
    }

    fn start(&self, target: &SockAddr) -> Result<Registered<Io>, Exception> {
        let socket = socket::new(target.domain(), Type::STREAM, None)?;
        if let Some(local) = self.local {
            socket.bind(&local.into())?;
        }
        match socket.connect(target) {
            Err(error) if !socket::is_in_progress(&error) => return Err(error.into()),
            _ => {}
        }
        let io = Registered::new(Io::Socket(socket));
        // In this loop, whichever runs.
        io.register_in(&self.event_loop, Readiness::NONE)?;
        Ok(io)
    }

    /// One error is raised as it is; of several, each with its address.
    fn failure(&mut self) -> Exception {
        if self.failed.len() == 1
            && let Some((_, error)) = self.failed.pop()
        {
            return error.into();
        }
        if self.failed.is_empty() {
            return Exception::message(Kind::ValueError, "there is no address to connect to");
        }
        let each: Vec<String> =
            self.failed.iter().map(|(address, error)| format!("{}: {error}", Shown(address))).collect();
        let kind = self.failed[0].1.kind();
        let same = self.failed.iter().all(|(_, error)| error.kind() == kind);
        let kind = if same { kind } else { io::ErrorKind::Other };
        io::Error::new(kind, format!("no address could be connected to: {}", each.join(", "))).into()
    }
}

struct Shown<'a>(&'a SockAddr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.as_socket(), self.0.as_pathname()) {
            (Some(address), _) => address.fmt(f),
            (_, Some(path)) => path.display().fmt(f),
            _ => f.write_str("an unnamed socket"),
        }
    }
}

impl Coroutine for CreateConnection {
    type Yield = Await;
    type Input = ();
    type Return = Transport;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.phase = match core::mem::replace(&mut self.phase, Phase::Choosing) {
                Phase::Choosing => {
                    core::mem::replace(&mut sent, Ok(()))?;
                    self.next()?
                }
                Phase::Connecting(target, io) => {
                    core::mem::replace(&mut sent, Ok(()))?;
                    match io.attempt(Direction::Write, |io, _| finish(io)) {
                        Ok(Step::Return(())) => Phase::Opening(self.factory.open(&self.event_loop, io, Ways::Both)?),
                        Ok(Step::Yield(wanted)) => {
                            self.phase = Phase::Connecting(target, io);
                            return Ok(Step::Yield(wanted));
                        }
                        Ok(Step::Delegate(_)) => unreachable!("an attempt has no children"),
                        Err(raised) => {
                            self.failed.push((target, raised.downcast::<io::Error>()?));
                            self.next()?
                        }
                    }
                }
                Phase::Connected(socket) => {
                    core::mem::replace(&mut sent, Ok(()))?;
                    Phase::Opening(self.factory.open(&self.event_loop, of_socket(socket)?, Ways::Both)?)
                }
                Phase::Opening(mut opening) => match opening.resume(core::mem::replace(&mut sent, Ok(())))? {
                    Step::Return(transport) => return Ok(Step::Return(transport)),
                    Step::Yield(wanted) => {
                        self.phase = Phase::Opening(opening);
                        return Ok(Step::Yield(wanted));
                    }
                    Step::Delegate(_) => unreachable!("it has no children"),
                },
            };
        }
    }

    fn state(&self) -> State<'_> {
        State::new("create_connection", self)
    }
}

/// Whether the connection stands. Small writes are gathered here already: they are not to wait in the kernel as well.
fn finish(io: &Io) -> io::Result<((), Left)> {
    let Io::Socket(socket) = io else { return Ok(((), Left::More)) };
    socket::finish_connect(socket)?;
    without_delay(socket);
    Ok(((), Left::More))
}

/// As asyncio does. What is no TCP socket has no such delay.
pub(super) fn without_delay(socket: &Socket) {
    let _ = socket.set_tcp_nodelay(true);
}

fn of_socket(socket: Socket) -> Result<Registered<Io>, Exception> {
    if socket.r#type()? != Type::STREAM {
        let text = format!("A Stream Socket was expected, got {:?}", socket.r#type()?);
        return Err(Exception::message(Kind::ValueError, text));
    }
    socket.set_nonblocking(true)?;
    if socket.local_addr()?.domain() != Domain::UNIX {
        without_delay(&socket);
    }
    Ok(Registered::new(Io::Socket(socket)))
}

impl fmt::Debug for CreateConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Phase::Choosing | Phase::Connected(_) => f.write_str("CreateConnection(created)"),
            Phase::Connecting(target, _) => write!(f, "CreateConnection(connecting to {})", Shown(target)),
            Phase::Opening(opening) => opening.fmt(f),
        }
    }
}
