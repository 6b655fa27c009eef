//! The server in a process, and the directory that it serves.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::process::{Process, example};

/// A directory. It is removed when this is dropped.
pub(crate) struct Site(PathBuf);

impl Site {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("site.{}.{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        // A level below, so that there is something outside which is the test's own.
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).join("root");
        fs::create_dir_all(&root).expect("it is a new name");
        Self(root)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a file there, in a directory that is made if it must be.
    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().expect("it is below the root")).expect("no file is in the way");
        fs::write(&path, content).expect("there is room on the disk");
        path
    }

    /// A server of it that listens.
    pub(crate) fn serve(&self) -> Server {
        Server::listening(Process::spawn(&mut self.command()).expect("it can be started"))
    }

    /// Starts a server with a limit on its open descriptors.
    pub(crate) fn serve_with_descriptors(&self, limit: usize) -> Server {
        let mut command = Command::new("/bin/sh");
        let limited = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        command.args(["-c", &limited]).arg(example("file_server")).arg(&self.0).arg("127.0.0.1:0");
        Server::listening(Process::spawn(&mut command).expect("it can be started"))
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(example("file_server"));
        command.arg(&self.0).arg("127.0.0.1:0");
        command
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.0.parent().expect("it is a level below"));
    }
}

/// A file server that listens.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Reads the line with the server's address.
    pub(crate) fn listening(process: Process) -> Self {
        Self { address: process.listening(), process }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Ends it by a signal. It must have had nothing to say.
    pub(crate) fn stop(self) {
        self.process.signal("TERM");
        self.expect_success();
    }

    /// Waits for the end of the process, which must succeed.
    pub(crate) fn expect_success(self) {
        self.process.expect_success();
    }
}
