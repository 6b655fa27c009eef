//! Moving bytes through descriptors: what the streams of this room have in common.

use core::fmt;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use socket2::{SockAddr, SockRef};

use super::{Attempt, Buffer, FilePart};
use crate::coroutine::{Exception, Step};
use crate::event_loop::{Left, Registered, SpareMemory};
use crate::sys::{Direction, descriptor};

/// A descriptor that bytes come from. Does not block.
pub(super) trait Source: AsFd {
    fn recv(&self, bytes: &mut [u8]) -> io::Result<(usize, Left)>;
}

/// A descriptor that bytes go to. Does not block.
pub(super) trait Sink: AsFd {
    fn send(&self, bytes: &[u8]) -> io::Result<(usize, Left)>;
    /// No more than fits [in one call](descriptor::in_one_call).
    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<(usize, Left)>;
    /// Says that no more will come. What takes the descriptor's file away has it deregistered first.
    fn finish(&self, deregister: impl FnOnce()) -> io::Result<()>;
}

#[inline]
pub(super) fn recv<S: Source>(registered: &Registered<S>, bytes: &mut [u8]) -> Attempt<usize> {
    match registered.attempt(Direction::Read, |source, _| source.recv(bytes)) {
        Err(raised) => Err(at(raised, "recv", registered.get().as_fd())),
        done => done,
    }
}

#[inline]
pub(super) fn read<S: Source>(registered: &Registered<S>, buffer: &mut Buffer) -> Attempt<usize> {
    let read = |source: &S, spare: &SpareMemory| {
        buffer.fill_by(spare, |room| {
            let received = source.recv(room);
            (received.as_ref().map_or(0, |(count, _)| *count), received)
        })
    };
    match registered.attempt(Direction::Read, read) {
        Err(raised) => Err(at(raised, "read", registered.get().as_fd())),
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

#[inline]
pub(super) fn send<S: Sink>(registered: &Registered<S>, bytes: &[u8]) -> Attempt<usize> {
    match registered.attempt(Direction::Write, |sink, _| sink.send(bytes)) {
        Err(raised) => Err(at(raised, "send", registered.get().as_fd())),
        done => done,
    }
}

pub(super) fn send_vectored<S: Sink>(registered: &Registered<S>, slices: &[IoSlice<'_>]) -> Attempt<usize> {
    let send = |sink: &S, _: &SpareMemory| match descriptor::in_one_call(slices) {
        [] => sink.send(&[]),
        [one] => sink.send(one),
        several => sink.send_vectored(several),
    };
    registered.attempt(Direction::Write, send).map_err(|raised| at(raised, "send_vectored", registered.get().as_fd()))
}

#[inline]
pub(super) fn write_all<S: Sink>(registered: &Registered<S>, buffer: &mut Buffer) -> Attempt<()> {
    while !buffer.is_empty() {
        let write = |sink: &S, spare: &SpareMemory| {
            let (count, left) = sink.send(buffer.bytes())?;
            buffer.consume_into(count, spare);
            Ok(((), left))
        };
        match registered.attempt(Direction::Write, write) {
            Ok(Step::Return(())) => {}
            Err(raised) => return Err(at(raised, "write_all", registered.get().as_fd())),
            Ok(Step::Yield(wanted)) => {
                buffer.about_to_wait_for(&wanted);
                return Ok(Step::Yield(wanted));
            }
            Ok(Step::Delegate(frame)) => return Ok(Step::Delegate(frame)),
        }
    }
    Ok(Step::Return(()))
}

pub(super) fn send_file<S: Sink>(registered: &Registered<S>, part: &mut FilePart) -> Attempt<u64> {
    while !part.is_sent() {
        let send = |sink: &S, spare: &SpareMemory| {
            part.send_to(sink.as_fd(), spare, |bytes| Ok(sink.send(bytes)?.0))?;
            // Less than was wanted may be the end of the file as well: whether there is more room, the next one finds out.
            Ok(((), Left::More))
        };
        match registered.attempt(Direction::Write, send) {
            Ok(Step::Return(())) => {}
            Ok(Step::Yield(wanted)) => return Ok(Step::Yield(wanted)),
            Ok(Step::Delegate(frame)) => return Ok(Step::Delegate(frame)),
            Err(raised) => return Err(at(raised, "send_file", registered.get().as_fd())),
        }
    }
    Ok(Step::Return(part.sent()))
}

pub(super) fn write_eof<S: Sink>(registered: &Registered<S>) -> Attempt<()> {
    let finished = registered.get().finish(|| registered.deregister());
    finished.map_err(|error| at(error.into(), "write_eof", registered.get().as_fd()))?;
    Ok(Step::Return(()))
}

/// A short read or write has found the end of what there was.
#[inline]
pub(super) const fn left(moved: usize, wanted: usize) -> Left {
    if moved < wanted { Left::Nothing } else { Left::More }
}

/// The same, and what was done with which descriptor, where it is an error of the system.
#[cold]
pub(super) fn at(raised: Exception, operation: &'static str, fd: BorrowedFd<'_>) -> Exception {
    if raised.downcast_ref::<io::Error>().is_none() {
        return raised;
    }
    raised.with_note(Place::of(fd, operation))
}

/// What was done with a descriptor, and where that leads to. It is asked for now, since the descriptor may be closed when
/// somebody reads this; a text it becomes only then: a server has its connections reset all day.
struct Place {
    operation: &'static str,
    fd: RawFd,
    end: End,
}

/// What a descriptor still knows of its ends: a connection that was reset has no peer any more.
enum End {
    Peer(SockAddr),
    Here(SockAddr),
    Unknown,
}

impl Place {
    fn of(fd: BorrowedFd<'_>, operation: &'static str) -> Self {
        let socket = SockRef::from(&fd);
        let named = |address: &SockAddr| address.as_socket().is_some() || address.as_pathname().is_some();
        let peer = socket.peer_addr().ok().filter(named).map(End::Peer);
        let end = peer.or_else(|| socket.local_addr().ok().filter(named).map(End::Here));
        Self { operation, fd: fd.as_raw_fd(), end: end.unwrap_or(End::Unknown) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: fd {}", self.operation, self.fd)?;
        let (what, address) = match &self.end {
            End::Peer(address) => ("peer", address),
            End::Here(address) => ("at", address),
            End::Unknown => return Ok(()),
        };
        match (address.as_socket(), address.as_pathname()) {
            (Some(address), _) => write!(f, ", {what} {address}"),
            (None, Some(path)) => write!(f, ", {what} {}", path.display()),
            (None, None) => Ok(()),
        }
    }
}

/// Gives a stream the traits of its descriptor.
macro_rules! moves_bytes {
    (read $type:ty) => {
        impl crate::net::ByteRead for $type {
            #[inline]
            fn attempt_recv(&self, bytes: &mut [u8]) -> crate::net::Attempt<usize> {
                crate::net::moving::recv(&self.0, bytes)
            }

            #[inline]
            fn attempt_read(&self, buffer: &mut crate::net::Buffer) -> crate::net::Attempt<usize> {
                crate::net::moving::read(&self.0, buffer)
            }
        }
    };
    (write $type:ty) => {
        impl crate::net::ByteWrite for $type {
            #[inline]
            fn attempt_send(&self, bytes: &[u8]) -> crate::net::Attempt<usize> {
                crate::net::moving::send(&self.0, bytes)
            }

            fn attempt_write_eof(&self) -> crate::net::Attempt<()> {
                crate::net::moving::write_eof(&self.0)
            }

            fn attempt_send_vectored(&self, slices: &[std::io::IoSlice<'_>]) -> crate::net::Attempt<usize> {
                crate::net::moving::send_vectored(&self.0, slices)
            }

            #[inline]
            fn attempt_write_all(&self, buffer: &mut crate::net::Buffer) -> crate::net::Attempt<()> {
                crate::net::moving::write_all(&self.0, buffer)
            }

            fn attempt_send_file(&self, part: &mut crate::net::FilePart) -> crate::net::Attempt<u64> {
                crate::net::moving::send_file(&self.0, part)
            }
        }
    };
}
pub(super) use moves_bytes;

/// What all wrappers around a descriptor of the standard library's have.
macro_rules! wraps {
    ($type:ident($inner:ty)) => {
        impl $type {
            /// The standard library's own, for its options. What blocks there does not block here, but raises.
            pub const fn get_ref(&self) -> &$inner {
                self.0.get()
            }

            /// Gives it back to the standard library, non-blocking as it is, under a new number.
            ///
            /// # Errors
            ///
            /// The system's: no descriptor is free.
            pub fn into_std(self) -> std::io::Result<$inner> {
                let another = std::os::fd::AsFd::as_fd(&self).try_clone_to_owned()?;
                self.0.deregister();
                Ok(another.into())
            }
        }

        impl std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.0.get().as_fd()
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}
pub(super) use wraps;
