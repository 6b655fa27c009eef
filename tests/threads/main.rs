//! Threads and the loop: executors, what threads wait for, coroutines that threads send. F9, Z5, Z9 to Z12. What
//! goes to a thread of the context variables (Z11) is in `context.rs`.
//!
//! A comment above a test cites its rule. These cannot arise here:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | Z13 | the loop in a forked child | fork is not for Rust |
//! | | `set_default_executor` refuses what is no executor | the type says so |
//! | | a thread waits in `result()` for a process pool | there is none |
//!
//! Loops here wait for real threads, but never for time: what a thread does, and when, is said by channels.

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
