//! How a child ends, and who learns of it.

use std::cell::RefCell;
use std::os::unix::process::ExitStatusExt;
use std::rc::Rc;

use innermost::process::{Command, Communication, Stdio, shell};
use innermost::signal::{SIGKILL, SIGTERM};
use innermost::wait::gather;
use innermost::{ByteRead, EventLoop, Kind, Step, from_fn, sleep, yield_from};
use std::time::Duration;

use crate::starting::{Log, children, communicating, end_group, loops, own_process, started, wait, waiting, with_each};

#[test]
fn waiting_returns_the_status() {
    with_each(|event_loop| {
        let cases = [("exit 0", Some(0), None), ("exit 7", Some(7), None), ("kill -KILL $$", None, Some(SIGKILL))];
        for (line, code, signal) in cases {
            let status = wait(event_loop, &started(event_loop, shell(line)));
            assert_eq!((status.code(), status.signal()), (code, signal), "{line}");
        }
    });
}

#[test]
fn a_status_stays_known() {
    with_each(|event_loop| {
        let process = started(event_loop, shell("exit 3"));
        let statuses = [wait(event_loop, &process), wait(event_loop, &process)];
        assert_eq!(statuses.map(|status| status.code()), [Some(3); 2]);
        assert_eq!(process.borrow().try_wait().unwrap().unwrap().code(), Some(3));
    });
}

#[test]
fn a_child_that_ended_before_anybody_waited_has_a_status() {
    with_each(|event_loop| {
        let process = started(event_loop, shell("exit 3").stdout(Stdio::Pipe));
        // The pipe ends with the child. Nobody has run the loop since.
        while process.borrow().try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        assert_eq!(wait(event_loop, &process).code(), Some(3));
    });
}

// P5
#[test]
fn a_cancelled_wait_leaves_the_process_usable() {
    with_each(|event_loop| {
        let process = started(event_loop, Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Null));
        // Waiting closes the input, so it is held meanwhile.
        let input = process.borrow_mut().stdin.take();
        let task = event_loop.create_task(waiting(&process)).unwrap();
        event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
        assert!(task.cancel());
        assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
        assert_eq!(process.borrow().try_wait().unwrap(), None);
        drop(input);
        assert!(wait(event_loop, &process).success());
    });
}

// P5
#[test]
fn all_of_several_waiters_are_told() {
    with_each(|event_loop| {
        let process = started(event_loop, Command::new("sleep").arg("1000"));
        let handle = process.borrow().handle();
        let waiters = (0..5).map(|_| {
            let handle = handle.clone();
            from_fn(move |mut sent| yield_from!(handle.wait(), sent).map(Step::Return))
        });
        let waiters: Vec<_> = waiters.map(|waiter| event_loop.create_task(waiter).unwrap()).collect();
        let kill = handle.clone();
        event_loop.call_soon(move || kill.kill().expect("it runs")).unwrap();
        let statuses = event_loop.run_until_complete(gather(waiters)).unwrap();
        assert!(statuses.iter().all(|status| status.signal() == Some(SIGKILL)) && statuses.len() == 5);
        assert_eq!(wait(event_loop, &process).signal(), Some(SIGKILL));
    });
}

// P11
#[test]
fn waiting_ends_although_a_grandchild_holds_a_pipe() {
    with_each(|event_loop| {
        let command = shell("sleep 1000 & echo $!").stdin(Stdio::Pipe).stdout(Stdio::Pipe).stderr(Stdio::Pipe);
        let process = started(event_loop, command.process_group(0));
        assert!(wait(event_loop, &process).success());
        // The output that was there when the child ended can be read. The pipe has not ended.
        let kept = Rc::new(RefCell::new(Communication::new()));
        let task = event_loop.create_task(communicating(&process, &kept)).unwrap();
        let looks = Rc::clone(&kept);
        crate::support::loops::run_until(event_loop, move || {
            looks.try_borrow().is_ok_and(|kept| kept.stdout().ends_with(b"\n"))
        });
        assert!(!task.done());
        end_group(&process);
        event_loop.run_until_complete(task).unwrap();
    });
}

#[test]
fn waiting_closes_an_input_that_nobody_has_taken() {
    with_each(|event_loop| {
        let process = started(event_loop, Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Null));
        assert!(wait(event_loop, &process).success());
        assert!(process.borrow().stdin.is_none());
    });
}

// P2
#[test]
fn output_that_was_written_before_the_end_can_be_read_after_it() {
    with_each(|event_loop| {
        let process =
            started(event_loop, shell("echo output; echo errors >&2").stdout(Stdio::Pipe).stderr(Stdio::Pipe));
        assert!(wait(event_loop, &process).success());
        let process = Rc::try_unwrap(process).unwrap().into_inner();
        let mut buffers = (innermost::Buffer::new(), innermost::Buffer::new());
        let read = event_loop.run_until_complete(from_fn(move |mut sent| {
            let (stdout, stderr) = (process.stdout.as_ref().unwrap(), process.stderr.as_ref().unwrap());
            if buffers.0.is_empty() {
                yield_from!(stdout.read(&mut buffers.0), sent)?;
            }
            yield_from!(stderr.read(&mut buffers.1), sent)?;
            Ok(Step::Return(buffers.clone()))
        }));
        let (stdout, stderr) = read.unwrap();
        assert_eq!((stdout.bytes(), stderr.bytes()), (&b"output\n"[..], &b"errors\n"[..]));
    });
}

#[test]
fn the_waiters_are_told_in_order_in_the_turn_after_the_end() {
    with_each(|event_loop| {
        let log = Log::default();
        let process = started(event_loop, Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Null));
        let handle = process.borrow().handle();
        let waiters: Vec<_> = ["first", "second"]
            .map(|name| {
                let (handle, log) = (handle.clone(), log.clone());
                let waits = from_fn(move |mut sent| {
                    yield_from!(handle.wait(), sent)?;
                    log.add(name);
                    Ok(Step::Return(()))
                });
                event_loop.create_task(waits).unwrap()
            })
            .into();
        drop(process);
        event_loop.run_until_complete(gather(waiters)).unwrap();
        assert_eq!(log.take(), ["first", "second"]);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_dropped_process_runs_on_and_leaves_no_zombie() {
    own_process!();
    with_each(|event_loop| {
        let process = started(event_loop, Command::new("cat").stdin(Stdio::Pipe).stdout(Stdio::Null));
        let input = process.borrow_mut().stdin.take();
        let pid = process.borrow().pid();
        drop(process);
        assert_eq!(children().iter().map(|child| child.0).collect::<Vec<_>>(), [pid]);
        drop(input);
        crate::support::loops::run_until(event_loop, || children().is_empty());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_process_is_killed_when_it_is_dropped_only_if_that_was_asked_for() {
    own_process!();
    with_each(|event_loop| {
        let command = Command::new("sleep").arg("1000").kill_on_drop(true);
        drop(started(event_loop, command));
        crate::support::loops::run_until(event_loop, || children().is_empty());
        // A handle kills nobody.
        let process = started(event_loop, Command::new("sleep").arg("1000"));
        let handle = process.borrow().handle();
        drop((process, handle.clone()));
        event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
        assert_eq!(handle.try_wait().unwrap(), None);
        handle.kill().unwrap();
        crate::support::loops::run_until(event_loop, || children().is_empty());
        assert_eq!(handle.try_wait().unwrap().unwrap().signal(), Some(SIGKILL));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_dropped_leader_is_killed_with_its_group() {
    own_process!();
    with_each(|event_loop| {
        let command = shell("sleep 1000 & sleep 1000").stdout(Stdio::Pipe).process_group(0).kill_on_drop(true);
        let process = started(event_loop, command);
        let output = process.borrow_mut().stdout.take().unwrap();
        drop(process);
        // Both processes hold the pipe.
        let read = event_loop.run_until_complete(from_fn(move |mut sent| {
            let mut room = [0; 8];
            yield_from!(output.recv(&mut room), sent).map(Step::Return)
        }));
        assert_eq!(read.unwrap(), 0);
    });
}

// P10
#[cfg(target_os = "linux")]
#[test]
fn a_child_that_somebody_else_reaps_has_status_255_and_is_reported() {
    own_process!();
    for event_loop in loops() {
        let log = Log::default();
        log.reports(&event_loop);
        let process = started(&event_loop, shell("exit 3"));
        let mut status = 0;
        #[expect(unsafe_code, reason = "there is no safe way to reap any child")]
        // SAFETY: `status` may be written until the call returns.
        let reaped = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        assert_eq!(reaped, process.borrow().pid() as i32);
        assert_eq!(wait(&event_loop, &process).code(), Some(255));
        let text = "the status of a child was read by somebody else, or SIGCHLD is ignored: it is reported as 255";
        assert_eq!(log.take(), [format!("{text}: nothing")]);
        assert_eq!(process.borrow().kill().unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }
}

// P10
#[cfg(target_os = "linux")]
#[test]
fn children_end_with_status_255_while_sigchld_is_ignored() {
    own_process!();
    #[expect(unsafe_code, reason = "there is no safe way to ignore a signal")]
    // SAFETY: no handler is installed.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_IGN)
    };
    for event_loop in loops() {
        let log = Log::default();
        log.reports(&event_loop);
        for line in ["exit 0", "sleep 0"] {
            assert_eq!(wait(&event_loop, &started(&event_loop, shell(line))).code(), Some(255));
        }
        let process = started(&event_loop, Command::new("sleep").arg("1000"));
        process.borrow().terminate().unwrap();
        assert_eq!(wait(&event_loop, &process).code(), Some(255));
        assert_eq!(process.borrow().terminate().unwrap_err().raw_os_error(), Some(libc::ESRCH));
        assert_eq!(log.take().len(), 3);
    }
}

#[test]
fn a_closed_loop_starts_nothing() {
    for event_loop in loops() {
        let command = Command::new("touch").arg("/no/such/directory/at/all");
        event_loop.close().unwrap();
        let raised = spawn_outside(command);
        assert_eq!(raised, Kind::RuntimeError);
    }
}

fn spawn_outside(command: Command) -> Kind {
    command.spawn().expect_err("no loop runs").kind()
}

#[test]
fn a_signal_ends_a_child_with_its_number() {
    with_each(|event_loop| {
        let process = started(event_loop, Command::new("sleep").arg("1000"));
        process.borrow().terminate().unwrap();
        assert_eq!(wait(event_loop, &process).signal(), Some(SIGTERM));
    });
}

#[test]
fn a_process_prints_its_number_and_its_end() {
    let event_loop = EventLoop::new().unwrap();
    let process = started(&event_loop, shell("exit 3"));
    let (pid, handle) = (process.borrow().pid(), process.borrow().handle());
    assert_eq!(format!("{handle:?}"), format!("Process({pid}, running)"));
    wait(&event_loop, &process);
    assert_eq!(format!("{handle:?}"), format!("Process({pid}, exit status: 3)"));
}
