//! [`read_dir`]: what is in a directory.

use core::fmt;
use core::mem;
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use super::operation::Operation;
use super::paths::symlink_metadata;
use super::place::Place;
use super::pool::Threads;
use super::work::{Patience, Resumed, Stop, Work};
use crate::async_iter::AsyncIterator;
use crate::coroutine::{Exception, Step, take_sent};
use crate::task::Progress;

/// Lists a directory: an async iterator over what is in it, in the order in which the system tells it. `.` and `..` are left
/// out.
///
/// A thread opens the directory when the first entry is awaited, and fetches many entries at once.
///
/// ```
/// use innermost::async_iter::AsyncIterator;
/// use innermost::{fs, run};
///
/// let entries: Vec<_> = run(fs::read_dir("src").collect())?;
/// let fs = entries.iter().find(|entry| entry.file_name() == "fs").expect("it is there");
/// assert!(fs.file_type().is_dir());
/// assert_eq!(fs.path(), std::path::Path::new("src/fs"));
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting an entry raises the system's errors, with a note that names the path. The iterator is then over.
pub fn read_dir<P: AsRef<Path>>(path: P) -> ReadDir {
    let path: Arc<Path> = path.as_ref().into();
    ReadDir { path, source: Source::Idle(Origin::Path), fetched: Vec::new().into_iter(), failed: None }
}

/// The entries of a directory. Returned by [`read_dir`].
#[must_use = "an async iterator does nothing until its items are awaited"]
pub struct ReadDir {
    path: Arc<Path>,
    source: Source,
    fetched: vec::IntoIter<DirEntry>,
    /// Raised behind what was fetched before it.
    failed: Option<io::Error>,
}

enum Source {
    Idle(Origin),
    Working(Work<Origin, Fetched>),
    Over,
}

/// Where the next entries come from.
enum Origin {
    /// The directory is not open yet.
    Path,
    Open(fs::ReadDir),
}

struct Fetched {
    entries: Vec<DirEntry>,
    /// The rest of the directory, if there may be more.
    rest: io::Result<Option<fs::ReadDir>>,
}

/// How many entries a job fetches. That takes a millisecond at most.
const BATCH: usize = 1024;

impl AsyncIterator for ReadDir {
    type Item = DirEntry;

    fn resume_next(&mut self, mut sent: Result<(), Exception>) -> Progress<Option<DirEntry>> {
        loop {
            if let Source::Working(work) = &mut self.source {
                // If it was cancelled, the job goes on, and the next call waits for it.
                let fetched = match work.resume(mem::replace(&mut sent, Ok(())), Patience::Leaves) {
                    Resumed::Waits(wanted) => return Ok(Step::Yield(wanted)),
                    Resumed::Left(thrown) => return Err(thrown),
                    Resumed::Withdrawn(from, thrown) => {
                        self.source = Source::Idle(from);
                        return Err(thrown);
                    }
                    Resumed::Ended(fetched, _) => fetched,
                };
                self.source = Source::Over;
                let Fetched { entries, rest } = fetched?;
                self.fetched = entries.into_iter();
                match rest {
                    Ok(None) => {}
                    Ok(Some(rest)) => self.source = Source::Idle(Origin::Open(rest)),
                    Err(error) => self.failed = Some(error),
                }
            }
            take_sent(&mut sent)?;
            if let Some(entry) = self.fetched.next() {
                return Ok(Step::Return(Some(entry)));
            }
            if let Some(error) = self.failed.take() {
                return Err(Place::new("listing", &self.path).raise(error));
            }
            match mem::replace(&mut self.source, Source::Over) {
                Source::Idle(from) => self.start(from)?,
                Source::Working(_) | Source::Over => return Ok(Step::Return(None)),
            }
        }
    }
}

impl ReadDir {
    fn start(&mut self, from: Origin) -> Result<(), Exception> {
        let threads = Threads::of_running_loop()?;
        let path = Arc::clone(&self.path);
        match Work::start(&*threads.executor, from, move |from, _: &Stop| fetch(&path, from)) {
            Ok(work) => {
                self.source = Source::Working(work);
                Ok(())
            }
            Err((raised, _)) => Err(raised),
        }
    }
}

/// Fetches some entries, in a thread.
fn fetch(path: &Arc<Path>, from: Origin) -> Fetched {
    let mut entries = Vec::new();
    let fetch = || {
        let mut rest = match from {
            Origin::Path => fs::read_dir(path)?,
            Origin::Open(rest) => rest,
        };
        while entries.len() < BATCH {
            let Some(entry) = rest.next().transpose()? else { return Ok(None) };
            match entry.file_type() {
                Ok(kind) => entries.push(DirEntry { directory: Arc::clone(path), name: entry.file_name(), kind }),
                // It was removed meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(rest))
    };
    let rest = fetch();
    Fetched { entries, rest }
}

/// A file or a directory in a directory. An item of [`ReadDir`].
#[derive(Clone)]
pub struct DirEntry {
    directory: Arc<Path>,
    name: OsString,
    kind: FileType,
}

impl DirEntry {
    /// Returns the path: that of the directory, and the name.
    pub fn path(&self) -> PathBuf {
        self.directory.join(&self.name)
    }

    /// Returns the name.
    pub fn file_name(&self) -> &OsStr {
        &self.name
    }

    /// Returns what kind of file it is. A symbolic link is not followed. It was found out when the directory was read.
    pub const fn file_type(&self) -> FileType {
        self.kind
    }

    /// Returns the metadata. A symbolic link is not followed. [`fs::metadata`](super::metadata) follows it.
    ///
    /// ```
    /// use innermost::async_iter::AsyncIterator;
    /// use innermost::{EventLoop, fs};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let entries: Vec<_> = event_loop.run_until_complete(fs::read_dir("src/fs").collect())?;
    /// let metadata = event_loop.run_until_complete(entries[0].metadata())?;
    /// assert!(metadata.is_file());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it raises the system's errors, with a note that names the path.
    pub fn metadata(&self) -> Operation<Metadata> {
        symlink_metadata(self.path())
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirEntry").field(&self.path()).finish()
    }
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadDir").field(&self.path).finish()
    }
}
