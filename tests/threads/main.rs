//! Threads and the loop: executors, futures that threads wait for, coroutines that threads send to a loop. F9, Z5 to
//! Z12. How context variables reach a thread (Z11) is in `tests/event_loop/context.rs`.
//!
//! A comment above a test cites its rule in `tests/EDGE_CASES.md`. The loop in a forked child (Z13) is in
//! `tests/forks`. Some rules cannot arise here:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | | `set_default_executor` refuses an object that is no executor | the types forbid it |
//! | | a thread waits in `result()` for a process pool | there are no process pools |
//!
//! Loops here wait for real threads, but never for time. Channels tell the threads when to go on.

#![cfg(feature = "full")]

mod coroutines;
mod executors;
mod futures;
mod jobs;
mod pools;
mod properties;
mod remote;
mod shutting_down;
#[path = "../support/mod.rs"]
mod support;
mod virtual_time;
mod wrapping;
