//! [`write_atomically`]: replacing a file as a whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::contents::write_pieces;
use super::operation::Operation;
use super::options::OpenOptions;
use super::place::Place;
use super::temp::with_new_name;
use super::work::Stop;

/// Writes a whole file in such a way that it holds either the old contents or the new ones, even if the program is cancelled
/// or killed, the disk is full, or the power fails.
///
/// The bytes go to a new file in the same directory, and on to the disk. Then the new file takes the name of the old one, and
/// the directory goes to the disk too. If anything fails before that, or the task is cancelled, the new file is removed. Only
/// a program that is killed may leave it behind: a file whose name begins with `.innermost-`.
///
/// The new file has the permissions of the old one, but belongs to this user, and other hard links keep the old contents. If
/// the path is a symbolic link, the file that it leads to is replaced. Permission to write in the directory is needed, and
/// suffices.
///
/// ```
/// use innermost::{EventLoop, fs};
///
/// let event_loop = EventLoop::new()?;
/// let directory = event_loop.run_until_complete(fs::temp_dir())?;
/// let settings = directory.path().join("settings");
/// event_loop.run_until_complete(fs::write_atomically(&settings, "colour = blue"))?;
/// assert_eq!(event_loop.run_until_complete(fs::read(&settings))?, b"colour = blue");
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting it raises the system's errors, with a note that names the path, and `InvalidInput` if there is something else at
/// the path than a regular file.
pub fn write_atomically<P, B>(path: P, bytes: B) -> Operation<()>
where
    P: AsRef<Path>,
    B: AsRef<[u8]> + Send + 'static,
{
    let path = path.as_ref().to_owned();
    Operation::change(Place::new("replacing", &path), move |stop| replace(&path, bytes.as_ref(), stop))
}

fn replace(path: &Path, bytes: &[u8], stop: &Stop) -> io::Result<()> {
    let target = behind_links(path)?;
    let old = match fs::symlink_metadata(&target) {
        Ok(metadata) if metadata.is_file() => Some(metadata),
        Ok(_) => return Err(io::Error::new(ErrorKind::InvalidInput, "only a regular file can be replaced")),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => return Err(ErrorKind::IsADirectory.into()),
    };
    // Nobody else may read the new contents before the file has the old permissions.
    let mode = if old.is_some() { 0o600 } else { 0o666 };
    let options = OpenOptions::new().write(true).create_new(true).mode(mode);
    let (file, new) = with_new_name(directory, |path| Ok((options.open(path)?, New(path.to_owned()))))?;
    write_pieces(&file, bytes, stop)?;
    if let Some(old) = old {
        file.set_permissions(fs::Permissions::from_mode(old.permissions().mode() & 0o7777))?;
    }
    stop.check()?;
    file.sync_all()?;
    stop.check()?;
    fs::rename(&new.0, &target)?;
    // It has another name now.
    core::mem::forget(new);
    match File::open(directory)?.sync_all() {
        // Some file systems cannot do that to a directory.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

/// The path that symbolic links lead to, whether or not anything is there.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        if !fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink()) {
            return Ok(path);
        }
        let target = fs::read_link(&path)?;
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "too many symbolic links"))
}

/// The number of links that Linux follows.
const MOST_LINKS: usize = 40;

/// A file that is removed, unless it gets another name.
struct New(PathBuf);

impl Drop for New {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
