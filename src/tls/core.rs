//! [`Core`]: a session and the stream below it.
//!
//! Invariants:
//!
//! 1. While the stream below is called, which may be the program's code, nothing is borrowed, and the bytes that it is lent
//!    are out of their cells. What comes in between is put behind them.
//! 2. Bytes that were sealed stay in `outgoing` until they are sent, in order, or the stream below has failed.
//! 3. An error of sending is raised by later writes only. Reading goes on: data may have come before the peer left.

use core::cell::{Cell, RefCell};
use std::io::Write as _;
use std::rc::Rc;

use super::backlog::{Backlog, Flush};
use super::error::{cut_off, ended_in_handshake, has_ended, refused};
use super::session::{Lent, Session};
use crate::coroutine::{Exception, Step};
use crate::net::{Buffer, ByteStream};
use crate::task::{Await, Progress};

pub(super) struct Core<S> {
    /// Declared first, so that it is stopped before the stream is dropped.
    backlog: Stopping,
    pub(super) io: S,
    pub(super) session: RefCell<Session>,
    /// What has come and is not a whole record yet.
    incoming: Cell<Buffer>,
    /// Plaintext that nobody has read.
    plain: Cell<Buffer>,
    /// What is sealed and not sent.
    outgoing: Cell<Buffer>,
    /// Why nothing more can be read.
    read_failure: RefCell<Option<Exception>>,
    /// Why nothing more can be written.
    write_failure: RefCell<Option<Exception>>,
    /// Whether the stream below has been ended.
    io_has_ended: Cell<bool>,
}

/// Stops the backlog when it is dropped.
struct Stopping(Rc<Backlog>);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Whether everything that was sealed has been sent.
pub(super) enum Flushed {
    All,
    /// Some is left, which the backlog sends. A task waits for that.
    Waits(Await),
}

/// The most bytes of an unfinished message. A message of the handshake has 64 KiB at most.
const MOST_INCOMING: usize = 128 * 1024;

impl<S: ByteStream + 'static> Core<S> {
    /// `read` has what was read from the stream before.
    pub(super) fn new(io: S, session: Session, read: &Buffer) -> Rc<Self> {
        let mut incoming = Buffer::with_limit(MOST_INCOMING.max(read.len() + MOST_INCOMING));
        incoming.write_all(read.bytes()).expect("a buffer takes everything");
        Rc::new_cyclic(|this| Self {
            backlog: Stopping(Backlog::new(this.clone() as std::rc::Weak<dyn Flush>)),
            io,
            session: RefCell::new(session),
            incoming: Cell::new(incoming),
            plain: Cell::default(),
            outgoing: Cell::default(),
            read_failure: RefCell::default(),
            write_failure: RefCell::default(),
            io_has_ended: Cell::new(false),
        })
    }

    /// The stream below, and what came after the end of TLS.
    pub(super) fn into_parts(self) -> (S, Buffer) {
        (self.io, self.incoming.take())
    }

    /// Calls `function` with the session and what it is lent. Plaintext goes to `room`, and what does not fit to `plain`.
    /// Returns how much of the room is filled.
    fn with_session<R>(
        &self,
        incoming: &mut Buffer,
        room: &mut [u8],
        function: impl FnOnce(&mut Session, &mut Lent<'_>) -> Result<R, rustls::Error>,
    ) -> (usize, Result<R, Exception>) {
        let Ok(mut session) = self.session.try_borrow_mut() else {
            return (0, Err(Exception::runtime("the configuration of a TLS connection uses that connection")));
        };
        let (mut plain, mut outgoing, mut filled) = (self.plain.take(), self.outgoing.take(), 0);
        let mut plaintext = |bytes: &[u8]| {
            let (now, later) = bytes.split_at(bytes.len().min(room.len() - filled));
            room[filled..filled + now.len()].copy_from_slice(now);
            filled += now.len();
            plain.write_all(later).expect("a buffer takes everything");
        };
        let mut lent = Lent { incoming, outgoing: &mut outgoing, plaintext: &mut plaintext };
        let result = function(&mut session, &mut lent);
        self.plain.set(plain);
        self.outgoing.set(outgoing);
        let result = result.map_err(|error| {
            let raised = refused(error);
            self.read_failure.replace(Some(raised.clone()));
            self.write_failure.borrow_mut().get_or_insert_with(|| raised.clone());
            raised
        });
        (filled, result)
    }

    /// Processes what has come already. Returns how much of the room is filled.
    fn advance(&self, room: &mut [u8]) -> Result<usize, Exception> {
        let mut incoming = self.incoming.take();
        let (filled, result) = self.with_session(&mut incoming, room, Session::advance);
        put_back(&self.incoming, incoming);
        if result.is_err() {
            // The alert that says why.
            let _ = self.flush_alert();
        }
        match result {
            Err(raised) if filled == 0 => Err(raised),
            _ => Ok(filled),
        }
    }

    fn with_buffer<R>(buffer: &Cell<Buffer>, function: impl FnOnce(&mut Buffer) -> R) -> R {
        let mut lent = buffer.take();
        let result = function(&mut lent);
        put_back(buffer, lent);
        result
    }

    /// Reads more from the stream below, without processing it.
    fn receive(&self) -> Progress<usize> {
        let attempt = Self::with_buffer(&self.incoming, |incoming| self.io.attempt_read(incoming));
        if let Ok(Step::Yield(_)) = &attempt {
            // What the session has to say must not wait for the program to write something.
            let _ = self.flush();
        }
        attempt
    }

    /// Sends what is sealed, as far as it goes.
    ///
    /// # Errors
    ///
    /// Those of the stream below, now or earlier. What is left is dropped.
    pub(super) fn flush(&self) -> Result<Flushed, Exception> {
        if let Some(raised) = &*self.write_failure.borrow() {
            return Err(raised.clone());
        }
        self.flush_alert()
    }

    /// [`flush`](Self::flush), even after an error of TLS.
    fn flush_alert(&self) -> Result<Flushed, Exception> {
        if self.backlog.0.is_waiting() {
            return Ok(Flushed::Waits(self.backlog.0.flushed()));
        }
        let attempt = Self::with_buffer(&self.outgoing, |outgoing| match outgoing.is_empty() {
            true => Ok(Step::Return(())),
            false => self.io.attempt_write_all(outgoing),
        });
        let waits = match attempt {
            Ok(Step::Return(())) => return Ok(Flushed::All),
            Ok(Step::Yield(wanted)) => self.backlog.0.wait(wanted),
            Ok(Step::Delegate(_)) => Err(Exception::runtime("a stream below TLS must not delegate its writes")),
            Err(raised) => Err(raised),
        };
        match waits {
            Ok(wanted) => Ok(Flushed::Waits(wanted)),
            Err(raised) => {
                self.outgoing.take();
                self.write_failure.borrow_mut().get_or_insert_with(|| raised.clone());
                Err(raised)
            }
        }
    }

    /// Goes through the handshake.
    pub(super) fn attempt_handshake(&self) -> Progress<()> {
        loop {
            self.advance(&mut [])?;
            let _ = self.flush();
            if !self.session.borrow().is_handshaking() {
                return Ok(Step::Return(()));
            }
            match self.receive()? {
                Step::Return(0) => return Err(ended_in_handshake()),
                Step::Return(_) => {}
                Step::Yield(wanted) => {
                    // The peer will not answer what could not be sent.
                    self.write_failure.borrow().clone().map_or(Ok(()), Err)?;
                    return Ok(Step::Yield(wanted));
                }
                Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
            }
        }
    }

    pub(super) fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize> {
        if bytes.is_empty() {
            return Ok(Step::Return(0));
        }
        let count = Self::with_buffer(&self.plain, |plain| {
            let count = plain.len().min(bytes.len());
            bytes[..count].copy_from_slice(&plain.bytes()[..count]);
            if count > 0 {
                plain.consume(count);
            }
            count
        });
        if count > 0 {
            return Ok(Step::Return(count));
        }
        loop {
            if let Some(raised) = &*self.read_failure.borrow() {
                return Err(raised.clone());
            }
            if self.session.try_borrow().is_ok_and(|session| session.peer_has_ended) {
                return Ok(Step::Return(0));
            }
            match self.receive()? {
                Step::Return(0) => {
                    self.read_failure.replace(Some(cut_off()));
                }
                Step::Return(_) => {
                    let filled = self.advance(bytes)?;
                    let _ = self.flush();
                    if filled > 0 {
                        return Ok(Step::Return(filled));
                    }
                }
                Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
                Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
            }
        }
    }

    /// Flushes, seals some of `bytes`, and flushes again. Returns how many bytes were taken.
    pub(super) fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
        if let Flushed::Waits(wanted) = self.flush()? {
            return Ok(Step::Yield(wanted));
        }
        if bytes.is_empty() {
            return Ok(Step::Return(0));
        }
        let count = self.seal(|session, lent| match session.has_ended {
            true => Ok(0),
            false => session.seal(bytes, lent),
        })?;
        if count == 0 {
            return Err(has_ended());
        }
        // What is left now is sent by the backlog.
        self.flush()?;
        Ok(Step::Return(count))
    }

    fn seal<R>(
        &self,
        function: impl FnOnce(&mut Session, &mut Lent<'_>) -> Result<R, rustls::Error>,
    ) -> Result<R, Exception> {
        Self::with_buffer(&self.incoming, |incoming| self.with_session(incoming, &mut [], function).1)
    }

    /// Says that nothing more will be sent, and waits until that is sent.
    pub(super) fn attempt_end(&self) -> Progress<()> {
        self.seal(Session::end)?;
        match self.flush()? {
            Flushed::All => Ok(Step::Return(())),
            Flushed::Waits(wanted) => Ok(Step::Yield(wanted)),
        }
    }

    /// Ends TLS, and then the stream below.
    pub(super) fn attempt_write_eof(&self) -> Progress<()> {
        match self.attempt_end()? {
            Step::Return(()) if self.io_has_ended.get() => Ok(Step::Return(())),
            Step::Return(()) => {
                let ended = self.io.attempt_write_eof();
                self.io_has_ended.set(matches!(ended, Ok(Step::Return(()))));
                ended
            }
            waits => Ok(waits),
        }
    }

    /// Ends TLS, and reads and drops what the peer still sends until it has ended TLS too, or has left.
    pub(super) fn attempt_close(&self) -> Progress<()> {
        match self.attempt_end()? {
            Step::Return(()) => {}
            waits => return Ok(waits),
        }
        self.plain.take();
        loop {
            if self.session.borrow().peer_has_ended {
                return Ok(Step::Return(()));
            }
            match self.receive()? {
                Step::Return(0) => return Ok(Step::Return(())),
                Step::Return(_) => {
                    self.advance(&mut [])?;
                    self.plain.take();
                }
                Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
                Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
            }
        }
    }

    /// Closes the stream below, and drops what was to be sent.
    pub(super) fn abort(&self) {
        self.outgoing.take();
        self.backlog.0.stop();
        self.io.abort();
    }
}

impl<S: ByteStream + 'static> Flush for Core<S> {
    fn flush_later(&self) {
        // A failure is raised by the next write.
        let _ = self.flush_alert();
    }
}

/// Puts a buffer back, in front of what has come meanwhile.
fn put_back(place: &Cell<Buffer>, mut buffer: Buffer) {
    let meanwhile = place.take();
    if !meanwhile.is_empty() {
        buffer.write_all(meanwhile.bytes()).expect("a buffer takes everything");
    }
    place.set(buffer);
}
