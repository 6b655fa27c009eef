//! The descriptors under a stream transport.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::Socket;

use crate::event_loop::{Left, SpareMemory};
use crate::net::FilePart;
use crate::sys::socket::NO_SIGNAL;

pub(super) enum Io {
    Socket(Socket),
    /// A pipe, or a character device.
    Pipe(File),
}

impl Io {
    #[inline]
    pub(super) fn read(&self, room: &mut [u8]) -> io::Result<(usize, Left)> {
        let count = match self {
            Self::Socket(socket) => (&mut &*socket).read(room)?,
            Self::Pipe(pipe) => (&mut &*pipe).read(room)?,
        };
        Ok((count, left(count, room.len())))
    }

    /// Writes some of `slices`, one after the other; a single one by the cheaper call.
    #[inline]
    pub(super) fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<(usize, Left)> {
        let count = match (self, slices) {
            (Self::Socket(socket), [slice]) => socket.send_with_flags(slice, NO_SIGNAL)?,
            (Self::Socket(socket), slices) => socket.send_vectored_with_flags(slices, NO_SIGNAL)?,
            (Self::Pipe(pipe), slices) => (&mut &*pipe).write_vectored(slices)?,
        };
        Ok((count, left(count, slices.iter().map(|slice| slice.len()).sum())))
    }

    /// Sends the next chunk of a file.
    pub(super) fn send_file(&self, part: &mut FilePart, spare: &SpareMemory) -> io::Result<()> {
        part.send_to(self.as_fd(), spare, |bytes| Ok(self.write(&[IoSlice::new(bytes)])?.0))
    }

    /// Says that no more will be written. A pipe is closed for that, by its transport.
    pub(super) fn end_writes(&self) -> io::Result<()> {
        match self {
            Self::Socket(socket) => socket.shutdown(Shutdown::Write),
            Self::Pipe(_) => Ok(()),
        }
    }
}

/// A short read or write has found the end of what there was.
const fn left(moved: usize, wanted: usize) -> Left {
    if moved < wanted { Left::Nothing } else { Left::More }
}

impl AsFd for Io {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Socket(socket) => socket.as_fd(),
            Self::Pipe(pipe) => pipe.as_fd(),
        }
    }
}
