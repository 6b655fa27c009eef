//! Ctrl-C (Z4), in processes of their own.
//!
//! A test starts this program again, with the name of one of [`PROGRAMS`] in its environment. That program runs in the
//! main thread, because only the main thread handles Ctrl-C. The usual harness keeps the main thread for itself, so
//! there is no harness, and `main` calls the tests one by one. A program prints `ready`, or another line, when it waits
//! for the signal. The test reads the line and sends the signal. Nothing depends on when the signal arrives.

#![cfg_attr(not(target_os = "linux"), allow(unused))]

mod programs;
#[path = "../support/mod.rs"]
mod support;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};

use crate::support::process::{Process, until};
use programs::{MAINS, PROGRAMS};

/// The environment variable that names the program to run instead of the tests.
const PROGRAM: &str = "INNERMOST_INTERRUPTED_PROGRAM";

const TESTS: &[(&str, fn())] = &[
    (
        "a_main_task_that_does_not_catch_the_cancel_raises_keyboard_interrupt",
        a_main_task_that_does_not_catch_the_cancel,
    ),
    ("a_main_task_that_catches_the_cancel_returns_its_own_outcome", a_main_task_that_catches_the_cancel),
    ("a_main_task_cancelled_by_another_task_too_raises_cancelled", a_main_task_cancelled_by_another_task_too),
    ("a_second_ctrl_c_ends_the_run_without_waiting", a_second_ctrl_c),
    ("ctrl_c_ends_the_cleanup_of_a_runner", ctrl_c_while_the_runner_closes),
    ("ctrl_c_kills_a_process_whose_step_never_returns", a_step_that_never_returns),
    ("ctrl_c_in_the_last_turn_is_not_lost", ctrl_c_in_the_last_turn),
    ("ctrl_c_after_the_run_kills_the_process", ctrl_c_after_the_run),
    ("an_ignored_ctrl_c_stays_ignored", an_ignored_ctrl_c),
    ("a_custom_handler_takes_precedence", a_custom_handler),
    ("each_run_of_a_runner_handles_ctrl_c", each_run_of_a_runner),
    ("a_run_in_another_thread_does_not_handle_ctrl_c", a_run_in_another_thread),
    ("a_server_with_an_idle_client_ends_at_the_first_ctrl_c", a_server_with_an_idle_client),
    ("a_program_that_returns_exit_code_ends_like_a_python_program", a_program_that_returns_exit_code),
    ("a_program_that_returns_the_exception_prints_a_report", a_program_that_returns_the_exception),
];

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    if let Ok(name) = std::env::var(PROGRAM) {
        if let Some((_, program)) = MAINS.iter().find(|(known, _)| *known == name) {
            return program();
        }
        let (_, program) = PROGRAMS.iter().find(|(known, _)| *known == name).expect("it is one of them");
        program();
        return ExitCode::SUCCESS;
    }
    let (flags, filters): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    let is_wanted = |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    for (name, test) in TESTS.iter().filter(|(name, _)| is_wanted(name)) {
        if flags.iter().any(|flag| flag == "--list") {
            println!("{name}: test");
            continue;
        }
        // The first test that fails panics, which ends the program.
        test();
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

/// What a program prints after Ctrl-C has ended its run.
const INTERRUPTED: &str = "raised KeyboardInterrupt: interrupted by Ctrl-C";

/// Starts a program.
fn start(program: &str) -> Process {
    let mut known = PROGRAMS.iter().map(|(known, _)| known).chain(MAINS.iter().map(|(known, _)| known));
    assert!(known.any(|known| *known == program), "{program} is none of them");
    let this = std::env::current_exe().expect("a test knows where it lies");
    Process::spawn(Command::new(this).env(PROGRAM, program)).expect("it can be started")
}

/// Sends Ctrl-C after each of these lines.
fn interrupt_after(process: &Process, lines: &[&str]) {
    for line in lines {
        expect_line(process, line);
        process.signal("INT");
    }
}

fn expect_line(process: &Process, line: &str) {
    assert_eq!(process.line().as_deref(), Some(line), "{:?}", process.error_lines());
}

/// Expects these lines and no others, and success.
fn expect_rest(process: Process, lines: &[&str]) {
    let (status, output, errors) = process.finish();
    let lines = lines.iter().map(ToString::to_string).collect();
    assert_eq!((output, errors, status.code()), (lines, vec![], Some(0)));
}

/// Expects that Ctrl-C kills the process, as it does without a handler, and that nothing is printed.
fn expect_killed(process: Process) {
    let (status, output, _) = process.finish();
    assert_eq!((status.signal(), output), (Some(libc::SIGINT), vec![]));
}

// Z4
fn a_main_task_that_does_not_catch_the_cancel() {
    let process = start("lets the cancel pass");
    interrupt_after(&process, &["ready"]);
    expect_rest(process, &["CancelledError", INTERRUPTED]);
}

// Z4
fn a_main_task_that_catches_the_cancel() {
    let process = start("catches the cancel and returns");
    interrupt_after(&process, &["ready"]);
    expect_rest(process, &["CancelledError", "returned 7"]);
    let process = start("catches the cancel and raises");
    interrupt_after(&process, &["ready"]);
    expect_rest(process, &["CancelledError", "raised Error: oops 1"]);
}

// Z4
fn a_main_task_cancelled_by_another_task_too() {
    let process = start("is cancelled by another too");
    interrupt_after(&process, &["ready"]);
    expect_rest(process, &["CancelledError", "CancelledError", "raised CancelledError: cancelled"]);
}

// Z4
fn a_second_ctrl_c() {
    let process = start("ignores every cancel");
    interrupt_after(&process, &["ready", "CancelledError"]);
    expect_rest(process, &["Task was destroyed but it is pending!", "GeneratorExit", INTERRUPTED]);
}

// Z4, Z5
fn ctrl_c_while_the_runner_closes() {
    let process = start("leaves one that ignores every cancel");
    // The first is for the main task, the second for the runner, which waits for the one that is left.
    interrupt_after(&process, &["ready"]);
    expect_line(&process, "CancelledError");
    interrupt_after(&process, &["left: CancelledError"]);
    expect_rest(process, &["Task was destroyed but it is pending!", "left: GeneratorExit", INTERRUPTED]);
    expect_rest(start("gets one in closing as a task raises another"), &[INTERRUPTED]);
}

// Z4
fn a_step_that_never_returns() {
    let mut process = start("is stuck");
    expect_line(&process, "ready");
    send_until_it_ends(&mut process);
    expect_killed(process);

    let mut process = start("is stuck after the cancel");
    interrupt_after(&process, &["ready"]);
    expect_line(&process, "CancelledError");
    expect_line(&process, "stuck");
    send_until_it_ends(&mut process);
    expect_killed(process);
}

/// Sends Ctrl-C again and again. The system merges two that arrive at the same time, so one may get lost.
fn send_until_it_ends(process: &mut Process) {
    until("Ctrl-C ends it", || {
        let is_running = process.is_running();
        if is_running {
            process.signal("INT");
        }
        !is_running
    });
}

// Z4
fn ctrl_c_in_the_last_turn() {
    expect_rest(start("gets one in its last step"), &[INTERRUPTED]);
    expect_rest(start("gets one in the last turn"), &[INTERRUPTED]);
    expect_rest(start("gets one in the last turn and fails"), &[INTERRUPTED, "because of oops 1"]);
    expect_rest(start("gets one in the last turn of closing"), &[INTERRUPTED]);
}

// Z4
fn ctrl_c_after_the_run() {
    let process = start("has run");
    interrupt_after(&process, &["ready"]);
    expect_killed(process);
}

// Z4
fn an_ignored_ctrl_c() {
    expect_rest(start("ignores Ctrl-C from the start"), &["returned 1"]);
}

// Z3, Z4
fn a_custom_handler() {
    let process = start("has a handler before the run");
    interrupt_after(&process, &["ready"]);
    expect_rest(process, &["returned 3"]);
    let process = start("sets a handler in the run");
    interrupt_after(&process, &["ready"]);
    expect_line(&process, "returned 4");
    interrupt_after(&process, &["ready"]);
    expect_rest(process, &["returned 5"]);
    let process = start("removes the handler in the run");
    interrupt_after(&process, &["ready"]);
    expect_killed(process);
}

// Z4
fn each_run_of_a_runner() {
    let process = start("runs again and again");
    for _ in 0..2 {
        interrupt_after(&process, &["ready"]);
        expect_line(&process, "CancelledError");
        expect_line(&process, INTERRUPTED);
    }
    // One that was ended the hard way leaves its task to the others.
    interrupt_after(&process, &["ready", "CancelledError"]);
    expect_line(&process, INTERRUPTED);
    expect_rest(process, &["returned 9", "CancelledError", "returned ()"]);
}

// Z4
fn a_run_in_another_thread() {
    let process = start("runs in another thread");
    interrupt_after(&process, &["ready"]);
    expect_killed(process);
}

// V2, Z4
fn a_server_with_an_idle_client() {
    let process = start("serves protocols");
    interrupt_after(&process, &["ready"]);
    expect_rest(process, &[INTERRUPTED]);
    let process = start("serves streams");
    interrupt_after(&process, &["ready"]);
    expect_rest(process, &["client: []", INTERRUPTED]);
}

fn expect_end(process: Process, code: i32, errors: &[&str]) {
    let (status, output, written) = process.finish();
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!((status.code(), written, output), (Some(code), errors, vec!["CancelledError".to_string()]));
}

fn a_program_that_returns_exit_code() {
    let process = start("ends with exit_code");
    interrupt_after(&process, &["ready"]);
    expect_end(process, 130, &[]);
    let process = start("raises and ends with exit_code");
    interrupt_after(&process, &["ready"]);
    expect_end(process, 1, &["RuntimeError: no luck", "  note: in vain", "  caused by oops 1"]);
    let process = start("returns and ends with exit_code");
    interrupt_after(&process, &["ready"]);
    expect_end(process, 0, &[]);
}

fn a_program_that_returns_the_exception() {
    let process = start("ends with the exception");
    interrupt_after(&process, &["ready"]);
    expect_end(process, 1, &["Error: KeyboardInterrupt: interrupted by Ctrl-C"]);
}
