//! Programs of others that tests talk to. `.ci/run` installs them.
//!
//! A test names the programs it runs with [`needs`]. If one is missing, the test is skipped, and a line on standard
//! error says so. With `INNERMOST_REQUIRE_TOOLS` set, as in `.ci/run`, the test fails instead.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::support::process::Contained;

/// Returns from the test if one of the programs is missing, so that the test passes.
macro_rules! needs {
    ($($program:literal),+ $(,)?) => {
        fn here() {}
        if !$crate::support::tools::are_installed(core::any::type_name_of_val(&here), &[$($program),+]) {
            return;
        }
    };
}
pub(crate) use needs;

/// Returns `false` if one of `programs` is missing, and prints a line that is shown even when the test passes.
///
/// # Panics
///
/// If one is missing and `INNERMOST_REQUIRE_TOOLS` is set.
pub(crate) fn are_installed(here: &str, programs: &[&str]) -> bool {
    let Some(missing) = programs.iter().find(|program| !is_installed(program)) else { return true };
    let test = here.trim_end_matches("::here");
    let is_required = std::env::var_os("INNERMOST_REQUIRE_TOOLS").is_some_and(|value| !value.is_empty());
    assert!(!is_required, "{test} needs {missing}, which is not installed; `bash .ci/run` installs it");
    // The harness holds back what `eprintln` prints. One write, so that lines of several tests do not mix.
    let line = format!("left out: {test} needs {missing}, which is not installed\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    false
}

/// Returns `true` if `program` is installed and can do what the tests need.
fn is_installed(program: &str) -> bool {
    // Arguments with which each program ends by itself.
    let arguments: &[&str] = match program {
        "nc" => &["-h"],
        "python3" => &["-c", "import socket; socket.send_fds"],
        "seq" => &["1"],
        "ssh" => &["-V"],
        "socat" => &["-V"],
        "strace" => &["-o", "/dev/null", "/bin/sh", "-c", ":"],
        "wrk" => &["-v"],
        _ => &["--version"],
    };
    let Ok(output) = Command::new(program).args(arguments).stdin(Stdio::null()).output() else { return false };
    match program {
        // Several programs have this name. Only OpenBSD's can end its own stream and still read.
        "nc" => output.stderr.starts_with(b"OpenBSD"),
        // The name may belong to a stub that starts nothing, and a container may forbid tracing.
        "python3" | "strace" => output.status.success(),
        _ => true,
    }
}

/// A command that is killed after a minute, in case the test that waits for it hangs.
pub(crate) fn tool(name: &str) -> Command {
    if !is_installed("timeout") {
        return Command::new(name);
    }
    let mut command = Command::new("timeout");
    command.args(["60", name]);
    command
}

/// A program that gets input while its output is collected.
pub(crate) struct Fed {
    child: Contained,
}

impl Fed {
    /// Starts the program. Its standard input stays empty until [`run`](Self::run).
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: Contained::spawn(command).expect("it is installed") }
    }

    /// Writes the whole input, waits for the end of the program, and returns its output.
    pub(crate) fn run(mut self, input: &[u8]) -> Output {
        let child = &mut *self.child;
        let mut stdin = child.stdin.take().expect("it is piped");
        let (mut stdout, mut stderr) =
            (child.stdout.take().expect("it is piped"), child.stderr.take().expect("it is piped"));
        thread::scope(|scope| {
            // A program that ends early cannot read all of it. Its status says why it ended.
            scope.spawn(move || {
                let _ = stdin.write_all(input);
            });
            let errors = scope.spawn(move || {
                let mut errors = Vec::new();
                stderr.read_to_end(&mut errors).map(|_| errors)
            });
            let mut output = Vec::new();
            stdout.read_to_end(&mut output).expect("it can be read");
            let errors = errors.join().expect("it does not panic").expect("they can be read");
            Output { status: child.wait().expect("it is our child"), stdout: output, stderr: errors }
        })
    }
}

/// Runs a program with `input`, and returns its standard output. Panics unless the program succeeds.
pub(crate) fn filtered(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let shown = format!("{command:?}");
    let output = Fed::start(command).run(input);
    assert!(output.status.success(), "{shown}: {}, {}", output.status, String::from_utf8_lossy(&output.stderr));
    output.stdout
}
