//! The file by which a Unix socket is found.
//!
//! A file stays behind when its socket is closed, and nobody can bind another socket to its path then. So it is removed,
//! but only when no socket is bound to it any more. `connect(2)` knows: it fails with `ECONNREFUSED`. A datagram socket
//! asks, whatever the kind of the other: where that is one for streams, the answer is `EPROTOTYPE`, whether it listens,
//! does not listen yet, or has no room in its backlog. A stream that connects would show up at a server as a client.
//!
//! Two processes that find the same file left behind must not both replace it: the second would remove the first one's
//! socket. So they look at it and replace it while they hold a lock of its directory, which needs no file of its own.

use core::time::Duration;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::thread;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::sys::{Process, descriptor, socket};

/// Binds a socket to `path`, in place of a socket file that is left over, if there is one.
///
/// # Errors
///
/// The system's: `AddrInUse` where a socket is bound to that path, or something else is there; from removing the file.
/// `InvalidInput` for what is no path of a socket.
pub(super) fn bind(socket: &Socket, path: &Path) -> io::Result<()> {
    let address = socket::unix_address(path)?;
    match socket.bind(&address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_socket(path) => {
            let lock = lock_directory(path);
            if is_left_over(path, &address)? {
                remove(path)?;
            }
            let bound = socket.bind(&address);
            drop(lock);
            bound
        }
        bound => bound,
    }
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Whether a socket file has no socket any more. If that cannot be told, because the file
/// is not writable, the file stays.
fn is_left_over(path: &Path, address: &SockAddr) -> io::Result<bool> {
    let asking = socket::new(Domain::UNIX, Type::DGRAM, None)?;
    let is_refused = asking.connect(address).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    Ok(is_refused && is_socket(path))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Locks the directory that holds `path`, until the file is dropped. It takes microseconds to replace a file: whoever
/// holds the lock for longer does something else with it, and is not waited for. Nor is it needed where the directory
/// cannot be opened or locked.
fn lock_directory(path: &Path) -> Option<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = File::open(parent).ok()?;
    for _ in 0..TRIES {
        match descriptor::lock(directory.as_fd()) {
            Ok(()) => return Some(directory),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(_) => return None,
        }
    }
    None
}

/// How often a lock is tried that another process holds, and how long the thread sleeps in between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(1);

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
