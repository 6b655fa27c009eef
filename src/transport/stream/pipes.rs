//! Transports of pipes: `connect_read_pipe` and `connect_write_pipe`.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use core::fmt;

use socket2::SockRef;

use super::super::open::{Factory, Opening};
use super::super::protocol::StreamProtocol;
use super::connect::stream_socket;
use super::connection::Ways;
use super::handle::Transport;
use super::io::Io;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State};
use crate::event_loop::{LoopHandle, Registered};
use crate::task::Await;

impl LoopHandle {
    /// Reads from a pipe, a stream socket or a character device: what comes is the protocol's `data_received`. It is made
    /// non-blocking, for everybody who shares it. At its end the transport closes it. asyncio's `connect_read_pipe`.
    ///
    /// ```
    /// use innermost::{EventLoop, Protocol, Transport};
    /// use std::io::Write;
    ///
    /// struct Print;
    ///
    /// impl Protocol for Print {
    ///     fn data_received(&mut self, _: &Transport, data: &[u8]) {
    ///         println!("{}", String::from_utf8_lossy(data));
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (reader, mut writer) = std::io::pipe()?;
    /// writer.write_all(b"hello")?;
    /// let transport = event_loop.run_until_complete(event_loop.connect_read_pipe(|| Print, reader))?;
    /// assert!(transport.is_reading());
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// Raises `ValueError` for anything else: for a file, and for a socket of packets (`SOCK_DGRAM`, `SOCK_SEQPACKET`),
    /// whose boundaries a stream of bytes would lose. Raises the selector's error for a device that cannot be watched,
    /// such as `/dev/null` with epoll.
    pub fn connect_read_pipe<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        pipe: impl Into<OwnedFd>,
    ) -> ConnectPipe {
        ConnectPipe::new(self, Factory::new(factory), Ways::Read, pipe.into())
    }

    /// Writes to a pipe, a stream socket or a character device. Where nobody is left to read, the transport closes it, with
    /// `BrokenPipe` if something waited to be written. asyncio's `connect_write_pipe`.
    ///
    /// The peer of a socket may end its own stream, or send something, and go on reading: the transport stays open.
    /// (asyncio closes it.) A TCP peer that closes its socket looks the same, until something is written to it.
    ///
    /// Raises `ValueError` for anything else: for a file, and for a socket of packets (`SOCK_DGRAM`, `SOCK_SEQPACKET`),
    /// whose boundaries a stream of bytes would lose. Raises the selector's error for a device that cannot be watched,
    /// such as `/dev/null` with epoll.
    pub fn connect_write_pipe<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        pipe: impl Into<OwnedFd>,
    ) -> ConnectPipe {
        ConnectPipe::new(self, Factory::new(factory), Ways::Write, pipe.into())
    }
}

/// What [`LoopHandle::connect_read_pipe`] and [`LoopHandle::connect_write_pipe`] make. Dropped before it has ended, it
/// closes the pipe.
#[must_use = "a transport is made by whoever delegates to this"]
pub struct ConnectPipe {
    event_loop: LoopHandle,
    factory: Factory,
    ways: Ways,
    phase: Phase,
}

enum Phase {
    Created(Option<OwnedFd>),
    Opening(Opening<Transport>),
}

impl ConnectPipe {
    fn new(event_loop: &LoopHandle, factory: Factory, ways: Ways, pipe: OwnedFd) -> Self {
        Self { event_loop: event_loop.clone(), factory, ways, phase: Phase::Created(Some(pipe)) }
    }
}

impl Coroutine for ConnectPipe {
    type Yield = Await;
    type Input = ();
    type Return = Transport;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created(pipe) = &mut self.phase {
            core::mem::replace(&mut sent, Ok(()))?;
            let ended = || Exception::message(Kind::RuntimeError, "the pipe has been closed again");
            let io = checked(pipe.take().ok_or_else(ended)?)?;
            self.phase = Phase::Opening(self.factory.open(&self.event_loop, Registered::new(io), self.ways)?);
        }
        match &mut self.phase {
            Phase::Opening(opening) => opening.resume(sent),
            Phase::Created(_) => unreachable!("it was opened above"),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("connect_pipe", self)
    }
}

/// # Errors
///
/// `ValueError` for what is always ready, and would never say when; for sockets that keep packets apart.
fn checked(pipe: OwnedFd) -> Result<Io, Exception> {
    let file = File::from(pipe);
    let kind = file.metadata()?.file_type();
    if !(kind.is_fifo() || kind.is_socket() || kind.is_char_device()) {
        let text = "Pipe transport is for pipes/sockets/character devices only.";
        return Err(Exception::message(Kind::ValueError, text));
    }
    if kind.is_socket() {
        return Ok(Io::of_socket(stream_socket(OwnedFd::from(file).into())?)?);
    }
    // It sets the flag of the descriptor, whatever that is of.
    SockRef::from(&file.as_fd()).set_nonblocking(true)?;
    Ok(Io::Pipe(file))
}

impl fmt::Debug for ConnectPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Phase::Created(_) => f.write_str("ConnectPipe(created)"),
            Phase::Opening(opening) => opening.fmt(f),
        }
    }
}
