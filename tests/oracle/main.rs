//! Replays programs that were recorded from CPython. Each log must be the same, entry by entry.
//!
//! `ORACLE_FILE=path cargo test --release --test oracle SUITE::` replays another recording of one suite.

#![cfg(feature = "full")]

mod blocks;
mod generator_scripts;
mod generators;
mod more_tasks;
mod recorded;
mod staggered;
mod sync;
mod task_scripts;
mod tasks;
