//! Transports of pipes: `connect_read_pipe` and `connect_write_pipe`.

use core::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use socket2::SockRef;

use super::super::open::{Factory, Opening};
use super::super::protocol::StreamProtocol;
use super::connect::stream_socket;
use super::connection::Transport;
use super::connection::Ways;
use super::io::Io;
use crate::coroutine::{Coroutine, Exception, Resumed, State, take_sent};
use crate::event_loop::{LoopHandle, Registered};
use crate::task::Await;

impl LoopHandle {
    /// Reads from a pipe, a stream socket or a character device. The protocol's `data_received` gets the bytes. The
    /// transport makes the descriptor non-blocking, for every process that shares the open file, and closes it at the end of
    /// the stream. asyncio's `connect_read_pipe`.
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
    /// let transport = event_loop.run_until_complete(event_loop.connect_read_pipe(|| Print, reader)?)?;
    /// assert!(transport.is_reading());
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// Raises the selector's error for a device that cannot be watched, such as `/dev/null` with epoll.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a file, and for a socket of packets (`SOCK_DGRAM`, `SOCK_SEQPACKET`), whose boundaries a
    /// stream would lose. Returns the system's error if the descriptor cannot be made non-blocking. asyncio raises
    /// `ValueError`.
    pub fn connect_read_pipe<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        pipe: impl Into<OwnedFd>,
    ) -> io::Result<ConnectPipe> {
        ConnectPipe::new(self, Factory::new(factory), Ways::Read, pipe.into())
    }

    /// Writes to a pipe, a stream socket or a character device. Once nobody is left to read, the transport closes it; the
    /// error is `BrokenPipe` if bytes were still waiting to be written. asyncio's `connect_write_pipe`.
    ///
    /// The peer of a socket may end its own stream, or send bytes, and keep reading. The transport stays open then, while
    /// asyncio's closes. A TCP peer that closes its socket looks the same until something is written to it.
    ///
    /// Raises the selector's error for a device that cannot be watched, such as `/dev/null` with epoll.
    ///
    /// # Errors
    ///
    /// Returns `InvalidInput` for a file, and for a socket of packets (`SOCK_DGRAM`, `SOCK_SEQPACKET`), whose boundaries a
    /// stream would lose. Returns the system's error if the descriptor cannot be made non-blocking. asyncio raises
    /// `ValueError`.
    pub fn connect_write_pipe<K, P: StreamProtocol<K>>(
        &self,
        factory: impl FnOnce() -> P + 'static,
        pipe: impl Into<OwnedFd>,
    ) -> io::Result<ConnectPipe> {
        ConnectPipe::new(self, Factory::new(factory), Ways::Write, pipe.into())
    }
}

/// The coroutine returned by [`LoopHandle::connect_read_pipe`] and [`LoopHandle::connect_write_pipe`]. If it is dropped
/// before its end, it closes the pipe.
#[must_use = "a transport is not made until this is awaited"]
pub struct ConnectPipe {
    event_loop: LoopHandle,
    factory: Factory,
    ways: Ways,
    phase: Phase,
}

enum Phase {
    Created(Option<Io>),
    Opening(Opening<Transport>),
}

impl ConnectPipe {
    fn new(event_loop: &LoopHandle, factory: Factory, ways: Ways, pipe: OwnedFd) -> io::Result<Self> {
        let phase = Phase::Created(Some(checked(pipe)?));
        Ok(Self { event_loop: event_loop.clone(), factory, ways, phase })
    }
}

impl Coroutine for ConnectPipe {
    type Yield = Await;
    type Input = ();
    type Return = Transport;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created(pipe) = &mut self.phase {
            take_sent(&mut sent)?;
            let io = pipe.take().ok_or_else(Exception::reused)?;
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
/// `InvalidInput` for a file, which is always ready, and for a socket of packets; the system's.
fn checked(pipe: OwnedFd) -> io::Result<Io> {
    let file = File::from(pipe);
    let kind = file.metadata()?.file_type();
    if !(kind.is_fifo() || kind.is_socket() || kind.is_char_device()) {
        let text = "Pipe transport is for pipes/sockets/character devices only.";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    if kind.is_socket() {
        return Io::of_socket(stream_socket(file.into())?);
    }
    // This sets a flag of the descriptor, which need not be a socket.
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
