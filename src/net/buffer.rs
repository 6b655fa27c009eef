//! Bytes on their way from a read to a write.

use core::fmt;
use std::boxed::Box;
use std::io::{self, IoSlice};
use std::vec;
use std::vec::Vec;

use super::Outgoing;
use crate::event_loop::{MEMORY, SpareMemory, running};

/// Bytes that were read, or are to be written: [`read`](crate::ByteRead::read) appends, and
/// [`write_all`](crate::ByteWrite::write_all) takes from the front what it has written. So a write that is interrupted
/// goes on where it stopped, and nothing else has to remember how far it came.
///
/// What a peer can fill has a limit: a read takes nothing more where there are [`limit`](Self::with_limit) bytes, 64 KiB
/// unless another is set. What the program itself writes to the buffer has none.
///
/// A buffer holds memory only while it holds bytes. What is written to the end gives it back to the loop, and the next
/// read, of whatever connection, finds it there, still in the cache. An idle connection costs five words.
///
/// ```
/// use innermost::Buffer;
/// use std::io::Write;
///
/// let mut buffer = Buffer::new();
/// write!(buffer, "hello {}", 42)?;
/// assert_eq!(buffer.bytes(), b"hello 42");
/// buffer.consume(6);
/// assert_eq!(buffer.bytes(), b"42");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Buffer {
    /// Empty while there are no bytes. The loop's piece as long as that suffices, which its length shows.
    memory: Box<[u8]>,
    start: usize,
    end: usize,
    limit: usize,
}

impl Buffer {
    /// An empty buffer, without memory, that reads fill with 64 KiB at the most.
    pub fn new() -> Self {
        Self::with_limit(MEMORY)
    }

    /// An empty buffer, without memory, that reads fill with `limit` bytes at the most.
    ///
    /// ```
    /// use innermost::Buffer;
    ///
    /// // For messages of a megabyte.
    /// let buffer = Buffer::with_limit(1 << 20);
    /// assert_eq!(buffer.limit(), 1 << 20);
    /// ```
    pub fn with_limit(limit: usize) -> Self {
        Self { memory: Box::default(), start: 0, end: 0, limit }
    }

    /// How many bytes a read leaves here at the most.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// How many bytes there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops `count` bytes from the front, or all if there are fewer.
    pub fn consume(&mut self, count: usize) {
        drop(self.take_emptied(count));
    }

    /// Drops all bytes, and the memory with them.
    pub fn clear(&mut self) {
        drop(self.take_emptied(self.len()));
    }

    /// As [`consume`](Self::consume), but what memory becomes free goes to `spare`.
    #[inline]
    pub(super) fn consume_into(&mut self, count: usize, spare: &SpareMemory) {
        if count < self.len() {
            self.start += count;
        } else {
            (self.start, self.end) = (0, 0);
            give(core::mem::take(&mut self.memory), spare);
        }
    }

    /// As [`consume`](Self::consume), but what memory becomes free goes to the loop that runs.
    pub(super) fn consume_in_loop(&mut self, count: usize) {
        let memory = self.take_emptied(count);
        if !memory.is_empty()
            && let Ok(event_loop) = running()
        {
            give(memory, event_loop.spare_memory());
        }
    }

    /// Gives the memory if nothing is left in it, and otherwise an empty piece.
    #[inline]
    fn take_emptied(&mut self, count: usize) -> Box<[u8]> {
        if count < self.len() {
            self.start += count;
            return Box::default();
        }
        (self.start, self.end) = (0, 0);
        core::mem::take(&mut self.memory)
    }

    /// The room behind the bytes, for a read: never none. What it has brought is [`filled`](Self::filled) in.
    ///
    /// # Errors
    ///
    /// `StorageFull` where the limit is reached: a read of nothing would look like the end of the stream.
    #[inline]
    pub(super) fn room(&mut self, spare: &SpareMemory) -> io::Result<&mut [u8]> {
        if self.memory.is_empty() && self.limit > 0 {
            self.memory = spare.take();
        } else if self.end == self.memory.len() || self.len() >= self.limit {
            self.make_room(spare)?;
        }
        let allowed = self.limit - self.len();
        let room = &mut self.memory[self.end..];
        let size = room.len().min(allowed);
        Ok(&mut room[..size])
    }

    /// Keeps so many bytes of the room. The memory goes to `spare` if there are none at all.
    #[inline]
    pub(super) fn filled(&mut self, count: usize, spare: &SpareMemory) {
        // A stream of the user's may say what it likes.
        self.end += count.min(self.memory.len() - self.end);
        if self.is_empty() {
            self.consume_into(0, spare);
        }
    }

    #[cold]
    fn make_room(&mut self, spare: &SpareMemory) -> io::Result<()> {
        if self.len() >= self.limit {
            let text = std::format!("the buffer has reached its limit of {} bytes: take bytes out of it", self.limit);
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        self.reserve(1, spare);
        Ok(())
    }

    /// Makes room for so many bytes more behind those that there are. Each byte is copied a few times at the most on its
    /// way, except where a full piece has little room in front and the limit forbids another: then it is moved there.
    fn reserve(&mut self, additional: usize, spare: &SpareMemory) {
        let needed = self.len() + additional;
        if self.end + additional <= self.memory.len() {
            return;
        }
        let gap_pays = self.start >= self.len() || self.memory.len() >= self.limit;
        if needed <= self.memory.len() && gap_pays {
            self.memory.copy_within(self.start..self.end, 0);
        } else {
            let mut larger: Box<[u8]> = match needed.max(2 * self.memory.len()) {
                0..=MEMORY => spare.take(),
                size => vec![0; size].into_boxed_slice(),
            };
            larger[..self.len()].copy_from_slice(self.bytes());
            give(core::mem::replace(&mut self.memory, larger), spare);
        }
        (self.start, self.end) = (0, self.len());
    }

    fn append(&mut self, bytes: &[u8], spare: &SpareMemory) {
        self.reserve(bytes.len(), spare);
        self.memory[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }
}

/// Keeps a piece of the loop's size for the next, and frees any other.
#[inline]
fn give(memory: Box<[u8]>, spare: &SpareMemory) {
    if let Ok(piece) = memory.try_into() {
        spare.give(piece);
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

/// Without copying them, where the vector has no room left over.
impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Self { memory: bytes.into_boxed_slice(), start: 0, end, limit: MEMORY }
    }
}

/// Appends all of it, always.
impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            // In a loop, the memory is the loop's, as it is for a read.
            match running() {
                Ok(event_loop) => self.append(bytes, event_loop.spare_memory()),
                Err(_) => self.append(bytes, &SpareMemory::new()),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Outgoing for Buffer {
    fn remaining(&self) -> usize {
        self.len()
    }

    fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        super::outgoing::one(self.bytes(), slices)
    }

    fn consume(&mut self, count: usize) {
        self.consume_in_loop(count);
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len())
    }
}
