//! [`StreamReader`]: the reading end of a connection.

use core::fmt;

use super::channel::{Channel, Input};
use super::reading::{Read, ReadExact, ReadLine, ReadToEnd, ReadUntil};
use super::separators::Separators;
use crate::async_iter::AsyncIterator;
use crate::coroutine::{Coroutine, Exception, Kind, Step};
use crate::scope::Progress;

/// The reading end of a connection. asyncio's `StreamReader`.
///
/// Its operations are coroutines without state of their own, so `yield_from!(reader.read_line(), sent)?` can make one afresh
/// at each resume. An operation that is cancelled or dropped has read nothing. Each returns a `Vec<u8>`; if that is
/// everything that has arrived, no copy is made.
///
/// The reader reads ahead. Reading pauses when more than twice the [limit](Self::set_limit) is unread, and resumes once
/// no more than the limit is. Once the reader and its operations are dropped, arriving bytes are discarded.
///
/// One task at a time can wait. The reader is an [`AsyncIterator`] over its lines.
///
/// ```
/// use innermost::async_iter::AsyncIterator;
/// use innermost::stream::StreamReader;
/// use innermost::EventLoop;
///
/// let reader = StreamReader::new();
/// reader.feed_data(b"GET / HTTP/1.1\r\n\r\nbody\nrest")?;
/// reader.feed_eof();
/// let event_loop = EventLoop::new()?;
/// assert_eq!(event_loop.run_until_complete(reader.read_until("\r\n\r\n"))?, b"GET / HTTP/1.1\r\n\r\n");
/// let lines: Vec<_> = event_loop.run_until_complete(reader.collect())?;
/// assert_eq!(lines, [&b"body\n"[..], b"rest"]);
/// # Ok::<(), innermost::Exception>(())
/// ```
pub struct StreamReader(pub(super) Input);

/// Reading.
///
/// If the connection is lost by an error, such as a reset, or an exception is [set](Self::set_exception), the bytes that have
/// arrived can still be read. An operation that needs more raises the error and consumes nothing. The start of an unfinished
/// line can then be fetched with [`read`](Self::read), which raises the error once nothing is left. asyncio raises the error
/// at once and loses those bytes.
impl StreamReader {
    /// Reads up to `size` bytes. Waits if nothing has arrived. Returns an empty vector at the end of the stream, and if `size`
    /// is 0. asyncio's `read(n)`.
    #[inline]
    pub fn read(&self, size: usize) -> Read {
        Read { channel: self.0.clone(), size }
    }

    /// Reads everything up to the end of the stream, whatever the limit. If it is cancelled, or an error ends the connection,
    /// the bytes that have arrived can still be read. asyncio's `read()`.
    #[inline]
    pub fn read_to_end(&self) -> ReadToEnd {
        ReadToEnd { channel: self.0.clone() }
    }

    /// Reads exactly `size` bytes, whatever the limit. asyncio's `readexactly`.
    ///
    /// Raises [`IncompleteReadError`](super::IncompleteReadError), which contains the bytes that have arrived, if the stream
    /// ends early.
    #[inline]
    pub fn read_exact(&self, size: usize) -> ReadExact {
        ReadExact { channel: self.0.clone(), size }
    }

    /// Reads up to and including a separator. If there are several separators, the one that ends first counts. asyncio's
    /// `readuntil`. See [`Separators`] for an example.
    ///
    /// Raises [`IncompleteReadError`](super::IncompleteReadError), which contains the bytes that have arrived, if the stream
    /// ends early. Raises [`LimitOverrunError`](super::LimitOverrunError), and reads nothing, if there is no separator within
    /// the limit. Raises `ValueError` if `separators` is empty or contains an empty one.
    #[inline]
    pub fn read_until<S: Separators>(&self, separators: S) -> ReadUntil<S> {
        ReadUntil { channel: self.0.clone(), separators }
    }

    /// Reads a line, including its `\n`. The last line may lack it. Returns an empty vector at the end of the stream. asyncio's
    /// `readline`.
    ///
    /// Raises `ValueError`, which contains a [`LimitOverrunError`](super::LimitOverrunError), and reads nothing, if the
    /// line is longer than the limit. Raise the limit, or use [`read`](Self::read), before the next call. asyncio would
    /// discard the line.
    #[inline]
    pub fn read_line(&self) -> ReadLine {
        ReadLine { channel: self.0.clone() }
    }

    /// Returns `true` if the stream has ended and everything has been read.
    pub fn at_eof(&self) -> bool {
        self.0.has_ended.get() && self.0.bytes.borrow().is_empty()
    }

    /// Sets the longest result of [`read_until`](Self::read_until) and [`read_line`](Self::read_line), not counting the
    /// separator. It also determines how much is read ahead. The default is 64 KiB.
    ///
    /// # Errors
    ///
    /// Returns `ValueError` for 0.
    pub fn set_limit(&self, limit: usize) -> Result<(), Exception> {
        if limit == 0 {
            return Err(Exception::message(Kind::ValueError, "Limit cannot be <= 0"));
        }
        self.0.limit.set(limit);
        self.0.was_read();
        Ok(())
    }

    /// The limit, in bytes.
    pub fn limit(&self) -> usize {
        self.0.limit.get()
    }
}

/// Feeding a reader by hand, to test a machine without a connection.
impl StreamReader {
    /// Makes a reader that is fed by hand.
    pub fn new() -> Self {
        Self(Input::new(&Channel::new()))
    }

    /// Adds bytes, as if they had arrived.
    ///
    /// # Errors
    ///
    /// Returns `RuntimeError` after [`feed_eof`](Self::feed_eof).
    pub fn feed_data(&self, data: &[u8]) -> Result<(), Exception> {
        if self.0.has_ended.get() {
            return Err(Exception::message(Kind::RuntimeError, "feed_data after feed_eof"));
        }
        self.0.feed(data);
        Ok(())
    }

    /// Ends the stream.
    pub fn feed_eof(&self) {
        self.0.end();
    }

    /// Fails the stream, and wakes the waiting task. Reads raise the exception once they need more than has arrived.
    pub fn set_exception(&self, raised: Exception) {
        self.0.fail(raised);
    }

    /// The exception that was set or that ended the connection, if there is one.
    pub fn exception(&self) -> Option<Exception> {
        self.0.failure()
    }
}

impl Default for StreamReader {
    fn default() -> Self {
        Self::new()
    }
}

/// Iterates over the lines, up to the end of the stream. asyncio's `async for line in reader`.
impl AsyncIterator for StreamReader {
    type Item = Vec<u8>;

    fn resume_next(&mut self, sent: Result<(), Exception>) -> Progress<Option<Vec<u8>>> {
        (&*self).resume_next(sent)
    }
}

impl AsyncIterator for &StreamReader {
    type Item = Vec<u8>;

    fn resume_next(&mut self, sent: Result<(), Exception>) -> Progress<Option<Vec<u8>>> {
        Ok(match self.read_line().resume(sent)? {
            Step::Return(line) => Step::Return((!line.is_empty()).then_some(line)),
            Step::Yield(wanted) => Step::Yield(wanted),
            Step::Delegate(frame) => Step::Delegate(frame),
        })
    }
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamReader({:?})", self.0)
    }
}
