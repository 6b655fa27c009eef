//! Temporary files and directories.

use core::fmt;
use core::hash::{BuildHasher as _, Hasher as _};
use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::open::Open;
use super::operation::Operation;
use super::options::OpenOptions;
use super::place::Place;
use super::pool::Threads;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::executor::Job;
use crate::sys::file::UNNAMED;
use crate::task::Await;
use crate::yield_from;

/// Creates a file without a name, which is gone once it is closed, even if the program is killed. It is open for reading and
/// writing.
///
/// It is in the system's directory for temporary files: [`std::env::temp_dir`].
///
/// ```
/// use innermost::{Buffer, EventLoop, Step, from_fn, fs, yield_from};
///
/// let event_loop = EventLoop::new()?;
/// let mut file = event_loop.run_until_complete(fs::temp_file())?;
/// let mut text = Buffer::from(b"kept for a moment".to_vec());
/// let length = event_loop.run_until_complete(from_fn(move |mut sent| {
///     yield_from!(file.write_all(&mut text), sent)?;
///     Ok(Step::Return(file.position()))
/// }))?;
/// assert_eq!(length, 17);
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the directory.
pub fn temp_file() -> Open {
    let directory = std::env::temp_dir();
    let path = directory.clone();
    Open::unnamed(&path, Operation::change(Place::new("creating a file in", &directory), move |_| unnamed(&directory)))
}

/// Creates a directory that only this user can enter. It is removed, with everything in it, when it is dropped.
///
/// It is in the system's directory for temporary files: [`std::env::temp_dir`].
///
/// ```
/// use innermost::{EventLoop, fs};
///
/// let event_loop = EventLoop::new()?;
/// let directory = event_loop.run_until_complete(fs::temp_dir())?;
/// let path = directory.path().to_owned();
/// event_loop.run_until_complete(fs::write(path.join("note"), "text"))?;
/// event_loop.run_until_complete(directory.close())?;
/// assert!(!path.exists());
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the directory it would be in.
pub fn temp_dir() -> MakeTempDir {
    let parent = std::env::temp_dir();
    MakeTempDir(Operation::change(Place::new("creating a directory in", &parent), move |_| {
        let make = |path: &Path| DirBuilder::new().mode(0o700).create(path).map(|()| TempPath(path.to_owned()));
        with_new_name(&parent, make)
    }))
}

/// A coroutine that creates a temporary directory. Returned by [`temp_dir`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct MakeTempDir(Operation<TempPath>);

impl Coroutine for MakeTempDir {
    type Yield = Await;
    type Input = ();
    type Return = TempDir;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let path = yield_from!(self.0, sent)?;
        Ok(Step::Return(TempDir { path: Some(path), threads: Threads::of_running_loop()? }))
    }

    fn state(&self) -> State<'_> {
        State::new("temp_dir", &self.0)
    }
}

impl fmt::Debug for MakeTempDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MakeTempDir({:?})", self.0)
    }
}

/// A temporary directory. Returned by [`temp_dir`].
///
/// Dropping it removes the directory in a thread, and ignores errors. A program that ends right after that may leave the
/// directory behind: await [`close`](Self::close) instead.
pub struct TempDir {
    /// `None` once it is closed or kept.
    path: Option<TempPath>,
    threads: Threads,
}

/// A directory that is removed where this is dropped: in a thread.
struct TempPath(PathBuf);

impl Drop for TempPath {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

impl TempDir {
    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.path.as_ref().expect("it is taken out only at its end").0
    }

    /// Removes the directory with everything in it. [`temp_dir`] has an example.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the system's errors, with a note that names the path.
    pub fn close(mut self) -> Operation<()> {
        let place = Place::new("removing the directory", self.path());
        Operation::change(place, move |_| match self.path.take() {
            Some(mut path) => fs::remove_dir_all(core::mem::take(&mut path.0)),
            None => Ok(()),
        })
    }

    /// Keeps the directory, and returns its path.
    ///
    /// ```
    /// use innermost::{EventLoop, fs};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let path = event_loop.run_until_complete(fs::temp_dir())?.keep();
    /// assert!(path.is_dir());
    /// # std::fs::remove_dir(path)?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn keep(mut self) -> PathBuf {
        let mut path = self.path.take().expect("it is taken out only at its end");
        core::mem::take(&mut path.0)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            let (job, _) = Job::new(move || {
                drop(path);
                Ok(())
            });
            // If the loop is closed, or no thread can be started, this removes it here.
            let _ = self.threads.executor.execute(job);
        }
    }
}

impl fmt::Debug for TempDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TempDir({:?})", self.path())
    }
}

/// Opens a file without a name.
fn unnamed(directory: &Path) -> io::Result<File> {
    let options = OpenOptions::new().read(true).write(true).mode(0o600);
    if let Some(flag) = UNNAMED {
        match options.clone().custom_flags(flag).open(directory) {
            // The file system, or an old kernel, has no files without names.
            Err(error)
                if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::IsADirectory | ErrorKind::NotFound) => {}
            result => return result,
        }
    }
    with_new_name(directory, |path| {
        let file = options.clone().create_new(true).open(path)?;
        fs::remove_file(path)?;
        Ok(file)
    })
}

/// Creates something in `directory` by a name that nobody can guess, and tries another name if that one is taken.
pub(super) fn with_new_name<T>(directory: &Path, make: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
    loop {
        // The standard library's only source of random numbers. It is seeded by the system.
        let number = RandomState::new().build_hasher().finish();
        match make(&directory.join(format!(".innermost-{number:016x}"))) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            result => return result,
        }
    }
}
