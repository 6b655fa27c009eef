//! A file on its way to a stream.
//!
//! The file is what blocks here: a `sendfile(2)`, or a read, waits for the disk where the page is not in memory, and the
//! loop with it. asyncio's does the same. So a part goes in chunks, and each counts as an operation of its task's share of
//! the turn.

use core::fmt;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use crate::event_loop::SpareMemory;
use crate::sys::sendfile;

/// A file, or a part of one, that is to be sent, and how far that has come: what
/// [`ByteWrite::send_file`](crate::ByteWrite::send_file) and [`Transport::send_file`](crate::Transport::send_file) take.
///
/// It remembers its progress, so a send that was cancelled can be asked how much it has [`sent`](Self::sent), and goes on
/// from there when it is sent again.
///
/// The file's own position is neither used nor changed, so that parts of one file can be sent to several peers at once
/// (asyncio leaves it behind what was sent). It must have positions: a regular file, or what can be read like one, not a
/// pipe or a terminal.
///
/// ```
/// use innermost::net::FilePart;
/// use innermost::{ByteWrite, EventLoop, Step, UnixStream, from_fn, yield_from};
/// use std::fs::File;
/// use std::io::Read;
///
/// let (stream, mut peer) = std::os::unix::net::UnixStream::pair()?;
/// let stream = UnixStream::from_std(stream)?;
/// let mut name = FilePart::new(File::open("Cargo.toml")?).offset(10).count(17);
/// let sent = EventLoop::new()?.run_until_complete(from_fn(move |mut sent| {
///     yield_from!(stream.send_file(&mut name), sent).map(Step::Return)
/// }))?;
/// assert_eq!(sent, 17);
/// let mut received = String::new();
/// peer.read_to_string(&mut received)?;
/// assert_eq!(received, "name = \"innermost");
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Clone)]
pub struct FilePart {
    file: Rc<File>,
    /// The next byte.
    position: u64,
    /// How many bytes are to be sent yet, at the most: `u64::MAX` for all.
    left: u64,
    sent: u64,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the kernel, or else by reading.
    Any,
    Kernel,
    Reading,
}

/// How many bytes one system call sends at the most: a turn of 32 such is some hundred microseconds, whatever the peer.
const CHUNK: u64 = 128 * 1024;

/// No file has a byte behind that.
const END: u64 = i64::MAX as u64;

impl FilePart {
    /// All of a file, from its first byte on. An `Rc<File>` may be used for something else meanwhile.
    pub fn new(file: impl Into<Rc<File>>) -> Self {
        Self { file: file.into(), position: 0, left: u64::MAX, sent: 0, way: Way::Any }
    }

    /// From this byte on. At the end of the file, or behind it, there is nothing to send.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.position = offset;
        self
    }

    /// So many bytes, or as many as there are: who has announced a length must compare. None, for 0 (asyncio refuses that).
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.left = count;
        self
    }

    /// Whether it may be read and written in pieces where the kernel cannot send it by itself (`sendfile(2)`): it may,
    /// without this. Where it may not, that raises [`Unsupported`](io::ErrorKind::Unsupported), asyncio's
    /// `SendfileNotAvailableError`.
    #[must_use]
    pub fn fallback(mut self, allowed: bool) -> Self {
        self.way = if allowed { Way::Any } else { Way::Kernel };
        self
    }

    /// How many bytes were sent: taken by the system, as with every other send.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Whether all is sent, or the file has ended.
    pub(crate) const fn is_sent(&self) -> bool {
        self.left == 0
    }

    /// Sends the next chunk to a socket, by the kernel where it can, or else by `write`.
    ///
    /// # Errors
    ///
    /// The system's, `WouldBlock` among them; `Unsupported` where only the kernel was to do it, and does not.
    pub(crate) fn send_to(
        &mut self,
        socket: BorrowedFd<'_>,
        spare: &SpareMemory,
        write: impl FnOnce(&[u8]) -> io::Result<usize>,
    ) -> io::Result<()> {
        if self.way != Way::Reading {
            let result = match self.next_chunk() {
                0 => Ok(0),
                size => sendfile::sendfile(socket, &self.file, self.position, size),
            };
            match result {
                Err(error) if sendfile::is_unavailable(&error) => self.refused(&error)?,
                Err(error) => return Err(error),
                Ok(count) => {
                    self.advance(count);
                    return Ok(());
                }
            }
        }
        self.read_and_write(spare, write)
    }

    /// Sends the next piece by reading and writing. What is not written is read again: nothing is kept meanwhile.
    ///
    /// # Errors
    ///
    /// As [`send_to`](Self::send_to).
    pub(crate) fn read_and_write<E: From<io::Error>>(
        &mut self,
        spare: &SpareMemory,
        write: impl FnOnce(&[u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        self.refused(&io::Error::from(io::ErrorKind::Unsupported))?;
        let mut memory = spare.take();
        let size = self.next_chunk().min(memory.len());
        let read = match size {
            // The system refuses to be asked for what no file has.
            0 => Ok(0),
            size => self.file.read_at(&mut memory[..size], self.position),
        };
        let written = match read {
            Ok(0) => Ok(0),
            // A stream of the user's may say what it likes.
            Ok(count) => write(&memory[..count]).map(|written| written.min(count)),
            Err(error) => Err(error.into()),
        };
        spare.give(memory);
        written.map(|count| self.advance(count))
    }

    /// The kernel does not send it.
    fn refused(&mut self, error: &io::Error) -> io::Result<()> {
        if self.way == Way::Kernel {
            let text = format!("the kernel cannot send this file to this peer by itself: {error}");
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        self.way = Way::Reading;
        Ok(())
    }

    fn next_chunk(&self) -> usize {
        self.left.min(CHUNK).min(END.saturating_sub(self.position)) as usize
    }

    /// So many bytes were sent; none at the end of the file.
    fn advance(&mut self, count: usize) {
        let count = count as u64;
        self.position += count;
        self.sent += count;
        self.left = if count == 0 { 0 } else { self.left - count };
    }
}

impl fmt::Debug for FilePart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilePart({} bytes sent", self.sent)?;
        match self.left {
            0 => f.write_str(", over)"),
            left if left > END => f.write_str(")"),
            left => write!(f, ", {left} left)"),
        }
    }
}
