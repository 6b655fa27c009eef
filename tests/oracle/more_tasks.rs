//! Replays more tasks recorded from CPython 3.13: what `oracle_tasks` does not have.
//!
//! `tests/data/more_tasks.jsonl` holds random programs of queues that are shut down, timeouts that are moved, gatherings
//! of gatherings, callbacks that cancel and complete each other, cancels with messages, and the like, which
//! `tests/recorders/tasks.py` has recorded. A machine interprets their scripts; each log must come out the same, entry
//! by entry. None is let off.
//!
//! `ORACLE_FILE=path cargo test --release --test oracle more_tasks::` replays the recording of that name instead.

use crate::task_scripts;

#[test]
fn every_program_behaves_as_in_cpython() {
    let replayed = task_scripts::replay_all("more_tasks.jsonl");
    assert!(replayed.programs > 0 && replayed.let_off.is_empty(), "{replayed:?}");
}
