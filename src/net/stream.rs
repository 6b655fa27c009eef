//! [`Stream`]: a descriptor that bytes are read from or written to. Sockets and the ends of pipes are streams.
//!
//! All of them move bytes alike. They differ in the system calls, which [`Source`] and [`Sink`] name, and in how they are
//! made, which their own files hold.

use core::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net;

use socket2::SockRef;

use super::place::at;
use super::{Buffer, ByteRead, ByteWrite, FilePart};
use crate::coroutine::Step;
use crate::event_loop::{Left, Registered, SpareMemory};
use crate::sys::{Direction, descriptor};
use crate::task::Progress;

/// A stream of bytes over a descriptor that the event loop watches. [`TcpStream`](crate::TcpStream),
/// [`UnixStream`](crate::UnixStream), [`PipeReader`](crate::net::PipeReader) and [`PipeWriter`](crate::net::PipeWriter)
/// are names for it; `S` is the standard library's type.
///
/// Its operations are those of [`ByteRead`] and [`ByteWrite`]. It is registered with the loop in which it is first used,
/// and stays registered until it is dropped. Awaiting an operation in another loop raises `RuntimeError`.
pub struct Stream<S: AsFd>(pub(super) Registered<S>);

/// A descriptor that can be read without blocking.
#[doc(hidden)]
pub trait Source: AsFd {
    /// Reads some bytes, and says whether more may be left.
    fn recv(&self, bytes: &mut [u8]) -> io::Result<(usize, Left)>;
}

/// A descriptor that can be written without blocking.
#[doc(hidden)]
pub trait Sink: AsFd {
    /// Writes some bytes, and says whether there may be room for more.
    fn send(&self, bytes: &[u8]) -> io::Result<(usize, Left)>;
    /// Writes from several slices. There are no more of them than fit [in one call](descriptor::in_one_call).
    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<(usize, Left)>;
    /// Ends the stream. Calls `deregister` before it replaces the file behind the descriptor.
    fn finish(&self, deregister: impl FnOnce()) -> io::Result<()>;
    /// Closes the file behind the descriptor, which the peer notices. Calls `deregister` before that. If no descriptor is
    /// free, the file is shut down instead.
    fn abort(&self, deregister: impl FnOnce());
}

impl<S: AsFd> Stream<S> {
    /// The standard library's object, for its options. Operations that would block fail with `WouldBlock` instead.
    pub const fn get_ref(&self) -> &S {
        self.0.get()
    }

    /// Ends the registration, and returns the standard library's object. It is non-blocking, and its
    /// descriptor is a duplicate with another number.
    ///
    /// # Errors
    ///
    /// Returns the system's error if no descriptor is free.
    pub fn into_std(self) -> io::Result<S>
    where
        S: From<OwnedFd>,
    {
        self.0.into_std()
    }
}

impl<S: Source> ByteRead for Stream<S> {
    #[inline]
    fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize> {
        // The system would wait until there is something to read.
        if bytes.is_empty() {
            return Ok(Step::Return(0));
        }
        match self.0.attempt(Direction::Read, |source, _| source.recv(bytes)) {
            Err(raised) => Err(at(raised, "recv", self.as_fd())),
            done => done,
        }
    }

    #[inline]
    fn attempt_read(&self, buffer: &mut Buffer) -> Progress<usize> {
        let read = |source: &S, spare: &SpareMemory| {
            buffer.fill_by(spare, |room| {
                let received = source.recv(room);
                (received.as_ref().map_or(0, |(count, _)| *count), received)
            })
        };
        match self.0.attempt(Direction::Read, read) {
            Err(raised) => Err(at(raised, "read", self.as_fd())),
            done => {
                if let Ok(Step::Yield(wanted)) = &done
                    && !buffer.is_empty()
                {
                    buffer.about_to_wait_for(wanted);
                }
                done
            }
        }
    }
}

impl<S: Sink> ByteWrite for Stream<S> {
    #[inline]
    fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
        match self.0.attempt(Direction::Write, |sink, _| sink.send(bytes)) {
            Err(raised) => Err(at(raised, "send", self.as_fd())),
            done => done,
        }
    }

    fn attempt_write_eof(&self) -> Progress<()> {
        let finished = self.0.get().finish(|| self.0.deregister());
        finished.map_err(|error| at(error.into(), "write_eof", self.as_fd()))?;
        Ok(Step::Return(()))
    }

    fn abort(&self) {
        self.0.get().abort(|| self.0.deregister());
    }

    fn attempt_send_vectored(&self, slices: &[IoSlice<'_>]) -> Progress<usize> {
        let send = |sink: &S, _: &SpareMemory| match descriptor::in_one_call(slices) {
            [] => sink.send(&[]),
            [one] => sink.send(one),
            several => sink.send_vectored(several),
        };
        self.0.attempt(Direction::Write, send).map_err(|raised| at(raised, "send_vectored", self.as_fd()))
    }

    #[inline]
    fn attempt_write_all(&self, buffer: &mut Buffer) -> Progress<()> {
        while !buffer.is_empty() {
            let write = |sink: &S, spare: &SpareMemory| {
                let (count, left) = sink.send(buffer.bytes())?;
                buffer.consume_into(count, spare);
                Ok(((), left))
            };
            match self.0.attempt(Direction::Write, write) {
                Ok(Step::Return(())) => {}
                Err(raised) => return Err(at(raised, "write_all", self.as_fd())),
                Ok(Step::Yield(wanted)) => {
                    buffer.about_to_wait_for(&wanted);
                    return Ok(Step::Yield(wanted));
                }
                Ok(Step::Delegate(frame)) => return Ok(Step::Delegate(frame)),
            }
        }
        Ok(Step::Return(()))
    }

    fn attempt_send_file(&self, part: &mut FilePart) -> Progress<u64> {
        while !part.is_sent() {
            let send = |sink: &S, spare: &SpareMemory| {
                part.send_to(sink.as_fd(), spare, |bytes| Ok(sink.send(bytes)?.0))?;
                // A short count may also be the end of the file, so it does not say that there is no more room.
                Ok(((), Left::More))
            };
            match self.0.attempt(Direction::Write, send) {
                Ok(Step::Return(())) => {}
                Ok(Step::Yield(wanted)) => return Ok(Step::Yield(wanted)),
                Ok(Step::Delegate(frame)) => return Ok(Step::Delegate(frame)),
                Err(raised) => return Err(at(raised, "send_file", self.as_fd())),
            }
        }
        Ok(Step::Return(part.sent()))
    }
}

/// Closes the file behind the descriptor of a connection. Another one takes the number, in which nothing can be read or
/// written: the owner still has the number.
pub(super) fn close_now(socket: &impl AsFd, deregister: impl FnOnce()) {
    let replaced = net::UnixStream::pair().and_then(|(nothing, _)| {
        // A duplicate may keep the former file open. After the replacement nobody could remove it from the kernel's set.
        deregister();
        descriptor::replace(socket.as_fd(), nothing.as_fd())
    });
    if replaced.is_err() {
        let _ = SockRef::from(socket).shutdown(Shutdown::Both);
    }
}

/// A short read or write means that nothing is left: the next one would block.
#[inline]
pub(super) const fn left(moved: usize, wanted: usize) -> Left {
    if moved < wanted { Left::Nothing } else { Left::More }
}

impl<S: AsFd> AsFd for Stream<S> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.get().as_fd()
    }
}

impl<S: AsFd + fmt::Debug> fmt::Debug for Stream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
