//! [`Acceptor`]: anything that accepts connections.

use std::io;

use super::Stream;
use super::listener::{Accept, Listener};
use crate::coroutine::{Exception, Step};
use crate::sys::socket;
use crate::task::Progress;
use crate::yield_from;

/// Something that accepts connections: a [`TcpListener`](crate::TcpListener), a [`UnixListener`](crate::UnixListener), or
/// one in memory (`testing::memory_listener`). Servers are written against this trait.
///
/// An acceptor of your own can wrap a listener. This one refuses some peers:
///
/// ```
/// use innermost::net::Acceptor;
/// use innermost::task::Progress;
/// use innermost::{Step, TcpListener, TcpStream, yield_from};
///
/// struct OnlyLocal(TcpListener);
///
/// impl Acceptor for OnlyLocal {
///     type Stream = TcpStream;
///
///     fn attempt_accept(&self) -> Progress<TcpStream> {
///         let mut sent = Ok(());
///         loop {
///             let (stream, peer) = yield_from!(self.0.accept(), sent)?;
///             if peer.ip().is_loopback() {
///                 return Ok(Step::Return(stream));
///             }
///         }
///     }
/// }
/// ```
pub trait Acceptor {
    /// The connections.
    type Stream;

    /// Accepts a connection, or yields what to wait for, and is called again after that. It must keep no state between
    /// two calls.
    ///
    /// # Errors
    ///
    /// Returns the system's error. After a lack of descriptors or memory, the next attempt may succeed.
    fn attempt_accept(&self) -> Progress<Self::Stream>;
}

impl<L: Accept> Acceptor for Listener<L> {
    type Stream = Stream<L::Stream>;

    fn attempt_accept(&self) -> Progress<Stream<L::Stream>> {
        let mut sent = Ok(());
        Ok(Step::Return(yield_from!(self.accept(), sent)?.0))
    }
}

/// Whether accepting failed because descriptors or memory are exhausted, so that it may succeed later.
pub(crate) fn may_accept_later(raised: &Exception) -> bool {
    raised.downcast_ref::<io::Error>().is_some_and(socket::is_exhausted)
}
