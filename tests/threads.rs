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

#[path = "support/clock.rs"]
mod clock;
#[path = "support/events.rs"]
mod events;

#[path = "threads/coroutines.rs"]
mod coroutines;
#[path = "threads/executors.rs"]
mod executors;
#[path = "threads/futures.rs"]
mod futures;
#[path = "threads/pools.rs"]
mod pools;
#[path = "threads/properties.rs"]
mod properties;
#[path = "threads/shutting_down.rs"]
mod shutting_down;
#[path = "threads/support.rs"]
mod support;
#[path = "threads/virtual_time.rs"]
mod virtual_time;
#[path = "threads/wrapping.rs"]
mod wrapping;
