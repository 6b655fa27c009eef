//! The server in a process.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::ops::{Deref, DerefMut};
use std::process::Command;

use crate::support::process::{Process, example};

/// Any free port.
pub(crate) const ANY: &str = "127.0.0.1:0";

/// An echo server that listens.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(program: &str) -> Self {
        Self::listening(Process::spawn(Command::new(example(program)).arg(ANY)).expect("it can be started"))
    }

    /// Starts a server with a limit on its open descriptors.
    pub(crate) fn with_descriptors(program: &str, limit: usize) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$1\"")]).arg(example(program)).arg(ANY);
        Self::listening(Process::spawn(&mut command).expect("it can be started"))
    }

    /// A server whose process is already running. Reads the line with its address.
    pub(crate) fn listening(process: Process) -> Self {
        Self { address: process.listening(), process }
    }

    /// Ends it by a signal, when its clients have gone. It must have had nothing to say.
    pub(crate) fn stop(self) {
        self.process.signal("TERM");
        self.expect_success();
    }

    /// Waits for the end of the process, which must succeed.
    pub(crate) fn expect_success(self) {
        self.process.expect_success();
    }

    /// Whether it listens no more.
    pub(crate) fn refuses(&self) -> bool {
        TcpStream::connect(self.address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    }
}

impl Deref for Server {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
