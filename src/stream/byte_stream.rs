//! A stream's two ends as a [`ByteRead`] and a [`ByteWrite`], for machines that run over any byte stream.

use std::io;

use super::{StreamReader, StreamWriter};
use crate::coroutine::{Exception, Step};
use crate::net::{ByteRead, ByteWrite};
use crate::task::Progress;

/// Reads what has arrived. After an error of the connection, first the bytes that came before it.
///
/// A reader and a writer together are a byte stream:
///
/// ```
/// use innermost::net::{Lingered, linger};
/// use innermost::EventLoop;
/// use std::net::Shutdown;
/// use std::os::unix::net::UnixStream;
///
/// let event_loop = EventLoop::new()?;
/// let (near, far) = UnixStream::pair()?;
/// let (reader, writer) = event_loop.run_until_complete(event_loop.open_connection_at(near)?)?;
/// writer.write(b"goodbye")?;
/// far.shutdown(Shutdown::Write)?;
/// assert_eq!(event_loop.run_until_complete(linger((reader, writer)))?, Lingered::PeerEnded);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
impl ByteRead for StreamReader {
    fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize> {
        if bytes.is_empty() {
            return Ok(Step::Return(0));
        }
        if self.0.bytes.borrow().is_empty() && !self.0.has_ended.get() {
            return self.0.wait_for_data("recv").map(Step::Yield);
        }
        let count = self.0.bytes.borrow_mut().copy_to(bytes);
        self.0.was_read();
        Ok(Step::Return(count))
    }
}

/// Writes all bytes at once, as [`write`](StreamWriter::write) does, but waits first while too many are still to be sent.
impl ByteWrite for StreamWriter {
    fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
        self.channel.check()?;
        if self.transport.is_closing() {
            return Err(closed());
        }
        if bytes.is_empty() {
            return Ok(Step::Return(0));
        }
        if self.channel.must_drain() {
            return Ok(Step::Yield(self.channel.wait_until_drained()));
        }
        self.transport.write(bytes)?;
        Ok(Step::Return(bytes.len()))
    }

    /// The end is sent once everything is written. Fails on a stream that is closed already.
    fn attempt_write_eof(&self) -> Progress<()> {
        self.channel.check()?;
        if self.transport.is_closing() {
            return Err(closed());
        }
        self.transport.write_eof().map(Step::Return)
    }

    fn abort(&self) {
        StreamWriter::abort(self);
    }
}

#[cold]
fn closed() -> Exception {
    io::Error::new(io::ErrorKind::BrokenPipe, "the stream is closed").into()
}
