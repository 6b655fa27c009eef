//! [`StreamReader`].

use core::fmt;

use super::channel::{Channel, Input};
use super::reading::{Read, ReadExactly, ReadLine, ReadToEnd, ReadUntil};
use super::separators::Separators;
use crate::async_iter::AsyncIterator;
use crate::coroutine::{Coroutine, Exception, Kind, Step};
use crate::scope::Progress;

/// What comes by a connection, to be read by whoever awaits it. asyncio's `StreamReader`.
///
/// Its operations are coroutines that keep nothing of their own between two resumes: `yield_from!(reader.read_line(),
/// sent)?` makes one afresh each time. One that is cancelled or dropped has taken nothing. What they give is a `Vec<u8>`
/// of its own; where that is all that has come, it is the memory that it came to.
///
/// It reads ahead: with more than twice the [limit](Self::set_limit) unread, the transport is paused, until no more than
/// the limit is. Once it is dropped, and its operations are, what comes is thrown away.
///
/// Only one task may wait at a time. Lines can be iterated over: it is an [`AsyncIterator`].
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

/// Reading. If the connection is lost by an error, such as a reset, or an exception is [set](Self::set_exception), what has
/// come before can still be read. An operation that needs more than that raises the error and consumes nothing: the start
/// of an unfinished line can still be fetched with [`read`](Self::read), which raises the error once nothing is left.
/// asyncio raises it at once and loses what has come.
impl StreamReader {
    /// Reads what has come, up to `size` bytes; waits where nothing has. Empty at the end of the stream, and where `size`
    /// is 0. asyncio's `read(n)`.
    #[inline]
    pub fn read(&self, size: usize) -> Read {
        Read { channel: self.0.clone(), size }
    }

    /// Reads all up to the end of the stream, whatever the limit. What has come before a cancel, or before an error that has
    /// ended the connection, stays to be read. asyncio's `read()`.
    #[inline]
    pub fn read_to_end(&self) -> ReadToEnd {
        ReadToEnd { channel: self.0.clone() }
    }

    /// Reads `size` bytes, whatever the limit. asyncio's `readexactly`.
    ///
    /// Raises [`IncompleteReadError`](super::IncompleteReadError) where the stream ends before that: what has come is in
    /// it, and read.
    #[inline]
    pub fn read_exactly(&self, size: usize) -> ReadExactly {
        ReadExactly { channel: self.0.clone(), size }
    }

    /// Reads up to a separator, which is the last of what it gives. Of several, the one that ends first counts. asyncio's
    /// `readuntil`.
    ///
    /// Raises [`IncompleteReadError`](super::IncompleteReadError) where the stream ends before that: what has come is in
    /// it, and read. Raises [`LimitOverrunError`](super::LimitOverrunError) where there is none in more bytes than the
    /// limit: nothing is read. Raises `ValueError` where there is no separator, or an empty one.
    ///
    /// See [`Separators`] for an example.
    #[inline]
    pub fn read_until<S: Separators>(&self, separators: S) -> ReadUntil<S> {
        ReadUntil { channel: self.0.clone(), separators }
    }

    /// Reads a line, with its `\n`; the last one may have none. Empty at the end of the stream. asyncio's `readline`.
    ///
    /// Raises `ValueError` where the line is longer than the limit. The error in it is a
    /// [`LimitOverrunError`](super::LimitOverrunError), and nothing is read: asyncio would throw away the line, or what
    /// there is of it.
    #[inline]
    pub fn read_line(&self) -> ReadLine {
        ReadLine { channel: self.0.clone() }
    }

    /// Whether the stream has ended, and all is read.
    pub fn at_eof(&self) -> bool {
        self.0.has_ended.get() && self.0.bytes.borrow().is_empty()
    }

    /// Sets how long what [`read_until`](Self::read_until) and [`read_line`](Self::read_line) find may be, without the
    /// separator, and so how much is read ahead: 64 KiB without this.
    ///
    /// # Errors
    ///
    /// `ValueError` for 0.
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

/// What a connection does, by hand: to test a machine without one.
impl StreamReader {
    /// A reader that is fed by hand.
    pub fn new() -> Self {
        Self(Input::new(&Channel::new()))
    }

    /// Bytes come.
    ///
    /// # Errors
    ///
    /// `RuntimeError` after [`feed_eof`](Self::feed_eof).
    pub fn feed_data(&self, data: &[u8]) -> Result<(), Exception> {
        if self.0.has_ended.get() {
            return Err(Exception::message(Kind::RuntimeError, "feed_data after feed_eof"));
        }
        self.0.feed(data);
        Ok(())
    }

    /// No more comes.
    pub fn feed_eof(&self) {
        self.0.end();
    }

    /// The connection is lost by this error: whoever waits is woken. Reads raise it once they need more than has come.
    pub fn set_exception(&self, raised: Exception) {
        self.0.fail(raised);
    }

    /// What was set, or has ended the connection.
    pub fn exception(&self) -> Option<Exception> {
        self.0.failure()
    }
}

impl Default for StreamReader {
    fn default() -> Self {
        Self::new()
    }
}

/// The lines, up to the end of the stream. asyncio's `async for line in reader`.
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
