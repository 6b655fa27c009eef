//! Writing to a stream transport, and what happens when a write fails. `connection.rs` then ends the connection.
//!
//! Small writes are gathered. If a callback of the protocol makes them, they leave when it returns; otherwise they leave
//! after everything that is ready now has run. So a head and a body, or the answers to ten requests that arrived together,
//! take one `send`. A large write is tried at once, in one call with the gathered bytes before it, and is copied only if the
//! kernel refuses it.
//!
//! The difference shows only in the number of system calls: questions about the backlog, and closing, send the gathered
//! bytes first.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;

use super::connection::{Discarded, Reading, Stage, Transport, Ways, WriteEnd};
use super::io::Io;
use crate::coroutine::{Exception, Kind};
use crate::event_loop::Registered;
use crate::sys::Direction;
use crate::task::{ErrorContext, Run};

/// Writes smaller than this are gathered. Copying them costs less than a hundredth of a system call.
const SMALL: usize = 4096;

/// The number of discarded writes from which on each is reported.
const DISCARDS: u8 = 5;

impl Transport {
    /// Writes `data`. Never waits: bytes that the kernel does not accept are kept, and sent when it does. If they exceed the
    /// high-water mark, the protocol's `pause_writing` is called.
    ///
    /// Writes of less than 4 KiB are gathered. They are sent together when the protocol's callback returns, or at the end
    /// of the turn if no callback is running. [`flush`](Self::flush) sends them at once.
    ///
    /// Once the connection is lost, writes are discarded. From the fifth time on, that is reported to the loop's exception
    /// handler.
    ///
    /// # Errors
    ///
    /// Returns `RuntimeError` after [`write_eof`](Self::write_eof), while a file [is being sent](Self::send_file), and if this
    /// end only reads.
    #[inline]
    pub fn write(&self, data: &[u8]) -> Result<(), Exception> {
        let connection = &*self.0;
        if connection.write_end.get() != WriteEnd::Open {
            return self.write_otherwise(data);
        }
        if data.is_empty() {
            return Ok(());
        }
        if connection.stage.get() >= Stage::Lost {
            self.discard();
            return Ok(());
        }
        if !self.gather(data) {
            self.write_now(data);
        }
        Ok(())
    }

    /// Writes through the layer, if there is one.
    #[cold]
    fn write_otherwise(&self, data: &[u8]) -> Result<(), Exception> {
        if self.0.layered.get().is_some() && self.is_closing() {
            // The end is sealed already.
            self.discard();
        } else if self.0.write_end.get() == WriteEnd::Layered {
            self.write_layered(data);
        } else {
            return Err(self.cannot_write());
        }
        Ok(())
    }

    /// Writes several pieces, in order. asyncio's `writelines`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`write`](Self::write).
    pub fn writelines<T: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = T>) -> Result<(), Exception> {
        for line in lines {
            self.write(line.as_ref())?;
        }
        Ok(())
    }

    /// Ends the stream. Once everything is written, the peer reads the end. Reading continues. A pipe is closed.
    /// [`pause_reading`](Self::pause_reading) has an example.
    ///
    /// # Errors
    ///
    /// Returns the system's error: `NotConnected` if the peer has reset the connection. Returns `RuntimeError` while a file
    /// [is being sent](Self::send_file), and if this end only reads.
    pub fn write_eof(&self) -> Result<(), Exception> {
        match self.0.ways {
            Ways::Read => return Err(self.cannot_write()),
            Ways::Write => {
                self.close();
                return Ok(());
            }
            Ways::Both if matches!(self.0.write_end.get(), WriteEnd::Lent | WriteEnd::Handshaking) => {
                return Err(self.cannot_write());
            }
            Ways::Both => {}
        }
        if self.is_closing() || self.0.write_end.get() != self.0.open_write_end() {
            return Ok(());
        }
        self.end_layer();
        self.0.write_end.set(WriteEnd::Wanted);
        self.flush();
        if self.0.writes.is_empty() { self.end_writes() } else { Ok(()) }
    }

    /// Sends the gathered small writes now rather than at the end of the turn. Useful only if the turn will take long.
    #[inline]
    pub fn flush(&self) {
        if self.0.writes.has_gathered()
            && let Some(io) = self.0.io()
        {
            self.flush_to(&io);
        }
    }

    /// Gathers `data`. Returns `false` if it must be tried at once.
    #[inline]
    fn gather(&self, data: &[u8]) -> bool {
        let connection = &*self.0;
        let writes = &connection.writes;
        let fits = data.len() < SMALL && writes.len() + data.len() <= connection.flow.high.get();
        if writes.has_backlog() || !fits || !writes.gather(data, connection.event_loop.memory_for_writes()) {
            return false;
        }
        if !connection.protocol.is_lent() && !connection.flush_queued.replace(true) {
            connection.event_loop.scheduler().push(Rc::clone(&self.0) as Rc<dyn Run>);
        }
        true
    }

    /// Writes bytes that a layer has sealed.
    pub(super) fn write_raw(&self, data: &[u8]) {
        if !self.gather(data) {
            self.write_now(data);
        }
    }

    fn write_now(&self, data: &[u8]) {
        if self.0.writes.has_backlog() {
            // The kernel has refused bytes, and is not ready for more yet.
            self.0.writes.append(data);
        } else if let Some(io) = self.0.io() {
            self.send(&io, data);
        }
        if self.0.flow.grown(self.0.writes.len()) {
            self.tell_flow();
        }
    }

    /// Tries to write the gathered bytes.
    #[inline(always)]
    pub(in crate::transport) fn flush_to(&self, io: &Registered<Io>) {
        let Some((memory, len)) = self.0.writes.take_gathered() else { return };
        if self.0.writes.has_backlog() {
            self.0.writes.append(&memory[..len]);
        } else {
            let sent = io.try_now(Direction::Write, |io| io.write(&memory[..len]));
            match sent {
                Ok(Some(count)) if count == len => {}
                _ => self.sent_less(io, sent, &memory[..len], &[]),
            }
        }
        self.0.event_loop.memory_for_writes().give(memory);
    }

    /// Tries to write the gathered bytes and then `data`, in one call.
    fn send(&self, io: &Registered<Io>, data: &[u8]) {
        let gathered = self.0.writes.take_gathered();
        let first = gathered.as_ref().map_or(&[][..], |(memory, len)| &memory[..*len]);
        let sent = io.try_now(Direction::Write, |io| match first {
            [] => io.write(data),
            first => io.write_vectored(&[IoSlice::new(first), IoSlice::new(data)]),
        });
        match sent {
            Ok(Some(count)) if count == first.len() + data.len() => {}
            _ => self.sent_less(io, sent, first, data),
        }
        if let Some((memory, _)) = gathered {
            self.0.event_loop.memory_for_writes().give(memory);
        }
    }

    /// Keeps the bytes of `first` and `second` that the kernel has not accepted.
    #[cold]
    fn sent_less(&self, io: &Registered<Io>, sent: io::Result<Option<usize>>, first: &[u8], second: &[u8]) {
        let count = match sent {
            Ok(sent) => sent.unwrap_or(0),
            Err(error) => return self.write_failed(error.into()),
        };
        let mut left = VecDeque::from(first[count.min(first.len())..].to_vec());
        left.extend(&second[count.saturating_sub(first.len())..]);
        self.0.writes.put_backlog(left);
        io.watch(Direction::Write, Rc::clone(&self.0) as Rc<_>);
    }

    /// Tries to write the backlog.
    fn send_backlog(&self) {
        let Some(io) = self.0.io() else { return };
        let mut backlog = self.0.writes.take_backlog();
        let sent = io.try_now(Direction::Write, |io| match backlog.as_slices() {
            (first, []) => io.write(first),
            (first, second) => io.write_vectored(&[IoSlice::new(first), IoSlice::new(second)]),
        });
        match sent {
            Ok(sent) => {
                backlog.drain(..sent.unwrap_or(0));
                let is_left = !backlog.is_empty();
                self.0.writes.put_backlog(backlog);
                if is_left {
                    io.watch(Direction::Write, Rc::clone(&self.0) as Rc<_>);
                }
            }
            Err(error) => self.write_failed(error.into()),
        }
    }

    /// The descriptor has become writable.
    #[cold]
    pub(in crate::transport) fn write_ready(&self) {
        self.send_backlog();
        if self.0.stage.get() >= Stage::Lost {
            return;
        }
        if self.0.flow.shrunk(self.0.writes.len()) {
            // The protocol may write more.
            self.tell_flow();
        }
        if !self.0.writes.is_empty() || self.0.stage.get() >= Stage::Lost {
            return;
        }
        if self.0.stage.get() == Stage::Closing {
            if !self.0.waits_for_peer() {
                self.end(None);
            }
        } else if self.0.write_end.get() == WriteEnd::Lent {
            self.tell_emptied();
        } else if self.0.write_end.get() == WriteEnd::Wanted
            && let Err(raised) = self.end_writes()
        {
            self.write_failed(raised);
        }
    }

    fn end_writes(&self) -> Result<(), Exception> {
        self.0.write_end.set(WriteEnd::Ended);
        match self.0.io() {
            Some(io) => Ok(io.get().end_writes()?),
            None => Ok(()),
        }
    }

    /// Loses the connection, after reading what the peer has sent: a server may answer early and close while the client is
    /// still writing.
    ///
    /// A protocol that has paused reading gets those bytes too, because it could not ask for them later.
    #[cold]
    fn write_failed(&self, raised: Exception) {
        let may_have_rest = self.0.reading.get() != Reading::Over;
        self.fatal("Fatal write error on transport", raised);
        self.0.has_rest.set(may_have_rest);
    }

    #[cold]
    pub(super) fn discard(&self) {
        let Discarded::Counted(earlier) = self.0.discarded.get() else { return };
        let count = (earlier + 1).min(DISCARDS);
        self.0.discarded.set(Discarded::Counted(count));
        if count == DISCARDS {
            let context = ErrorContext::new("write to a lost connection: the data is discarded");
            self.0.event_loop.call_exception_handler(context.about(self));
        }
    }

    #[cold]
    pub(in crate::transport) fn cannot_write(&self) -> Exception {
        Exception::message(
            Kind::RuntimeError,
            match self.0.ways {
                Ways::Read => "this end of a pipe can only be read from",
                _ if self.0.write_end.get() == WriteEnd::Handshaking => {
                    "unable to write; a TLS handshake is in progress"
                }
                _ if self.0.write_end.get() == WriteEnd::Lent => "unable to write; sendfile is in progress",
                Ways::Write | Ways::Both => "Cannot call write() after write_eof()",
            },
        )
    }
}
