//! Functions on paths that look at files and directories, or move and remove them.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::operation::Operation;
use super::place::Place;

/// Returns the length, times, permissions and so on of the file that a path leads to.
///
/// ```
/// use innermost::{fs, run};
///
/// let metadata = run(fs::metadata("src"))?;
/// assert!(metadata.is_dir());
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the path.
///
/// ```
/// use innermost::{fs, run};
/// use std::io;
///
/// let raised = run(fs::metadata("no such file")).unwrap_err();
/// assert_eq!(raised.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::NotFound));
/// assert!(raised.notes().eq(["reading the metadata of \"no such file\""]));
/// ```
pub fn metadata<P: AsRef<Path>>(path: P) -> Operation<Metadata> {
    let path = path.as_ref().to_owned();
    Operation::look(Place::new("reading the metadata of", &path), move |_| fs::metadata(&path))
}

/// Returns the metadata of a path itself: of a symbolic link, not of where it leads.
///
/// ```
/// use innermost::{fs, run};
///
/// assert!(run(fs::symlink_metadata("/proc/self"))?.is_symlink());
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the path.
pub fn symlink_metadata<P: AsRef<Path>>(path: P) -> Operation<Metadata> {
    let path = path.as_ref().to_owned();
    Operation::look(Place::new("reading the metadata of", &path), move |_| fs::symlink_metadata(&path))
}

/// Returns the absolute path of a file, without symbolic links.
///
/// ```
/// use innermost::{fs, run};
///
/// assert_eq!(run(fs::canonicalize("/usr/../"))?, std::path::Path::new("/"));
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the path: `NotFound` if there is no such file.
pub fn canonicalize<P: AsRef<Path>>(path: P) -> Operation<PathBuf> {
    let path = path.as_ref().to_owned();
    Operation::look(Place::new("resolving", &path), move |_| fs::canonicalize(&path))
}

/// Renames a file or a directory within its file system. A file that is already there is replaced.
///
/// ```
/// use innermost::{EventLoop, fs};
///
/// let event_loop = EventLoop::new()?;
/// let directory = event_loop.run_until_complete(fs::temp_dir())?;
/// let (old, new) = (directory.path().join("old"), directory.path().join("new"));
/// event_loop.run_until_complete(fs::write(&old, "text"))?;
/// event_loop.run_until_complete(fs::rename(&old, &new))?;
/// assert_eq!(event_loop.run_until_complete(fs::read(&new))?, b"text");
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names both paths.
pub fn rename<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> Operation<()> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    Operation::change(Place::from_to("renaming", &from, &to), move |_| fs::rename(&from, &to))
}

/// Removes a file or a symbolic link.
///
/// ```
/// use innermost::{EventLoop, fs};
///
/// let event_loop = EventLoop::new()?;
/// let directory = event_loop.run_until_complete(fs::temp_dir())?;
/// let path = directory.path().join("file");
/// event_loop.run_until_complete(fs::write(&path, "text"))?;
/// event_loop.run_until_complete(fs::remove_file(&path))?;
/// assert!(!path.exists());
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the path.
pub fn remove_file<P: AsRef<Path>>(path: P) -> Operation<()> {
    let path = path.as_ref().to_owned();
    Operation::change(Place::new("removing", &path), move |_| fs::remove_file(&path))
}

/// Creates a directory.
///
/// ```
/// use innermost::{EventLoop, fs};
///
/// let event_loop = EventLoop::new()?;
/// let directory = event_loop.run_until_complete(fs::temp_dir())?;
/// let path = directory.path().join("new");
/// event_loop.run_until_complete(fs::create_dir(&path))?;
/// event_loop.run_until_complete(fs::remove_dir(&path))?;
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the path: `AlreadyExists` if it is there.
pub fn create_dir<P: AsRef<Path>>(path: P) -> Operation<()> {
    let path = path.as_ref().to_owned();
    Operation::change(Place::new("creating the directory", &path), move |_| fs::create_dir(&path))
}

/// Creates a directory, and those above it that are missing. One that is there is no error.
///
/// ```
/// use innermost::{EventLoop, fs};
///
/// let event_loop = EventLoop::new()?;
/// let directory = event_loop.run_until_complete(fs::temp_dir())?;
/// event_loop.run_until_complete(fs::create_dir_all(directory.path().join("a/b/c")))?;
/// event_loop.run_until_complete(fs::remove_dir_all(directory.path().join("a")))?;
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the path.
pub fn create_dir_all<P: AsRef<Path>>(path: P) -> Operation<()> {
    let path = path.as_ref().to_owned();
    Operation::change(Place::new("creating the directory", &path), move |_| fs::create_dir_all(&path))
}

/// Removes an empty directory. [`create_dir`] has an example.
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the path: `DirectoryNotEmpty` if something is in it.
pub fn remove_dir<P: AsRef<Path>>(path: P) -> Operation<()> {
    let path = path.as_ref().to_owned();
    Operation::change(Place::new("removing the directory", &path), move |_| fs::remove_dir(&path))
}

/// Removes a directory with everything in it. Symbolic links are removed, and not followed. [`create_dir_all`] has an
/// example.
///
/// A thread that has begun removes everything, even if the task is cancelled meanwhile.
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the path. Some of the files are then removed.
pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> Operation<()> {
    let path = path.as_ref().to_owned();
    Operation::change(Place::new("removing the directory", &path), move |_| fs::remove_dir_all(&path))
}
