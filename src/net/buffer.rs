//! [`Buffer`]: bytes between a read and a write.

use core::fmt;
use std::io;

use crate::event_loop::{MEMORY, SpareMemory, find_running, smaller};
use crate::task::Await;

/// Bytes that have been read or will be written. [`read`](crate::ByteRead::read) appends bytes, and
/// [`write_all`](crate::ByteWrite::write_all) removes them from the front as it writes. So an interrupted write continues
/// where it stopped.
///
/// A buffer that holds as many bytes as its [limit](Self::with_limit), 64 KiB by default, refuses further reads with
/// `StorageFull`, so that a peer cannot fill the memory. Bytes that the program writes to the buffer itself are not limited.
///
/// A buffer holds memory only while it holds bytes. The memory belongs to the loop: an emptied or dropped buffer returns it,
/// and the next read on any connection reuses it while it is still in the cache. An empty buffer takes five words. While a
/// read or a write waits, the buffer shrinks to little more than its bytes: a peer that sends half a request and then stops
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
    /// Empty while there are no bytes. As long as the loop's pieces if it is one of them. Smaller while the buffer waits for
    /// more, or if it was made from a vector. Larger if a piece does not suffice.
    memory: Box<[u8]>,
    start: usize,
    end: usize,
    limit: usize,
}

impl Buffer {
    /// Makes an empty buffer that holds no memory. Its limit is 64 KiB.
    pub fn new() -> Self {
        Self::with_limit(MEMORY)
    }

    /// Makes an empty buffer that holds no memory. Once it holds `limit` bytes, a read raises `StorageFull`.
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

    /// The number of bytes at which further reads raise `StorageFull`.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// The bytes, to be changed in place.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS decrypts in place"))]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.end]
    }

    /// Appends bytes, whatever the limit: passes at least `room` free bytes to `write`, and keeps as many as it says.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS encrypts in place"))]
    pub(crate) fn append_with(&mut self, room: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        if self.memory.len() - self.end < room {
            self.grow(room);
        }
        let free = &mut self.memory[self.end..];
        self.end += write(free).min(free.len());
    }

    /// The number of bytes.
    #[inline]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Returns `true` if the buffer holds no bytes.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Removes `count` bytes from the front, or all of them if there are fewer.
    pub fn consume(&mut self, count: usize) {
        if count < self.len() {
            self.start += count;
        } else {
            self.clear();
        }
    }

    /// Removes all bytes, and returns the memory to the loop.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
        give_to_running(core::mem::take(&mut self.memory));
    }

    /// Removes `count` bytes from the front, and returns memory that is no longer needed to `spare`.
    #[inline]
    pub(super) fn consume_into(&mut self, count: usize, spare: &SpareMemory) {
        if count < self.len() {
            self.start += count;
        } else {
            (self.start, self.end) = (0, 0);
            give(core::mem::take(&mut self.memory), spare);
        }
    }

    /// Appends bytes: passes the free room, which is never empty, to `read`, and keeps as many bytes as `read` says.
    ///
    /// # Errors
    ///
    /// `StorageFull` if the limit is reached, because a read of 0 bytes would look like the end of the stream. Otherwise the
    /// error of `read`.
    #[inline]
    pub(crate) fn fill_by<R, E: From<io::Error>>(
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
        // A stream that the program has implemented may return any number.
        self.end += count.min(size);
        if self.is_empty() {
            self.consume_into(0, spare);
        }
        result
    }

    /// Returns `true` if the memory is smaller than the loop's pieces.
    #[inline]
    fn is_compact(&self) -> bool {
        self.memory.len() < MEMORY && self.len() < self.limit.min(MEMORY)
    }

    /// Reads into one of the loop's pieces, leaving room in front for the bytes that are already here. A few new bytes are
    /// then copied to the old ones; for many, the old ones are copied in front of them.
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

    /// Returns unused memory, unless the wait is only for the next turn.
    #[cold]
    #[inline(never)]
    pub(super) fn about_to_wait_for(&mut self, wanted: &Await) {
        if !wanted.is_next_turn() {
            self.shrink();
        }
    }

    /// Returns unused memory.
    pub(crate) fn shrink(&mut self) {
        let Some(size) = smaller(self.memory.len(), self.len()) else { return };
        let mut memory = vec![0; size].into_boxed_slice();
        memory[..self.len()].copy_from_slice(self.bytes());
        give_to_running(core::mem::replace(&mut self.memory, memory));
        (self.start, self.end) = (0, self.len());
    }

    #[cold]
    fn make_room(&mut self, spare: &SpareMemory) -> io::Result<()> {
        if self.len() >= self.limit {
            let text =
                format!("the buffer has reached its limit of {} bytes: remove bytes before reading more", self.limit);
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        self.reserve(1, Some(spare));
        Ok(())
    }

    /// Makes room for `additional` bytes at the end. Each byte is copied at most a few times in its life. The exception is a
    /// full piece with little room in front and a limit that forbids a larger one: its bytes move to the front.
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
                // Without a loop nobody would keep a piece for the next message.
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

    /// Makes room for bytes that the program writes. In a loop, the memory belongs to the loop, as it does for a read.
    fn grow(&mut self, additional: usize) {
        let event_loop = find_running();
        self.reserve(additional, event_loop.as_ref().map(|event_loop| event_loop.spare_memory()));
    }
}

/// Returns memory of the loop's size to the loop, and frees any other.
#[inline]
fn give(memory: Box<[u8]>, spare: &SpareMemory) {
    if let Ok(piece) = memory.try_into() {
        spare.give(piece);
    }
}

/// Returns a piece to the running loop, if there is one.
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

/// Copies the bytes and the limit.
impl Clone for Buffer {
    fn clone(&self) -> Self {
        let bytes = Box::from(self.bytes());
        Self { start: 0, end: self.len(), limit: self.limit, memory: bytes }
    }
}

/// Compares the bytes.
impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Buffer {}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

/// Does not copy the bytes if the vector has no spare capacity.
impl From<Vec<u8>> for Buffer {
    fn from(bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Self { memory: bytes.into_boxed_slice(), start: 0, end, limit: MEMORY }
    }
}

/// Appends all bytes, whatever the limit.
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

    /// Without the loop that a partial write would need.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(drop)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len())
    }
}
