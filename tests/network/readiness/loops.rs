//! The loop that a socket belongs to: its errors, its end, and other loops.

use std::io::{self, Write};
use std::rc::Rc;

use innermost::{ByteRead, ByteWrite, Exception, Kind, Step, from_fn, yield_from};

use crate::readiness::machines::{READABLE, fill, read_now, reader, spawn, when_readable};
use crate::readiness::script::{Script, pair};
use crate::support::events::Log;

#[test]
fn a_selector_error_ends_the_run_and_the_loop_can_run_again() {
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
fn a_refused_registration_raises_and_can_be_retried() {
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
fn a_stream_of_a_closed_loop_returns_available_bytes_and_refuses_to_wait() {
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
fn an_unused_stream_belongs_to_no_loop_and_needs_one() {
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
fn closing_a_loop_drops_its_waiting_tasks() {
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
