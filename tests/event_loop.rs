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

#[path = "support/clock.rs"]
mod clock;
#[path = "event_loop/closing.rs"]
mod closing;
#[path = "event_loop/errors.rs"]
mod errors;
#[path = "support/events.rs"]
mod events;
#[path = "event_loop/guest.rs"]
mod guest;
#[path = "support/interfaces.rs"]
mod interfaces;
#[path = "event_loop/raising.rs"]
mod raising;
#[path = "event_loop/runs.rs"]
mod runs;
#[path = "event_loop/selectors.rs"]
mod selectors;
#[path = "event_loop/signals.rs"]
mod signals;
#[path = "event_loop/spinning.rs"]
mod spinning;
#[path = "event_loop/support.rs"]
mod support;
#[path = "event_loop/turns.rs"]
mod turns;
