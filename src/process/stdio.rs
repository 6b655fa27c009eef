//! [`Stdio`]: what a child's standard streams are connected to.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process;

use crate::net::{PipeReader, PipeWriter};
use crate::sys::descriptor;

/// Where one of a child's standard streams leads. An argument of [`Command::stdin`](super::Command::stdin),
/// [`stdout`](super::Command::stdout) and [`stderr`](super::Command::stderr).
///
/// A [`PipeReader`] or a [`PipeWriter`] can be passed to a child, for example to connect two programs:
///
/// ```
/// use innermost::process::{Command, Stdio};
/// use innermost::{Exception, lazy, run};
///
/// let counted = run(lazy(|| {
///     let mut echo = Command::new("echo").arg("one two three").stdout(Stdio::Pipe).spawn().expect("it is installed");
///     Command::new("wc").arg("-w").stdin(echo.stdout.take().expect("it is a pipe")).output()
/// }))?;
/// assert_eq!(String::from_utf8_lossy(&counted.stdout).trim(), "3");
/// # Ok::<(), Exception>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Stdio {
    /// The stream of this process.
    Inherit,
    /// A pipe, whose other end is a field of the [`Process`](super::Process). It is blocking for the child, and
    /// non-blocking for this process.
    Pipe,
    /// The null device: reading finds the end, and what is written is discarded.
    Null,
    /// For standard error: the same as standard output. asyncio's `STDOUT`, the shell's `2>&1`.
    Stdout,
    /// An open file. The child gets a duplicate of it.
    Fd(OwnedFd),
    /// The end of a pipe. It becomes blocking.
    Reader(PipeReader),
    /// The end of a pipe. It becomes blocking.
    Writer(PipeWriter),
}

impl Stdio {
    /// Converts the ends of pipes to descriptors that block.
    fn prepared(self) -> io::Result<Self> {
        let fd: OwnedFd = match self {
            Self::Reader(reader) => reader.into_std()?.into(),
            Self::Writer(writer) => writer.into_std()?.into(),
            other => return Ok(other),
        };
        descriptor::set_blocking(fd.as_fd())?;
        Ok(Self::Fd(fd))
    }

    fn into_std(self) -> io::Result<process::Stdio> {
        Ok(match self {
            Self::Inherit => process::Stdio::inherit(),
            Self::Pipe => process::Stdio::piped(),
            Self::Null => process::Stdio::null(),
            Self::Fd(fd) => fd.into(),
            Self::Reader(_) | Self::Writer(_) => self.prepared()?.into_std()?,
            Self::Stdout => {
                let text = "`Stdio::Stdout` is for standard error only";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
            }
        })
    }
}

/// The standard streams of a program that is going to be started. `None` for those that the standard library's command
/// decides.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) stdin: Option<Stdio>,
    pub(super) stdout: Option<Stdio>,
    pub(super) stderr: Option<Stdio>,
}

impl Streams {
    /// Gives the streams to a command. Returns this end of the pipe, if standard output and standard error share one.
    ///
    /// # Errors
    ///
    /// Returns the system's error if no descriptor is free, and `InvalidInput` for a wrong use of [`Stdio::Stdout`].
    pub(super) fn give_to(self, command: &mut process::Command) -> io::Result<Option<io::PipeReader>> {
        if let Some(stdin) = self.stdin {
            command.stdin(stdin.into_std()?);
        }
        let mut stdout = self.stdout.map(Stdio::prepared).transpose()?;
        let mut shared = None;
        let stderr = match (self.stderr, &stdout) {
            (Some(Stdio::Stdout), Some(Stdio::Pipe)) => {
                let (reader, writer) = io::pipe()?;
                shared = Some(reader);
                let stderr = writer.try_clone()?;
                stdout = Some(Stdio::Fd(writer.into()));
                Some(Stdio::Fd(stderr.into()))
            }
            (Some(Stdio::Stdout), Some(Stdio::Null)) => Some(Stdio::Null),
            (Some(Stdio::Stdout), Some(Stdio::Fd(fd))) => Some(Stdio::Fd(fd.try_clone()?)),
            (Some(Stdio::Stdout), _) => Some(Stdio::Fd(io::stdout().as_fd().try_clone_to_owned()?)),
            (stderr, _) => stderr,
        };
        if let Some(stdout) = stdout {
            command.stdout(stdout.into_std()?);
        }
        if let Some(stderr) = stderr {
            command.stderr(stderr.into_std()?);
        }
        Ok(shared)
    }
}

/// This process's ends of the pipes.
pub(super) struct Pipes {
    pub(super) stdin: Option<OwnedFd>,
    pub(super) stdout: Option<OwnedFd>,
    pub(super) stderr: Option<OwnedFd>,
}

impl From<PipeReader> for Stdio {
    fn from(reader: PipeReader) -> Self {
        Self::Reader(reader)
    }
}

impl From<PipeWriter> for Stdio {
    fn from(writer: PipeWriter) -> Self {
        Self::Writer(writer)
    }
}

impl From<OwnedFd> for Stdio {
    fn from(fd: OwnedFd) -> Self {
        Self::Fd(fd)
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Self {
        Self::Fd(file.into())
    }
}
