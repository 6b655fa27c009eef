//! Streams for connections that a server has accepted.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use super::channel::Channel;
use super::open::ends;
use super::protocol::Feeding;
use super::{StreamReader, StreamWriter};
use crate::coroutine::Exception;
use crate::event_loop::LoopHandle;
use crate::transport::{Group, Transport, open_accepted};

/// Streams for a connection that a server has accepted, and its transport, which enters `group`. They can be used from the
/// next turn on.
pub(crate) fn of_accepted(
    event_loop: &LoopHandle,
    accepted: (OwnedFd, Option<SocketAddr>),
    group: Rc<dyn Group>,
) -> Result<(Transport, StreamReader, StreamWriter), Exception> {
    let channel = Channel::new();
    let transport = open_accepted(event_loop, accepted, Feeding::new(Rc::clone(&channel)), group)?;
    let (reader, writer) = ends(&channel, &transport);
    Ok((transport, reader, writer))
}
