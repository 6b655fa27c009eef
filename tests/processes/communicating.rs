//! Feeding a program and collecting its output: `communicate` and `output`.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use innermost::process::{Command, Communication, Stdio, shell};
use innermost::{LoopHandle, Step, from_fn, sleep, yield_from};

use crate::starting::{Shared, communicating, end_group, output, started, text, with_each};
use crate::support::loops::run_until;

fn cat() -> Command {
    Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Pipe)
}

fn kept(communication: Communication) -> Rc<RefCell<Communication>> {
    Rc::new(RefCell::new(communication))
}

/// Communicates to the end. Returns both outputs.
fn communicate(event_loop: &LoopHandle, process: &Shared, communication: Communication) -> (Vec<u8>, Vec<u8>) {
    let kept = kept(communication);
    event_loop.run_until_complete(communicating(process, &kept)).unwrap();
    let kept = kept.borrow();
    (kept.stdout().into(), kept.stderr().into())
}

/// More than all pipes hold.
fn much() -> Vec<u8> {
    (0..1_000_000_u32).flat_map(u32::to_ne_bytes).collect()
}

// P3
#[test]
fn the_input_is_written_and_both_outputs_are_collected() {
    with_each(|event_loop| {
        let command = shell("cat; echo errors >&2").stdin(Stdio::Pipe).stdout(Stdio::Pipe).stderr(Stdio::Pipe);
        let process = started(event_loop, command);
        let (stdout, stderr) = communicate(event_loop, &process, Communication::new().with_input("input"));
        assert_eq!((text(&stdout), text(&stderr)), ("input", "errors\n"));
        let process = process.borrow();
        assert!(process.stdin.is_none() && process.stdout.is_none() && process.stderr.is_none());
    });
}

// P3
#[test]
fn without_input_the_child_finds_its_end() {
    with_each(|event_loop| {
        assert_eq!(communicate(event_loop, &started(event_loop, cat()), Communication::new()).0, b"");
    });
}

// P3
#[test]
fn a_child_that_does_not_read_its_input_is_no_error() {
    with_each(|event_loop| {
        let process = started(event_loop, shell("exec 0<&-; echo done").stdin(Stdio::Pipe).stdout(Stdio::Pipe));
        let kept = kept(Communication::new().with_input(much()));
        let status = event_loop.run_until_complete(communicating(&process, &kept)).unwrap();
        assert!(status.success());
        assert_eq!(kept.borrow().stdout(), b"done\n");
        assert!(!kept.borrow().input().is_empty());
    });
}

#[test]
fn more_than_the_pipes_hold_goes_both_ways() {
    with_each(|event_loop| {
        let process =
            started(event_loop, shell("tee /dev/stderr").stdin(Stdio::Pipe).stdout(Stdio::Pipe).stderr(Stdio::Pipe));
        let (stdout, stderr) = communicate(event_loop, &process, Communication::new().with_input(much()));
        assert!(stdout == much() && stderr == much());
    });
}

#[test]
fn a_cancel_loses_nothing_that_was_read() {
    with_each(|event_loop| {
        let process = started(event_loop, cat());
        // The child's input stays open beside the one that is written.
        let input = std::os::fd::AsFd::as_fd(process.borrow().stdin.as_ref().unwrap()).try_clone_to_owned().unwrap();
        let kept = kept(Communication::new().with_input("before the cancel, "));
        let task = event_loop.create_task(communicating(&process, &kept)).unwrap();
        let looks = Rc::clone(&kept);
        run_until(event_loop, move || looks.borrow().stdout().ends_with(b"cancel, "));
        assert!(task.cancel());
        assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
        assert_eq!(text(kept.borrow().stdout()), "before the cancel, ");
        io::Write::write_all(&mut std::fs::File::from(input), b"after it").unwrap();
        let status = event_loop.run_until_complete(communicating(&process, &kept)).unwrap();
        assert!(status.success());
        assert_eq!(text(kept.borrow().stdout()), "before the cancel, after it");
    });
}

#[test]
fn a_cancel_at_any_moment_loses_nothing() {
    with_each(|event_loop| {
        let bytes = much();
        let process = started(event_loop, cat());
        let kept = kept(Communication::new().with_input(bytes.clone()));
        let mut cancels = 0;
        loop {
            let task = event_loop.create_task(communicating(&process, &kept)).unwrap();
            for _ in 0..=cancels % 7 {
                event_loop.run_until_complete(sleep(std::time::Duration::ZERO)).unwrap();
            }
            task.cancel();
            match event_loop.run_until_complete(task) {
                Ok(status) => break assert!(status.success()),
                Err(raised) => assert!(raised.is_cancelled()),
            }
            cancels += 1;
            if cancels == 1000 {
                event_loop.run_until_complete(communicating(&process, &kept)).unwrap();
                break;
            }
        }
        assert!(kept.borrow().stdout() == bytes, "after {cancels} cancels");
    });
}

#[test]
fn output_beyond_the_limit_raises_and_what_was_read_is_kept() {
    with_each(|event_loop| {
        let process = started(event_loop, Command::new("yes").stdout(Stdio::Pipe).kill_on_drop(true));
        let kept = kept(Communication::with_limit(1000));
        let raised = event_loop.run_until_complete(communicating(&process, &kept)).unwrap_err();
        assert_eq!(raised.downcast_ref().map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        assert_eq!(kept.borrow().stdout().len(), 1000);
    });
}

#[test]
fn pipes_that_were_taken_out_are_left_alone() {
    with_each(|event_loop| {
        let process =
            started(event_loop, shell("echo output; echo errors >&2").stdout(Stdio::Pipe).stderr(Stdio::Pipe));
        let stdout = process.borrow_mut().stdout.take();
        let (none, stderr) = communicate(event_loop, &process, Communication::new());
        assert_eq!((none, text(&stderr)), (vec![], "errors\n"));
        drop(stdout);
    });
}

#[test]
fn output_runs_a_program_to_its_end() {
    with_each(|event_loop| {
        let output = output(event_loop, shell("echo output; echo errors >&2; cat; exit 3"));
        assert_eq!((text(&output.stdout), text(&output.stderr)), ("output\n", "errors\n"));
        assert_eq!(output.status.code(), Some(3));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_cancelled_output_kills_its_program() {
    crate::starting::own_process!();
    with_each(|event_loop| {
        let task = event_loop.create_task(Command::new("sleep").arg("1000").output()).unwrap();
        event_loop.run_until_complete(sleep(std::time::Duration::ZERO)).unwrap();
        assert_eq!(crate::starting::children().len(), 1);
        task.cancel();
        assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
        run_until(event_loop, || crate::starting::children().is_empty());
    });
}

#[test]
fn waiting_and_communicating_can_be_raced() {
    use innermost::wait::{Race, Won};

    with_each(|event_loop| {
        // The grandchild holds the pipe. The program stops at the end of the child.
        let process = started(event_loop, shell("sleep 1000 &").stdout(Stdio::Pipe).process_group(0));
        let shared = Rc::clone(&process);
        let (mut kept, mut race) = (Communication::new(), Race::new());
        let stopped = event_loop.run_until_complete(from_fn(move |mut sent| {
            let mut process = shared.borrow_mut();
            let handle = process.handle();
            match yield_from!(race.run((process.communicate(&mut kept), handle.wait())), sent)? {
                Won::A(_) => unreachable!("the pipe has not ended"),
                Won::B(status) => Ok(Step::Return(status)),
            }
        }));
        assert!(stopped.unwrap().success());
        end_group(&process);
    });
}
