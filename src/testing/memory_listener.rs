//! [`MemoryListener`]: accepts connections in memory.

use core::fmt;
use std::io;
use std::rc::Rc;

use super::backlog::Backlog;
use super::{MemoryStream, memory_pair};
use crate::net::Acceptor;
use crate::task::Progress;

/// Creates a listener in memory, and a connector that connects to it. With them, a server that accepts from any
/// [`Acceptor`] can be tested in virtual time.
///
/// ```
/// use innermost::server::GracefulServer;
/// use innermost::testing::{memory_listener, virtual_loop};
/// use innermost::{ByteWrite, Step, from_fn, yield_from};
///
/// let (listener, connector) = memory_listener();
/// let server = GracefulServer::new(listener, |stream, _stop| {
///     Ok(from_fn(move |mut sent| {
///         yield_from!(stream.send(b"hello"), sent)?;
///         Ok(Step::Return(()))
///     }))
/// });
/// let stop = server.stop_token();
/// let event_loop = virtual_loop()?;
/// let client = connector.connect()?;
/// event_loop.call_later(std::time::Duration::from_secs(1), move || stop.stop())?;
/// event_loop.run_until_complete(server)?;
/// assert!(connector.connect().is_err(), "nobody listens any more");
/// # drop(client);
/// # Ok::<(), innermost::Exception>(())
/// ```
pub fn memory_listener() -> (MemoryListener, MemoryConnector) {
    let backlog = Rc::new(Backlog::default());
    (MemoryListener(Rc::clone(&backlog)), MemoryConnector(backlog))
}

/// Accepts the connections of a [`MemoryConnector`]. Dropping it ends the connections that it has not accepted.
pub struct MemoryListener(Rc<Backlog<MemoryStream>>);

/// Connects to a [`MemoryListener`]. Clones connect to the same one.
#[derive(Clone)]
pub struct MemoryConnector(Rc<Backlog<MemoryStream>>);

impl MemoryConnector {
    /// Connects, and returns this end of the connection. The listener may accept the other end later.
    ///
    /// # Errors
    ///
    /// Returns `ConnectionRefused` if the listener was dropped.
    pub fn connect(&self) -> io::Result<MemoryStream> {
        let (near, far) = memory_pair();
        self.connect_as(far)?;
        Ok(near)
    }

    /// Connects with one end of a pair that [`MemoryPair`](super::MemoryPair) has built.
    ///
    /// # Errors
    ///
    /// Returns `ConnectionRefused` if the listener was dropped.
    pub fn connect_as(&self, far: MemoryStream) -> io::Result<()> {
        if self.0.is_closed() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        self.0.push(Ok(far));
        Ok(())
    }

    /// Makes one attempt to accept fail with `error`, once all earlier connections have been accepted.
    pub fn fail(&self, error: io::Error) {
        self.0.push(Err(error.into()));
    }

    /// Returns the number of connections and failures that wait to be accepted.
    pub fn waiting(&self) -> usize {
        self.0.len()
    }
}

impl Acceptor for MemoryListener {
    type Stream = MemoryStream;

    fn attempt_accept(&self) -> Progress<MemoryStream> {
        self.0.attempt_accept()
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl fmt::Debug for MemoryListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory {:?}", self.0)
    }
}

impl fmt::Debug for MemoryConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connector of memory {:?}", self.0)
    }
}
