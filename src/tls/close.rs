//! [`Close`]: the end of a TLS connection.

use core::fmt;
use core::time::Duration;
use std::rc::Rc;

use super::stream::TlsStream;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::event_loop::Operation;
use crate::net::{Buffer, ByteStream};
use crate::task::Await;
use crate::wait::Limit;
use crate::yield_from;

impl<S: ByteStream + 'static> TlsStream<S> {
    /// Ends the connection: sends `close_notify`, and reads and drops what the peer still sends until it has ended the
    /// connection too, or has left. Returns the stream below, for whatever follows in plain bytes, and the bytes that have
    /// come after TLS. Python's `unwrap`.
    ///
    /// Raises `TimeoutError` if that takes longer than the
    /// [time limit](super::TlsAcceptor::shutdown_timeout), and the error of the stream below as soon as the connection is
    /// lost.
    ///
    /// ```
    /// use innermost::tls::TlsStream;
    /// use innermost::{Awaitable, CoroutineExt, TcpStream};
    ///
    /// /// Says goodbye. The socket is closed when it is dropped.
    /// fn end(stream: TlsStream<TcpStream>) -> impl Awaitable<Return = ()> {
    ///     stream.close().map(|(socket, _rest)| drop(socket))
    /// }
    /// ```
    pub fn close(self) -> Close<S> {
        Close::new(self)
    }
}

/// The coroutine returned by [`TlsStream::close`]. If it is dropped before its end, it drops the stream.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Close<S> {
    /// `None` once it is closed.
    stream: Option<TlsStream<S>>,
    limit: Limit,
}

impl<S> Close<S> {
    pub(super) fn new(stream: TlsStream<S>) -> Self {
        let limit = Limit::new(stream.1.shutdown_timeout);
        Self { stream: Some(stream), limit }
    }
}

impl<S: ByteStream + 'static> Coroutine for Close<S> {
    type Yield = Await;
    type Input = ();
    type Return = (S, Buffer);

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let Some(stream) = &self.stream else { return Err(sent.err().unwrap_or_else(Exception::reused)) };
        let mut limited = self.limit.run(Operation::new("close", || stream.0.attempt_close()));
        let closed = yield_from!(limited, sent);
        let expired = self.limit.expired();
        let stream = self.stream.take().expect("it is there until here");
        if let Err(raised) = closed {
            return Err(if expired { raised.with_note(Late(self.limit.delay())) } else { raised });
        }
        // Only the backlog refers to it beside, and not at this time.
        let core = Rc::into_inner(stream.0).ok_or_else(|| Exception::runtime("the TLS connection is in use"))?;
        Ok(Step::Return(core.into_parts()))
    }

    fn state(&self) -> State<'_> {
        State::new("close", &self.limit)
    }
}

#[derive(Debug)]
struct Late(Duration);

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the peer has not ended the TLS connection within {:?}", self.0)
    }
}

impl<S> fmt::Debug for Close<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Close").field("limit", &self.limit).finish_non_exhaustive()
    }
}
