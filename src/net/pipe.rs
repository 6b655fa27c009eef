//! The ends of pipes (`pipe(7)`), and descriptors that are used like one: a FIFO, a terminal, a child's standard input or
//! output.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use super::Stream;
use super::stream::{Sink, Source};
use crate::event_loop::{Left, Registered};
use crate::sys::{descriptor, socket};

/// Makes a pipe. Bytes written to the second end are read from the first.
///
/// ```
/// use innermost::net::pipe;
/// use innermost::{Buffer, ByteRead, ByteWrite, EventLoop, Step, from_fn, yield_from};
///
/// let (reader, writer) = pipe()?;
/// let (mut buffer, mut is_sent) = (Buffer::new(), false);
/// let length = EventLoop::new()?.run_until_complete(from_fn(move |mut sent| {
///     if !is_sent {
///         yield_from!(writer.send(b"through the pipe"), sent)?;
///         is_sent = true;
///     }
///     yield_from!(reader.read(&mut buffer), sent).map(Step::Return)
/// }))?;
/// assert_eq!(length, 16);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
///
/// # Errors
///
/// Returns the system's error if no descriptor is free.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = descriptor::pipe()?;
    Ok((reader.try_into()?, writer.try_into()?))
}

/// The end of a pipe that bytes are read from. The stream ends when all writers are closed.
///
/// `try_from` accepts any descriptor of bytes that can be watched: a FIFO, a stream socket, a terminal or another
/// character device, the output of a child. It makes the descriptor non-blocking, also for every other process that shares
/// the open file.
///
/// Reading a FIFO that nobody has opened for writing yet waits for the first writer.
pub type PipeReader = Stream<io::PipeReader>;

/// The end of a pipe that bytes are written to. Writing raises `BrokenPipe` once all readers are closed.
///
/// `try_from` accepts the same descriptors as [`PipeReader`]'s.
///
/// Writing to a pipe without readers sends the signal `SIGPIPE`, which ends a process by default. Rust programs ignore it
/// from the start; a program in another language that embeds this library must ignore it too.
pub type PipeWriter = Stream<io::PipeWriter>;

/// # Errors
///
/// Returns `InvalidInput` for a descriptor that cannot be watched, such as a regular file, a directory or a disk, and for a
/// socket of packets (`SOCK_DGRAM`, `SOCK_SEQPACKET`), whose boundaries would be lost. Returns the system's error if the
/// descriptor cannot be made non-blocking.
impl TryFrom<OwnedFd> for PipeReader {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self(Registered::of_any_kind(prepared(fd)?.into())))
    }
}

/// # Errors
///
/// Returns `InvalidInput` for a descriptor that cannot be watched, such as a regular file, a directory or a disk, and for a
/// socket of packets (`SOCK_DGRAM`, `SOCK_SEQPACKET`), whose boundaries would be lost. Returns the system's error if the
/// descriptor cannot be made non-blocking.
impl TryFrom<OwnedFd> for PipeWriter {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self(Registered::new(prepared(fd)?.into())))
    }
}

fn prepared(fd: OwnedFd) -> io::Result<OwnedFd> {
    let file = File::from(fd);
    let kind = file.metadata()?.file_type();
    if !(kind.is_fifo() || kind.is_socket() || kind.is_char_device()) {
        let text = format!("expected a pipe, a socket or a character device, got {kind:?}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    if kind.is_socket() {
        socket::check_is_stream(&file)?;
    }
    descriptor::set_nonblocking(file.as_fd())?;
    Ok(file.into())
}

impl Source for io::PipeReader {
    #[inline]
    fn recv(&self, bytes: &mut [u8]) -> io::Result<(usize, Left)> {
        let mut reader = self;
        // A short read does not mean that nothing is left. A terminal returns one line at a time, and a pipe in packet mode
        // (`O_DIRECT`, which the writer may have set) one packet.
        Ok((reader.read(bytes)?, Left::More))
    }
}

impl Sink for io::PipeWriter {
    #[inline]
    fn send(&self, bytes: &[u8]) -> io::Result<(usize, Left)> {
        let mut writer = self;
        Ok((writer.write(bytes)?, Left::More))
    }

    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<(usize, Left)> {
        let mut writer = self;
        Ok((writer.write_vectored(slices)?, Left::More))
    }

    /// Closing is the only way to end a pipe, and this descriptor may be in use. So it is replaced by the end of a pipe that
    /// has no reader.
    fn finish(&self, deregister: impl FnOnce()) -> io::Result<()> {
        let (reader, writer) = descriptor::pipe()?;
        drop(reader);
        // A duplicate may keep the former file open. After the replacement nobody could remove it from the kernel's set.
        deregister();
        descriptor::replace(self.as_fd(), writer.as_fd())
    }

    /// If no descriptor is free, the pipe stays open until the stream is dropped.
    fn abort(&self, deregister: impl FnOnce()) {
        let _ = self.finish(deregister);
    }
}
