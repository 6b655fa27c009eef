//! Replays more tasks recorded from CPython 3.13, with statements that `tasks.rs` does not have.
//!
//! `tests/data/more_tasks.jsonl` holds random programs, recorded by `tests/recorders/tasks.py`. They shut down queues, move
//! timeouts, nest gathers, cancel with messages, and have callbacks that cancel and complete each other. A machine interprets
//! their scripts, and each log must be equal, entry by entry. No program is skipped.
//!
//! `ORACLE_FILE=path cargo test --release --test oracle more_tasks::` replays another recording.

use crate::task_scripts;

#[test]
fn every_program_behaves_as_in_cpython() {
    let replayed = task_scripts::replay_all("more_tasks.jsonl");
    assert!(replayed.programs > 0 && replayed.let_off.is_empty(), "{replayed:?}");
}
