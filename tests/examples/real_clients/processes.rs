//! No process outlives the test that started it.

use std::fs;
use std::process::Command;

use crate::support::process::{Process, until};
use crate::support::tools::needs;

/// Set when the test below runs [`starts_a_process`].
const STARTS: &str = "INNERMOST_STARTS_A_PROCESS";

/// Whether the process exists and is not a zombie.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// A process with a child of its own, and that child's number.
fn sleeper() -> (Process, String) {
    // Like `timeout`, the shell waits for its child.
    let process = Process::spawn(Command::new("/bin/sh").args(["-c", "sleep 600 & echo $!; wait"]));
    let process = process.expect("every system has a shell");
    let pid = process.line().expect("it says which process it has started");
    assert!(is_running(&pid));
    (process, pid)
}

#[test]
fn dropping_a_process_kills_its_children() {
    needs!("sleep");
    let (process, pid) = sleeper();
    drop(process);
    until("the child is gone", || !is_running(&pid));
}

#[test]
fn a_killed_test_leaves_no_process_behind() {
    needs!("sleep");
    let mut command = Command::new(std::env::current_exe().expect("a test knows where it lies"));
    command.args(["--exact", "real_clients::processes::starts_a_process", "--nocapture"]).env(STARTS, "1");
    let process = Process::spawn(&mut command).expect("it is this program");
    let said = std::iter::from_fn(|| process.line())
        .find_map(|line| line.split_once("started ").map(|(_, pid)| pid.to_owned()));
    let pid = said.expect("it says which process it has started");
    assert!(is_running(&pid));
    process.signal("KILL");
    until("what it has started is gone", || !is_running(&pid));
}

/// Not a test by itself: the test above runs and kills it.
#[test]
fn starts_a_process() {
    if std::env::var_os(STARTS).is_none() {
        return;
    }
    let mut command = Command::new("/bin/sh");
    let process = Process::spawn(command.args(["-c", "echo $$; exec sleep 600"])).expect("every system has a shell");
    println!("started {}", process.line().expect("it says its number"));
    let _ends_never = process.line();
}
