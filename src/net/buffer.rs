//! Bytes on their way from a read to a write.

use core::fmt;
use std::io;

use crate::event_loop::{MEMORY, Memory, SpareMemory, running};

/// Bytes that were read, or are to be written: [`read`](crate::TcpStream::read) appends, and
/// [`write_all`](crate::TcpStream::write_all) takes from the front what it has written. So a write that is interrupted
/// goes on where it stopped, and nothing else has to remember how far it came.
///
/// A buffer takes 64 KiB of bytes at the most, and holds memory only while it holds bytes. What is written to the end gives it back to the loop, and
/// the next read, of whatever connection, finds it there, still in the cache. An idle connection costs two words.
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
#[derive(Default)]
pub struct Buffer {
    /// `None` while there are no bytes.
    memory: Option<Memory>,
    start: u32,
    end: u32,
}

impl Buffer {
    /// An empty buffer, without memory.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.memory.as_ref().map_or(&[], |memory| &memory[self.start as usize..self.end as usize])
    }

    /// How many bytes there are.
    #[inline]
    pub const fn len(&self) -> usize {
        (self.end - self.start) as usize
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
        if let Some(memory) = self.take_emptied(count) {
            spare.give(memory);
        }
    }

    #[inline]
    fn take_emptied(&mut self, count: usize) -> Option<Memory> {
        if count < self.len() {
            self.start += count as u32;
            return None;
        }
        (self.start, self.end) = (0, 0);
        self.memory.take()
    }

    /// Has `fill` write to the room behind the bytes, and keeps as many as it says; gives that number and the size of
    /// the room. Memory comes from `spare`, and goes there again if nothing has come.
    #[inline]
    pub(super) fn fill(
        &mut self,
        spare: &SpareMemory,
        fill: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<(usize, usize)> {
        self.make_room()?;
        let memory = self.memory.get_or_insert_with(|| spare.take());
        let room = &mut memory[self.end as usize..];
        let size = room.len();
        match fill(room) {
            Ok(count @ 1..) => {
                self.end += count.min(size) as u32;
                Ok((count, size))
            }
            nothing => {
                self.consume_into(0, spare);
                Ok((nothing?, size))
            }
        }
    }

    /// # Errors
    ///
    /// `StorageFull` where there is no room: a read of nothing would look like the end of the stream.
    #[inline]
    fn make_room(&mut self) -> io::Result<()> {
        if self.end as usize == MEMORY {
            if self.start == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::StorageFull,
                    "the buffer is full: take bytes out of it first",
                ));
            }
            if let Some(memory) = &mut self.memory {
                memory.copy_within(self.start as usize.., 0);
            }
            (self.start, self.end) = (0, self.end - self.start);
        }
        Ok(())
    }
}

/// Appends; less than all of it where there is no room for more.
impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let append = |room: &mut [u8]| {
            let count = bytes.len().min(room.len());
            room[..count].copy_from_slice(&bytes[..count]);
            Ok(count)
        };
        // In a loop, the memory is the loop's, as it is for a read.
        let (count, _) = match running() {
            Ok(event_loop) => self.fill(event_loop.spare_memory(), append)?,
            Err(_) => self.fill(&SpareMemory::new(), append)?,
        };
        Ok(count)
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
