//! Functions that read, write and copy a whole file.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::operation::Operation;
use super::options::{OpenOptions, explained};
use super::place::Place;
use super::request::{PIECE, repeated};
use super::work::Stop;

/// Reads a whole file.
///
/// ```
/// use innermost::{fs, run};
///
/// let manifest = run(fs::read("Cargo.toml"))?;
/// assert!(manifest.starts_with(b"[package]"));
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the errors of [`open`](fn@super::open), and the system's, with a note that names the path.
pub fn read<P: AsRef<Path>>(path: P) -> Operation<Vec<u8>> {
    let path = path.as_ref().to_owned();
    Operation::look(Place::new("reading", &path), move |stop| read_to_end(&path, stop))
}

/// Reads a whole file of text.
///
/// ```
/// use innermost::{fs, run};
///
/// let manifest = run(fs::read_to_string("Cargo.toml"))?;
/// assert!(manifest.contains("innermost"));
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the errors of [`read`], and `InvalidData` if the file is not UTF-8.
pub fn read_to_string<P: AsRef<Path>>(path: P) -> Operation<String> {
    let path = path.as_ref().to_owned();
    Operation::look(Place::new("reading", &path), move |stop| {
        let bytes = read_to_end(&path, stop)?;
        String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error.utf8_error()))
    })
}

/// Writes a whole file: creates it, or replaces what is in it. Once it returns, the system has the bytes.
///
/// If the task is cancelled or the disk is full, a part of the bytes may be in the file.
/// [`write_atomically`](super::write_atomically) leaves the old contents or the new ones.
///
/// ```
/// use innermost::{EventLoop, fs};
///
/// let event_loop = EventLoop::new()?;
/// let directory = event_loop.run_until_complete(fs::temp_dir())?;
/// let path = directory.path().join("greeting");
/// event_loop.run_until_complete(fs::write(&path, "hello"))?;
/// assert_eq!(event_loop.run_until_complete(fs::read_to_string(&path))?, "hello");
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the errors of [`open`](fn@super::open), and the system's, with a note that names the path.
pub fn write<P, B>(path: P, bytes: B) -> Operation<()>
where
    P: AsRef<Path>,
    B: AsRef<[u8]> + Send + 'static,
{
    let path = path.as_ref().to_owned();
    Operation::change(Place::new("writing", &path), move |stop| {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path)?;
        write_pieces(&file, bytes.as_ref(), stop)
    })
}

/// Copies the contents and the permissions of a file. Returns the number of bytes. A file that is already there is replaced.
///
/// The kernel copies by itself where it can. If the task is cancelled, a part may have been copied.
///
/// ```
/// use innermost::{EventLoop, fs};
///
/// let event_loop = EventLoop::new()?;
/// let directory = event_loop.run_until_complete(fs::temp_dir())?;
/// let copied = event_loop.run_until_complete(fs::copy("Cargo.toml", directory.path().join("copy")))?;
/// assert_eq!(copied, std::fs::metadata("Cargo.toml")?.len());
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the errors of [`open`](fn@super::open) and the system's, with a note that names both paths. It raises
/// `InvalidInput` if the first is no regular file, or if both are the same file.
pub fn copy<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> Operation<u64> {
    let (from, to) = (from.as_ref().to_owned(), to.as_ref().to_owned());
    Operation::change(Place::from_to("copying", &from, &to), move |stop| copy_pieces(&from, &to, stop))
}

fn read_to_end(path: &Path, stop: &Stop) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).open(path)?;
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
    loop {
        stop.check()?;
        if (&file).take(PIECE as u64).read_to_end(&mut bytes).map_err(explained)? == 0 {
            return Ok(bytes);
        }
    }
}

/// Writes bytes piece by piece, so that a long write can be stopped.
pub(super) fn write_pieces(mut file: &File, bytes: &[u8], stop: &Stop) -> io::Result<()> {
    bytes.chunks(PIECE).try_for_each(|piece| {
        stop.check()?;
        file.write_all(piece).map_err(explained)
    })
}

fn copy_pieces(from: &Path, to: &Path, stop: &Stop) -> io::Result<u64> {
    let source = OpenOptions::new().read(true).open(from)?;
    let metadata = source.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "only a regular file can be copied"));
    }
    // Emptying the copy would empty the original.
    if fs::metadata(to).is_ok_and(|there| (there.dev(), there.ino()) == (metadata.dev(), metadata.ino())) {
        return Err(io::Error::new(ErrorKind::InvalidInput, "both paths lead to the same file"));
    }
    let mode = metadata.permissions().mode();
    let copy = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(to)?;
    // Only a regular file has permissions that may change: `to` may be `/dev/null`.
    if copy.metadata()?.is_file() {
        copy.set_permissions(metadata.permissions())?;
    }
    let mut total = 0;
    loop {
        stop.check()?;
        match repeated(|| io::copy(&mut (&source).take(COPIED), &mut &copy))? {
            0 => return Ok(total),
            count => total += count,
        }
    }
}

/// How many bytes are copied before the thread asks whether anybody still waits for it.
const COPIED: u64 = 8 * PIECE as u64;
