//! How the loop handles the selector's reports.

use std::io::Write;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::rc::Rc;

use innermost::selector::Readiness;
use innermost::{ByteRead, Coroutine, from_fn, yield_from};

use crate::readiness::machines::{
    READ_CLOSED, READABLE, WRITABLE, empty, fill, read_now, reader, soon, spawn, when_readable, writer,
};
use crate::readiness::script::{Script, Watched, outcome, pair};
use crate::support::events::Log;

#[test]
fn a_late_event_for_a_reused_slot_is_dropped() {
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
    // The late event wakes this task, which checks its effect on the second one.
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
#[cfg_attr(
    not(all(not(innermost_poll), any(target_os = "linux", target_os = "android"))),
    ignore = "epoll alone would report what was closed"
)]
fn a_closed_socket_with_an_open_duplicate_is_not_reported() {
    let log = Log::default();
    let event_loop = Watched::event_loop(&log);
    let ((first, peer_of_first), (second, _peer_of_second), (third, peer_of_third)) = (pair(), pair(), pair());
    // The kernel would keep reporting it, with the token of the closed descriptor.
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
    // Reports the whole state, not only changes: all of them have room to write.
    assert_eq!(log.take(), ["second resumes", r#"1 is {"writable"}"#, r#"2 is {"readable", "writable"}"#,]);
}

#[test]
fn a_spurious_event_wakes_once_and_the_task_keeps_waiting() {
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
fn an_event_without_a_waiter_is_kept() {
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
fn the_end_of_the_stream_is_found_after_the_last_bytes() {
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
fn the_end_of_the_stream_ends_a_wait() {
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
    // The first waiter.
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
fn a_level_triggered_selector_is_told_when_a_direction_is_drained() {
    let log = Log::default();
    let (event_loop, script) = Script::of_levels(&log);
    let (stream, peer) = pair();
    spawn(&event_loop, reader(&log, "reader", &stream));
    // A full read does not say whether more is left. A short read does.
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
fn a_short_read_before_an_urgent_byte_does_not_count_as_drained() {
    let log = Log::default();
    let (event_loop, script) = Script::of_levels(&log);
    let (stream, peer) = pair();
    spawn(&event_loop, reader(&log, "reader", &stream));
    script.sends(&peer, b"abc", 0, READABLE | Readiness::URGENT);
    script.sends(&peer, b"def", 0, READABLE);
    script.run(&event_loop);
    assert_eq!(
        log.take(),
        [
            "reader resumes",
            "0 is drained: Read",
            "wait",
            "reader resumes",
            "reader gets 3",
            // It has tried again. From now on a short read is one.
            "0 is drained: Read",
            "wait",
            "reader resumes",
            "0 is drained: Read",
            "reader gets 3",
            "wait",
        ]
    );
}
