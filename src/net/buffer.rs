//! Bytes on their way from a read to a write.

use core::fmt;
use std::io::{self, IoSlice};

use super::Outgoing;
use crate::event_loop::{MEMORY, SpareMemory, find_running, smaller};
use crate::task::Await;

/// Bytes that were read, or are to be written: [`read`](crate::ByteRead::read) appends, and
/// [`write_all`](crate::ByteWrite::write_all) takes from the front what it has written. So a write that is interrupted
/// goes on where it stopped, and nothing else has to remember how far it came.
///
/// What a peer can fill has a limit: a read takes nothing more where there are [`limit`](Self::with_limit) bytes, 64 KiB
/// unless another is set. What the program itself writes to the buffer has none.
///
/// A buffer holds memory only while it holds bytes. The memory belongs to the loop: an emptied or dropped buffer gives it
/// back, and the next read, on any connection, takes it, still in the cache. An empty buffer takes five words. While a
/// read or a write waits, the buffer holds little more than its bytes: a peer that sends half a request and then nothing
/// costs a kilobyte or two, not 64.
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
    /// Empty while there are no bytes. Of the length of the loop's pieces where it is one of them; smaller while the
    /// buffer waits for more, or was made from a vector; larger where a piece does not suffice.
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
        if count < self.len() {
            self.start += count;
        } else {
            self.clear();
        }
    }

    /// Drops all bytes, and gives the memory back.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
        give_to_running(core::mem::take(&mut self.memory));
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

    /// Reads behind the bytes: gives `read` the room, never none, and keeps as many bytes as that says it has brought.
    ///
    /// # Errors
    ///
    /// `StorageFull` where the limit is reached: a read of nothing would look like the end of the stream. Else what `read`
    /// raises.
    #[inline]
    pub(super) fn fill_by<R, E: From<io::Error>>(
        &mut self,
        spare: &SpareMemory,
        read: impl FnOnce(&mut [u8]) -> (usize, Result<R, E>),
    ) -> Result<R, E> {
        if self.memory.is_empty() && self.limit > 0 {
            self.memory = spare.take();
        } else if self.is_compact() {
            return self.fill_compact(spare, read);
        } else if self.end == self.memory.len() || self.len() >= self.limit {
            self.make_room(spare)?;
        }
        let allowed = self.limit - self.len();
        let room = &mut self.memory[self.end..];
        let size = room.len().min(allowed);
        let (count, result) = read(&mut room[..size]);
        // A stream of the user's may say what it likes.
        self.end += count.min(size);
        if self.is_empty() {
            self.consume_into(0, spare);
        }
        result
    }

    /// Whether there are bytes in memory that is smaller than the loop's pieces.
    #[inline]
    fn is_compact(&self) -> bool {
        self.memory.len() < MEMORY && self.len() < self.limit.min(MEMORY)
    }

    /// Reads into a piece of the loop's, behind where the bytes would stand there. Few new bytes are moved to the old ones;
    /// for many, the old ones are moved to them.
    #[cold]
    fn fill_compact<R, E>(
        &mut self,
        spare: &SpareMemory,
        read: impl FnOnce(&mut [u8]) -> (usize, Result<R, E>),
    ) -> Result<R, E> {
        let mut piece = spare.take();
        let start = self.len();
        let room = &mut piece[start..self.limit.min(MEMORY)];
        let size = room.len();
        let (count, result) = read(room);
        let end = start + count.min(size);
        if self.end + (end - start) <= self.memory.len() {
            self.memory[self.end..self.end + end - start].copy_from_slice(&piece[start..end]);
            self.end += end - start;
            spare.give(piece);
        } else {
            piece[..start].copy_from_slice(self.bytes());
            (self.memory, self.start, self.end) = (piece, 0, end);
        }
        result
    }

    /// Gives back what the bytes do not need where they may have to wait for long: not for the next turn.
    #[cold]
    #[inline(never)]
    pub(super) fn about_to_wait_for(&mut self, wanted: &Await) {
        if !wanted.is_next_turn() {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        let Some(size) = smaller(self.memory.len(), self.len()) else { return };
        let mut memory = vec![0; size].into_boxed_slice();
        memory[..self.len()].copy_from_slice(self.bytes());
        give_to_running(core::mem::replace(&mut self.memory, memory));
        (self.start, self.end) = (0, self.len());
    }

    #[cold]
    fn make_room(&mut self, spare: &SpareMemory) -> io::Result<()> {
        if self.len() >= self.limit {
            let text = format!("the buffer has reached its limit of {} bytes: take bytes out of it", self.limit);
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        self.reserve(1, Some(spare));
        Ok(())
    }

    /// Makes room for so many bytes more behind those that there are. Each byte is copied a few times at the most on its
    /// way, except where a full piece has little room in front and the limit forbids another: then it is moved there.
    fn reserve(&mut self, additional: usize, spare: Option<&SpareMemory>) {
        let needed = self.len() + additional;
        if self.end + additional <= self.memory.len() {
            return;
        }
        let gap_pays = self.start >= self.len() || self.memory.len() >= self.limit;
        if needed <= self.memory.len() && gap_pays {
            self.memory.copy_within(self.start..self.end, 0);
        } else {
            let mut larger: Box<[u8]> = match (needed.max(2 * self.memory.len()), spare) {
                (0..=MEMORY, Some(spare)) => spare.take(),
                // Without a loop nobody keeps a piece for the next message, so none is made for this one.
                (size, _) => vec![0; size].into_boxed_slice(),
            };
            larger[..self.len()].copy_from_slice(self.bytes());
            let former = core::mem::replace(&mut self.memory, larger);
            if let Some(spare) = spare {
                give(former, spare);
            }
        }
        (self.start, self.end) = (0, self.len());
    }

    /// Makes room for what the program writes. In a loop, the memory is the loop's, as it is for a read.
    fn grow(&mut self, additional: usize) {
        let event_loop = find_running();
        self.reserve(additional, event_loop.as_ref().map(|event_loop| event_loop.spare_memory()));
    }
}

/// Keeps a piece of the loop's size for the next, and frees any other.
#[inline]
fn give(memory: Box<[u8]>, spare: &SpareMemory) {
    if let Ok(piece) = memory.try_into() {
        spare.give(piece);
    }
}

/// Gives a piece to the loop that runs, if one does.
fn give_to_running(memory: Box<[u8]>) {
    if memory.len() == MEMORY
        && let Some(event_loop) = find_running()
    {
        give(memory, event_loop.spare_memory());
    }
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        if !self.memory.is_empty() {
            give_to_running(core::mem::take(&mut self.memory));
        }
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
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.memory.len() - self.end < bytes.len() {
            self.grow(bytes.len());
        }
        self.memory[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
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
        self.consume(count);
    }

    fn about_to_wait(&mut self) {
        self.shrink();
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len())
    }
}
