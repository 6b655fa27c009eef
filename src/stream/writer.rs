//! [`StreamWriter`]: the writing end of a connection.

use core::fmt;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use socket2::SockRef;

use super::channel::Channel;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Stateless, Step};
use crate::net::FilePart;
use crate::task::Await;
use crate::transport::{SendFile, Transport};

/// The writing end of a connection. asyncio's `StreamWriter`.
///
/// [`write`](Self::write) never waits. [`drain`](Self::drain) waits if more bytes are to be sent than the transport's
/// high-water mark. Drain after each write if you write much, or memory use has no bound.
///
/// The writer is not `Clone`, so that it is clear who closes the connection. Tasks that share a writer share an
/// `Rc<StreamWriter>`, and the last one to drop it closes the connection. A clone of its [`transport`](Self::transport) can
/// write too, and closes nothing.
///
/// # Dropping
///
/// Dropping the writer closes the connection once everything written has been sent, as [`close`](Self::close) does.
#[must_use = "a connection is closed when its writer is dropped"]
pub struct StreamWriter {
    pub(super) channel: Rc<Channel>,
    pub(super) transport: Transport,
}

impl StreamWriter {
    pub(super) fn new(channel: &Rc<Channel>, transport: &Transport) -> Self {
        Self { channel: Rc::clone(channel), transport: transport.clone() }
    }

    /// Writes `data`. Never waits: bytes that the kernel does not accept are kept and sent later.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Transport::write`](crate::Transport::write): `RuntimeError` after
    /// [`write_eof`](Self::write_eof), while a file is being sent, and if this end only reads.
    #[inline]
    pub fn write(&self, data: &[u8]) -> Result<(), Exception> {
        self.transport.write(data)
    }

    /// Writes several pieces, in order.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`write`](Self::write).
    pub fn writelines<T: AsRef<[u8]>>(&self, lines: impl IntoIterator<Item = T>) -> Result<(), Exception> {
        self.transport.writelines(lines)
    }

    /// Sends gathered writes now. If more bytes wait to be sent than the high-water mark, waits until no more than the
    /// low-water mark do. Any number of tasks may drain at once. Once this end is being closed, a drain lets others run
    /// for a turn.
    ///
    /// Raises the error that ended the connection, even if a read found it. Raises `ConnectionReset` if the connection
    /// is over without an error, because this end closed it.
    ///
    /// # Examples
    ///
    /// A machine that writes much keeps the [`Drain`] that it is waiting for:
    ///
    /// ```
    /// use innermost::stream::Drain;
    /// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step, StreamWriter, yield_from};
    /// use std::os::unix::net::UnixStream;
    ///
    /// /// Writes zeros, a block at a time.
    /// struct Zeros {
    ///     writer: StreamWriter,
    ///     blocks_left: u32,
    ///     drain: Drain,
    /// }
    ///
    /// impl Coroutine for Zeros {
    ///     type Yield = Await;
    ///     type Input = ();
    ///     type Return = ();
    ///
    ///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
    ///         loop {
    ///             yield_from!(self.drain, sent)?;
    ///             if self.blocks_left == 0 {
    ///                 return Ok(Step::Return(())); // dropping the writer closes the connection
    ///             }
    ///             self.blocks_left -= 1;
    ///             self.writer.write(&[0; 4096])?;
    ///             self.drain = self.writer.drain();
    ///         }
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (near, far) = UnixStream::pair()?;
    /// let (_, writer) = event_loop.run_until_complete(event_loop.open_connection_at(near)?)?;
    /// let (reader, _far_writer) = event_loop.run_until_complete(event_loop.open_connection_at(far)?)?;
    /// let drain = writer.drain();
    /// event_loop.create_task(Zeros { writer, blocks_left: 100, drain })?;
    /// assert_eq!(event_loop.run_until_complete(reader.read_to_end())?.len(), 409_600);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    #[inline]
    pub fn drain(&self) -> Drain {
        Drain { channel: Rc::clone(&self.channel), transport: self.transport.clone() }
    }

    /// Sends a file or a part of one after all earlier writes, and returns the number of bytes sent. See
    /// [`Transport::send_file`].
    pub fn send_file(&self, part: FilePart) -> SendFile {
        self.transport.send_file(part)
    }

    /// Ends the stream. Once everything is written, the peer reads the end. Reading continues.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Transport::write_eof`].
    pub fn write_eof(&self) -> Result<(), Exception> {
        self.transport.write_eof()
    }

    /// Returns `true` if [`write_eof`](Self::write_eof) is possible: for everything but a pipe that is only read.
    pub fn can_write_eof(&self) -> bool {
        self.transport.can_write_eof()
    }

    /// Closes the connection once everything written has been sent. Bytes that have arrived can still be read.
    pub fn close(&self) {
        self.transport.close();
    }

    /// Returns `true` if the connection is closed or is being closed.
    pub fn is_closing(&self) -> bool {
        self.transport.is_closing()
    }

    /// Waits until the connection is over. Raises the error that ended it, if there is one.
    #[inline]
    pub fn wait_closed(&self) -> WaitClosed {
        WaitClosed { channel: Rc::clone(&self.channel) }
    }

    /// Closes the connection at once. Unsent writes are lost. A TCP connection is reset. Its reader finds the end of the
    /// stream.
    ///
    /// ```
    /// use innermost::EventLoop;
    /// use std::io::{ErrorKind, Read};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let (_reader, writer) = event_loop.run_until_complete(event_loop.open_connection(listener.local_addr()?))?;
    /// let (mut peer, _) = listener.accept()?;
    /// writer.abort();
    /// event_loop.run_until_complete(writer.wait_closed())?;
    /// assert_eq!(peer.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn abort(&self) {
        // Fails for a pipe, and for a connection that is over.
        let _ = self.transport.with_fd(|fd| fd.map(|fd| SockRef::from(&fd).set_linger(Some(Duration::ZERO))));
        self.transport.abort();
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Transport::peer_addr`].
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.transport.peer_addr()
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Transport::local_addr`].
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.transport.local_addr()
    }

    /// Takes out what has come and was not read, when it is called.
    #[cfg(feature = "tls")]
    pub(crate) fn take_arrived(&self) -> impl FnOnce() -> Vec<u8> + use<> {
        let channel = Rc::clone(&self.channel);
        move || {
            let arrived = channel.bytes.borrow().len();
            channel.take(arrived)
        }
    }

    /// The transport. It has the water marks, the socket's options, the addresses, and `abort`.
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

/// The coroutine returned by [`StreamWriter::drain`].
#[must_use = "nothing is drained until this is awaited"]
pub struct Drain {
    channel: Rc<Channel>,
    transport: Transport,
}

impl Stateless for Drain {}

impl Coroutine for Drain {
    type Yield = Await;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        // Sends gathered writes: many connections must not hold the loop's memory at once.
        let must_drain = self.channel.must_drain();
        if self.transport.is_closing() {
            // The end of the connection is noticed while others run. Otherwise a program that writes and drains in a loop
            // would never learn of it.
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

/// The coroutine returned by [`StreamWriter::wait_closed`].
#[must_use = "nothing waits until this is awaited"]
pub struct WaitClosed {
    channel: Rc<Channel>,
}

impl Stateless for WaitClosed {}

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
