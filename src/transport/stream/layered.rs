//! A stream transport with a [`Layer`] between its protocol and its descriptor.
//!
//! ```text
//!   Created --first run--> Handshaking --> Open
//!                              |             |
//!                              '--failure----'--> the transport's stage is `Lost`
//! ```
//!
//! The transport keeps its stages, its one backlog and its water marks; they hold sealed bytes. Only its cold branches know of
//! the layer: writing finds [`WriteEnd::Layered`] where a plain transport finds `Open`, and reading finds
//! [`Receiver::Layered`].
//!
//! Invariants:
//!
//! 1. Plaintext is delivered in order: first what is in `plain`, then what comes. Nothing is read while `plain` holds bytes.
//! 2. What the layer seals goes to the transport's writes before the layer is called again.
//! 3. The protocol is told of a connection, and then of its end, only if the handshake succeeds. If it fails, whoever waits for
//!    the connection gets the error; if nobody does, the loop's exception handler.

use core::time::Duration;
use std::io;
use std::rc::Rc;

use super::super::layer::{Layer, Lent};
use super::super::protocol::{AfterEof, Inner};
use super::connection::{Connection, Reading, Receiver, Stage, Transport, Ways, WriteEnd};
use super::io::Io;
use super::layer_state::{Layered, MOST_INCOMING, Phase, append};
use crate::coroutine::Exception;
use crate::event_loop::Registered;
use crate::net::Buffer;
use crate::sys::Direction;
use crate::task::{Future, Run};

impl Connection {
    /// Whether the end waits for the peer's.
    pub(super) fn waits_for_peer(&self) -> bool {
        self.layered.get().is_some_and(|layered| !layered.peer_is_over.get())
    }

    /// The writing end while nobody has ended it.
    pub(super) fn open_write_end(&self) -> WriteEnd {
        if self.layered.get().is_some() { WriteEnd::Layered } else { WriteEnd::Open }
    }
}

/// The beginning.
impl Transport {
    /// Begins a handshake on a connection that was in plain bytes until now. `read` has what was read already.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the transport cannot be written to or read from, or has a layer.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is the only layer"))]
    pub(crate) fn start_layer(&self, layer: Rc<dyn Layer>, read: &[u8]) -> Result<Future<()>, Exception> {
        let connection = &*self.0;
        if self.is_closing() {
            return Err(Exception::runtime("Transport is closing"));
        }
        if connection.ways != Ways::Both || connection.layered.get().is_some() {
            return Err(Exception::runtime("TLS needs a transport of plain bytes in both directions"));
        }
        if connection.write_end.get() != WriteEnd::Open {
            return Err(self.cannot_write());
        }
        if connection.reading.get() == Reading::Over {
            return Err(layer.failed(layer.cut_off()));
        }
        let opened = connection.event_loop.create_future();
        let layered = Layered::new(layer, Some(opened.clone()));
        layered.was_paused.set(connection.reading.get() == Reading::Paused);
        layered.is_told.set(connection.is_made());
        let mut incoming = Buffer::with_limit(MOST_INCOMING + read.len());
        append(&mut incoming, read);
        layered.incoming.set(incoming);
        // It was not there above.
        let _ = connection.layered.set(layered);
        connection.receiver.set(Receiver::Layered);
        if connection.is_made() {
            self.begin_handshake();
        }
        Ok(opened)
    }

    /// Nobody waits for the handshake any more.
    pub(crate) fn give_up_handshake(&self) {
        if let Some(layered) = self.0.layered.get() {
            let opened = layered.opened.take();
            drop(opened);
        }
        self.close();
    }

    /// The layer, once its handshake is over.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "TLS is the only layer"))]
    pub(crate) fn layer(&self) -> Option<Rc<dyn Layer>> {
        let layered = self.0.layered.get()?;
        (layered.phase.get() == Phase::Open).then(|| Rc::clone(&layered.layer))
    }

    pub(super) fn begin_handshake(&self) {
        let connection = &*self.0;
        let (Some(layered), Some(io)) = (connection.layered.get(), connection.io()) else { return };
        layered.phase.set(Phase::Handshaking);
        connection.write_end.set(WriteEnd::Handshaking);
        connection.reading.set(Reading::Active);
        self.limit(layered, layered.layer.handshake_timeout());
        self.process(&io, layered);
        self.flush_to(&io);
        if connection.reading.get() == Reading::Active {
            io.watch(Direction::Read, Rc::clone(&self.0) as Rc<_>);
        }
    }

    /// Ends the connection if that time passes.
    pub(super) fn limit(&self, layered: &Layered, time: Duration) {
        let this = Rc::downgrade(&self.0);
        let expired = move || {
            if let Some(connection) = this.upgrade() {
                let transport = Self(connection);
                if let Some(layered) = transport.0.layered.get() {
                    transport.broken(layered, layered.layer.timed_out(time));
                }
            }
        };
        // A closed loop ends its connections itself.
        layered.set_timer(self.0.event_loop.call_later(time, expired).ok());
    }

    /// The handshake is over.
    fn opened(&self, io: &Registered<Io>, layered: &Layered) {
        layered.phase.set(Phase::Open);
        layered.set_timer(None);
        if self.0.write_end.get() == WriteEnd::Handshaking {
            self.0.write_end.set(WriteEnd::Layered);
        }
        if layered.was_paused.get() && self.0.reading.get() == Reading::Active {
            self.0.reading.set(Reading::Paused);
        }
        if !layered.is_told.replace(true) {
            self.call(io, "connection_made", |protocol| protocol.connection_made(self));
        }
        let opened = layered.opened.take();
        if let Some(opened) = opened {
            // A cancelled one takes no result.
            let _ = opened.set_result(());
        }
    }
}

/// Reading.
impl Transport {
    /// Reads sealed bytes, and passes the plaintext to the protocol. Returns the number of sealed bytes.
    #[inline(never)]
    pub(super) fn receive_layered(
        &self,
        io: &Registered<Io>,
        read: impl FnOnce(&mut [u8]) -> io::Result<Option<usize>>,
    ) -> Result<Option<usize>, Exception> {
        let Some(layered) = self.0.layered.get() else { return Ok(None) };
        if layered.has_plain() || layered.layer.peer_has_ended() {
            self.deliver(io, layered, &[]);
            self.told_end(io, layered);
            return Ok(None);
        }
        let mut incoming = layered.incoming.take();
        let read = incoming.fill_by(self.0.event_loop.spare_memory(), |room| match read(room) {
            Ok(count) => (count.unwrap_or(0), Ok(count)),
            Err(error) => (0, Err(error)),
        });
        layered.incoming.set(incoming);
        match read {
            Ok(Some(1..)) => self.process(io, layered),
            Ok(_) => {}
            Err(error) if layered.phase.get() != Phase::Open => {
                self.broken(layered, error.into());
                return Ok(None);
            }
            // All that was left is the peer's answer to the end.
            Err(_) if self.0.stage.get() == Stage::Closing && self.0.writes.is_empty() => {
                self.lose(None);
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(read?)
    }

    /// Processes what has come.
    fn process(&self, io: &Registered<Io>, layered: &Layered) {
        let spare = self.0.event_loop.spare_memory();
        let mut room = spare.take();
        let (filled, result) = self.with_layer(layered, &mut room[..], |layer, lent| layer.advance(lent));
        if layered.phase.get() == Phase::Handshaking && !layered.layer.is_handshaking() && result.is_ok() {
            self.opened(io, layered);
        }
        self.deliver(io, layered, &room[..filled]);
        spare.give(room);
        self.shrink(io, layered);
        // What the layer answers leaves last: if that fails, the plaintext has arrived.
        self.flush_to(io);
        match result {
            Ok(()) => self.told_end(io, layered),
            Err(raised) => self.broken(layered, raised),
        }
    }

    /// Returns memory before a wait that may be long.
    fn shrink(&self, io: &Registered<Io>, layered: &Layered) {
        if !io.is_ready(crate::sys::Readiness::of(Direction::Read)) {
            let mut incoming = layered.incoming.take();
            incoming.shrink();
            layered.incoming.set(incoming);
        }
    }

    /// Calls the layer, and sends what it has sealed. Plaintext goes to `room`, and what does not fit to `plain`. Returns how
    /// much of the room is filled.
    pub(super) fn with_layer<R>(
        &self,
        layered: &Layered,
        room: &mut [u8],
        function: impl FnOnce(&dyn Layer, &mut Lent<'_>) -> Result<R, Exception>,
    ) -> (usize, Result<R, Exception>) {
        let (mut incoming, mut outgoing) = (layered.incoming.take(), Buffer::new());
        let (mut plain, mut filled) = (layered.plain.take(), 0);
        let mut plaintext = |bytes: &[u8]| {
            let (now, later) = bytes.split_at(bytes.len().min(room.len() - filled));
            room[filled..filled + now.len()].copy_from_slice(now);
            filled += now.len();
            append(&mut plain, later);
        };
        let mut lent = Lent { incoming: &mut incoming, outgoing: &mut outgoing, plaintext: &mut plaintext };
        let result = function(&*layered.layer, &mut lent);
        layered.incoming.set(incoming);
        layered.put_plain(plain);
        if !outgoing.is_empty() && self.0.stage.get() < Stage::Lost {
            self.write_raw(outgoing.bytes());
        }
        (filled, result)
    }

    /// Passes `bytes` and the plaintext behind them to the protocol. If reading is paused, they wait.
    fn deliver(&self, io: &Registered<Io>, layered: &Layered, bytes: &[u8]) {
        if bytes.is_empty() && !layered.has_plain() {
            return;
        }
        let mut left = self.pass_on(io, bytes);
        if left < bytes.len() {
            let mut plain = Buffer::new();
            append(&mut plain, &bytes[left..]);
            layered.put_plain(plain);
            return;
        }
        let mut plain = layered.plain.take();
        left = self.pass_on(io, plain.bytes());
        plain.consume(left);
        layered.put_plain(plain);
    }

    /// Passes plaintext to the protocol until it pauses reading. Returns how much is done with.
    fn pass_on(&self, io: &Registered<Io>, bytes: &[u8]) -> usize {
        let mut done = 0;
        while done < bytes.len() {
            let connection = &*self.0;
            match connection.stage.get() {
                Stage::Open if connection.reading.get() == Reading::Paused => return done,
                Stage::Open => {}
                // The answer to it could not be sent, which the protocol cannot know yet.
                Stage::Lost if connection.has_rest.get() => {}
                _ => return bytes.len(),
            }
            let called = self.call(io, "data_received", |protocol| match &mut protocol.0 {
                Inner::Pushed(protocol) => {
                    protocol.data_received(self, &bytes[done..]);
                    Ok(bytes.len() - done)
                }
                Inner::Buffered(protocol) => match protocol.get_buffer(connection.hint()) {
                    [] => Err(Exception::runtime("get_buffer() returned an empty buffer")),
                    buffer => {
                        let count = buffer.len().min(bytes.len() - done);
                        buffer[..count].copy_from_slice(&bytes[done..done + count]);
                        protocol.buffer_updated(self, count);
                        Ok(count)
                    }
                },
            });
            match called {
                Some(Ok(count)) => done += count,
                Some(Err(raised)) => {
                    self.fatal("Fatal read error on transport", raised);
                    return bytes.len();
                }
                None => return bytes.len(),
            }
        }
        done
    }

    /// Tells the protocol that the peer has ended the layer's stream, once it has everything before that.
    fn told_end(&self, io: &Registered<Io>, layered: &Layered) {
        if !layered.layer.peer_has_ended() || layered.has_plain() || layered.peer_is_over.replace(true) {
            return;
        }
        match self.0.stage.get() {
            Stage::Open if layered.phase.get() == Phase::Open => {
                match self.call(io, "eof_received", |protocol| protocol.eof_received(self)) {
                    Some(AfterEof::KeepOpen) => self.0.reading.set(Reading::Over),
                    _ => self.close(),
                }
            }
            Stage::Open => self.broken(layered, layered.layer.cut_off()),
            Stage::Closing => self.peer_has_left(),
            Stage::Lost | Stage::Over => {}
        }
    }

    /// The descriptor has ended.
    #[cold]
    pub(super) fn layered_end(&self, layered: &Layered) {
        match self.0.stage.get() {
            Stage::Closing => {
                layered.peer_is_over.set(true);
                self.peer_has_left();
            }
            _ => self.broken(layered, layered.layer.cut_off()),
        }
    }

    /// While the connection is closing, there is nothing more to read.
    pub(super) fn peer_has_left(&self) {
        self.0.reading.set(Reading::Over);
        if self.0.writes.is_empty() {
            self.lose(None);
        }
    }

    /// Ends the connection with an error of the layer.
    #[cold]
    pub(super) fn broken(&self, layered: &Layered, raised: Exception) {
        if layered.phase.get() != Phase::Open {
            layered.failure.set(Some(layered.layer.failed(raised.clone())));
        }
        self.lose(Some(raised));
    }

    /// Continues with plaintext that is here already, because no event of the descriptor will say so.
    pub(super) fn resume_layered(&self, layered: &Layered) {
        if layered.has_plain() || layered.layer.peer_has_ended() {
            self.0.event_loop.scheduler().push(Rc::clone(&self.0) as Rc<dyn Run>);
        }
    }
}
