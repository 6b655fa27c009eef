//! Loops that end before their children, and processes that are used in another loop.

use std::os::unix::process::ExitStatusExt;

use innermost::process::{Command, shell};
use innermost::signal::SIGKILL;
use innermost::{EventLoop, Kind};

use crate::starting::{loops, started, waiting};

#[cfg(target_os = "linux")]
#[test]
fn a_child_outlives_its_loop_and_leaves_no_zombie() {
    use crate::starting::{children, own_process};
    use crate::support::process::until;
    use innermost::process::Stdio;

    own_process!();
    for event_loop in loops() {
        let process = started(&event_loop, Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Null));
        let input = process.borrow_mut().stdin.take().unwrap().into_std().unwrap();
        drop(process);
        drop(event_loop);
        assert_eq!(children().iter().filter(|child| child.1 != 'Z').count(), 1);
        drop(input);
        until("it is reaped", || children().is_empty());
    }
}

#[test]
fn a_process_can_be_used_after_its_loop_was_closed() {
    for event_loop in loops() {
        let process = started(&event_loop, Command::new("sleep").arg("1000"));
        event_loop.close().unwrap();
        let process = process.borrow();
        assert_eq!(process.try_wait().unwrap(), None);
        process.kill().unwrap();
        let status = loop {
            match process.try_wait().unwrap() {
                Some(status) => break status,
                None => std::thread::yield_now(),
            }
        };
        assert_eq!(status.signal(), Some(SIGKILL));
        assert_eq!(process.kill().unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_killed_when_dropped_is_killed_with_its_task_and_its_loop() {
    use crate::starting::{children, own_process};
    use crate::support::process::until;

    own_process!();
    for event_loop in loops() {
        event_loop.set_exception_handler(|_| ());
        let process = started(&event_loop, Command::new("sleep").arg("1000").kill_on_drop(true));
        let task = event_loop.create_task(waiting(&process)).unwrap();
        drop(process);
        event_loop.run_until_complete(innermost::sleep(std::time::Duration::ZERO)).unwrap();
        drop((task, event_loop));
        until("it is reaped", || children().is_empty());
    }
}

#[test]
fn waiting_in_another_loop_raises() {
    for event_loop in loops() {
        let process = started(&event_loop, Command::new("sleep").arg("1000").kill_on_drop(true));
        let another = EventLoop::new().unwrap();
        let raised = another.run_until_complete(waiting(&process)).unwrap_err();
        assert_eq!(raised.kind(), Kind::RuntimeError, "{raised:?}");
        // What does not wait works, and the own loop does.
        process.borrow().kill().unwrap();
        assert_eq!(event_loop.run_until_complete(waiting(&process)).unwrap().signal(), Some(SIGKILL));
        // A status that is known can be had anywhere.
        assert_eq!(another.run_until_complete(waiting(&process)).unwrap().signal(), Some(SIGKILL));
    }
}

#[test]
fn two_loops_in_two_threads_have_their_own_children() {
    std::thread::scope(|scope| {
        for code in [3, 4] {
            scope.spawn(move || {
                let event_loop = EventLoop::new().unwrap();
                for _ in 0..20 {
                    let process = started(&event_loop, shell(format!("exit {code}")));
                    let status = event_loop.run_until_complete(waiting(&process)).unwrap();
                    assert_eq!(status.code(), Some(code));
                }
            });
        }
    });
}

#[test]
fn children_of_other_parts_of_the_program_are_left_alone() {
    for event_loop in loops() {
        let mut other = std::process::Command::new("false").spawn().unwrap();
        let process = started(&event_loop, shell("exit 3"));
        assert_eq!(event_loop.run_until_complete(waiting(&process)).unwrap().code(), Some(3));
        assert_eq!(other.wait().unwrap().code(), Some(1));
    }
}
