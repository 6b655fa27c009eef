//! [`Transport`]: the handle to a stream.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix;
use std::rc::Rc;

use socket2::{Domain, SockAddr, SockRef};

use super::super::protocol::StreamProtocol;
use super::connection::{Connection, Reading, Stage, Ways};
use crate::coroutine::Exception;
use crate::sys::Direction;
use crate::sys::socket::unix_name;
use crate::task::{ErasedTask, Scheduler};

/// A connection, or an end of a pipe, to which a protocol belongs. asyncio's `Transport`.
///
/// Clones are handles to the same one. The loop owns it: dropping handles changes nothing, it ends by
/// [`close`](Self::close), [`abort`](Self::abort), or what the peer does.
#[derive(Clone)]
pub struct Transport(pub(in crate::transport) Rc<Connection>);

/// Its end.
impl Transport {
    /// Closes the connection: nothing more is read, what was written is sent, then `connection_lost` is called with no
    /// error. No effect the second time.
    pub fn close(&self) {
        let connection = &*self.0;
        if self.is_closing() {
            return;
        }
        self.flush();
        if self.is_closing() {
            // By what sending has met.
            return;
        }
        connection.stage.set(Stage::Closing);
        connection.reading.set(Reading::Over);
        if connection.writes.is_empty() {
            self.lose(None);
        }
    }

    /// Closes the connection at once: what was written and has not been sent is lost. `connection_lost` is called with
    /// no error, in the next turn.
    pub fn abort(&self) {
        self.lose(None);
    }

    /// Whether it is closed, or is being closed.
    #[inline]
    pub fn is_closing(&self) -> bool {
        self.0.is_closing()
    }
}

/// Reading.
impl Transport {
    /// Stops calling `data_received`, until [`resume_reading`](Self::resume_reading). No effect while closing.
    ///
    /// If a write fails meanwhile, what the peer sent before is passed to the protocol nevertheless, before
    /// `connection_lost`: it could not be read later. asyncio loses it.
    pub fn pause_reading(&self) {
        if self.is_reading() {
            self.0.reading.set(Reading::Paused);
        }
    }

    /// Goes on reading.
    pub fn resume_reading(&self) {
        if self.0.reading.get() != Reading::Paused || self.is_closing() {
            return;
        }
        self.0.reading.set(Reading::Active);
        if let Some(io) = self.0.io() {
            io.watch(Direction::Read, Rc::clone(&self.0) as Rc<_>);
        }
    }

    /// Whether it reads: it is not paused, not closing, and the peer has not ended the stream.
    pub fn is_reading(&self) -> bool {
        self.0.reading.get() == Reading::Active && !self.is_closing()
    }
}

/// Its water marks.
impl Transport {
    /// Sets how many bytes may wait to be sent: with more than `high`, the protocol is asked to pause; with no more than
    /// `low`, to resume. What is not given follows from the other: `low` is a quarter of `high`. Without any of them, 64
    /// KiB and 16 KiB. With a `high` of 0, whatever waits pauses it.
    ///
    /// # Errors
    ///
    /// `ValueError` where `low` is above `high`.
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

    /// How many bytes wait to be sent because the kernel takes no more.
    pub fn write_buffer_size(&self) -> usize {
        self.flush();
        self.0.writes.len()
    }

    /// Whether more waits than the protocol should have let come: from `pause_writing` to `resume_writing`, and
    /// already within the callback that has written it.
    pub fn is_writing_paused(&self) -> bool {
        self.flush();
        self.0.flow.paused.get()
    }

    /// Whether [`write_eof`](Self::write_eof) leaves the connection open for reading: it does, but for pipes.
    pub fn can_write_eof(&self) -> bool {
        self.0.ways != Ways::Read
    }
}

/// Its protocol.
impl Transport {
    /// Gives the connection another protocol, of either kind. The former is dropped, without a word to it; when it is
    /// the one that calls this, as soon as it has returned.
    pub fn set_protocol<K>(&self, protocol: impl StreamProtocol<K>) {
        let protocol = protocol.boxed();
        if self.0.stage.get() == Stage::Over {
            return self.0.drop_users(protocol);
        }
        self.0.is_buffered.set(protocol.is_buffered());
        let former = self.0.protocol.set(Some(protocol));
        self.0.drop_users(former);
    }

    /// Calls `function` with the protocol. `None` where that is of another type, is being called, or is gone. asyncio's
    /// `get_protocol`.
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

/// A function of the user's panics with the protocol in its hands, outside of a callback: the connection is over.
struct Over<'a>(&'a Transport);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What it is made of: asyncio's `get_extra_info`, with types.
impl Transport {
    /// The peer's address. It is known for as long as the transport is, also when the connection is lost.
    ///
    /// # Errors
    ///
    /// `Unsupported` for what is no internet socket; the system's: `NotConnected` for one that never was.
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
    /// `Unsupported` for what is no internet socket; `NotConnected` once the connection is over; the system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        internet(self.ask(|socket| socket.local_addr())?)
    }

    /// The peer's address, of a Unix socket: nearly every client has none, and is unnamed.
    ///
    /// # Errors
    ///
    /// `Unsupported` for what is no Unix socket; `NotConnected` once the connection is over; the system's.
    pub fn peer_unix_addr(&self) -> io::Result<unix::net::SocketAddr> {
        unix(&self.ask(|socket| socket.peer_addr())?)
    }

    /// This end's address, of a Unix socket.
    ///
    /// # Errors
    ///
    /// As [`peer_unix_addr`](Self::peer_unix_addr).
    pub fn local_unix_addr(&self) -> io::Result<unix::net::SocketAddr> {
        unix(&self.ask(|socket| socket.local_addr())?)
    }

    /// Calls `function` with the descriptor, to ask or set options; `None` once the connection is over. To read from it,
    /// write to it or close it would confuse the transport.
    pub fn with_fd<R>(&self, function: impl FnOnce(Option<BorrowedFd<'_>>) -> R) -> R {
        let io = self.0.io();
        function(io.as_ref().map(|io| io.get().as_fd()))
    }

    /// Whether it lives in the loop that this is the scheduler of.
    #[inline]
    pub(crate) fn is_of(&self, scheduler: &Rc<Scheduler>) -> bool {
        Rc::ptr_eq(self.0.event_loop.scheduler(), scheduler)
    }

    /// The task of its loop that runs now.
    pub(crate) fn running_task(&self) -> Option<Rc<dyn ErasedTask>> {
        self.0.event_loop.scheduler().current()
    }

    fn ask(&self, question: impl FnOnce(SockRef<'_>) -> io::Result<SockAddr>) -> io::Result<SockAddr> {
        self.with_fd(|fd| question(SockRef::from(&fd.ok_or(io::ErrorKind::NotConnected)?)))
    }
}

fn internet(address: SockAddr) -> io::Result<SocketAddr> {
    address.as_socket().ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "this is no internet socket"))
}

fn unix(address: &SockAddr) -> io::Result<unix::net::SocketAddr> {
    match address.domain() {
        Domain::UNIX => unix_name(address),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "this is no Unix socket")),
    }
}

/// Whether both are handles to the same one.
impl PartialEq for Transport {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Transport {}

/// As [`PartialEq`]: by which it is, not by what it is connected to.
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
