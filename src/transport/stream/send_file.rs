//! [`SendFile`]: sends a file from the kernel's pages to a transport's descriptor, past the transport's buffer.
//!
//! ```text
//!              earlier writes are waiting              they have been sent
//!   Created ---------------------------------> Emptying ----------------> Sending ---> Over
//!      \------------ no writes are waiting --------------------------------^
//! ```
//!
//! From its first resume to its end, it owns the transport's writing end. The transport itself does not wait for the
//! descriptor to become writable then, so the task can.

use core::fmt;
use std::io;

use super::connection::Transport;
use super::connection::{Ways, WriteEnd};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::Left;
use crate::net::FilePart;
use crate::sys::Direction;
use crate::task::{Await, Future};
use crate::yield_from;

impl Transport {
    /// Sends a file or a part of one after all earlier writes, and returns the number of bytes sent: less than its
    /// [`count`](FilePart::count) if the file ends early. asyncio's `loop.sendfile`.
    ///
    /// Until it ends or is dropped, the transport does not read, and writing to it is an error. After a cancel, its
    /// [`part`](SendFile::part) knows how much has been sent. Reading from the disk blocks the loop, as in
    /// [`ByteWrite::send_file`](crate::ByteWrite::send_file).
    ///
    /// ```
    /// use innermost::net::FilePart;
    /// use innermost::{EventLoop, Protocol, Transport, spawn, to_thread};
    /// use std::fs::File;
    /// use std::io::Read;
    /// use std::net::TcpStream;
    ///
    /// /// Sends a file to whoever connects.
    /// struct Sender;
    ///
    /// impl Protocol for Sender {
    ///     fn connection_made(&mut self, transport: &Transport) {
    ///         let send = || {
    ///             transport.write(b"here it is: ")?;
    ///             let sending = transport.send_file(FilePart::new(File::open("Cargo.toml")?));
    ///             spawn(sending)
    ///         };
    ///         let sent = send().expect("the file is there");
    ///         let transport = transport.clone();
    ///         sent.add_done_callback(move |_| transport.close());
    ///     }
    ///
    ///     fn data_received(&mut self, _: &Transport, _: &[u8]) {}
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let server = event_loop.run_until_complete(event_loop.create_server(|| Sender, ([127, 0, 0, 1], 0)))?;
    /// let address = server.local_addrs()[0];
    /// let received = event_loop.run_until_complete(to_thread(move || {
    ///     let mut text = String::new();
    ///     TcpStream::connect(address)?.read_to_string(&mut text)?;
    ///     Ok(text)
    /// }))?;
    /// assert!(received.starts_with("here it is: [package]"));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// Raises `RuntimeError` if the transport is closing, has ended its writes, only reads, or is already sending a file.
    /// Raises an [`io::Error`] if sending or reading fails: of kind `Unsupported` if the part does not allow a fallback, and of
    /// kind `ConnectionReset` if the transport is closed meanwhile.
    pub fn send_file(&self, part: FilePart) -> SendFile {
        SendFile { transport: self.clone(), part, was_reading: false, phase: Phase::Created }
    }

    /// Takes the writing end for a file. Returns a future that is done once earlier writes have been sent, if there are any.
    fn lend(&self) -> Result<Option<Future<()>>, Exception> {
        self.flush();
        if self.is_closing() {
            return Err(Exception::runtime("Transport is closing"));
        }
        if self.0.write_end.get() != self.0.open_write_end() || self.0.ways == Ways::Read {
            return Err(self.cannot_write());
        }
        self.0.write_end.set(WriteEnd::Lent);
        Ok(self.emptying())
    }

    /// A future that is done once all writes have been sent. `None` if they have been.
    fn emptying(&self) -> Option<Future<()>> {
        if self.0.writes.is_empty() {
            return None;
        }
        let emptied = self.0.event_loop.create_future();
        let former = self.0.emptied.replace(Some(emptied.clone()));
        drop(former);
        Some(emptied)
    }

    /// Seals the next chunk of a file, and writes it.
    fn seal_file(&self, part: &mut FilePart) -> io::Result<()> {
        part.read_and_write(self.0.event_loop.spare_memory(), |bytes| {
            self.write_layered(bytes);
            Ok::<_, io::Error>(bytes.len())
        })?;
        self.flush();
        Ok(())
    }

    /// Returns the writing end.
    fn take_back(&self) {
        if self.0.write_end.get() == WriteEnd::Lent {
            self.0.write_end.set(self.0.open_write_end());
        }
        let emptied = self.0.emptied.take();
        drop(emptied);
    }

    /// All writes before the file have been sent, or never will be.
    #[cold]
    pub(in crate::transport) fn tell_emptied(&self) {
        let emptied = self.0.emptied.take();
        if let Some(emptied) = emptied {
            // A cancelled one takes no result.
            let _ = emptied.set_result(());
        }
    }

    /// The connection is lost: who sends a file by it is to find out.
    #[inline]
    pub(in crate::transport) fn release_file(&self) {
        if self.0.write_end.get() == WriteEnd::Lent {
            self.tell_emptied();
            if let Some(io) = self.0.io() {
                io.release(Direction::Write);
            }
        }
    }
}

/// A coroutine that sends a file through a transport. Created by [`Transport::send_file`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct SendFile {
    transport: Transport,
    part: FilePart,
    was_reading: bool,
    phase: Phase,
}

enum Phase {
    Created,
    /// Bytes that were written earlier are sent first.
    Emptying(Future<()>),
    Sending,
    Over,
}

impl SendFile {
    /// The part to send, which knows how much of it has been sent. A clone can be sent elsewhere.
    pub const fn part(&self) -> &FilePart {
        &self.part
    }

    fn begin(&mut self) -> Result<(), Exception> {
        let emptied = self.transport.lend()?;
        self.was_reading = self.transport.is_reading();
        self.transport.pause_reading();
        self.phase = emptied.map_or(Phase::Sending, Phase::Emptying);
        Ok(())
    }

    /// Leaves the transport as it was.
    fn leave(&mut self) {
        let was_begun = matches!(self.phase, Phase::Emptying(_) | Phase::Sending);
        self.phase = Phase::Over;
        if was_begun {
            self.transport.take_back();
            if self.was_reading {
                self.transport.resume_reading();
            }
        }
    }

    fn advance(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created = self.phase {
            take_sent(&mut sent)?;
            self.begin()?;
        }
        if let Phase::Emptying(emptied) = &mut self.phase {
            yield_from!(emptied, sent)?;
            self.phase = Phase::Sending;
        }
        take_sent(&mut sent)?;
        if let Phase::Over = self.phase {
            return Err(Exception::reused());
        }
        while !self.part.is_sent() {
            let io = self.transport.0.io().filter(|_| !self.transport.is_closing());
            let closed =
                || io::Error::new(io::ErrorKind::ConnectionReset, "Connection closed while a file is being sent");
            let io = io.ok_or_else(closed)?;
            if self.transport.0.layered.get().is_some() {
                self.transport.seal_file(&mut self.part)?;
                // Others get their turn, however fast the peer is.
                self.phase = self.transport.emptying().map_or(Phase::Sending, Phase::Emptying);
                return Ok(Step::Yield(Await::next_turn()));
            }
            // A short count may also be the end of the file, so it does not say that there is no more room.
            match io.attempt(Direction::Write, |io, spare| Ok((io.send_file(&mut self.part, spare)?, Left::More)))? {
                Step::Return(()) => {}
                Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
                Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
            }
        }
        Ok(Step::Return(self.part.sent()))
    }
}

impl Coroutine for SendFile {
    type Yield = Await;
    type Input = ();
    type Return = u64;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let step = self.advance(sent);
        if !matches!(step, Ok(Step::Yield(_) | Step::Delegate(_))) {
            self.leave();
        }
        step
    }

    fn state(&self) -> State<'_> {
        State::new("send_file", self)
    }
}

impl Drop for SendFile {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for SendFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.phase {
            Phase::Created => "created",
            Phase::Emptying(_) => "waiting for earlier writes",
            Phase::Sending => "sending",
            Phase::Over => "over",
        };
        write!(f, "SendFile({phase}, {:?})", self.part)
    }
}
