//! [`OpenOptions`]: how to open a file. Everything that opens a file opens it here, and refuses what could block for ever.

use std::fs::{self, FileType};
use std::io::{self, ErrorKind, IsTerminal as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::sys::file::OPEN_FLAGS;

/// How to open a file: the standard library's options, passed by value.
///
/// Without any option, [`open`](fn@super::open) fails with `InvalidInput`: set at least [`read`](Self::read),
/// [`write`](Self::write) or [`append`](Self::append).
///
/// ```
/// use innermost::fs::OpenOptions;
///
/// let log = OpenOptions::new().append(true).create(true).mode(0o600);
/// # let _ = log;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OpenOptions {
    inner: fs::OpenOptions,
    appends: bool,
    /// Whether opening may create or empty the file.
    changes: bool,
    flags: i32,
}

impl OpenOptions {
    /// Starts with no option set.
    pub fn new() -> Self {
        Self { inner: fs::OpenOptions::new(), appends: false, changes: false, flags: 0 }
    }

    /// Opens the file for reading.
    pub fn read(mut self, read: bool) -> Self {
        self.inner.read(read);
        self
    }

    /// Opens the file for writing. What is there stays, unless [`truncate`](Self::truncate) is set.
    pub fn write(mut self, write: bool) -> Self {
        self.inner.write(write);
        self
    }

    /// Has every write go to the end of the file, wherever that is by then.
    pub fn append(mut self, append: bool) -> Self {
        self.inner.append(append);
        self.appends = append;
        self
    }

    /// Empties the file.
    pub fn truncate(mut self, truncate: bool) -> Self {
        self.inner.truncate(truncate);
        self.changes |= truncate;
        self
    }

    /// Creates the file if it is not there.
    pub fn create(mut self, create: bool) -> Self {
        self.inner.create(create);
        self.changes |= create;
        self
    }

    /// Creates the file, and fails with `AlreadyExists` if it is there.
    pub fn create_new(mut self, create_new: bool) -> Self {
        self.inner.create_new(create_new);
        self.changes |= create_new;
        self
    }

    /// Sets the permissions of a file that is created: 0o666 by default. The process' umask takes some of them away.
    pub fn mode(mut self, mode: u32) -> Self {
        self.inner.mode(mode);
        self
    }

    /// Adds flags of the system's, such as `O_NOFOLLOW` or `O_DSYNC`.
    pub const fn custom_flags(mut self, flags: i32) -> Self {
        self.flags = flags;
        self
    }

    /// Whether every write goes to the end.
    pub(super) const fn appends(&self) -> bool {
        self.appends
    }

    /// Whether opening may create or empty the file.
    pub(super) const fn changes(&self) -> bool {
        self.changes
    }

    /// Opens a file, in a thread.
    ///
    /// # Errors
    ///
    /// The system's, and `InvalidInput` for a file that is no file.
    pub(super) fn open(&self, path: &Path) -> io::Result<fs::File> {
        // Opening a FIFO would wake the writer that waits for a reader, and then lose what it writes.
        if let Ok(metadata) = fs::metadata(path) {
            check_kind(metadata.file_type())?;
        }
        let file = self.inner.clone().custom_flags(OPEN_FLAGS | self.flags).open(path)?;
        check(&file)?;
        Ok(file)
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks that reading and writing do not wait for somebody else.
///
/// # Errors
///
/// `InvalidInput` for a FIFO, a pipe, a socket and a terminal. The errors of `fstat(2)`.
pub(super) fn check(file: &fs::File) -> io::Result<()> {
    check_kind(file.metadata()?.file_type())?;
    if file.is_terminal() { Err(refuse("a terminal")) } else { Ok(()) }
}

fn check_kind(kind: FileType) -> io::Result<()> {
    match () {
        () if kind.is_fifo() => Err(refuse("a pipe or a FIFO")),
        () if kind.is_socket() => Err(refuse("a socket")),
        () => Ok(()),
    }
}

#[cold]
fn refuse(what: &str) -> io::Error {
    let text = format!(
        "this is {what}, where reading or writing may wait for ever: \
         open it with O_NONBLOCK, and convert the descriptor to `net::PipeReader` or `net::PipeWriter`"
    );
    io::Error::new(ErrorKind::InvalidInput, text)
}

/// Explains the error of a device that has nothing to read, or no room, at the moment.
#[cold]
pub(super) fn explained(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { refuse("a device") } else { error }
}
