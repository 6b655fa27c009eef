//! [`StreamWriter`].

use core::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::channel::Channel;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::net::FilePart;
use crate::task::Await;
use crate::transport::{SendFile, Transport};

/// What leaves by a connection. asyncio's `StreamWriter`.
///
/// [`write`](Self::write) never waits; [`drain`](Self::drain) does, where more waits to be sent than the transport's
/// high-water mark. Who writes much drains after each write, or memory has no bound.
///
/// Not `Clone`, so that it is plain who closes the connection: tasks that share a writer share an `Rc<StreamWriter>`, and
/// the last of them to go closes it. A clone of its [`transport`](Self::transport) writes as well, and closes nothing.
///
/// # Dropping
///
/// Closes the connection, once what was written has left, as [`close`](Self::close) does.
#[must_use = "a connection is closed when its writer is dropped"]
pub struct StreamWriter {
    channel: Rc<Channel>,
    transport: Transport,
}

impl StreamWriter {
    pub(super) fn new(channel: &Rc<Channel>, transport: &Transport) -> Self {
        Self { channel: Rc::clone(channel), transport: transport.clone() }
    }

    /// Writes `data`: see [`Transport::write`].
    ///
    /// # Errors
    ///
    /// `RuntimeError` after [`write_eof`](Self::write_eof).
    #[inline]
    pub fn write(&self, data: &[u8]) -> Result<(), Exception> {
        self.transport.write(data)
    }

    /// Writes one after the other, as one.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn writelines<T: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = T>) -> Result<(), Exception> {
        self.transport.writelines(lines)
    }

    /// Waits until no more waits to be sent than the low-water mark, where it was more than the high-water mark. Any
    /// number of tasks may drain at once. What was written is tried at once, not at the end of the turn. Of a connection
    /// that is being closed, it lets others run first.
    ///
    /// Raises what has ended the connection, also where it was found by reading; `ConnectionReset` where it was closed.
    #[inline]
    pub fn drain(&self) -> Drain {
        Drain { channel: Rc::clone(&self.channel), transport: self.transport.clone() }
    }

    /// Sends a file, or a part of one, behind what was written, and gives how many bytes were sent: see
    /// [`Transport::send_file`].
    pub fn send_file(&self, part: FilePart) -> SendFile {
        self.transport.send_file(part)
    }

    /// Ends the stream: once all is written, the peer finds its end. Reading goes on.
    ///
    /// # Errors
    ///
    /// As [`Transport::write_eof`].
    pub fn write_eof(&self) -> Result<(), Exception> {
        self.transport.write_eof()
    }

    /// Whether [`write_eof`](Self::write_eof) leaves the connection open for reading.
    pub fn can_write_eof(&self) -> bool {
        self.transport.can_write_eof()
    }

    /// Closes the connection, once what was written has left. What has come can still be read.
    pub fn close(&self) {
        self.transport.close();
    }

    /// Whether it is closed, or is being closed.
    pub fn is_closing(&self) -> bool {
        self.transport.is_closing()
    }

    /// Waits until the connection is over. Raises the error that has ended it, if any.
    #[inline]
    pub fn wait_closed(&self) -> WaitClosed {
        WaitClosed { channel: Rc::clone(&self.channel) }
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// As [`Transport::peer_addr`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.transport.peer_addr()
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// As [`Transport::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.transport.local_addr()
    }

    /// The transport: for its water marks, its socket's options, its addresses, and to abort.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        self.transport.close();
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamWriter({:?})", self.transport)
    }
}

/// What [`StreamWriter::drain`] makes.
#[must_use = "a coroutine does nothing until it is resumed"]
pub struct Drain {
    channel: Rc<Channel>,
    transport: Transport,
}

impl Coroutine for Drain {
    type Yield = Await;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        // The loop's memory, in which small writes are gathered, is not to be held by many connections at once.
        let must_drain = self.channel.must_drain();
        if self.transport.is_closing() {
            // The end of the connection is found while others run: without that, a program that writes and drains in a
            // loop would never learn of it.
            let has_yielded = self.channel.take_yielded();
            sent?;
            self.channel.check()?;
            if !has_yielded {
                self.channel.set_yielded();
                return Ok(Step::Yield(Await::next_turn()));
            }
            if self.channel.how_ended().is_some() {
                return Err(io::Error::new(io::ErrorKind::ConnectionReset, "Connection lost").into());
            }
        } else {
            sent?;
            self.channel.check()?;
        }
        if must_drain {
            return Ok(Step::Yield(self.channel.wait_until_drained()));
        }
        Ok(Step::Return(()))
    }

    fn state(&self) -> State<'_> {
        State::new("drain", &self.channel)
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drain({:?})", self.channel)
    }
}

/// What [`StreamWriter::wait_closed`] makes.
#[must_use = "a coroutine does nothing until it is resumed"]
pub struct WaitClosed {
    channel: Rc<Channel>,
}

impl Coroutine for WaitClosed {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        match self.channel.how_ended() {
            Some(end) => end.map(Step::Return),
            None => Ok(Step::Yield(self.channel.wait_until_closed())),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("wait_closed", &self.channel)
    }
}

impl fmt::Debug for WaitClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitClosed({:?})", self.channel)
    }
}
