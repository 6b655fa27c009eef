//! [`FilePart`]: a file to be sent.
//!
//! Reading the file can block. `sendfile(2)` and `read(2)` wait for the disk if a page is not in memory, and the loop waits
//! with them, as in asyncio. So a file is sent in chunks, and each chunk counts against its task's share of the turn.

use core::fmt;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use crate::event_loop::SpareMemory;
use crate::sys::sendfile;

/// A file, or a part of one, to be sent: the argument of [`ByteWrite::send_file`](crate::ByteWrite::send_file) and
/// [`Transport::send_file`](crate::Transport::send_file).
///
/// It remembers how many bytes have been [`sent`](Self::sent). After a cancelled send, sending it again continues from
/// there.
///
/// The position of the file itself is neither used nor changed, so parts of one file can be sent to several peers at once.
/// (asyncio moves the position behind the bytes sent.) The file must be seekable: a regular file or a block device, not a
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
    /// The position of the next byte to send.
    position: u64,
    /// How many bytes are still to be sent at most: `u64::MAX` for all.
    left: u64,
    sent: u64,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the kernel if it can, or by reading and writing.
    Any,
    Kernel,
    Reading,
}

/// How many bytes one system call sends at most. A turn of 32 chunks takes a few hundred microseconds, whatever the peer.
const CHUNK: u64 = 128 * 1024;

/// No file is longer than this.
const END: u64 = i64::MAX as u64;

impl FilePart {
    /// The whole of a file. An `Rc<File>` lets the program use the file for something else meanwhile.
    pub fn new(file: impl Into<Rc<File>>) -> Self {
        Self { file: file.into(), position: 0, left: u64::MAX, sent: 0, way: Way::Any }
    }

    /// Starts at this byte. If it is at the end of the file or beyond, nothing is sent.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.position = offset;
        self
    }

    /// Sends `count` bytes, or fewer if the file ends early. If the peer has been told the length, compare it with the number
    /// sent. Zero is allowed, unlike in asyncio.
    #[must_use]
    pub fn count(mut self, count: u64) -> Self {
        self.left = count;
        self
    }

    /// Sends the file by the kernel alone (`sendfile(2)`). If the kernel cannot, sending raises
    /// [`Unsupported`](io::ErrorKind::Unsupported), asyncio's `SendfileNotAvailableError`. By default, the file is then read
    /// and written in pieces. asyncio's `fallback=False`.
    #[must_use]
    pub fn without_fallback(mut self) -> Self {
        self.way = Way::Kernel;
        self
    }

    /// The number of bytes sent so far, that is, accepted by the system.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Returns `true` if everything has been sent, or the file has ended.
    pub(crate) const fn is_sent(&self) -> bool {
        self.left == 0
    }

    /// Sends the next chunk to a socket, by the kernel if it can, or by `write`.
    ///
    /// # Errors
    ///
    /// The system's, `WouldBlock` among them; `Unsupported` if the kernel cannot and there is no fallback.
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

    /// Sends the next chunk by reading and writing it. Bytes that could not be written are read again: nothing is kept in
    /// between.
    ///
    /// # Errors
    ///
    /// The errors of [`send_to`](Self::send_to).
    pub(crate) fn read_and_write<E: From<io::Error>>(
        &mut self,
        spare: &SpareMemory,
        write: impl FnOnce(&[u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        self.refused(&io::Error::from(io::ErrorKind::Unsupported))?;
        let mut memory = spare.take();
        let size = self.next_chunk().min(memory.len());
        let read = match size {
            // The system rejects positions beyond the largest file.
            0 => Ok(0),
            size => self.file.read_at(&mut memory[..size], self.position),
        };
        let written = match read {
            Ok(0) => Ok(0),
            // A stream that the program has implemented may return any number.
            Ok(count) => write(&memory[..count]).map(|written| written.min(count)),
            Err(error) => Err(error.into()),
        };
        spare.give(memory);
        written.map(|count| self.advance(count))
    }

    /// The kernel cannot send this file to this peer.
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

    /// Records that `count` bytes were sent: 0 at the end of the file.
    fn advance(&mut self, count: usize) {
        let count = count as u64;
        self.position += count;
        self.sent += count;
        self.left = if count == 0 { 0 } else { self.left - count };
    }
}

/// The file's descriptor.
impl AsFd for FilePart {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
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
