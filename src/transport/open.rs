//! What all the coroutines that make a stream transport have in common.

use core::fmt;

use socket2::SockRef;

use super::Transport;
use super::protocol::{AnyProtocol, StreamProtocol};
use super::stream::connection::{Connection, Ways};
use super::stream::io::Io;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::event_loop::{LoopHandle, Registered};
use crate::sys::Readiness;
use crate::task::Await;

/// Makes a protocol.
pub(super) struct Factory(Option<Box<dyn FnOnce() -> AnyProtocol>>);

impl Factory {
    pub(super) fn new<K, P: StreamProtocol<K>>(factory: impl FnOnce() -> P + 'static) -> Self {
        Self(Some(Box::new(move || factory().boxed())))
    }

    /// Makes the protocol, once, and the transport of it.
    pub(super) fn open(
        &mut self,
        event_loop: &LoopHandle,
        io: Registered<Io>,
        ways: Ways,
    ) -> Result<Opening<Transport>, Exception> {
        io.register_in(event_loop, Readiness::WRITABLE)?;
        let factory = self.0.take().expect("a transport is made once: the coroutine has ended after that");
        // Asked now: of a connection that its peer has reset, the system does not know it any more.
        let peer = SockRef::from(io.get()).peer_addr().ok().and_then(|peer| peer.as_socket());
        let transport = Connection::start(event_loop.clone(), io, factory(), ways, peer, None);
        Ok(Opening::new(transport))
    }
}

/// How many turns pass before the transport is given: asyncio calls `connection_made` in the first, completes a future
/// in the same, and resumes the coroutine in the second.
const TURNS: u8 = 2;

/// Waits until `connection_made` was called, and gives the transport. It is closed if nobody takes it.
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
        // What was cancelled is closed by being dropped.
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
