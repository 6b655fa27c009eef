//! Waiting for a descriptor, and how a wait ends.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use innermost::{ByteRead, ByteWrite, Coroutine, Kind, Step, from_fn, yield_from};

use crate::readiness::machines::{READABLE, fill, read_now, reader, soon, spawn};
use crate::readiness::script::{Script, outcome, pair};
use crate::support::events::Log;

#[test]
fn a_second_waiter_for_a_direction_is_refused_and_the_first_keeps_waiting() {
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
fn a_cancelled_wait_frees_the_direction_for_another_task() {
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
fn a_task_woken_and_cancelled_in_one_turn_reads_nothing() {
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
fn closing_a_stream_wakes_its_waiter_with_an_error() {
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
fn a_wait_ends_at_once_when_its_stream_is_dropped() {
    let log = Log::default();
    let (event_loop, script) = Script::of_edges(&log);
    let (stream, _peer) = pair();
    let (mut stream, log_of_task) = (Some(stream), log.clone());
    spawn(
        &event_loop,
        from_fn(move |sent| {
            log_of_task.add(outcome(&sent.map(|()| "resumes")));
            let Some(stream) = stream.take() else { return Ok(Step::Return(())) };
            // Waits for the stream that it closes itself at the end.
            let step = stream.recv(&mut [0; 4]).resume(Ok(()))?;
            assert!(matches!(step, Step::Yield(ref wait) if wait.is_readable()));
            let Step::Yield(wait) = step else { unreachable!("see above") };
            Ok(Step::Yield(wait))
        }),
    );
    script.run(&event_loop);
    assert_eq!(log.take(), ["resumes", "closing", "resumes", "wait"]);
}
