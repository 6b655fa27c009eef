//! What a program does with a [`Transport`]: closing, pausing, limits, protocols, addresses.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix;
use std::rc::Rc;

use socket2::{Domain, SockAddr, SockRef};

use super::super::protocol::StreamProtocol;
use super::connection::{Reading, Receiver, Stage, Transport, Ways};
use crate::coroutine::Exception;
use crate::sys::Direction;
use crate::sys::socket::unix_name;
use crate::task::{ErasedTask, Scheduler};

/// Closing.
impl Transport {
    /// Closes the connection. Nothing more is read, and earlier writes are still sent. Then `connection_lost` is called,
    /// with the error that stopped the sending, if any. Later writes are sent while earlier ones wait, and discarded after
    /// that. Has no effect the second time.
    pub fn close(&self) {
        let connection = &*self.0;
        if self.is_closing() {
            return;
        }
        if let Some(layered) = connection.layered.get() {
            return self.close_layered(layered);
        }
        self.flush();
        if self.is_closing() {
            // Sending has failed.
            return;
        }
        connection.stage.set(Stage::Closing);
        connection.reading.set(Reading::Over);
        if connection.writes.is_empty() {
            self.lose(None);
        }
    }

    /// Closes the connection at once. Unsent writes are lost. `connection_lost` is called without an error in the next turn.
    pub fn abort(&self) {
        self.lose(None);
    }

    /// Returns `true` if the connection is closed or is being closed.
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.0.is_closing()
    }
}

/// Reading.
impl Transport {
    /// Stops calling `data_received` until [`resume_reading`](Self::resume_reading). Has no effect while closing.
    ///
    /// If a write fails meanwhile, the bytes that the peer sent before are passed to the protocol nevertheless, before
    /// `connection_lost`, because they could not be read later. asyncio loses them.
    ///
    /// ```
    /// use innermost::{EventLoop, Protocol, Transport};
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    ///
    /// /// Answers the first request, and does not look at what follows.
    /// struct Once;
    ///
    /// impl Protocol for Once {
    ///     fn data_received(&mut self, transport: &Transport, _request: &[u8]) {
    ///         transport.pause_reading();
    ///         transport.write(b"answer").expect("this is the first write");
    ///         transport.write_eof().expect("the peer is there"); // it reads the end after the answer
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (near, mut far) = UnixStream::pair()?;
    /// let transport = event_loop.run_until_complete(event_loop.connect_accepted_socket(|| Once, near)?)?;
    /// far.write_all(b"request")?;
    /// while transport.is_reading() {
    ///     event_loop.run_once()?;
    /// }
    /// assert_eq!(std::io::read_to_string(&far)?, "answer");
    /// assert!(!transport.is_closing());
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn pause_reading(&self) {
        if self.is_reading() {
            self.0.reading.set(Reading::Paused);
        }
    }

    /// Continues reading.
    pub fn resume_reading(&self) {
        if self.0.reading.get() != Reading::Paused || self.is_closing() {
            return;
        }
        self.0.reading.set(Reading::Active);
        if let Some(io) = self.0.io() {
            io.watch(Direction::Read, Rc::clone(&self.0) as Rc<_>);
        }
        if let Some(layered) = self.0.layered.get() {
            self.resume_layered(layered);
        }
    }

    /// Returns `true` if the transport reads: it is not paused, not closing, and the peer has not ended the stream.
    pub fn is_reading(&self) -> bool {
        self.0.reading.get() == Reading::Active && !self.is_closing()
    }
}

/// Water marks.
impl Transport {
    /// Sets how many bytes may wait to be sent. Above `high`, the protocol is asked to pause writing; at `low` or below, to
    /// resume. A limit that is not given follows from the other: `low` is a quarter of `high`. If neither is given, they are
    /// 64 KiB and 16 KiB. With a `high` of 0, any byte that has to wait pauses writing.
    ///
    /// # Errors
    ///
    /// Returns `ValueError` if `low` is above `high`.
    ///
    /// # Examples
    ///
    /// A protocol that has much to send writes until writing is paused, and goes on when it is resumed:
    ///
    /// ```
    /// use innermost::{EventLoop, Exception, Future, Protocol, Transport};
    /// use std::os::unix::net::UnixStream;
    ///
    /// struct Zeros {
    ///     kilobytes_left: u32,
    ///     over: Future<()>,
    /// }
    ///
    /// impl Zeros {
    ///     fn send(&mut self, transport: &Transport) {
    ///         while self.kilobytes_left > 0 && !transport.is_writing_paused() {
    ///             self.kilobytes_left -= 1;
    ///             let _ = transport.write(&[0; 1024]);
    ///         }
    ///         if self.kilobytes_left == 0 {
    ///             transport.close();
    ///         }
    ///     }
    /// }
    ///
    /// impl Protocol for Zeros {
    ///     fn connection_made(&mut self, transport: &Transport) {
    ///         transport.set_write_buffer_limits(Some(4096), None).expect("low is a quarter of high");
    ///         self.send(transport);
    ///     }
    ///
    ///     fn resume_writing(&mut self, transport: &Transport) {
    ///         self.send(transport);
    ///     }
    ///
    ///     fn data_received(&mut self, _: &Transport, _: &[u8]) {}
    ///
    ///     fn connection_lost(&mut self, _: &Transport, _: Option<Exception>) {
    ///         self.over.set_result(()).expect("this is called once");
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (near, mut far) = UnixStream::pair()?;
    /// let reader = std::thread::spawn(move || std::io::copy(&mut far, &mut std::io::sink()));
    /// let over = event_loop.create_future();
    /// let zeros = Zeros { kilobytes_left: 1000, over: over.clone() };
    /// let transport = event_loop.run_until_complete(event_loop.connect_accepted_socket(move || zeros, near)?)?;
    /// assert_eq!(transport.write_buffer_limits(), (1024, 4096));
    /// event_loop.run_until_complete(over)?;
    /// assert_eq!(reader.join().expect("it does not panic")?, 1_024_000);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn set_write_buffer_limits(&self, high: Option<usize>, low: Option<usize>) -> Result<(), Exception> {
        self.0.flow.set(high, low)?;
        let size = self.write_buffer_size();
        if self.0.flow.grown(size) {
            self.tell_flow();
        }
        Ok(())
    }

    /// The low-water mark and the high-water mark, in bytes.
    pub fn write_buffer_limits(&self) -> (usize, usize) {
        (self.0.flow.low.get(), self.0.flow.high.get())
    }

    /// The number of bytes that wait to be sent because the kernel accepts no more.
    pub fn write_buffer_size(&self) -> usize {
        self.flush();
        self.0.writes.len()
    }

    /// Returns `true` if writing is paused: between `pause_writing` and `resume_writing`, and already in the callback that
    /// wrote too much.
    pub fn is_writing_paused(&self) -> bool {
        self.flush();
        self.0.flow.paused.get()
    }

    /// Returns `true` if [`write_eof`](Self::write_eof) is possible: for everything but a pipe that is only read.
    pub fn can_write_eof(&self) -> bool {
        self.0.ways != Ways::Read
    }
}

/// Protocols.
impl Transport {
    /// Replaces the protocol by one of either kind. The old protocol is dropped without being called. If its own callback
    /// calls this, it is dropped once that has returned.
    ///
    /// ```
    /// use innermost::{EventLoop, Protocol, Transport};
    /// use std::io::Write;
    /// use std::os::unix::net::UnixStream;
    ///
    /// /// Takes the first line, and leaves the rest to a `Counter`.
    /// struct FirstLine;
    ///
    /// impl Protocol for FirstLine {
    ///     fn data_received(&mut self, transport: &Transport, data: &[u8]) {
    ///         if let Some(end) = data.iter().position(|byte| *byte == b'\n') {
    ///             transport.set_protocol(Counter { bytes: data.len() - end - 1 });
    ///         }
    ///     }
    /// }
    ///
    /// struct Counter {
    ///     bytes: usize,
    /// }
    ///
    /// impl Protocol for Counter {
    ///     fn data_received(&mut self, _: &Transport, data: &[u8]) {
    ///         self.bytes += data.len();
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (near, mut far) = UnixStream::pair()?;
    /// let transport = event_loop.run_until_complete(event_loop.connect_accepted_socket(|| FirstLine, near)?)?;
    /// let count = || transport.with_protocol(|counter: &mut Counter| counter.bytes);
    /// assert_eq!(count(), None); // the protocol is of another type
    /// far.write_all(b"count\n12345")?;
    /// while count().is_none() {
    ///     event_loop.run_once()?;
    /// }
    /// assert_eq!(count(), Some(5));
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn set_protocol<K>(&self, protocol: impl StreamProtocol<K>) {
        let protocol = protocol.boxed();
        if self.0.stage.get() == Stage::Over {
            return self.0.drop_users(protocol);
        }
        if self.0.receiver.get() != Receiver::Layered {
            self.0.receiver.set(Receiver::of(&protocol));
        }
        let former = self.0.protocol.set(Some(protocol));
        self.0.drop_users(former);
    }

    /// Calls `function` with the protocol. Returns `None` if the protocol is of another type, is being called, or is gone.
    /// asyncio's `get_protocol`.
    pub fn with_protocol<P: 'static, R>(&self, function: impl FnOnce(&mut P) -> R) -> Option<R> {
        let over = Over(self);
        let result = self.0.protocol.with(|protocol| protocol.as_any().downcast_mut().map(function)).flatten();
        core::mem::forget(over);
        if let Some(replaced) = self.0.protocol.replaced() {
            self.0.drop_users(replaced);
        }
        self.flush();
        self.tell_flow();
        result
    }
}

/// Aborts the connection if a function of the program panics while it uses the protocol outside of a callback.
struct Over<'a>(&'a Transport);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Addresses and the descriptor: asyncio's `get_extra_info`, with types.
impl Transport {
    /// The peer's address. It stays known after the connection is lost.
    ///
    /// # Errors
    ///
    /// Returns `Unsupported` if this is not an internet socket, and the system's error: `NotConnected` for a socket that never
    /// was connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self.0.peer {
            Some(peer) => Ok(peer),
            None => internet(self.ask(|socket| socket.peer_addr())?),
        }
    }

    /// This end's address.
    ///
    /// # Errors
    ///
    /// Returns `Unsupported` if this is not an internet socket, `NotConnected` once the connection is over, and the system's
    /// error otherwise.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        internet(self.ask(|socket| socket.local_addr())?)
    }

    /// The peer's address, for a Unix socket. Nearly every client is unnamed.
    ///
    /// # Errors
    ///
    /// Returns `Unsupported` if this is not a Unix socket, `NotConnected` once the connection is over, and the system's error
    /// otherwise.
    pub fn peer_unix_addr(&self) -> io::Result<unix::net::SocketAddr> {
        unix(&self.ask(|socket| socket.peer_addr())?)
    }

    /// This end's address, for a Unix socket.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`peer_unix_addr`](Self::peer_unix_addr).
    pub fn local_unix_addr(&self) -> io::Result<unix::net::SocketAddr> {
        unix(&self.ask(|socket| socket.local_addr())?)
    }

    /// Calls `function` with the descriptor, for example to set options. It gets `None` once the connection is over. Do not
    /// read from the descriptor, write to it or close it: that would confuse the transport.
    ///
    /// ```
    /// use innermost::{EventLoop, Protocol, Transport};
    /// use socket2::SockRef;
    ///
    /// struct Ignore;
    ///
    /// impl Protocol for Ignore {
    ///     fn data_received(&mut self, _: &Transport, _: &[u8]) {}
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let connecting = event_loop.create_connection(|| Ignore, listener.local_addr()?);
    /// let transport = event_loop.run_until_complete(connecting)?;
    /// transport.with_fd(|fd| match fd {
    ///     Some(fd) => SockRef::from(&fd).set_keepalive(true),
    ///     None => Ok(()),
    /// })?;
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn with_fd<R>(&self, function: impl FnOnce(Option<BorrowedFd<'_>>) -> R) -> R {
        let io = self.0.io();
        function(io.as_ref().map(|io| io.get().as_fd()))
    }

    /// Returns `true` if the transport belongs to the loop of that scheduler.
    #[inline]
    pub(crate) fn is_of(&self, scheduler: &Rc<Scheduler>) -> bool {
        Rc::ptr_eq(self.0.event_loop.scheduler(), scheduler)
    }

    /// The task of the transport's loop that is running.
    pub(crate) fn running_task(&self) -> Option<Rc<dyn ErasedTask>> {
        self.0.event_loop.scheduler().current()
    }

    fn ask(&self, question: impl FnOnce(SockRef<'_>) -> io::Result<SockAddr>) -> io::Result<SockAddr> {
        self.with_fd(|fd| question(SockRef::from(&fd.ok_or(io::ErrorKind::NotConnected)?)))
    }
}

fn internet(address: SockAddr) -> io::Result<SocketAddr> {
    address.as_socket().ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "this is not an internet socket"))
}

fn unix(address: &SockAddr) -> io::Result<unix::net::SocketAddr> {
    match address.domain() {
        Domain::UNIX => unix_name(address),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "this is not a Unix socket")),
    }
}

/// Two handles are equal if they refer to the same stream.
impl PartialEq for Transport {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Transport {}

/// Hashes the identity of the stream.
impl Hash for Transport {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).hash(state);
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fd = self.with_fd(|fd| fd.map(|fd| fd.as_raw_fd()));
        let waiting = self.0.writes.len();
        f.debug_struct("Transport")
            .field("fd", &fd)
            .field("stage", &self.0.stage.get())
            .field("reading", &self.0.reading.get())
            .field("waiting", &waiting)
            .finish()
    }
}
