//! The event loop, and all that runs in it without a socket: E1 to E13, E16 to E19, signals (Z1 to Z3), tasks, locks,
//! queues. The tests of descriptors are in `tests/network`, those of threads in `tests/threads`, those of Ctrl-C in
//! `tests/interrupts`.
//!
//! A comment above a test cites its rule in `tests/EDGE_CASES.md`. Entries that begin with a number were recorded from
//! CPython 3.13, where a callback that queues itself again counts the turns. Some rules cannot arise here, or not yet:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | E10 | a callback that raises `KeyboardInterrupt` | a callback in Rust raises nothing; for tasks, see T18 |
//! | E12 | a handler that is not callable | the types forbid it |
//! | E13 | debug mode | there is no debug mode yet; the types forbid a call from another thread |
//! | E19 | registering twice, a closed selector | the loop registers a descriptor once; dropping closes a selector |
//! | Z1 | adding a handler off the main thread | any thread may |
//! | Z1 | a coroutine function as a handler | the types forbid it |

#![cfg(feature = "full")]

mod async_generators;
mod circles;
mod closing;
mod context;
mod dropping;
mod eager;
mod errors;
mod futures;
mod gather;
mod guest;
mod kept_children;
mod limits;
mod machines;
mod properties;
mod queues;
mod races;
mod raising;
mod reentrancy;
mod regressions;
mod runner;
mod runs;
mod scopes;
mod selectors;
mod signals;
mod spinning;
#[path = "../support/mod.rs"]
mod support;
mod sync;
mod task_groups;
mod tasks;
mod timeouts;
mod timer_order;
mod timers;
mod turns;
mod virtual_time;
mod wait_scripts;
mod waiting;
