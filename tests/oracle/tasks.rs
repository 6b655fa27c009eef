//! Replays tasks recorded from CPython 3.13 and compares every log entry.
//!
//! `tests/data/tasks.jsonl` holds 2000 random asyncio programs. Their tasks sleep, wait for each other and for futures, locks
//! and queues, cancel, time out, catch and clean up. Time is virtual, so a record does not depend on the machine. A machine
//! interprets their scripts on the event loop, and its log must be equal, entry by entry.
//!
//! There is one difference. If tasks await each other in a circle, CPython's cancel follows the circle until it reaches the
//! recursion limit. It then raises a `RecursionError` and cancels no task. This library cancels all of them, which
//! `event_loop/circles.rs` tests. So programs with such a circle are skipped. CPython raises the `RecursionError` in eight of
//! the 2000 programs: in the seven skipped ones, whose logs agree up to that point, and in program 246, whose log does not
//! show it.
//!
//! `ORACLE_FILE=path cargo test --release --test oracle tasks::` replays another recording.

/// The programs in whose logs CPython's `RecursionError` shows.
use crate::task_scripts;

const HAVE_OVERFLOWED: [usize; 7] = [428, 493, 801, 1174, 1414, 1641, 1776];

#[test]
fn every_program_behaves_as_in_cpython() {
    let replayed = task_scripts::replay_all("tasks.jsonl");
    if std::env::var_os("ORACLE_FILE").is_none() {
        assert_eq!(replayed.let_off, HAVE_OVERFLOWED);
    }
    assert!(replayed.let_off.len() <= 1 + replayed.programs / 50, "{replayed:?}");
}
