//! [`Handshake`]: the beginning of a TLS connection.

use core::fmt;
use core::time::Duration;
use std::rc::Rc;

use super::core::Core;
use super::error::During;
use super::names;
use super::session::Session;
use super::stream::{Facts, TlsStream};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step, take_sent};
use crate::event_loop::Operation;
use crate::net::{Buffer, ByteStream};
use crate::task::Await;
use crate::wait::Limit;
use crate::yield_from;

/// The coroutine returned by [`TlsConnector::connect`](super::TlsConnector::connect) and
/// [`TlsAcceptor::accept`](super::TlsAcceptor::accept). Its methods set options before it is awaited. If it is dropped
/// before its end, it drops the stream.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Handshake<S> {
    phase: Phase<S>,
    limit: Limit,
    facts: Facts,
    is_server: bool,
}

enum Phase<S> {
    Created { io: S, session: Result<Session, Exception>, read: Buffer },
    Running(Rc<Core<S>>),
    Over,
}

/// How long a handshake and the end of a connection may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) handshake: Duration,
    pub(super) shutdown: Duration,
}

impl Times {
    /// asyncio's.
    pub(super) const DEFAULT: Self = Self { handshake: Duration::from_secs(60), shutdown: Duration::from_secs(30) };

    /// # Errors
    ///
    /// `ValueError` for a limit of zero.
    pub(super) fn check(self) -> Result<(), Exception> {
        for (name, time) in [("handshake", self.handshake), ("shutdown", self.shutdown)] {
            if time.is_zero() {
                let text = format!("the {name} timeout of TLS must not be zero");
                return Err(Exception::message(Kind::ValueError, text));
            }
        }
        Ok(())
    }
}

impl<S> Handshake<S> {
    pub(super) fn new(io: S, session: Result<Session, Exception>, server_name: Option<Box<str>>, times: Times) -> Self {
        let session = times.check().and(session);
        Self {
            is_server: server_name.is_none(),
            phase: Phase::Created { io, session, read: Buffer::new() },
            limit: Limit::new(times.handshake),
            facts: Facts { server_name, shutdown_timeout: times.shutdown },
        }
    }

    /// Adds bytes that were read from the stream before, and belong to TLS: a program that has read a request for TLS may
    /// have read more than that.
    pub fn already_read(mut self, bytes: Buffer) -> Self {
        if let Phase::Created { read, .. } = &mut self.phase {
            *read = bytes;
        }
        self
    }

    /// Names the end that is talked to.
    fn failed(&self, raised: Exception) -> Exception {
        if raised.is_cancelled() {
            return raised;
        }
        let name = self.facts.server_name.clone();
        raised.with_note(if self.is_server { During::Accepting(name) } else { During::Connecting(name) })
    }
}

impl<S: ByteStream + 'static> Handshake<S> {
    fn advance(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created { .. } = self.phase {
            take_sent(&mut sent)?;
            let Phase::Created { io, session, read } = core::mem::replace(&mut self.phase, Phase::Over) else {
                unreachable!("it is created")
            };
            self.phase = Phase::Running(Core::new(io, session?, &read));
        }
        let Phase::Running(core) = &self.phase else {
            take_sent(&mut sent)?;
            return Err(Exception::reused());
        };
        let server_name = &mut self.facts.server_name;
        let handshake = || {
            let (attempt, asked) = names::asked(|| core.attempt_handshake());
            if asked.is_some() {
                *server_name = asked;
            }
            attempt
        };
        let mut limited = self.limit.run(Operation::new("handshake", handshake));
        yield_from!(limited, sent)?;
        let Phase::Running(core) = core::mem::replace(&mut self.phase, Phase::Over) else {
            unreachable!("it is running")
        };
        Ok(Step::Return(TlsStream(core, self.facts.clone())))
    }
}

impl<S: ByteStream + 'static> Coroutine for Handshake<S> {
    type Yield = Await;
    type Input = ();
    type Return = TlsStream<S>;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let step = self.advance(sent);
        match step {
            Ok(Step::Yield(_) | Step::Delegate(_)) => step,
            ended => {
                self.phase = Phase::Over;
                ended.map_err(|raised| self.failed(raised))
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("handshake", self)
    }
}

impl<S> fmt::Debug for Handshake<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Created { .. } => "created",
            Phase::Running(_) => "running",
            Phase::Over => "over",
        };
        write!(f, "Handshake({phase}")?;
        if let Some(name) = &self.facts.server_name {
            write!(f, ", {name}")?;
        }
        f.write_str(")")
    }
}
