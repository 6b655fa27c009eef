//! The file by which a Unix socket is found.
//!
//! The file outlives its socket, and while it exists nobody can bind another socket to its path. So a stale file is
//! removed first, but only if no socket is bound to it any more. `connect(2)` tells: it fails with `ECONNREFUSED`. The
//! question is asked with a datagram socket, whatever the kind of the other: if that is a stream socket, the answer is
//! `EPROTOTYPE`, whether it listens, does not listen yet, or has a full backlog. A stream socket would show up at the
//! server as a client.
//!
//! Two processes that find the same stale file must not both replace it, or the second would remove the socket of the
//! first. So the file is examined and replaced under a lock of its directory, which needs no file of its own.

use core::fmt;
use core::time::Duration;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::net::AddressError;
use crate::sys::{Process, descriptor, socket};
use crate::task::Await;
use crate::time::{Sleep, sleep};
use crate::yield_from;

/// Binds a socket to a path, and replaces a stale socket file. Returns the socket.
///
/// If another process has locked the directory, this tries again after a pause of the loop's time. Replacing a file takes
/// microseconds, so whoever still holds the lock after [`TRIES`] does something else with it and is ignored.
///
/// Raises the system's errors, in an [`AddressError`]: `AddrInUse` if a socket is bound to the path or the path is anything
/// but a socket.
pub(super) struct BindPath {
    /// Taken when it is bound.
    socket: Option<Socket>,
    path: Box<Path>,
    tries: u32,
    pause: Option<Sleep>,
}

/// How often to try to lock a directory that somebody else has locked.
const TRIES: u32 = 20;

/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// The outcome of an attempt to bind.
enum Attempt {
    Bound,
    /// Somebody else has locked the directory.
    Locked,
}

impl BindPath {
    pub(super) fn new(socket: Socket, path: Box<Path>) -> Self {
        Self { socket: Some(socket), path, tries: 0, pause: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn attempt(&mut self, socket: &Socket) -> io::Result<Attempt> {
        let address = socket::unix_address(&self.path)?;
        match socket.bind(&address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_socket(&self.path) => {}
            bound => return bound.map(|()| Attempt::Bound),
        }
        self.tries += 1;
        let lock = match lock_directory(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.tries < TRIES => {
                return Ok(Attempt::Locked);
            }
            // Without a lock if the directory cannot be opened or locked: there are not always two processes.
            lock => lock.ok(),
        };
        if is_left_over(&self.path, &address)? {
            remove(&self.path)?;
        }
        let bound = socket.bind(&address);
        drop(lock);
        bound.map(|()| Attempt::Bound)
    }
}

impl Coroutine for BindPath {
    type Yield = Await;
    type Input = ();
    type Return = Socket;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some(pause) = &mut self.pause {
                yield_from!(pause, sent)?;
                self.pause = None;
            }
            take_sent(&mut sent)?;
            let socket = self.socket.take().ok_or_else(Exception::reused)?;
            match self.attempt(&socket).map_err(AddressError::at("bind to", socket::shown(&self.path)))? {
                Attempt::Bound => return Ok(Step::Return(socket)),
                Attempt::Locked => {
                    self.socket = Some(socket);
                    self.pause = Some(sleep(PAUSE));
                }
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("bind", self)
    }
}

impl fmt::Debug for BindPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bind({})", socket::shown(&self.path))
    }
}

fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Returns `true` if a socket file no longer has a socket. Returns `false` if the file is not writable, because then
/// nobody can tell.
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

/// Locks the directory of `path` until the returned file is dropped.
///
/// # Errors
///
/// `WouldBlock` if somebody else has locked it; the system's.
fn lock_directory(path: &Path) -> io::Result<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = File::open(parent)?;
    descriptor::lock(directory.as_fd())?;
    Ok(directory)
}

/// A server's socket file. Dropping this removes the file, unless another one has taken its place.
pub(super) struct SocketFile {
    path: PathBuf,
    /// The device, and the number of the file on it.
    identity: (u64, u64),
    /// A forked child leaves the file alone, because its parent still listens there.
    process: Process,
}

impl SocketFile {
    /// The file at `path`, which has just been created.
    pub(super) fn of(path: &Path) -> Option<Self> {
        // The current directory may have changed when the file is removed.
        let path = std::path::absolute(path).ok()?;
        let identity = identity(&path)?;
        Some(Self { path, identity, process: Process::current() })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.process.is_current() && identity(&self.path) == Some(self.identity) {
            // If this fails, the file is gone or may not be removed. Neither is a reason to stop.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
