//! The rules of the event loop's core, one test each: E1 to E21, what signals do (Z1 to Z3), and a loop that is a guest
//! of another. What concerns time is in `timers.rs`, threads in `remote.rs`, Ctrl-C in `interrupts.rs`, what is put away
//! in the end in `runner.rs`.
//!
//! A comment above a test cites its rule. Lists that begin with numbers were recorded from CPython 3.13, where a
//! callback that queues itself again counts the turns. These cannot arise here, or not yet:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | E10 | a callback that raises `KeyboardInterrupt` | a callback raises nothing in Rust; of tasks, see T18 |
//! | E12 | a handler that cannot be called | the types forbid it |
//! | E13 | debug mode | there is none yet; the types forbid a call from another thread |
//! | E14, E15 | `add_reader`, `add_writer` | a descriptor is registered by its first operation |
//! | E20, E21 | `sock_*`, staggered races | there are none yet |
//! | E19 | registering twice, a closed selector | a type of the user's own; what it reports is in `readiness.rs` |
//! | Z1 | off the main thread, or with a coroutine function | any thread may; the types forbid it |

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
mod properties;
mod queues;
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
