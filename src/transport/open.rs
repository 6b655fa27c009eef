//! The last steps of every coroutine that makes a transport: making the protocol, and waiting for `connection_made`.

use core::fmt;
use std::rc::Rc;

use socket2::SockRef;

use super::Transport;
use super::layer::Layer;
use super::protocol::{AnyProtocol, StreamProtocol};
use super::stream::connection::{Connection, Ways};
use super::stream::io::Io;
use super::stream::layer_state::Layered;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::event_loop::{LoopHandle, Registered};
use crate::sys::Readiness;
use crate::task::{Await, Future};
use crate::yield_from;

/// Makes a protocol.
pub(super) struct Factory(Option<Box<dyn FnOnce() -> AnyProtocol>>);

impl Factory {
    pub(super) fn new<K, P: StreamProtocol<K>>(factory: impl FnOnce() -> P + 'static) -> Self {
        Self(Some(Box::new(move || factory().boxed())))
    }

    /// Makes the protocol, once, and its transport.
    pub(super) fn open(
        &mut self,
        event_loop: &LoopHandle,
        io: Registered<Io>,
        ways: Ways,
    ) -> Result<Opening<Transport>, Exception> {
        self.start(event_loop, io, ways, None).map(Opening::new)
    }

    /// [`open`](Self::open), with a layer.
    pub(super) fn secure(
        &mut self,
        event_loop: &LoopHandle,
        io: Registered<Io>,
        layer: Rc<dyn Layer>,
    ) -> Result<Securing, Exception> {
        let opened = event_loop.create_future();
        let layered = Layered::new(layer, Some(opened.clone()));
        let transport = self.start(event_loop, io, Ways::Both, Some(layered))?;
        Ok(Securing::new(transport, opened))
    }

    fn start(
        &mut self,
        event_loop: &LoopHandle,
        io: Registered<Io>,
        ways: Ways,
        layered: Option<Box<Layered>>,
    ) -> Result<Transport, Exception> {
        io.register_in(event_loop, Readiness::WRITABLE)?;
        let factory = self.0.take().expect("a transport is made once, and its coroutine ends after that");
        // Asked now, because the system forgets the peer of a connection that was reset.
        let peer = SockRef::from(io.get()).peer_addr().ok().and_then(|peer| peer.as_socket());
        Ok(Connection::start(event_loop.clone(), io, factory(), ways, peer, None, layered))
    }
}

/// The number of turns before the transport is returned. asyncio calls `connection_made` and completes a future in the
/// first turn, and resumes the coroutine in the second.
const TURNS: u8 = 2;

/// Waits until `connection_made` has been called, and returns the transport. Closes the transport if nobody takes it.
pub(super) struct Opening<T: Close> {
    transport: Option<T>,
    turns: u8,
}

/// A transport of any kind.
pub(super) trait Close: fmt::Debug {
    fn close(&self);
}

impl Close for Transport {
    fn close(&self) {
        self.close();
    }
}

impl<T: Close> Opening<T> {
    pub(super) const fn new(transport: T) -> Self {
        Self { transport: Some(transport), turns: TURNS }
    }
}

impl<T: Close> Coroutine for Opening<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        // If this is cancelled, dropping it closes the transport.
        sent?;
        match self.turns.checked_sub(1) {
            Some(left) => {
                self.turns = left;
                Ok(Step::Yield(Await::next_turn()))
            }
            None => Ok(Step::Return(self.transport.take().expect("it has not ended yet"))),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("opening", &self.transport)
    }
}

impl<T: Close> Drop for Opening<T> {
    fn drop(&mut self) {
        if let Some(transport) = self.transport.take() {
            transport.close();
        }
    }
}

impl<T: Close> fmt::Debug for Opening<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "opening {:?}", self.transport)
    }
}

/// Waits for the handshake of a transport's layer, and returns the transport. Closes the transport if nobody takes it.
pub(crate) struct Securing {
    transport: Option<Transport>,
    opened: Future<()>,
}

impl Securing {
    pub(crate) const fn new(transport: Transport, opened: Future<()>) -> Self {
        Self { transport: Some(transport), opened }
    }
}

impl Coroutine for Securing {
    type Yield = Await;
    type Input = ();
    type Return = Transport;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        yield_from!(self.opened, sent)?;
        Ok(Step::Return(self.transport.take().ok_or_else(Exception::reused)?))
    }

    fn state(&self) -> State<'_> {
        State::new("handshake", &self.transport)
    }
}

impl Drop for Securing {
    fn drop(&mut self) {
        if let Some(transport) = self.transport.take() {
            transport.give_up_handshake();
        }
    }
}

impl fmt::Debug for Securing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "handshake of {:?}", self.transport)
    }
}
