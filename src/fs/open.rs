//! [`open`]: opening a file by its path.

use core::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::file::File;
use super::operation::Operation;
use super::options::OpenOptions;
use super::place::Place;
use super::pool::Threads;
use super::work::Stop;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::task::Await;
use crate::yield_from;

/// Opens a file.
///
/// A file here is a regular file, a directory, a disk, or a device that answers at once, such as `/dev/null`. It never
/// waits for somebody else, so pipes, FIFOs, sockets and terminals are refused: they belong to
/// [`PipeReader`](crate::net::PipeReader) and [`PipeWriter`](crate::net::PipeWriter).
///
/// ```
/// use innermost::fs::{self, OpenOptions};
/// use innermost::run;
///
/// let manifest = run(fs::open("Cargo.toml", OpenOptions::new().read(true)))?;
/// assert_eq!(manifest.path(), "Cargo.toml");
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the path, and `InvalidInput` for what is no file, or a path
/// with a zero byte.
pub fn open<P: AsRef<Path>>(path: P, options: OpenOptions) -> Open {
    let path: Arc<Path> = path.as_ref().into();
    let place = Place { operation: "opening", path: Arc::clone(&path), other: None };
    let opened = Opened { path: Arc::clone(&path), appends: options.appends() };
    let make = if options.changes() { Operation::change } else { Operation::look };
    Open { opened, opening: make(place, move |_: &Stop| options.open(&path)) }
}

/// A coroutine that opens a file. Returned by [`open`](fn@open) and [`temp_file`](super::temp_file).
///
/// If the task is cancelled once a thread has begun to open the file, the file is closed again. The task waits for the
/// thread only if that creates or empties the file.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Open {
    opened: Opened,
    opening: Operation<fs::File>,
}

struct Opened {
    path: Arc<Path>,
    appends: bool,
}

impl Open {
    /// Opens a file that has no name, or no longer. `path` is where it was.
    pub(super) fn unnamed(path: &Path, opening: Operation<fs::File>) -> Self {
        Self { opened: Opened { path: path.into(), appends: false }, opening }
    }
}

impl Coroutine for Open {
    type Yield = Await;
    type Input = ();
    type Return = File;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let file = yield_from!(self.opening, sent)?;
        let Opened { path, appends } = &self.opened;
        Ok(Step::Return(File::new(file, Arc::clone(path), *appends, Some(Threads::of_running_loop()?))))
    }

    fn state(&self) -> State<'_> {
        State::new("open", &self.opening)
    }
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Open({:?})", self.opening)
    }
}
