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
use crate::transport::open_accepted;

/// Streams for a connection that a server has accepted. They can be used from the next turn on.
///
/// # Errors
///
/// Those of registering the descriptor.
pub(crate) fn of_accepted(
    event_loop: &LoopHandle,
    accepted: (OwnedFd, Option<SocketAddr>),
) -> Result<(StreamReader, StreamWriter), Exception> {
    let channel = Channel::new();
    let transport = open_accepted(event_loop, accepted, Feeding::new(Rc::clone(&channel)), None)?;
    Ok(ends(&channel, &transport))
}
