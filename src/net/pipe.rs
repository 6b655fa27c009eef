//! Pipes: `pipe(7)`, and what is used like one: a FIFO, a terminal, a child's standard input or output.
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use super::moving::{Sink, Source, moves_bytes, wraps};
use crate::event_loop::{Left, Registered};
use crate::sys::{descriptor, socket};

/// A pipe: what goes into the second comes out of the first.
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
/// The system's: no descriptor is free.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = descriptor::pipe()?;
    Ok((reader.try_into()?, writer.try_into()?))
}

/// The end of a pipe from which bytes come. At its end all writers are closed.
///
/// `try_from` accepts any descriptor of bytes that can be watched: a FIFO, a stream socket, a terminal or another
/// character device, the output of a child. It is made non-blocking, also for every other process that has the same open
/// file.
///
/// Reading a FIFO that nobody has opened for writing yet waits for the first writer.
pub struct PipeReader(Registered<File>);

/// The end of a pipe to which bytes go. Raises `BrokenPipe` where all readers are closed.
///
/// Any descriptor of bytes that can be waited for will do, as for a [`PipeReader`].
///
/// Writing to a pipe that nobody reads brings the signal `SIGPIPE`, which ends a process. Rust's programs ignore it from
/// the start; a program in another language that embeds this library has to do that itself.
pub struct PipeWriter(Registered<File>);

wraps!(PipeReader(File));
wraps!(PipeWriter(File));
moves_bytes!(read PipeReader);
moves_bytes!(write PipeWriter);

/// # Errors
///
/// `InvalidInput` for what cannot be waited for: a regular file, a directory, a disk. Also for a socket of packets
/// (`SOCK_DGRAM`, `SOCK_SEQPACKET`), whose boundaries would be lost. The system's, from making it non-blocking.
impl TryFrom<OwnedFd> for PipeReader {
    type Error = io::Error;

    fn try_from(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self(Registered::of_any_kind(prepared(fd)?.into())))
    }
}

/// # Errors
///
/// As for a [`PipeReader`].
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
        let text = format!("a pipe, a socket or a character device was expected, not {kind:?}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    if kind.is_socket() {
        socket::check_is_stream(&file)?;
    }
    descriptor::set_nonblocking(file.as_fd())?;
    Ok(file.into())
}

impl Source for File {
    #[inline]
    fn recv(&self, bytes: &mut [u8]) -> io::Result<(usize, Left)> {
        let mut reader = self;
        // A short read does not say that there is no more: a terminal gives one line at a time, a pipe in packet mode
        // (`O_DIRECT`, which the writer alone may have set) one packet.
        Ok((reader.read(bytes)?, Left::More))
    }
}

impl Sink for File {
    #[inline]
    fn send(&self, bytes: &[u8]) -> io::Result<(usize, Left)> {
        let mut writer = self;
        Ok((writer.write(bytes)?, Left::More))
    }

    fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<(usize, Left)> {
        let mut writer = self;
        Ok((writer.write_vectored(slices)?, Left::More))
    }

    /// A pipe has no other way to say so than to be closed, and this one may be in use. So it becomes one that is broken.
    fn finish(&self, deregister: impl FnOnce()) -> io::Result<()> {
        let (reader, writer) = descriptor::pipe()?;
        drop(reader);
        // A duplicate may keep the former file open, and nobody could take that out of the kernel's set any more.
        deregister();
        descriptor::replace(self.as_fd(), writer.as_fd())
    }
}
