//! A stream transport from within: its life, and what it does when its descriptor is ready.
//!
//! ```text
//!          first run           close, eof       backlog empty        in the next turn
//!   (new) -----------> Open ------------> Closing ------------> Lost -----------------> Over
//!                        |                   |                    ^
//!                        +-------------------+---- abort, error --+
//! ```
//!
//! A connection stands in the ready queue as a task does, but is none: it is queued when its descriptor is ready, reads
//! once, writes once, and watches again. One read a turn is all that a peer gets that never stops sending.
//!
//! Invariants:
//!
//! 1. The loop owns a connection, by [`Resident`], until it is over: dropping handles changes nothing.
//! 2. It is queued when it is made, and nobody can reach it before: so its first run is always the one that calls
//!    `connection_made`.
//! 3. From `Lost` on, exactly one callback is queued, which calls `connection_lost`; nothing else calls the protocol.

use core::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::super::flow::Flow;
use super::super::protocol::{AfterEof, AnyProtocol, Inner};
use super::super::server::handle::Membership;
use super::super::slot::Slot;
use super::handle::Transport;
use super::io::Io;
use super::write_buffer::WriteBuffer;
use crate::coroutine::{Exception, Kind};
use crate::event_loop::{LoopHandle, MEMORY, Registered, Resident};
use crate::sys::{Direction, Readiness, socket};
use crate::task::{ErrorContext, Future, Run, Scheduler, callback, panicked};

pub(in crate::transport) struct Connection {
    pub(in crate::transport) event_loop: LoopHandle,
    /// `None` once it is over. Shared, so that nothing is borrowed while a selector of the user's runs.
    pub(in crate::transport) io: RefCell<Option<Rc<Registered<Io>>>>,
    pub(in crate::transport) protocol: Slot<AnyProtocol>,
    pub(in crate::transport) ways: Ways,
    pub(in crate::transport) peer: Option<SocketAddr>,
    pub(in crate::transport) writes: WriteBuffer,
    pub(in crate::transport) flow: Flow,
    pub(in crate::transport) stage: Cell<Stage>,
    pub(in crate::transport) reading: Cell<Reading>,
    pub(in crate::transport) write_end: Cell<WriteEnd>,
    /// Whether `connection_made` was called.
    made: Cell<bool>,
    pub(in crate::transport) is_buffered: Cell<bool>,
    /// Whether a write has failed while there may be something to read.
    pub(in crate::transport) has_rest: Cell<bool>,
    /// What a buffered protocol is told next.
    size_hint: Cell<usize>,
    /// Whether it stands in the queue for what is gathered to be sent.
    pub(in crate::transport) flush_queued: Cell<bool>,
    /// How many writes were thrown away, or [`NOT_COUNTED`].
    pub(in crate::transport) discarded: Cell<u32>,
    resident: Cell<usize>,
    server: Cell<Option<Membership>>,
    /// While a file waits for its turn: done when all that was written before is sent, or never will be.
    pub(in crate::transport) emptied: RefCell<Option<Future<()>>>,
}

/// In which ways bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Ways {
    Both,
    Read,
    Write,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::transport) enum Stage {
    Open,
    /// Nothing is read any more; what was written is still sent.
    Closing,
    Lost,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum Reading {
    Active,
    Paused,
    /// There is no more, or it is not wanted.
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transport) enum WriteEnd {
    Open,
    /// Nobody else writes: a file is being sent.
    Lent,
    /// To be ended when all is written.
    Wanted,
    Ended,
}

impl Connection {
    /// Makes a connection of a registered descriptor. Its protocol is told in the next turn.
    pub(in crate::transport) fn start(
        event_loop: LoopHandle,
        io: Registered<Io>,
        protocol: AnyProtocol,
        ways: Ways,
        peer: Option<SocketAddr>,
        server: Option<Membership>,
    ) -> Transport {
        let connection = Rc::new(Self {
            io: RefCell::new(Some(Rc::new(io))),
            has_rest: Cell::new(false),
            is_buffered: Cell::new(matches!(protocol.0, Inner::Buffered(_))),
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
            discarded: Cell::new(0),
            resident: Cell::new(0),
            server: Cell::new(None),
            emptied: RefCell::new(None),
            event_loop,
        });
        connection.resident.set(connection.event_loop.add_resident(Rc::clone(&connection) as Rc<_>));
        let transport = Transport(connection);
        if let Some(server) = server {
            server.enter(&transport);
            transport.0.server.set(Some(server));
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

    /// Drops what is the user's, so that a panic goes no further.
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
            // Queued for that; where its descriptor is ready too, it is queued once more.
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
    /// The protocol is not told: it is dropped.
    fn loop_closed(self: Rc<Self>) {
        self.stage.set(Stage::Over);
        self.reading.set(Reading::Over);
        self.writes.clear();
        let io = self.io.take();
        drop(io);
        self.server.take();
        self.drop_users(self.protocol.set(None));
    }
}

/// What the descriptor's readiness leads to.
impl Transport {
    fn made(&self) {
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

    /// Reads what came before a write failed. The error of that is the end, so no other is told.
    #[cold]
    fn read_rest(&self) {
        let Some(io) = self.0.io() else { return };
        for _ in 0..MOST_RESTS {
            let Ok(Some(1..)) = self.receive(&io, |room| io.get().read(room).map(|(count, _)| Some(count))) else {
                return;
            };
        }
    }

    /// Gives the protocol what `read` brings, and how much that is.
    #[inline(always)]
    fn receive(
        &self,
        io: &Registered<Io>,
        read: impl FnOnce(&mut [u8]) -> io::Result<Option<usize>>,
    ) -> Result<Option<usize>, Exception> {
        if self.0.is_buffered.get() {
            return self.receive_into_protocol(io, read);
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

    /// The peer sends no more.
    #[cold]
    fn read_end(&self, io: &Registered<Io>) {
        match self.call(io, "eof_received", |protocol| protocol.eof_received(self)) {
            Some(AfterEof::KeepOpen) if self.0.ways == Ways::Both => self.0.reading.set(Reading::Over),
            _ => self.close(),
        }
    }

    /// Ends a pipe that is written to when nobody is left to read: when writing is closed. That a socket's peer sends no
    /// more does not say so, nor is what there is to read, of a socket or a terminal, for us.
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

    /// Calls the protocol, and does what had to wait for its return. `None` where there is none, or where it has
    /// panicked.
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

/// How it ends.
impl Transport {
    /// The connection cannot go on. What the system says about it is for `connection_lost`; anything else is an error
    /// in the program, and reported.
    #[cold]
    pub(in crate::transport) fn fatal(&self, message: &str, raised: Exception) {
        if raised.downcast_ref::<io::Error>().is_none() {
            let context = ErrorContext::new(String::from(message)).caused_by(raised.clone());
            self.0.event_loop.call_exception_handler(context.about(self));
        }
        self.lose(Some(raised));
    }

    /// Drops what is not written yet, and has `connection_lost` called in the next turn.
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
            if this.0.has_rest.take() {
                // The protocol cannot know yet that its answers to the rest go nowhere.
                let discarded = this.0.discarded.replace(NOT_COUNTED);
                this.read_rest();
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
        if let Some(mut protocol) = connection.protocol.lend() {
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
        if let Some(server) = connection.server.take() {
            server.leave();
        }
        connection.event_loop.remove_resident(connection.resident.get());
    }
}

/// What a buffered protocol is told once `count` bytes have come where it was told `hint`: more for a peer that sends much,
/// less for one that sends little. A protocol that allocates as much as it is told then holds little for the rest of a
/// request.
fn next_hint(hint: usize, count: usize) -> usize {
    match count {
        _ if count >= hint => (4 * hint).min(MEMORY),
        _ if count < hint / 4 => (hint / 2).max(LEAST_HINT),
        _ => hint,
    }
}

/// How often is read after a write has failed. A peer that has only stopped reading may send for ever.
const MOST_RESTS: usize = 64;

/// In place of the number of discarded writes, while none is warned about.
pub(in crate::transport) const NOT_COUNTED: u32 = u32::MAX;

/// What a buffered protocol is told first.
const LEAST_HINT: usize = 1024;
