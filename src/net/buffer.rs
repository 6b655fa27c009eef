//! Bytes on their way from a read to a write.

use core::cell::RefCell;
use core::fmt;
use core::mem;
use std::boxed::Box;
use std::io;
use std::vec;
use std::vec::Vec;

/// How much memory a buffer takes, and so how much one read can bring.
const CAPACITY: usize = 64 * 1024;

/// How many pieces of memory a thread keeps for later.
const SPARE: usize = 16;

std::thread_local! {
    static POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes that were read, or are to be written: [`read`](crate::TcpStream::read) appends, and
/// [`write_all`](crate::TcpStream::write_all) takes from the front what it has written. So a write that is interrupted
/// goes on where it stopped, and nothing else has to remember how far it came.
///
/// A buffer holds memory, 64 KiB, only while it holds bytes: what is empty gives it back to the thread's pool, and the
/// next read, of whatever connection, finds it there, still in the cache. An idle connection costs three words.
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
    /// Empty while there are no bytes.
    memory: Box<[u8]>,
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
        &self.memory[self.start as usize..self.end as usize]
    }

    /// How many bytes there are.
    pub const fn len(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops `count` bytes from the front, or all if there are fewer.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        if count >= self.len() {
            self.clear();
        } else {
            self.start += count as u32;
        }
    }

    /// Drops all bytes, and gives the memory back.
    pub fn clear(&mut self) {
        (self.start, self.end) = (0, 0);
        release(mem::take(&mut self.memory));
    }

    /// Has `fill` write to the room behind the bytes, and keeps as many as it says; gives that number and the size of
    /// the room.
    pub(crate) fn fill(&mut self, fill: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<(usize, usize)> {
        let room = self.room()?;
        let size = room.len();
        let filled = fill(room);
        if let Ok(count) = filled {
            self.end += count.min(size) as u32;
        }
        if self.is_empty() {
            self.clear();
        }
        Ok((filled?, size))
    }

    /// The room behind the bytes.
    ///
    /// # Errors
    ///
    /// `StorageFull` where there is none: a read of nothing would look like the end of the stream.
    #[inline]
    fn room(&mut self) -> io::Result<&mut [u8]> {
        if self.memory.is_empty() {
            self.memory = acquire();
        }
        if self.end as usize == CAPACITY {
            if self.start == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::StorageFull,
                    "the buffer is full: take bytes out of it first",
                ));
            }
            self.memory.copy_within(self.start as usize.., 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        Ok(&mut self.memory[self.end as usize..])
    }
}

/// Appends; less than all of it where there is no room for more.
impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (count, _) = self.fill(|room| {
            let count = bytes.len().min(room.len());
            room[..count].copy_from_slice(&bytes[..count]);
            Ok(count)
        })?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        release(mem::take(&mut self.memory));
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len())
    }
}

#[inline]
fn acquire() -> Box<[u8]> {
    let spare = POOL.try_with(|pool| pool.borrow_mut().pop()).ok().flatten();
    spare.unwrap_or_else(|| vec![0; CAPACITY].into_boxed_slice())
}

#[inline]
fn release(memory: Box<[u8]>) {
    if !memory.is_empty() {
        // Where the thread is at its end, and its pool gone, the memory just goes.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < SPARE {
                pool.push(memory);
            }
        });
    }
}
