//! How a stream transport writes.
//!
//! Small writes are gathered until the callback from which they come returns, or, where they come from somewhere else,
//! until all that is ready now has run; then they leave in one system call. So a head and a body, or the answers to ten
//! requests that came together, are one `send`. A large write is tried at once, with what was gathered before it in the
//! same call, and is not copied unless the kernel refuses it.
//!
//! Nobody can tell the difference but by counting system calls: what is asked of a transport (how much waits, whether
//! that is above the mark, to close) sends first what is gathered.

use std::rc::Rc;

use super::Transport;
use super::connection::{Stage, Ways, WriteEnd};
use crate::coroutine::{Exception, Kind};
use crate::sys::Direction;
use crate::task::{ErrorContext, Run};

/// What is smaller than that is gathered: to copy it costs less than a hundredth of a system call.
const SMALL: usize = 4096;

/// After how many writes that were thrown away it is warned about more.
const DISCARDS: u32 = 5;

impl Transport {
    /// Writes `data`: never waits. What the kernel does not take is kept, and sent when it does; where that is more than
    /// the high-water mark, the protocol's `pause_writing` is called.
    ///
    /// Once the connection is lost, what is written is thrown away; from the fifth time on, that is reported to the
    /// loop's exception handler.
    ///
    /// # Errors
    ///
    /// `RuntimeError` after [`write_eof`](Self::write_eof), while a file [is being sent](Self::send_file), and where this
    /// end only reads.
    #[inline]
    pub fn write(&self, data: &[u8]) -> Result<(), Exception> {
        let connection = &*self.0;
        if connection.write_end.get() != WriteEnd::Open || connection.ways == Ways::Read {
            return Err(self.cannot_write());
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

    /// Writes one after the other, as one. asyncio's `writelines`.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn writelines<T: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = T>) -> Result<(), Exception> {
        for line in lines {
            self.write(line.as_ref())?;
        }
        Ok(())
    }

    /// Ends the stream: once all is written, the peer finds its end. Reading goes on. A pipe is closed.
    ///
    /// # Errors
    ///
    /// The system's: `NotConnected` where the peer has reset the connection. `RuntimeError` while a file
    /// [is being sent](Self::send_file), and where this end only reads.
    pub fn write_eof(&self) -> Result<(), Exception> {
        match self.0.ways {
            Ways::Read => return Err(self.cannot_write()),
            Ways::Write => {
                self.close();
                return Ok(());
            }
            Ways::Both if self.0.write_end.get() == WriteEnd::Lent => return Err(self.cannot_write()),
            Ways::Both => {}
        }
        if self.is_closing() || self.0.write_end.get() != WriteEnd::Open {
            return Ok(());
        }
        self.0.write_end.set(WriteEnd::Wanted);
        self.flush();
        if self.0.writes.borrow().is_empty() { self.end_writes() } else { Ok(()) }
    }

    /// Sends what is gathered now, and not at the end of the turn. Nothing else has to call it: it is for who knows that
    /// the turn will take long.
    #[inline]
    pub fn flush(&self) {
        let has_gathered = self.0.writes.borrow().has_gathered();
        if has_gathered {
            self.send(&[]);
        }
    }

    /// `false` where it is to be tried at once.
    #[inline]
    fn gather(&self, data: &[u8]) -> bool {
        let connection = &*self.0;
        let mut writes = connection.writes.borrow_mut();
        let fits = data.len() < SMALL && writes.len() + data.len() <= connection.flow.high.get();
        if writes.has_backlog() || !fits || !writes.gather(data, connection.event_loop.memory_for_writes()) {
            return false;
        }
        drop(writes);
        if !connection.protocol.is_out() && !connection.flush_queued.replace(true) {
            connection.event_loop.scheduler().push(Rc::clone(&self.0) as Rc<dyn Run>);
        }
        true
    }

    fn write_now(&self, data: &[u8]) {
        let has_backlog = self.0.writes.borrow().has_backlog();
        if has_backlog {
            // The kernel has refused more, and has not called back yet.
            self.0.writes.borrow_mut().append(data);
        } else {
            self.send(data);
        }
        let size = self.0.writes.borrow().len();
        if self.0.flow.grown(size) {
            self.tell_flow();
        }
    }

    /// Tries to write all there is, and `more`, in one call; keeps what is refused.
    #[inline]
    fn send(&self, more: &[u8]) {
        let Some(io) = self.0.io() else { return };
        let sent =
            io.try_now(Direction::Write, |io| self.0.writes.borrow().with_slices(more, |slices| io.write(slices)));
        match sent {
            Ok(sent) => {
                let spare = self.0.event_loop.memory_for_writes();
                let has_backlog = self.0.writes.borrow_mut().written(sent.unwrap_or(0), more, spare);
                if has_backlog {
                    io.watch(Direction::Write, Rc::clone(&self.0) as Rc<_>);
                }
            }
            Err(error) => self.fatal("Fatal write error on transport", error.into()),
        }
    }

    /// The kernel takes more.
    #[cold]
    pub(super) fn write_ready(&self) {
        self.send(&[]);
        if self.0.stage.get() >= Stage::Lost {
            return;
        }
        let size = self.0.writes.borrow().len();
        if self.0.flow.shrunk(size) {
            // It may write more.
            self.tell_flow();
        }
        if !self.0.writes.borrow().is_empty() || self.0.stage.get() >= Stage::Lost {
            return;
        }
        if self.0.stage.get() == Stage::Closing {
            self.end(None);
        } else if self.0.write_end.get() == WriteEnd::Lent {
            self.tell_emptied();
        } else if self.0.write_end.get() == WriteEnd::Wanted
            && let Err(raised) = self.end_writes()
        {
            self.fatal("Fatal write error on transport", raised);
        }
    }

    fn end_writes(&self) -> Result<(), Exception> {
        self.0.write_end.set(WriteEnd::Ended);
        match self.0.io() {
            Some(io) => Ok(io.get().end_writes()?),
            None => Ok(()),
        }
    }

    #[cold]
    fn discard(&self) {
        self.0.discarded.set(self.0.discarded.get().saturating_add(1));
        if self.0.discarded.get() >= DISCARDS {
            let context = ErrorContext::new("written to a connection that is lost: the data is thrown away");
            self.0.event_loop.call_exception_handler(context.about(self));
        }
    }

    #[cold]
    pub(super) fn cannot_write(&self) -> Exception {
        Exception::message(
            Kind::RuntimeError,
            match self.0.ways {
                Ways::Read => "this end of a pipe can only be read from",
                _ if self.0.write_end.get() == WriteEnd::Lent => "unable to write; sendfile is in progress",
                Ways::Write | Ways::Both => "Cannot call write() after write_eof()",
            },
        )
    }
}
