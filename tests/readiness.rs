//! Readiness: what the selector reports, what the loop makes of it, and who is woken.
//!
//! The selector is a script, so that events come late, twice, for nothing, or for a socket that is no more. The sockets are
//! real. A log has every wait of the loop in it: what stands between two of them has happened without asking again.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use innermost::{
    Await, Coroutine, EventLoop, Exception, Kind, LoopHandle, Readiness, Step, Task, TcpStream, from_fn, yield_from,
};

#[path = "support/events.rs"]
mod events;
#[path = "readiness/script.rs"]
mod script;

use events::Log;
use script::{Script, Watched, outcome, pair};

const READABLE: Readiness = Readiness::READABLE;
const WRITABLE: Readiness = Readiness::WRITABLE;
const READ_CLOSED: Readiness = Readiness::READ_CLOSED;

/// What a task of these tests runs.
type Machine = Box<dyn Coroutine<Yield = Await, Input = (), Return = ()>>;

/// Reads up to four bytes at a time, to the end of the stream or an exception. Logs each resume, and what it gave.
fn reader(log: &Log, name: &'static str, stream: &Rc<TcpStream>) -> Machine {
    let (log, stream) = (log.clone(), Rc::clone(stream));
    Box::new(from_fn(move |mut sent| {
        log.add(format_args!("{name} resumes"));
        loop {
            let received = yield_from!(stream.recv(&mut [0; 4]), sent);
            log.add(format_args!("{name} gets {}", outcome(&received)));
            if received? == 0 {
                return Ok(Step::Return(()));
            }
        }
    }))
}

/// Sends one byte, when there is room for it.
fn writer(log: &Log, name: &'static str, stream: &Rc<TcpStream>) -> Machine {
    let (log, stream) = (log.clone(), Rc::clone(stream));
    Box::new(from_fn(move |mut sent| {
        log.add(format_args!("{name} resumes"));
        let written = yield_from!(stream.send(&[0]), sent);
        log.add(format_args!("{name} sends {}", outcome(&written)));
        written.map(|_| Step::Return(()))
    }))
}

/// Waits until `stream` is readable, and calls a function then.
fn when_readable(stream: &Rc<TcpStream>, function: impl FnOnce() + 'static) -> Machine {
    let (stream, mut function) = (Rc::clone(stream), Some(function));
    Box::new(from_fn(move |mut sent| {
        yield_from!(stream.recv(&mut [0; 4]), sent)?;
        if let Some(function) = function.take() {
            function();
        }
        Ok(Step::Return(()))
    }))
}

fn spawn(
    event_loop: &EventLoop,
    coroutine: impl Coroutine<Yield = Await, Input = (), Return = ()> + 'static,
) -> Task<()> {
    event_loop.create_task(coroutine).expect("the loop is open")
}

fn soon(event_loop: &LoopHandle, function: impl FnOnce() + 'static) {
    event_loop.call_soon(function).expect("the loop is open");
}

/// Tries to read once, and does not wait.
fn read_now(stream: &TcpStream) -> String {
    match stream.recv(&mut [0; 4]).resume(Ok(())) {
        Ok(Step::Return(count)) => count.to_string(),
        Ok(Step::Yield(_)) => "nothing yet".into(),
        Ok(Step::Delegate(_)) => unreachable!("an operation has no frames"),
        Err(raised) => outcome::<usize>(&Err(raised)),
    }
}

/// Leaves no room to write.
fn fill(stream: &TcpStream) {
    while let Ok(Step::Return(_)) = stream.send(&[0; 4096]).resume(Ok(())) {}
}

/// Makes room to write.
fn empty(mut peer: &UnixStream) {
    while peer.read(&mut [0; 65536]).is_ok() {}
}

#[test]
fn a_late_event_for_a_slot_that_has_been_used_again_is_dropped() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let ((first, peer_of_first), (second, peer_of_second), (third, peer_of_third)) = (pair(), pair(), pair());

    // Uses the first and closes it; goes on with the second, in its slot.
    let (mut first, log_of_task) = (Some(first), log.clone());
    let mut rest = reader(&log, "second", &second);
    let changes_over = from_fn(move |mut sent| {
        if let Some(stream) = &first {
            let received = yield_from!(stream.recv(&mut [0; 4]), sent);
            log_of_task.add(format_args!("first gets {}", outcome(&received)));
            first = None;
        }
        rest.resume(sent)
    });
    spawn(&event_loop, changes_over);
    // Is woken with the late event, and looks at what that has done to the second.
    let log_of_task = log.clone();
    let looks = move || log_of_task.add(format_args!("second has {}", read_now(&second)));
    spawn(&event_loop, when_readable(&third, looks));

    script.sends(&peer_of_first, b"1", 0, READABLE);
    let peer = Rc::clone(&peer_of_second);
    script.then(move || {
        // The second has something to read, but no event says so.
        (&*peer).write_all(b"22")?;
        (&*peer_of_third).write_all(b"3")?;
        Ok(vec![(0, READABLE | WRITABLE | READ_CLOSED), (1, READABLE)])
    });
    script.ready(2, READABLE);
    script.run(&event_loop);
    assert_eq!(
        log.take(),
        [
            "wait",
            "first gets 1",
            "closing",
            "second resumes",
            "wait",
            "second has nothing yet",
            "wait",
            "second resumes",
            "second gets 2",
            "wait",
        ]
    );
    let (first, second) = (script.token(0), script.token(2));
    assert_eq!(first.0 as u32, second.0 as u32, "they have had the same slot");
    assert_ne!(first, second);
}

#[test]
fn an_event_for_a_closed_socket_that_a_duplicate_keeps_open_is_dropped() {
    let log = Log::default();
    let event_loop = Watched::event_loop(&log);
    let ((first, peer_of_first), (second, _peer_of_second), (third, peer_of_third)) = (pair(), pair(), pair());
    // The kernel goes on to report what happens to it, under the token of the descriptor that was closed.
    let _duplicate = first.as_fd().try_clone_to_owned().expect("a descriptor is free");
    soon(&event_loop, move || {
        assert_eq!(read_now(&first), "nothing yet");
        drop(first);
    });
    spawn(&event_loop, reader(&log, "second", &second));
    let handle = event_loop.handle();
    spawn(&event_loop, when_readable(&third, move || handle.stop()));
    for peer in [&peer_of_first, &peer_of_third] {
        let peer = Rc::clone(peer);
        soon(&event_loop, move || (&*peer).write_all(b"1").expect("there is room"));
    }
    event_loop.run_forever().expect("it is stopped");
    // All that holds is reported, not only what has changed: there is room to write in all of them.
    assert_eq!(
        log.take(),
        [
            "second resumes",
            r#"0 is {"readable", "writable"}"#,
            r#"1 is {"writable"}"#,
            r#"2 is {"readable", "writable"}"#,
        ]
    );
}

#[test]
fn readiness_for_nothing_wakes_once_and_the_task_waits_on() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, peer) = pair();
    spawn(&event_loop, reader(&log, "reader", &stream));
    script.ready(0, READABLE);
    script.ready(0, READABLE);
    // Not even for nothing.
    script.ready(0, WRITABLE);
    script.ready(0, Readiness::NONE);
    script.sends(&peer, b"abc", 0, READABLE);
    script.run(&event_loop);
    assert_eq!(
        log.take(),
        [
            "reader resumes",
            "wait",
            "reader resumes",
            "wait",
            "reader resumes",
            "wait",
            "wait",
            "wait",
            "reader resumes",
            "reader gets 3",
            "wait",
        ]
    );
}

#[test]
fn an_event_that_nobody_waits_for_is_kept() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let ((stream, peer), (other, peer_of_other)) = (pair(), pair());
    // Nothing can be read, and the loop knows it from now on.
    soon(&event_loop, {
        let stream = Rc::clone(&stream);
        move || assert_eq!(read_now(&stream), "nothing yet")
    });
    let (log_of_task, looked_at) = (log.clone(), Rc::clone(&stream));
    spawn(&event_loop, when_readable(&other, move || log_of_task.add(read_now(&looked_at))));
    script.sends(&peer, b"abc", 0, READABLE);
    script.sends(&peer_of_other, b"now", 1, READABLE);
    script.run(&event_loop);
    assert_eq!(log.take(), ["wait", "wait", "3", "wait"]);
}

#[test]
fn the_end_of_the_stream_that_comes_with_the_last_bytes_is_found_behind_them() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, peer) = pair();
    spawn(&event_loop, reader(&log, "reader", &stream));
    script.then(move || {
        (&*peer).write_all(b"abc")?;
        peer.shutdown(Shutdown::Write)?;
        Ok(vec![(0, READABLE | READ_CLOSED)])
    });
    script.run(&event_loop);
    // No wait between the two, though three bytes of four are a short read: no event would come again.
    assert_eq!(log.take(), ["reader resumes", "wait", "reader resumes", "reader gets 3", "reader gets 0", "wait"]);
}

#[test]
fn the_end_of_the_stream_that_comes_alone_ends_the_wait() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, peer) = pair();
    spawn(&event_loop, reader(&log, "reader", &stream));
    script.then(move || {
        peer.shutdown(Shutdown::Write)?;
        Ok(vec![(0, READ_CLOSED)])
    });
    script.run(&event_loop);
    assert_eq!(log.take(), ["reader resumes", "wait", "reader resumes", "reader gets 0", "wait"]);
}

#[test]
fn an_event_for_both_directions_wakes_the_reader_and_then_the_writer() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, peer) = pair();
    soon(&event_loop, {
        let stream = Rc::clone(&stream);
        move || fill(&stream)
    });
    // Whoever came first.
    spawn(&event_loop, writer(&log, "writer", &stream));
    spawn(&event_loop, reader(&log, "reader", &stream));
    let from = Rc::clone(&peer);
    script.then(move || {
        empty(&from);
        (&*from).write_all(b"abc")?;
        Ok(vec![(0, WRITABLE | READABLE)])
    });
    script.run(&event_loop);
    assert_eq!(
        log.take(),
        [
            "writer resumes",
            "reader resumes",
            "wait",
            "reader resumes",
            "reader gets 3",
            "writer resumes",
            "writer sends 1",
            "wait",
        ]
    );
}

#[test]
fn a_second_task_that_waits_for_the_same_direction_is_refused_and_the_first_waits_on() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, peer) = pair();
    spawn(&event_loop, reader(&log, "first", &stream));
    let second = spawn(&event_loop, reader(&log, "second", &stream));
    script.sends(&peer, b"abc", 0, READABLE);
    script.run(&event_loop);
    assert_eq!(
        log.take(),
        [
            "first resumes",
            "second resumes",
            // Not raised in the middle of a step: at the next.
            "second resumes",
            "second gets RuntimeError: another task is already waiting for this descriptor in the same direction",
            "wait",
            "first resumes",
            "first gets 3",
            "wait",
        ]
    );
    assert_eq!(second.result().unwrap_err().kind(), Kind::RuntimeError);
}

#[test]
fn a_cancelled_wait_leaves_the_direction_free_for_another_task() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, peer) = pair();
    let first = spawn(&event_loop, reader(&log, "first", &stream));
    let (log_of_task, handle) = (log.clone(), event_loop.handle());
    script.then(move || {
        first.cancel();
        handle.create_task(reader(&log_of_task, "second", &stream)).expect("the loop is open");
        Ok(vec![])
    });
    script.sends(&peer, b"abc", 0, READABLE);
    script.run(&event_loop);
    assert_eq!(
        log.take(),
        [
            "first resumes",
            "wait",
            "first resumes",
            "first gets CancelledError: cancelled",
            "second resumes",
            "wait",
            "second resumes",
            "second gets 3",
            "wait",
        ]
    );
}

#[test]
fn a_task_that_is_woken_and_cancelled_at_once_takes_nothing() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, peer) = pair();
    let task = spawn(&event_loop, reader(&log, "reader", &stream));
    let handle = event_loop.handle();
    script.then(move || {
        (&*peer).write_all(b"abc")?;
        // Runs before the task that the event queues.
        soon(&handle, move || _ = task.cancel());
        Ok(vec![(0, READABLE)])
    });
    script.run(&event_loop);
    assert_eq!(
        log.take(),
        ["reader resumes", "wait", "reader resumes", "reader gets CancelledError: cancelled", "wait"]
    );
    assert_eq!(read_now(&stream), "3");
}

#[test]
fn a_selector_that_reports_levels_is_told_when_there_is_no_more() {
    let log = Log::default();
    let (event_loop, script) = Script::of_levels(&log);
    let (stream, peer) = pair();
    spawn(&event_loop, reader(&log, "reader", &stream));
    // A full read says nothing of what is left; a short one does.
    script.sends(&peer, b"abcdefg", 0, READABLE);
    script.sends(&peer, b"hijk", 0, READABLE);
    soon(&event_loop, move || fill(&stream));
    script.run(&event_loop);
    assert_eq!(
        log.take(),
        [
            "reader resumes",
            "0 is drained: Read",
            "0 is drained: Write",
            "wait",
            "reader resumes",
            "reader gets 4",
            "0 is drained: Read",
            "reader gets 3",
            "wait",
            "reader resumes",
            "reader gets 4",
            "0 is drained: Read",
            "wait",
        ]
    );
}

#[test]
fn who_waits_for_a_stream_that_is_closed_is_woken_and_finds_out() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, _peer) = pair();
    let stream = Rc::new(RefCell::new(Some(stream)));
    let waits = |name: &'static str| {
        let (log, stream) = (log.clone(), Rc::clone(&stream));
        from_fn(move |mut sent| {
            let stream = stream.borrow();
            let Some(stream) = &*stream else {
                log.add(format_args!("{name} finds it closed"));
                return Ok(Step::Return(()));
            };
            match name {
                "reader" => _ = yield_from!(stream.recv(&mut [0; 4]), sent)?,
                _ => _ = yield_from!(stream.send(&[0]), sent)?,
            }
            unreachable!("there is neither anything to read nor room to write")
        })
    };
    soon(&event_loop, {
        let stream = Rc::clone(&stream);
        move || fill(stream.borrow().as_ref().expect("it is open"))
    });
    spawn(&event_loop, waits("reader"));
    spawn(&event_loop, waits("writer"));
    let (log_of_callback, handle) = (log.clone(), event_loop.handle());
    script.then(move || {
        soon(&handle, move || {
            drop(stream.take());
            log_of_callback.add("closed");
        });
        Ok(vec![])
    });
    script.run(&event_loop);
    assert_eq!(log.take(), ["wait", "closing", "closed", "reader finds it closed", "writer finds it closed", "wait"]);
}

#[test]
fn a_wait_that_outlives_its_stream_ends_at_once() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, _peer) = pair();
    let (mut stream, log_of_task) = (Some(stream), log.clone());
    spawn(
        &event_loop,
        from_fn(move |sent| {
            log_of_task.add(outcome(&sent.map(|()| "resumes")));
            let Some(stream) = stream.take() else { return Ok(Step::Return(())) };
            // Waits for what it closes itself, at the end of this.
            let step = stream.recv(&mut [0; 4]).resume(Ok(()))?;
            assert!(matches!(step, Step::Yield(Await::Readable(_))));
            let Step::Yield(wait) = step else { unreachable!("see above") };
            Ok(Step::Yield(wait))
        }),
    );
    script.run(&event_loop);
    assert_eq!(log.take(), ["resumes", "closing", "resumes", "wait"]);
}

#[test]
fn an_error_of_the_selector_comes_out_of_the_loop_which_can_run_again() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, peer) = pair();
    spawn(&event_loop, reader(&log, "reader", &stream));
    script.then(|| Err(io::Error::from(io::ErrorKind::OutOfMemory)));
    let raised = event_loop.run_forever().expect_err("the selector fails");
    assert_eq!(raised.downcast_ref().map(io::Error::kind), Some(io::ErrorKind::OutOfMemory));
    assert!(!event_loop.is_running() && !event_loop.is_closed());

    script.sends(&peer, b"abc", 0, READABLE);
    script.run(&event_loop);
    assert_eq!(log.take(), ["reader resumes", "wait", "wait", "reader resumes", "reader gets 3", "wait"]);
}

#[test]
fn a_registration_that_is_refused_is_raised_and_can_be_tried_again() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, peer) = pair();
    (&*peer).write_all(b"abc").expect("there is room");
    script.refuse_next();
    let refused = spawn(&event_loop, reader(&log, "first", &stream));
    spawn(&event_loop, reader(&log, "second", &stream));
    script.run(&event_loop);
    assert_eq!(
        log.take(),
        ["first resumes", "first gets Error: out of memory", "second resumes", "second gets 3", "wait"]
    );
    let raised = refused.result().unwrap_err();
    assert_eq!(raised.downcast_ref().map(io::Error::kind), Some(io::ErrorKind::OutOfMemory));
}

#[test]
fn a_stream_of_a_closed_loop_gives_what_it_has_and_refuses_to_be_waited_for() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, peer) = pair();
    spawn(&event_loop, reader(&log, "first", &stream));
    script.run(&event_loop);
    event_loop.close().expect("it does not run");
    assert_eq!(log.take(), ["first resumes", "wait", "first resumes", "first gets GeneratorExit: generator exit"]);

    // No loop at all.
    assert_eq!(read_now(&stream), "nothing yet");
    // Another one.
    let (event_loop, script) = Script::of_edges(&log);
    spawn(&event_loop, reader(&log, "second", &stream));
    script.run(&event_loop);
    assert_eq!(
        log.take(),
        [
            "second resumes",
            "second resumes",
            "second gets RuntimeError: this descriptor is attached to a different event loop",
            "wait",
        ]
    );
    drop((stream, peer));
}

#[test]
fn a_stream_that_was_never_used_belongs_to_no_loop_and_needs_one() {
    let log = Log::default();
    let (stream, _peer) = pair();
    assert_eq!(read_now(&stream), "RuntimeError: no running event loop");
    for _ in 0..2 {
        let (event_loop, script) = Script::of_edges(&log);
        event_loop.close().expect("it does not run");
        let raised = event_loop.create_task(reader(&log, "reader", &stream)).expect_err("it is closed");
        assert_eq!(raised.to_string(), "Event loop is closed");
        drop(script);
    }
    assert_eq!(read_now(&stream), "RuntimeError: no running event loop");
    assert_eq!(log.take(), [""; 0]);
}

#[test]
fn a_stream_of_one_loop_is_refused_by_another_when_it_must_wait() {
    let log = Log::default();
    let (owner, script_of_owner) = Script::of_edges(&log);
    let (other, script_of_other) = Script::of_edges(&log);
    let (stream, peer) = pair();
    spawn(&owner, when_readable(&stream, || ()));
    // Much is there: more than a task may do in one turn.
    (&*peer).write_all(&[1; 404]).expect("there is room");
    script_of_owner.run(&owner);
    assert_eq!(log.take(), ["wait"]);

    let refused = spawn(&other, reader(&log, "reader", &stream));
    script_of_other.run(&other);
    let mut entries = log.take();
    assert_eq!(entries.drain(1..101).filter(|entry| entry == "reader gets 4").count(), 100);
    assert_eq!(
        entries,
        [
            "reader resumes",
            "reader resumes",
            "reader gets RuntimeError: this descriptor is attached to a different event loop",
            "wait",
        ]
    );
    assert_eq!(refused.result().unwrap_err().kind(), Kind::RuntimeError);

    // Its own goes on.
    spawn(&owner, reader(&log, "reader", &stream));
    script_of_owner.sends(&peer, b"abc", 0, READABLE);
    script_of_owner.run(&owner);
    assert_eq!(log.take(), ["reader resumes", "wait", "reader resumes", "reader gets 3", "wait"]);
}

#[test]
fn closing_a_loop_drops_what_waits_in_it() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, _peer) = pair();
    for name in ["reader", "writer"] {
        let (stream, dropped) = (Rc::clone(&stream), log.on_drop(name));
        let waits = from_fn(move |mut sent: Result<(), Exception>| {
            dropped.keep();
            match name {
                "reader" => _ = yield_from!(stream.recv(&mut [0; 4]), sent)?,
                _ => {
                    fill(&stream);
                    yield_from!(stream.send(&[0]), sent)?;
                }
            }
            Ok(Step::Return(()))
        });
        spawn(&event_loop, waits);
    }
    script.run(&event_loop);
    drop(event_loop);
    assert_eq!(log.take(), ["wait", "reader", "writer"]);
    assert_eq!(Rc::strong_count(&stream), 1);
}
