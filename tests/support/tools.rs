//! Programs that others have written, to be talked to. `.ci/run` installs them.

#![allow(dead_code, reason = "each file of tests uses its part")]

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

/// Each program, and the package of Debian that has it.
const PACKAGES: [(&str, &str); 6] = [
    ("curl", "curl"),
    ("nc", "netcat-openbsd"),
    ("python3", "python3"),
    ("socat", "socat"),
    ("strace", "strace"),
    ("wrk", "wrk"),
];

/// A program that is to be there.
pub(crate) fn installed(name: &str) -> Command {
    let found = Command::new("sh").args(["-c", "command -v \"$0\"", name]).stdout(Stdio::null()).status();
    let package = PACKAGES.iter().find(|(tool, _)| *tool == name).map_or("?", |(_, package)| *package);
    assert!(
        found.is_ok_and(|status| status.success()),
        "{name} is not installed: it is in Debian's package {package}, and `bash .ci/run` installs it"
    );
    Command::new(name)
}

/// The same, which is ended after a minute, should the test that waits for it hang.
pub(crate) fn tool(name: &str) -> Command {
    installed(name);
    let mut command = Command::new("timeout");
    command.args(["60", name]);
    command
}

/// A program that is fed while its output is collected.
pub(crate) struct Fed {
    child: Child,
}

impl Fed {
    /// Starts it, with nothing on its standard input yet.
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().expect("it is installed") }
    }

    /// Gives it its whole input, waits for its end, and gives what it has written.
    pub(crate) fn run(mut self, input: &[u8]) -> Output {
        let mut stdin = self.child.stdin.take().expect("it is piped");
        thread::scope(|scope| {
            // One that ends before it has read all of it says why by its status.
            scope.spawn(move || {
                let _ = stdin.write_all(input);
            });
            self.child.wait_with_output().expect("it is our child")
        })
    }
}

/// Feeds a program, and gives what it writes; it must end well.
pub(crate) fn filtered(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let shown = format!("{command:?}");
    let output = Fed::start(command).run(input);
    assert!(output.status.success(), "{shown}: {}, {}", output.status, String::from_utf8_lossy(&output.stderr));
    output.stdout
}
