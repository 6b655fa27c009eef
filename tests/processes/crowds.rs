//! Many children, kills at random moments, and a low limit of descriptors.

use std::cell::{Cell, RefCell};
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;

use innermost::process::{Command, Communication, Stdio, shell};
use innermost::signal::SIGKILL;
use innermost::sync::Semaphore;
use innermost::wait::gather;
use innermost::{Kind, sleep};

use crate::starting::{communicating, started, waiting, with_each};

/// A random number, from a seed that the message of a failure shows.
fn random(seed: &Cell<u64>) -> u64 {
    // xorshift64
    let mut x = seed.get();
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    seed.set(x);
    x
}

#[cfg(target_os = "linux")]
#[test]
fn hundreds_of_children_run_with_few_descriptors() {
    use crate::starting::{children, descriptors, own_process};

    own_process!();
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    #[expect(unsafe_code, reason = "there is no safe way to set a limit")]
    // SAFETY: `limit` is read during the call.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(set, 0);
    let count = std::env::var("INNERMOST_CHILDREN").map_or(500, |count| count.parse().unwrap());
    with_each(|event_loop| {
        let before = descriptors();
        let free = Semaphore::new(8);
        let run = |_| free.hold(Command::new("echo").arg("a line").output());
        let outputs = event_loop.run_until_complete(gather((0..count).map(run))).unwrap();
        assert!(outputs.iter().all(|output| output.status.success() && output.stdout == b"a line\n"));
        assert_eq!((outputs.len(), children()), (count, vec![]));
        crate::support::loops::run_until(event_loop, move || descriptors() == before);
    });
}

#[test]
fn a_child_that_is_killed_at_a_random_moment_leaves_whole_lines_and_an_end() {
    with_each(|event_loop| {
        let first = 0x9e37_79b9_7f4a_7c15;
        let seed = Cell::new(first);
        for round in 0..40 {
            let line = "exec 2>&1; i=0; while :; do i=$((i+1)); echo $i; done";
            let process = started(event_loop, shell(line).stdin(Stdio::Pipe).stdout(Stdio::Pipe));
            let kept = Rc::new(RefCell::new(Communication::new().with_input("input")));
            let task = event_loop.create_task(communicating(&process, &kept)).unwrap();
            let wanted = usize::try_from(random(&seed) % 3000).unwrap();
            let (looks, handle) = (Rc::clone(&kept), process.borrow().handle());
            crate::support::loops::run_until(event_loop, move || looks.borrow().stdout().len() >= wanted);
            handle.kill().unwrap();
            let status = event_loop.run_until_complete(task).unwrap();
            assert_eq!(status.signal(), Some(SIGKILL), "round {round}, seed {first}");
            let kept = kept.borrow();
            let mut lines = kept.stdout().split(|byte| *byte == b'\n').enumerate().peekable();
            while let Some((index, line)) = lines.next() {
                if lines.peek().is_some() {
                    assert_eq!(line, (index + 1).to_string().as_bytes(), "round {round}, seed {first}");
                }
            }
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn tasks_that_are_cancelled_at_random_moments_leave_nothing() {
    use crate::starting::{children, descriptors, own_process};

    own_process!();
    with_each(|event_loop| {
        let seed = Cell::new(0x2545_f491_4f6c_dd1d);
        let before = descriptors();
        for _ in 0..100 {
            let command = shell("cat; echo end; exit 3").stdin(Stdio::Pipe);
            let task = event_loop.create_task(command.output()).unwrap();
            for _ in 0..random(&seed) % 12 {
                event_loop.run_until_complete(sleep(std::time::Duration::ZERO)).unwrap();
            }
            task.cancel();
            match event_loop.run_until_complete(task) {
                Ok(output) => assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), &b"end\n"[..])),
                Err(raised) => assert_eq!(raised.kind(), Kind::CancelledError),
            }
        }
        crate::support::loops::run_until(event_loop, move || children().is_empty() && descriptors() == before);
    });
}

#[test]
fn children_that_end_in_any_order_have_their_own_statuses() {
    with_each(|event_loop| {
        let seed = Cell::new(0x1234_5678_9abc_def1);
        let processes: Vec<_> = (0..40)
            .map(|code| started(event_loop, shell(format!("read line; exit {code}")).stdin(Stdio::Pipe)))
            .collect();
        let mut inputs: Vec<_> = processes.iter().map(|process| process.borrow_mut().stdin.take()).collect();
        let waiters: Vec<_> =
            processes.iter().map(|process| event_loop.create_task(waiting(process)).unwrap()).collect();
        while let Some(last) = inputs.len().checked_sub(1) {
            let index = usize::try_from(random(&seed) % inputs.len() as u64).unwrap();
            inputs.swap(index, last);
            drop(inputs.pop());
        }
        let statuses = event_loop.run_until_complete(gather(waiters)).unwrap();
        let codes: Vec<_> = statuses.iter().map(|status| status.code().unwrap()).collect();
        assert_eq!(codes, (0..40).collect::<Vec<_>>());
    });
}
