//! Signals, in processes of their own, because a signal's action and the pending signals belong to the whole process.
//!
//! A test starts this program again, with the test's name in the environment. The assertions are in the started
//! program. There is no harness, so that the program has one thread unless it makes more, and may fork.

#[cfg(target_os = "linux")]
mod programs;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
use crate::support::process;

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() {
    use programs::PROGRAMS;

    if let Ok(name) = std::env::var(PROGRAM) {
        let (_, program, _) = PROGRAMS.iter().find(|(known, ..)| *known == name).expect("it is one of them");
        return program();
    }
    let (flags, filters): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let is_left_out = |name: &str| flags.iter().any(|flag| flag.strip_prefix("--skip=") == Some(name));
    let is_named = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let is_wanted = |name: &str| is_named(name) && !is_left_out(name);
    let mut failed = Vec::new();
    for &(name, _, end) in PROGRAMS.iter().filter(|(name, ..)| is_wanted(name)) {
        if flags.iter().any(|flag| flag == "--list") {
            println!("{name}: test");
        } else if run(name, end) {
            println!("test {name} ... ok");
        } else {
            println!("test {name} ... FAILED");
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

/// The environment variable that names the program to run instead of the tests.
#[cfg(target_os = "linux")]
const PROGRAM: &str = "INNERMOST_SIGNALS_PROGRAM";

/// Runs a program. Returns `true` if it ended as expected.
#[cfg(target_os = "linux")]
fn run(name: &str, end: programs::End) -> bool {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use process::Process;
    use programs::End;

    let this = std::env::current_exe().expect("a test knows where it lies");
    let process = Process::spawn(Command::new(this).env(PROGRAM, name)).expect("it can be started");
    let (status, output, errors) = process.finish();
    output.iter().chain(&errors).for_each(|line| println!("    {line}"));
    let expected = match end {
        End::Well => status.success() && errors.is_empty(),
        End::KilledBy(signal) => status.signal() == Some(signal),
    };
    if !expected {
        println!("    it ended with {status}");
    }
    expected
}
