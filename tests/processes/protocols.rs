//! Child processes with callbacks. The order of the callbacks is asyncio's.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::process::{ChildPipe, Command, Stdio, SubprocessProtocol, SubprocessTransport, shell};
use innermost::signal::SIGKILL;
use innermost::{EventLoop, Exception, Future, LoopHandle, sleep};

use crate::starting::{Log, loops, with_each};
use crate::support::loops::run_until;

/// Records what it is told.
struct Recorder {
    log: Log,
    over: Future<()>,
}

impl SubprocessProtocol for Recorder {
    fn connection_made(&mut self, transport: &SubprocessTransport) {
        self.log.add("made");
        assert!(transport.pid() > 0);
    }

    fn pipe_data_received(&mut self, _: &SubprocessTransport, pipe: ChildPipe, data: &[u8]) {
        self.log.add(format_args!("{pipe:?}: {:?}", crate::starting::text(data)));
    }

    fn pipe_connection_lost(&mut self, _: &SubprocessTransport, pipe: ChildPipe, error: Option<Exception>) {
        self.log.add(format_args!("{pipe:?} lost, {error:?}"));
    }

    fn process_exited(&mut self, transport: &SubprocessTransport) {
        self.log.add(format_args!("exited with {}", transport.returncode().expect("it has ended")));
    }

    fn connection_lost(&mut self, _: &SubprocessTransport, error: Option<Exception>) {
        self.log.add(format_args!("lost, {error:?}"));
        self.over.set_result(()).expect("this is called once");
    }
}

/// Starts a program with a recorder. Returns its transport, the record, and what is finished at the end.
fn start(event_loop: &LoopHandle, command: Command) -> (SubprocessTransport, Log, Future<()>) {
    let (log, over) = (Log::default(), event_loop.create_future());
    let recorder = Recorder { log: log.clone(), over: over.clone() };
    let transport = event_loop.run_until_complete(event_loop.subprocess_exec(move || recorder, command));
    (transport.expect("it can be started"), log, over)
}

fn write(transport: &SubprocessTransport, bytes: &[u8]) {
    transport.pipe_transport(ChildPipe::Stdin).expect("it is a pipe").write(bytes).unwrap();
}

/// The entries about one pipe, or those about none.
fn about<'a>(entries: &'a [String], what: &str) -> Vec<&'a str> {
    entries.iter().map(String::as_str).filter(|entry| entry.starts_with(what)).collect()
}

// P9
#[test]
fn each_pipe_reports_its_data_and_then_its_end_and_the_lost_connection_comes_last() {
    with_each(|event_loop| {
        let (transport, log, over) = start(event_loop, shell("cat; echo errors >&2; exit 7"));
        assert_eq!(log.entries(), ["made"]);
        write(&transport, b"input");
        run_until(event_loop, {
            let log = log.clone();
            move || log.entries().len() == 2
        });
        transport.pipe_transport(ChildPipe::Stdin).unwrap().close();
        event_loop.run_until_complete(over).unwrap();
        let entries = log.take();
        assert_eq!(about(&entries, "Stdin"), ["Stdin lost, None"]);
        assert_eq!(about(&entries, "Stdout"), ["Stdout: \"input\"", "Stdout lost, None"]);
        assert_eq!(about(&entries, "Stderr"), ["Stderr: \"errors\\n\"", "Stderr lost, None"]);
        assert_eq!(about(&entries, "exited"), ["exited with 7"]);
        assert_eq!((entries.len(), entries[0].as_str(), entries[7].as_str()), (8, "made", "lost, None"));
        assert_eq!(transport.returncode(), Some(7));
        assert!(transport.is_closing() && transport.pipe_transport(ChildPipe::Stdout).is_none());
    });
}

// P10
#[test]
fn a_child_killed_by_a_signal_has_its_negative_number() {
    with_each(|event_loop| {
        let (transport, log, over) = start(event_loop, Command::new("sleep").arg("1000"));
        assert_eq!(transport.returncode(), None);
        transport.kill().unwrap();
        event_loop.run_until_complete(over).unwrap();
        assert_eq!(about(&log.take(), "exited"), ["exited with -9"]);
        assert_eq!(transport.returncode(), Some(-SIGKILL));
        for error in [transport.kill(), transport.terminate(), transport.send_signal(0)].map(Result::unwrap_err) {
            assert_eq!(error.raw_os_error(), Some(libc::ESRCH));
        }
    });
}

#[test]
fn a_child_that_ends_at_once_is_announced_before_its_end() {
    with_each(|event_loop| {
        for _ in 0..20 {
            let (_, log, over) = start(event_loop, shell("echo output"));
            event_loop.run_until_complete(over).unwrap();
            let entries = log.take();
            assert_eq!(about(&entries, "Stdout"), ["Stdout: \"output\\n\"", "Stdout lost, None"]);
            assert_eq!((entries[0].as_str(), entries.last().unwrap().as_str()), ("made", "lost, None"));
        }
    });
}

#[test]
fn streams_that_are_no_pipes_have_no_transports() {
    with_each(|event_loop| {
        let command = shell("exit 0").stdin(Stdio::Null).stdout(Stdio::Null).stderr(Stdio::Null);
        let (transport, log, over) = start(event_loop, command);
        for pipe in [ChildPipe::Stdin, ChildPipe::Stdout, ChildPipe::Stderr] {
            assert!(transport.pipe_transport(pipe).is_none());
        }
        event_loop.run_until_complete(over).unwrap();
        assert_eq!(log.take(), ["made", "exited with 0", "lost, None"]);
    });
}

// P7
#[test]
fn closing_kills_a_running_child() {
    with_each(|event_loop| {
        let (transport, log, over) = start(event_loop, Command::new("sleep").arg("1000"));
        transport.close();
        transport.close();
        assert!(transport.is_closing());
        event_loop.run_until_complete(over).unwrap();
        assert_eq!(about(&log.take(), "exited"), ["exited with -9"]);
    });
}

// P7
#[test]
fn closing_does_not_kill_a_child_that_has_ended() {
    with_each(|event_loop| {
        let (transport, log, over) = start(event_loop, shell("exit 3"));
        // It has ended, and the loop does not know.
        while !matches!(transport.process().try_wait(), Ok(Some(_))) {
            std::thread::yield_now();
        }
        transport.close();
        event_loop.run_until_complete(over).unwrap();
        assert_eq!(about(&log.take(), "exited"), ["exited with 3"]);
        transport.close();
    });
}

// P6
#[cfg(target_os = "linux")]
#[test]
fn a_cancel_during_the_start_kills_and_reaps_the_child_and_closes_everything() {
    use crate::starting::{children, descriptors, own_process};

    own_process!();
    with_each(|event_loop| {
        let before = descriptors();
        for turns in 0..12 {
            let (log, over) = (Log::default(), event_loop.create_future());
            let recorder = Recorder { log: log.clone(), over };
            let starting = event_loop.subprocess_exec(move || recorder, Command::new("sleep").arg("1000"));
            let task = event_loop.create_task(starting).unwrap();
            for _ in 0..turns {
                event_loop.run_once().unwrap();
            }
            task.cancel();
            match event_loop.run_until_complete(task) {
                Err(raised) => assert!(raised.is_cancelled()),
                Ok(transport) => transport.close(),
            }
            run_until(event_loop, move || children().is_empty() && descriptors() == before);
            // A protocol that was told of the child is told of its end.
            let entries = log.take();
            assert!(
                entries.is_empty() || (entries[0] == "made" && entries.last().unwrap() == "lost, None"),
                "{entries:?}"
            );
        }
    });
}

// P6
#[cfg(target_os = "linux")]
#[test]
fn a_start_that_is_dropped_leaves_nothing() {
    use crate::starting::{children, descriptors, own_process};
    use innermost::Coroutine;

    own_process!();
    with_each(|event_loop| {
        let before = descriptors();
        for steps in 0..8 {
            let (log, over) = (Log::default(), event_loop.create_future());
            let recorder = Recorder { log: log.clone(), over };
            let mut starting = event_loop.subprocess_exec(move || recorder, Command::new("sleep").arg("1000"));
            event_loop
                .run_until_complete(innermost::lazy(move || {
                    for _ in 0..steps {
                        let _ = starting.resume(Ok(()));
                    }
                    drop(starting);
                    innermost::ready(())
                }))
                .unwrap();
            run_until(event_loop, move || children().is_empty() && descriptors() == before);
        }
    });
}

// P8
#[test]
fn a_program_that_cannot_be_started_makes_no_protocol() {
    with_each(|event_loop| {
        let factory = || -> Recorder { unreachable!("nothing was started") };
        let raised =
            event_loop.run_until_complete(event_loop.subprocess_exec(factory, Command::new("no-such-program")));
        assert!(raised.unwrap_err().notes().eq(["starting \"no-such-program\""]));
    });
}

#[test]
fn a_backlog_of_the_input_pauses_writing() {
    struct Paused(Log);

    impl SubprocessProtocol for Paused {
        fn connection_made(&mut self, transport: &SubprocessTransport) {
            write(transport, &[b'x'; 1_000_000]);
            self.0.add("written");
        }

        fn pause_writing(&mut self, _: &SubprocessTransport) {
            self.0.add("pause");
        }

        fn resume_writing(&mut self, transport: &SubprocessTransport) {
            self.0.add("resume");
            transport.pipe_transport(ChildPipe::Stdin).unwrap().close();
        }

        fn connection_lost(&mut self, transport: &SubprocessTransport, _: Option<Exception>) {
            self.0.add(format_args!("lost, {:?}", transport.returncode()));
        }
    }

    with_each(|event_loop| {
        let log = Log::default();
        let paused = Paused(log.clone());
        let starting = event_loop.subprocess_shell(move || paused, "test $(wc -c) -eq 1000000");
        event_loop.run_until_complete(starting).unwrap();
        let looks = log.clone();
        run_until(event_loop, move || looks.entries().iter().any(|entry| entry.starts_with("lost")));
        assert_eq!(log.take(), ["written", "pause", "resume", "lost, Some(0)"]);
    });
}

#[test]
fn a_callback_that_panics_is_reported_and_ends_the_child() {
    struct Panics(Log);

    impl SubprocessProtocol for Panics {
        fn pipe_data_received(&mut self, _: &SubprocessTransport, _: ChildPipe, _: &[u8]) {
            panic!("at the first byte");
        }

        fn connection_lost(&mut self, transport: &SubprocessTransport, _: Option<Exception>) {
            self.0.add(format_args!("lost, {:?}", transport.returncode()));
        }
    }

    for event_loop in loops() {
        let log = Log::default();
        log.reports(&event_loop);
        let panics = Panics(log.clone());
        let starting = event_loop.subprocess_shell(move || panics, "echo; exec sleep 1000");
        event_loop.run_until_complete(starting).unwrap();
        let looks = log.clone();
        run_until(&event_loop, move || looks.entries().len() == 2);
        assert_eq!(log.take(), ["Exception in a subprocess protocol: at the first byte", "lost, Some(-9)"]);
    }
}

#[test]
fn a_program_can_use_its_protocol() {
    with_each(|event_loop| {
        let (transport, ..) = start(event_loop, Command::new("sleep").arg("1000"));
        assert_eq!(
            transport.with_protocol(|recorder: &mut Recorder| recorder.log.take()),
            Some(vec!["made".to_owned()])
        );
        assert_eq!(transport.with_protocol(|_: &mut Quiet| ()), None);
        let over = transport.with_protocol(|recorder: &mut Recorder| recorder.over.clone()).unwrap();
        transport.close();
        event_loop.run_until_complete(over).unwrap();
        assert_eq!(transport.with_protocol(|_: &mut Recorder| ()), None);
    });
}

struct Quiet;

impl SubprocessProtocol for Quiet {}

#[cfg(target_os = "linux")]
#[test]
fn closing_the_loop_kills_the_child_and_drops_the_protocol() {
    use crate::starting::{children, own_process};
    use crate::support::process::until;

    own_process!();
    for event_loop in loops() {
        let (transport, log, over) = start(&event_loop, Command::new("sleep").arg("1000"));
        log.take();
        // A protocol may hold its own transport.
        let dropped = Rc::new(RefCell::new(Some(transport.clone())));
        drop(over);
        event_loop.close().unwrap();
        assert_eq!(log.take(), Vec::<String>::new());
        assert!(transport.pipe_transport(ChildPipe::Stdin).is_none() && transport.is_closing());
        drop((transport, dropped));
        until("it is reaped", || children().is_empty());
        drop::<EventLoop>(event_loop);
    }
}

#[test]
fn callbacks_before_the_announcement_wait_for_it() {
    with_each(|event_loop| {
        for turns in 0..8 {
            let (log, over) = (Log::default(), event_loop.create_future());
            let recorder = Recorder { log: log.clone(), over: over.clone() };
            let starting = event_loop.subprocess_shell(move || recorder, "echo output; exec 1>&- 2>&- 0<&-; exit 0");
            let task = event_loop.create_task(starting).unwrap();
            for _ in 0..turns {
                event_loop.run_until_complete(sleep(std::time::Duration::ZERO)).unwrap();
            }
            event_loop.run_until_complete(task).unwrap();
            event_loop.run_until_complete(over).unwrap();
            let entries = log.take();
            assert_eq!((entries.len(), entries[0].as_str()), (7, "made"), "{entries:?}");
        }
    });
}
