//! [`MemoryListener`]: accepts connections in memory.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use super::{MemoryStream, memory_pair};
use crate::coroutine::{Exception, Kind, Step};
use crate::net::Acceptor;
use crate::task::{Await, Progress, Scheduler, WaitTarget, Waiter, Way, Withdrawn};

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
pub struct MemoryListener(Rc<Backlog>);

/// Connects to a [`MemoryListener`]. Clones connect to the same one.
#[derive(Clone)]
pub struct MemoryConnector(Rc<Backlog>);

#[derive(Default)]
struct Backlog {
    arrived: RefCell<VecDeque<Result<MemoryStream, Exception>>>,
    acceptor: Cell<Option<Rc<dyn Waiter>>>,
    is_closed: Cell<bool>,
}

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
        if self.0.is_closed.get() {
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
        self.0.arrived.borrow().len()
    }
}

impl Backlog {
    fn push(&self, arrived: Result<MemoryStream, Exception>) {
        self.arrived.borrow_mut().push_back(arrived);
        if let Some(acceptor) = self.acceptor.take() {
            acceptor.wake();
        }
    }
}

impl Acceptor for MemoryListener {
    type Stream = MemoryStream;

    fn attempt_accept(&self) -> Progress<MemoryStream> {
        let arrived = self.0.arrived.borrow_mut().pop_front();
        match arrived {
            Some(accepted) => accepted.map(Step::Return),
            None => Ok(Step::Yield(Await::on(Way::Readable, Rc::clone(&self.0) as Rc<_>))),
        }
    }
}

impl Drop for MemoryListener {
    fn drop(&mut self) {
        self.0.is_closed.set(true);
        let arrived = self.0.arrived.take();
        drop(arrived);
    }
}

impl WaitTarget for Backlog {
    fn register(&self, way: Way, _: u32, waiter: Rc<dyn Waiter>, _: &Rc<Scheduler>) -> Result<(), Exception> {
        if self.has_come(way, 0) {
            waiter.wake();
            return Ok(());
        }
        if let Some(former) = self.acceptor.take().filter(|former| !former.give_way()) {
            self.acceptor.set(Some(former));
            return Err(Exception::message(Kind::RuntimeError, "another task is already accepting here"));
        }
        self.acceptor.set(Some(waiter));
        Ok(())
    }

    fn has_come(&self, _: Way, _: u32) -> bool {
        !self.arrived.borrow().is_empty()
    }

    fn withdraw(&self, _: Way, _: u32, waiter: *const ()) -> Withdrawn {
        match self.acceptor.take() {
            Some(run) if Rc::as_ptr(&run).cast::<()>() == waiter => Withdrawn::Waiting(run as Rc<_>),
            another => {
                self.acceptor.set(another);
                Withdrawn::Queued
            }
        }
    }
}

impl fmt::Debug for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory listener({} waiting)", self.arrived.borrow().len())
    }
}

impl fmt::Debug for MemoryListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for MemoryConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connector of {:?}", self.0)
    }
}
