//! The descriptor of a stream transport.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use socket2::{Domain, Socket};

use crate::event_loop::{Left, SpareMemory};
use crate::net::FilePart;
use crate::sys::descriptor;
use crate::sys::socket::NO_SIGNAL;

pub(in crate::transport) enum Io {
    Socket(Socket),
    /// A Unix socket. A read stops after bytes that carry descriptors.
    Unix(Socket),
    /// A pipe or a character device. A read may stop early: a terminal returns one line at a time, and a pipe in packet mode
    /// (`O_DIRECT`, which the writer may have set) one packet.
    Pipe(File),
}

impl Io {
    /// For a stream socket that the program has made.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(in crate::transport) fn of_socket(socket: Socket) -> io::Result<Self> {
        let is_unix = socket.local_addr()?.domain() == Domain::UNIX;
        Ok(if is_unix { Self::Unix(socket) } else { Self::Socket(socket) })
    }

    #[inline]
    pub(in crate::transport) fn read(&self, room: &mut [u8]) -> io::Result<(usize, Left)> {
        match self {
            Self::Socket(socket) => {
                let count = (&mut &*socket).read(room)?;
                Ok((count, left(count, room.len())))
            }
            Self::Unix(socket) => {
                let (count, is_cut_short) = descriptor::recv(socket, room)?;
                Ok((count, if is_cut_short { Left::More } else { left(count, room.len()) }))
            }
            Self::Pipe(pipe) => Ok(((&mut &*pipe).read(room)?, Left::More)),
        }
    }

    /// Writes some of `bytes`.
    #[inline]
    pub(in crate::transport) fn write(&self, bytes: &[u8]) -> io::Result<(usize, Left)> {
        let count = match self {
            Self::Socket(socket) | Self::Unix(socket) => socket.send_with_flags(bytes, NO_SIGNAL)?,
            Self::Pipe(pipe) => (&mut &*pipe).write(bytes)?,
        };
        Ok((count, left(count, bytes.len())))
    }

    /// Writes some of `slices`, in order.
    pub(in crate::transport) fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<(usize, Left)> {
        let slices = match descriptor::in_one_call(slices) {
            [one] => return self.write(one),
            several => several,
        };
        let count = match self {
            Self::Socket(socket) | Self::Unix(socket) => socket.send_vectored_with_flags(slices, NO_SIGNAL)?,
            Self::Pipe(pipe) => (&mut &*pipe).write_vectored(slices)?,
        };
        Ok((count, left(count, slices.iter().map(|slice| slice.len()).sum())))
    }

    /// Sends the next chunk of a file.
    pub(in crate::transport) fn send_file(&self, part: &mut FilePart, spare: &SpareMemory) -> io::Result<()> {
        part.send_to(self.as_fd(), spare, |bytes| Ok(self.write(bytes)?.0))
    }

    /// Ends the stream. For a pipe, the transport does that by closing it.
    pub(in crate::transport) fn end_writes(&self) -> io::Result<()> {
        match self {
            Self::Socket(socket) | Self::Unix(socket) => socket.shutdown(Shutdown::Write),
            Self::Pipe(_) => Ok(()),
        }
    }
}

/// A short read or write means that nothing is left: the next one would block.
const fn left(moved: usize, wanted: usize) -> Left {
    if moved < wanted { Left::Nothing } else { Left::More }
}

impl From<Socket> for Io {
    fn from(socket: Socket) -> Self {
        Self::Socket(socket)
    }
}

impl From<UnixStream> for Io {
    fn from(socket: UnixStream) -> Self {
        Self::Unix(OwnedFd::from(socket).into())
    }
}

impl AsFd for Io {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Socket(socket) | Self::Unix(socket) => socket.as_fd(),
            Self::Pipe(pipe) => pipe.as_fd(),
        }
    }
}
