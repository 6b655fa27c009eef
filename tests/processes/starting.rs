//! What the other files share: loops, starting a program, waiting for it, and tests in processes of their own.

use std::cell::RefCell;
use std::fs;
use std::process::{ExitStatus, Output};
use std::rc::Rc;

use innermost::process::{Command, Communication, Process};
use innermost::selector::MonotonicClock;
use innermost::{Awaitable, EventLoop, Exception, LoopHandle, Step, from_fn, lazy, ready, yield_from};

pub(crate) use crate::support::events::Log;
use crate::support::interfaces;

/// Runs a test in a loop with each selector. A report to the exception handler fails the test.
pub(crate) fn with_each(test: impl Fn(&EventLoop)) {
    for event_loop in loops() {
        event_loop.set_exception_handler(|context| panic!("{context:?}"));
        test(&event_loop);
    }
}

/// A loop with each selector.
pub(crate) fn loops() -> impl Iterator<Item = EventLoop> {
    interfaces::every_selector().into_iter().map(|(name, selector)| {
        println!("with {name}");
        EventLoop::with(selector, Box::new(MonotonicClock::new())).expect("a descriptor is free")
    })
}

/// Starts a program in a loop.
pub(crate) fn spawn(event_loop: &LoopHandle, command: Command) -> Result<Process, Exception> {
    event_loop.run_until_complete(lazy(move || ready(command.spawn())))?
}

/// A process that a test and its tasks share.
pub(crate) type Shared = Rc<RefCell<Process>>;

/// Starts a program that can be started.
pub(crate) fn started(event_loop: &LoopHandle, command: Command) -> Shared {
    Rc::new(RefCell::new(spawn(event_loop, command).expect("the program can be started")))
}

/// Waits for the end of a child, in a task.
pub(crate) fn waiting(process: &Shared) -> impl Awaitable<Return = ExitStatus> + 'static {
    let process = Rc::clone(process);
    from_fn(move |mut sent| {
        let mut process = process.borrow_mut();
        yield_from!(process.wait(), sent).map(Step::Return)
    })
}

/// Waits for the end of a child.
pub(crate) fn wait(event_loop: &LoopHandle, process: &Shared) -> ExitStatus {
    event_loop.run_until_complete(waiting(process)).expect("it is a child of this loop")
}

/// Communicates with a child, in a task.
pub(crate) fn communicating(
    process: &Shared,
    kept: &Rc<RefCell<Communication>>,
) -> impl Awaitable<Return = ExitStatus> + 'static {
    let (process, kept) = (Rc::clone(process), Rc::clone(kept));
    from_fn(move |mut sent| {
        let (mut process, mut kept) = (process.borrow_mut(), kept.borrow_mut());
        yield_from!(process.communicate(&mut kept), sent).map(Step::Return)
    })
}

/// Runs a program to its end.
pub(crate) fn output(event_loop: &LoopHandle, command: Command) -> Output {
    event_loop.run_until_complete(command.output()).expect("the program can be started")
}

/// Kills what a child has started, after the child itself has ended.
pub(crate) fn end_group(process: &Shared) {
    if process.borrow().kill_group().is_ok() {
        return;
    }
    // Without a process descriptor, the group of a child that was reaped cannot be reached.
    let line = format!("kill -KILL -{}", process.borrow().pid());
    assert!(std::process::Command::new("/bin/sh").args(["-c", &line]).status().unwrap().success());
}

/// Text of a program's.
pub(crate) fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("it is text")
}

/// Runs the rest of a test in a process of its own, which has no other children, and where nobody else opens descriptors.
macro_rules! own_process {
    () => {
        fn here() {}
        if !$crate::starting::is_own_process(core::any::type_name_of_val(&here)) {
            return;
        }
    };
}
pub(crate) use own_process;

/// Returns `true` in a process that runs this test alone. Otherwise runs the test in such a process.
pub(crate) fn is_own_process(here: &str) -> bool {
    const NAME: &str = "INNERMOST_PROCESSES_TEST";
    if std::env::var_os(NAME).is_some() {
        return true;
    }
    let name = here.trim_end_matches("::here").split_once("::").expect("it begins with the crate").1;
    let this = std::env::current_exe().expect("a test knows where it lies");
    let arguments = ["--exact", name, "--nocapture", "--test-threads=1"];
    let run = std::process::Command::new(this).args(arguments).env(NAME, name).output().expect("it can be started");
    let printed = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{name}: {}\n{printed}\n{}", run.status, String::from_utf8_lossy(&run.stderr));
    assert!(printed.contains("1 passed"), "{name} is the name of no test:\n{printed}");
    false
}

/// The children of this process, with their states: `Z` for one that has ended and was not reaped.
pub(crate) fn children() -> Vec<(u32, char)> {
    let threads = fs::read_dir("/proc/self/task").expect("it is there on Linux");
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    let children = lists.collect::<String>();
    let state = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let state = stat.rsplit_once(')')?.1.trim_start().chars().next()?;
        Some((pid.parse().ok()?, state))
    };
    children.split_whitespace().filter_map(state).collect()
}

/// The number of descriptors that this process has open.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("it is there on Linux").count()
}
