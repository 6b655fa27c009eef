//! The file by which a Unix socket is found.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::sys::Process;

/// A server's own file, removed when this is dropped, unless another one has taken its place.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Which file it is: the device, and the number in it.
    identity: (u64, u64),
    /// A forked child leaves it alone: its parent still listens there.
    process: Process,
}

impl SocketFile {
    /// The file at `path`, which was just made.
    pub(super) fn of(path: &Path) -> Option<Self> {
        // Another directory may be the current one when it is to be removed.
        let path = std::path::absolute(path).ok()?;
        let identity = identity(&path)?;
        Some(Self { path, identity, process: Process::current() })
    }

    /// Removes a socket file that another socket has left there. Nothing else is removed.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(super) fn clear_stale(path: &Path) -> io::Result<()> {
        match fs::symlink_metadata(path) {
            Ok(file) if file.file_type().is_socket() => match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            // Binding says what is wrong.
            _ => Ok(()),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.process.is_current() && identity(&self.path) == Some(self.identity) {
            // It is gone then, or nobody may remove it: no reason to stop.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
