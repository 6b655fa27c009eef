//! Replays tasks recorded from CPython 3.13 and compares every log entry.
//!
//! `tests/data/tasks.jsonl` holds 2000 random programs of asyncio: tasks that sleep, wait for each other and for futures,
//! locks and queues, cancel, time out, catch and clean up; in virtual time, so that a record holds the order of events
//! and nothing of the machine. Here a machine that interprets their scripts runs on the event loop; the log must come
//! out the same, entry by entry.
//!
//! One thing is CPython's alone. Where tasks await each other in a circle, a cancel that comes to them runs round it until
//! the recursion limit is reached: it raises, and cancels nobody. Ours cancels all of them. So a program is let off if
//! its tasks have awaited each other in a circle.
//!
//! `ORACLE_FILE=path cargo test --release --test oracle_tasks` replays the recording of that name instead.

use std::rc::Rc;

#[path = "support/blocks.rs"]
mod blocks;
#[path = "support/recorded.rs"]
mod recorded;
#[path = "support/task_scripts/mod.rs"]
mod task_scripts;

use task_scripts::{Program, Replay, replay};

#[test]
fn every_program_does_what_it_did_in_cpython() {
    let (path, lines) = recorded::programs("tasks.jsonl");
    let (mut programs, mut let_off) = (0, 0);
    for line in lines {
        programs += 1;
        match replay(&Rc::new(Program::parse(&line))) {
            Replay::Same => {}
            Replay::HasCircle => let_off += 1,
            Replay::Differs(difference) => panic!("program {programs} of {path}\n{line}\n{difference}"),
        }
    }
    println!("{programs} programs, {let_off} let off");
    assert!(let_off <= 1 + programs / 50, "{let_off} of {programs} programs let off");
}
