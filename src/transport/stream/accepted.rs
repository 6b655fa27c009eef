//! Transports for connections that a server has accepted.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use socket2::Socket;

use super::connect::without_delay;
use super::connection::{Connection, Group, Transport, Ways};
use super::io::Io;
use crate::coroutine::Exception;
use crate::event_loop::{LoopHandle, Registered};
use crate::sys::Readiness;
use crate::transport::StreamProtocol;

/// Makes a transport of a connection that does not block. `peer` is `None` for a Unix socket. The connection enters `group`,
/// if there is one, and leaves it once it is over.
///
/// # Errors
///
/// Those of registering the descriptor.
pub(crate) fn open_accepted<K, P: StreamProtocol<K>>(
    event_loop: &LoopHandle,
    (socket, peer): (OwnedFd, Option<SocketAddr>),
    protocol: P,
    group: Option<Rc<dyn Group>>,
) -> Result<Transport, Exception> {
    let socket = Socket::from(socket);
    let io = Registered::new(if peer.is_some() { Io::Socket(socket) } else { Io::Unix(socket) });
    without_delay(&io);
    io.register_in(event_loop, Readiness::WRITABLE)?;
    Ok(Connection::start(event_loop.clone(), io, protocol.boxed(), Ways::Both, peer, group, None))
}
