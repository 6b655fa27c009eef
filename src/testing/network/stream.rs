//! [`NetworkStream`]: a connection in the simulated network, as its program sees it.

use core::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use super::end::End;
use crate::coroutine::Step;
use crate::net::{ByteRead, ByteWrite};
use crate::task::Progress;

/// One end of a connection in a simulated [`Network`](super::Network). [`Interface::connect`](super::Interface::connect) and
/// a [`NetworkListener`](super::NetworkListener) make it.
///
/// Dropping it ends the stream: the peer reads what was sent, and then the end. As with TCP, the peer gets a reset instead
/// if bytes had arrived here that nobody has read, or if bytes arrive later. A reset discards what the peer has not read.
pub struct NetworkStream(Rc<End>);

impl NetworkStream {
    pub(super) const fn new(end: Rc<End>) -> Self {
        Self(end)
    }

    /// Returns the name of the host at the other end.
    pub fn peer(&self) -> &str {
        &self.0.there.site.name
    }

    /// Returns the address of the other end.
    pub fn peer_addr(&self) -> SocketAddr {
        self.0.there.socket()
    }

    /// Returns the address of this end.
    pub fn local_addr(&self) -> SocketAddr {
        self.0.here.socket()
    }
}

impl ByteRead for NetworkStream {
    fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize> {
        self.0.recv(bytes)
    }
}

impl ByteWrite for NetworkStream {
    fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
        self.0.send(bytes)
    }

    fn attempt_write_eof(&self) -> Progress<()> {
        self.0.write_eof().map(Step::Return)
    }

    fn abort(&self) {
        self.0.abort();
    }
}

impl Drop for NetworkStream {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for NetworkStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
