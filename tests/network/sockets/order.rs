//! The turn in which a socket wakes its task: the one point where the order differs from asyncio's.

use std::io::Write;

use innermost::{ByteRead, LoopHandle, Step, from_fn, yield_from};

use crate::support::connections::{Resumed, new_loop, prompt_pair};
use crate::support::events::Log;

/// Notes each of the next turns, up to turn `last`.
fn note_turns(event_loop: LoopHandle, events: Log, turn: u32, last: u32) {
    events.add(format_args!("turn {turn}"));
    if turn < last {
        let again = event_loop.clone();
        event_loop.call_soon(move || note_turns(again, events, turn + 1, last)).expect("the loop is open");
    }
}

/// asyncio's `sock_recv` notes "received" after "turn 4": its reader callback runs in turn 3, sets the result of a future,
/// and that queues the task.
#[test]
fn a_socket_resumes_its_task_in_the_turn_that_finds_it_ready() {
    let event_loop = new_loop();
    let events = Log::default();
    let (stream, mut peer) = prompt_pair();
    let noted = events.clone();
    let receiving = from_fn(move |mut sent| -> Resumed<()> {
        yield_from!(ByteRead::recv(&stream, &mut [0]), sent)?;
        noted.add("received");
        Ok(Step::Return(()))
    });
    // Turn 1: the task finds nothing to receive, and waits.
    let task = event_loop.create_task(receiving).expect("the loop is open");
    let (handle, noted) = (event_loop.handle(), events.clone());
    let first = event_loop.handle();
    event_loop
        .call_soon(move || {
            noted.add("turn 1");
            let again = handle.clone();
            // A busy loop asks the system only after many callbacks.
            for _ in 0..100 {
                handle.call_soon(|| ()).expect("the loop is open");
            }
            handle
                .call_soon(move || {
                    peer.write_all(b"x").expect("the other end is open");
                    note_turns(again, noted, 2, 5);
                })
                .expect("the loop is open");
        })
        .expect("the loop is open");
    first.run_until_complete(task).expect("the byte arrives");
    assert_eq!(events.entries(), ["turn 1", "turn 2", "turn 3", "received", "turn 4"]);
}
