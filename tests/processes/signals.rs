//! Signals to children, to groups, and to children that are gone.

use std::os::unix::process::ExitStatusExt;

use innermost::process::{Command, Stdio, shell};
use innermost::signal::{SIGCONT, SIGKILL, SIGUSR1};
use innermost::{ByteRead, LoopHandle, Step, from_fn, yield_from};

use crate::starting::{Shared, started, wait, with_each};

/// Reads a byte of the child's output: the child has come so far. Returns 0 at the end.
fn read_byte(event_loop: &LoopHandle, process: &Shared) -> usize {
    let process = std::rc::Rc::clone(process);
    let reads = from_fn(move |mut sent| {
        let (process, mut byte) = (process.borrow(), [0]);
        let output = process.stdout.as_ref().expect("it is a pipe");
        yield_from!(output.recv(&mut byte), sent).map(Step::Return)
    });
    event_loop.run_until_complete(reads).unwrap()
}

// P1
#[test]
fn a_signal_to_a_child_that_has_ended_fails() {
    with_each(|event_loop| {
        let process = started(event_loop, shell("exit 0").process_group(0));
        wait(event_loop, &process);
        let process = process.borrow();
        let sent = [process.send_signal(SIGUSR1), process.terminate(), process.kill(), process.kill_group()];
        for error in sent.map(Result::unwrap_err) {
            assert_eq!(error.raw_os_error(), Some(libc::ESRCH));
        }
    });
}

// P1
#[test]
fn a_signal_that_races_with_the_end_succeeds_or_finds_nobody() {
    with_each(|event_loop| {
        for _ in 0..20 {
            let process = started(event_loop, Command::new("true"));
            let sent = process.borrow().send_signal(SIGCONT);
            assert!(sent.is_ok_and(|()| true), "nobody has reaped it");
            assert!(wait(event_loop, &process).success());
            assert_eq!(process.borrow().send_signal(SIGCONT).unwrap_err().raw_os_error(), Some(libc::ESRCH));
        }
    });
}

#[test]
fn a_child_can_handle_a_signal() {
    with_each(|event_loop| {
        let line = "sleep 1000 & trap \"kill $!; exit 5\" USR1; echo; wait";
        let process = started(event_loop, shell(line).stdout(Stdio::Pipe));
        assert_eq!(read_byte(event_loop, &process), 1);
        process.borrow().send_signal(SIGUSR1).unwrap();
        assert_eq!(wait(event_loop, &process).code(), Some(5));
    });
}

#[test]
fn a_number_that_is_no_signal_is_refused() {
    with_each(|event_loop| {
        let process = started(event_loop, Command::new("sleep").arg("1000").kill_on_drop(true));
        for number in [-1, 4000] {
            assert_eq!(process.borrow().send_signal(number).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        }
        // Asks whether it is there.
        process.borrow().send_signal(0).unwrap();
    });
}

#[test]
fn killing_a_group_reaches_what_the_child_has_started() {
    with_each(|event_loop| {
        let process = started(event_loop, shell("sleep 1000 & echo; wait").stdout(Stdio::Pipe).process_group(0));
        assert_eq!(read_byte(event_loop, &process), 1);
        process.borrow().kill_group().unwrap();
        assert_eq!(wait(event_loop, &process).signal(), Some(SIGKILL));
        // The pipe ends once the grandchild has closed it too.
        assert_eq!(read_byte(event_loop, &process), 0);
    });
}

#[cfg(all(target_os = "linux", not(innermost_poll)))]
#[test]
fn a_group_can_be_killed_after_its_leader_has_ended() {
    with_each(|event_loop| {
        let process = started(event_loop, shell("sleep 1000 & echo").stdout(Stdio::Pipe).process_group(0));
        assert_eq!(read_byte(event_loop, &process), 1);
        assert!(wait(event_loop, &process).success());
        // Before Linux 6.9, nothing is sent to the number of a child that is gone.
        crate::starting::end_group(&process);
        assert_eq!(read_byte(event_loop, &process), 0);
    });
}

#[test]
fn a_child_without_a_group_of_its_own_does_not_lead_one() {
    with_each(|event_loop| {
        let process = started(event_loop, Command::new("sleep").arg("1000").kill_on_drop(true));
        let refused = process.borrow().kill_group().unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput);
        assert_eq!(refused.to_string(), "the process leads no group: start it with `process_group(0)`");
    });
}

#[test]
fn the_signals_of_a_terminal_do_not_reach_a_child_in_its_own_group() {
    with_each(|event_loop| {
        let own = started(event_loop, shell("ps -o pgid= -p $$").stdout(Stdio::Pipe).process_group(0));
        let pid = own.borrow().pid();
        let kept = std::rc::Rc::default();
        event_loop.run_until_complete(crate::starting::communicating(&own, &kept)).unwrap();
        assert_eq!(crate::starting::text(kept.borrow().stdout()).trim(), pid.to_string());
    });
}

#[test]
fn a_child_starts_with_the_default_actions_of_signals() {
    with_each(|event_loop| {
        // Rust programs ignore SIGPIPE. A child that did could write into a closed pipe for ever.
        let process = started(event_loop, Command::new("yes").stdout(Stdio::Pipe));
        assert_eq!(read_byte(event_loop, &process), 1);
        drop(process.borrow_mut().stdout.take());
        assert_eq!(wait(event_loop, &process).signal(), Some(libc::SIGPIPE));
    });
}
