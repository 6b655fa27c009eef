//! [`Transport`]: the life of a stream, and what happens when its descriptor is ready.
//!
//! ```text
//!          first run           close, eof       backlog empty        in the next turn
//!   (new) -----------> Open ------------> Closing ------------> Lost -----------------> Over
//!                        |                   |                    ^                    ^
//!                        +-------------------+---- abort, error --+                    |
//!                                            +---- backlog sent when writable ---------+
//! ```
//!
//! `writing.rs` sends, and notices failed writes. `handle.rs` closes and aborts. All of them end in `lose` or `end`, here.
//!
//! A connection enters the ready queue like a task. When its descriptor is ready, it is queued, reads once, writes once, and
//! watches again. A peer that never stops sending gets one read a turn.
//!
//! Invariants:
//!
//! 1. The loop owns a connection, as a [`Resident`], until it is over. Dropping handles changes nothing.
//! 2. A connection is queued when it is made, before anybody can reach it. So its first run calls `connection_made`.
//! 3. In the stage `Lost`, exactly one callback is queued, which calls `connection_lost`. Nothing else calls the protocol.

use core::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::super::flow::Flow;
use super::super::protocol::{AfterEof, AnyProtocol, Inner};
use super::super::slot::Slot;
use super::io::Io;
use super::layer_state::Layered;
use super::write_buffer::WriteBuffer;
use crate::coroutine::{Exception, Kind};
use crate::event_loop::{LoopHandle, MEMORY, Registered, Resident};
use crate::sys::{Direction, Readiness, socket};
use crate::task::{ErrorContext, Future, Run, Scheduler, callback, panicked};

/// A stream with a protocol: a connection, or one end of a pipe. asyncio's `Transport`.
///
/// Clones are handles to the same stream. The loop owns the stream, so dropping handles changes nothing. It ends by
/// [`close`](Self::close), by [`abort`](Self::abort), or by the peer.
#[derive(Clone)]
pub struct Transport(pub(in crate::transport) Rc<Connection>);

pub(in crate::transport) struct Connection {
    pub(in crate::transport) event_loop: LoopHandle,
    /// `None` once it is over. Shared, so that nothing is borrowed while a selector of the program runs.
    pub(in crate::transport) io: RefCell<Option<Rc<Registered<Io>>>>,
    pub(in crate::transport) protocol: Slot<AnyProtocol>,
    pub(in crate::transport) ways: Ways,
    pub(in crate::transport) peer: Option<SocketAddr>,
    pub(in crate::transport) writes: WriteBuffer,
    pub(in crate::transport) flow: Flow,
    pub(in crate::transport) stage: Cell<Stage>,
    pub(in crate::transport) reading: Cell<Reading>,
    pub(in crate::transport) write_end: Cell<WriteEnd>,
    /// True if `connection_made` has been called.
    made: Cell<bool>,
    pub(in crate::transport) receiver: Cell<Receiver>,
    /// Set before the first run, or later by `start_layer`.
    pub(super) layered: OnceCell<Box<Layered>>,
    /// True if a write has failed while there may be something to read.
    pub(in crate::transport) has_rest: Cell<bool>,
    /// The next size hint for a buffered protocol.
    size_hint: Cell<usize>,
    /// True if the connection is queued to send gathered writes.
    pub(in crate::transport) flush_queued: Cell<bool>,
    pub(in crate::transport) discarded: Cell<Discarded>,
    resident: Cell<usize>,
    membership: Cell<Option<Membership>>,
    /// Set while a file waits for its turn. Done once all earlier writes have been sent, or never will be.
    pub(in crate::transport) emptied: RefCell<Option<Future<()>>>,
}

/// Several connections that belong together: a server's.
pub(crate) trait Group {
    /// Adds a connection, and returns its place.
    fn enter(&self, transport: &Transport) -> usize;

    /// Removes the connection at that place.
    fn leave(&self, place: usize);
}

/// A connection's place in its group.
struct Membership {
    group: Rc<dyn Group>,
    place: usize,
}

/// The directions in which bytes move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Ways {
    Both,
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::transport) enum Stage {
    Open,
    /// Nothing is read any more. Earlier writes are still sent.
    Closing,
    Lost,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Reading {
    Active,
    Paused,
    /// The stream has ended, or nothing more is wanted.
    Over,
}

/// What gets the bytes that arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Receiver {
    /// A [`Protocol`](crate::Protocol).
    Pushed,
    /// A [`BufferedProtocol`](crate::transport::BufferedProtocol).
    Buffered,
    /// A layer, which makes plaintext of them for a protocol of either kind.
    Layered,
}

impl Receiver {
    pub(in crate::transport) const fn of(protocol: &AnyProtocol) -> Self {
        if protocol.is_buffered() { Self::Buffered } else { Self::Pushed }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum WriteEnd {
    Open,
    /// Open, and a layer seals what is written.
    Layered,
    /// A layer makes its handshake, and nobody may write.
    Handshaking,
    /// A file is being sent, and nobody else may write.
    Lent,
    /// To be ended once everything has been written.
    Wanted,
    Ended,
}

/// The writes discarded since the connection was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Discarded {
    /// Their number. Counting stops where every further one is reported.
    Counted(u8),
    /// Writes are discarded without a report: the protocol cannot know yet that the connection is lost.
    Uncounted,
}

impl Connection {
    /// Makes a connection of a registered descriptor. `connection_made` is called in the next turn.
    pub(in crate::transport) fn start(
        event_loop: LoopHandle,
        io: Registered<Io>,
        protocol: AnyProtocol,
        ways: Ways,
        peer: Option<SocketAddr>,
        group: Option<Rc<dyn Group>>,
        layered: Option<Box<Layered>>,
    ) -> Transport {
        let receiver = if layered.is_some() { Receiver::Layered } else { Receiver::of(&protocol) };
        let connection = Rc::new(Self {
            io: RefCell::new(Some(Rc::new(io))),
            has_rest: Cell::new(false),
            receiver: Cell::new(receiver),
            layered: layered.map_or_else(OnceCell::new, OnceCell::from),
            size_hint: Cell::new(LEAST_HINT),
            protocol: Slot::new(protocol),
            ways,
            peer,
            writes: WriteBuffer::default(),
            flow: Flow::new(),
            stage: Cell::new(Stage::Open),
            reading: Cell::new(if ways == Ways::Write { Reading::Over } else { Reading::Active }),
            write_end: Cell::new(if ways == Ways::Read { WriteEnd::Ended } else { WriteEnd::Open }),
            made: Cell::new(false),
            flush_queued: Cell::new(false),
            discarded: Cell::new(Discarded::Counted(0)),
            resident: Cell::new(0),
            membership: Cell::new(None),
            emptied: RefCell::new(None),
            event_loop,
        });
        connection.resident.set(connection.event_loop.add_resident(Rc::clone(&connection) as Rc<_>));
        let transport = Transport(connection);
        if let Some(group) = group {
            let place = group.enter(&transport);
            transport.0.membership.set(Some(Membership { group, place }));
        }
        transport.0.event_loop.scheduler().push(Rc::clone(&transport.0) as Rc<_>);
        transport
    }

    #[inline]
    pub(in crate::transport) fn io(&self) -> Option<Rc<Registered<Io>>> {
        self.io.borrow().clone()
    }

    #[inline]
    pub(in crate::transport) fn is_closing(&self) -> bool {
        self.stage.get() >= Stage::Closing
    }

    /// Returns `true` if the first run is over.
    pub(super) fn is_made(&self) -> bool {
        self.made.get()
    }

    /// The size hint for a buffered protocol.
    pub(super) fn hint(&self) -> usize {
        self.size_hint.get()
    }

    /// Drops a value of the program, and reports a panic of its destructor.
    pub(in crate::transport) fn drop_users<T: 'static>(&self, value: T) {
        self.event_loop.scheduler().drop_each([value]);
    }
}

impl Run for Connection {
    #[inline]
    fn run(self: Rc<Self>, _: &Rc<Scheduler>) {
        let transport = Transport(self);
        let connection = &*transport.0;
        if !connection.made.replace(true) {
            return transport.made();
        }
        let Some(io) = connection.io() else { return };
        if connection.flush_queued.replace(false) {
            // Queued for this alone. If the descriptor is ready too, the connection is queued once more.
            return transport.flush_to(&io);
        }
        if connection.reading.get() == Reading::Active {
            transport.read(&io);
        }
        if connection.writes.has_backlog() {
            transport.write_ready();
        }
        if connection.reading.get() == Reading::Active {
            io.watch(Direction::Read, transport.0);
        } else if connection.ways == Ways::Write {
            transport.watch_reader(&io);
        }
    }
}

impl Resident for Connection {
    /// Drops the protocol without calling it.
    fn loop_closed(self: Rc<Self>) {
        self.stage.set(Stage::Over);
        self.reading.set(Reading::Over);
        self.writes.clear();
        let io = self.io.take();
        drop(io);
        if let Some(layered) = self.layered.get() {
            layered.clear();
        }
        drop(self.membership.take());
        self.drop_users(self.protocol.set(None));
    }
}

/// The callbacks for a descriptor that is ready.
impl Transport {
    fn made(&self) {
        if self.0.layered.get().is_some() {
            return self.begin_handshake();
        }
        let Some(io) = self.0.io() else { return };
        self.call(&io, "connection_made", |protocol| protocol.connection_made(self));
        if self.0.reading.get() == Reading::Active || self.0.ways == Ways::Write {
            io.watch(Direction::Read, Rc::clone(&self.0) as Rc<_>);
        }
    }

    #[inline]
    fn read(&self, io: &Registered<Io>) {
        match self.receive(io, |room| io.try_now(Direction::Read, |io| io.read(room))) {
            Ok(Some(0)) => self.read_end(io),
            Ok(_) => {}
            Err(raised) => self.fatal("Fatal read error on transport", raised),
        }
    }

    /// Reads what the peer sent before a write failed. Read errors are ignored, because the write's error is reported.
    #[cold]
    fn read_rest(&self) {
        let Some(io) = self.0.io() else { return };
        for _ in 0..MOST_RESTS {
            let Ok(Some(1..)) = self.receive(&io, |room| io.get().read(room).map(|(count, _)| Some(count))) else {
                return;
            };
        }
    }

    /// Passes the bytes that `read` brings to the protocol, and returns their number.
    #[inline(always)]
    fn receive(
        &self,
        io: &Registered<Io>,
        read: impl FnOnce(&mut [u8]) -> io::Result<Option<usize>>,
    ) -> Result<Option<usize>, Exception> {
        match self.0.receiver.get() {
            Receiver::Pushed => {}
            Receiver::Buffered => return self.receive_into_protocol(io, read),
            Receiver::Layered => return self.receive_layered(io, read),
        }
        let spare = self.0.event_loop.spare_memory();
        let mut memory = spare.take();
        let read = read(&mut memory[..]);
        if let Ok(Some(count @ 1..)) = read {
            self.call(io, "data_received", |protocol| {
                if let Inner::Pushed(protocol) = &mut protocol.0 {
                    protocol.data_received(self, &memory[..count]);
                }
            });
        }
        spare.give(memory);
        Ok(read?)
    }

    fn receive_into_protocol(
        &self,
        io: &Registered<Io>,
        read: impl FnOnce(&mut [u8]) -> io::Result<Option<usize>>,
    ) -> Result<Option<usize>, Exception> {
        let read = self.call(io, "get_buffer", |protocol| {
            let Inner::Buffered(protocol) = &mut protocol.0 else { return Ok(None) };
            match protocol.get_buffer(self.0.size_hint.get()) {
                [] => Err(Exception::message(Kind::RuntimeError, "get_buffer() returned an empty buffer")),
                buffer => read(buffer).map_err(Exception::from),
            }
        });
        let read = read.unwrap_or(Ok(None))?;
        if let Some(count @ 1..) = read {
            self.0.size_hint.set(next_hint(self.0.size_hint.get(), count));
            self.call(io, "buffer_updated", |protocol| {
                if let Inner::Buffered(protocol) = &mut protocol.0 {
                    protocol.buffer_updated(self, count);
                }
            });
        }
        Ok(read)
    }

    /// The peer has ended the stream.
    #[cold]
    fn read_end(&self, io: &Registered<Io>) {
        if let Some(layered) = self.0.layered.get() {
            return self.layered_end(layered);
        }
        match self.call(io, "eof_received", |protocol| protocol.eof_received(self)) {
            Some(AfterEof::KeepOpen) if self.0.ways == Ways::Both => self.0.reading.set(Reading::Over),
            _ => self.close(),
        }
    }

    /// Closes a write pipe once nobody is left to read, that is, once writing is closed. The end of a socket's stream does
    /// not mean that, and bytes to read from a socket or a terminal are not for this transport.
    fn watch_reader(&self, io: &Rc<Registered<Io>>) {
        if self.0.stage.get() >= Stage::Lost {
            return;
        }
        if io.is_ready(Readiness::WRITE_CLOSED) {
            if !socket::is_well_despite_errors(io.get().as_fd()) {
                let is_lost = !self.0.writes.is_empty();
                return self.lose(is_lost.then(|| io::Error::from(io::ErrorKind::BrokenPipe).into()));
            }
            io.not_closed();
        }
        io.ignore(Direction::Read);
        io.watch(Direction::Read, Rc::clone(&self.0) as Rc<_>);
    }

    /// Calls the protocol, and then does what had to wait for its return. `None` if there is no protocol, or if it panicked.
    #[inline]
    pub(in crate::transport) fn call<R>(
        &self,
        io: &Registered<Io>,
        name: &str,
        function: impl FnOnce(&mut AnyProtocol) -> R,
    ) -> Option<R> {
        let mut protocol = self.0.protocol.lend()?;
        let result = catch_unwind(AssertUnwindSafe(|| function(&mut protocol)));
        drop(protocol);
        if let Some(replaced) = self.0.protocol.replaced() {
            self.0.drop_users(replaced);
        }
        match result {
            Ok(result) => {
                self.flush_to(io);
                self.tell_flow();
                Some(result)
            }
            Err(panic) => {
                self.fatal(&format!("Fatal error: protocol.{name}() call failed."), panicked(panic));
                None
            }
        }
    }
}

/// The end.
impl Transport {
    /// Ends a connection that cannot continue. An error of the system goes to `connection_lost`. Any other is an error of the
    /// program, and is also reported.
    #[cold]
    pub(in crate::transport) fn fatal(&self, message: &str, raised: Exception) {
        if raised.downcast_ref::<io::Error>().is_none() {
            let context = ErrorContext::new(String::from(message)).caused_by(raised.clone());
            self.0.event_loop.call_exception_handler(context.about(self));
        }
        self.lose(Some(raised));
    }

    /// Discards unsent writes, and calls `connection_lost` in the next turn.
    pub(in crate::transport) fn lose(&self, error: Option<Exception>) {
        let connection = &self.0;
        if connection.stage.get() >= Stage::Lost {
            return;
        }
        connection.stage.set(Stage::Lost);
        connection.reading.set(Reading::Over);
        connection.writes.clear();
        self.release_file();
        if let Some(io) = connection.io() {
            io.unwatch();
        }
        let this = self.clone();
        let end = callback(move || {
            if this.0.has_rest.get() {
                // The protocol cannot know yet that its answers to the rest go nowhere.
                let discarded = this.0.discarded.replace(Discarded::Uncounted);
                this.read_rest();
                this.0.has_rest.set(false);
                this.0.discarded.set(discarded);
            }
            this.end(error);
        });
        connection.event_loop.scheduler().push(end as Rc<dyn Run>);
    }

    /// Calls `connection_lost`, and closes the descriptor.
    pub(in crate::transport) fn end(&self, error: Option<Exception>) {
        let connection = &self.0;
        if connection.stage.replace(Stage::Over) == Stage::Over {
            return;
        }
        self.release_file();
        connection.reading.set(Reading::Over);
        let layered = connection.layered.get();
        if let Some(layered) = layered {
            self.layer_is_over(layered, error.as_ref());
        }
        if layered.is_some_and(|layered| !layered.is_told.get()) {
            connection.drop_users(connection.protocol.set(None));
        } else if let Some(mut protocol) = connection.protocol.lend() {
            let result = catch_unwind(AssertUnwindSafe(|| protocol.connection_lost(self, error)));
            drop(protocol);
            connection.drop_users((connection.protocol.replaced(), connection.protocol.set(None)));
            if let Err(panic) = result {
                let context = ErrorContext::new("protocol.connection_lost() call failed.").caused_by(panicked(panic));
                connection.event_loop.call_exception_handler(context.about(self));
            }
        }
        let io = connection.io.take();
        drop(io);
        if let Some(Membership { group, place }) = connection.membership.take() {
            group.leave(place);
        }
        connection.event_loop.remove_resident(connection.resident.get());
    }
}

/// The next size hint after `count` bytes arrived for `hint`: more for a peer that sends much, less for one that sends
/// little. So a protocol that allocates what it is told holds little memory for the rest of a request.
fn next_hint(hint: usize, count: usize) -> usize {
    match count {
        _ if count >= hint => (4 * hint).min(MEMORY),
        _ if count < hint / 4 => (hint / 2).max(LEAST_HINT),
        _ => hint,
    }
}

/// How many reads follow a failed write. A peer that has only stopped reading may send for ever.
const MOST_RESTS: usize = 64;

/// The first size hint for a buffered protocol.
const LEAST_HINT: usize = 1024;
