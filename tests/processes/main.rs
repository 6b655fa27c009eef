//! Child processes: their ends, signals, pipes, protocols, and what becomes of them when something goes wrong.
//!
//! Tests run with each selector. They wait for what a child does, never for a time. A test that changes or counts something
//! of the whole process runs in a process of its own: see `starting.rs`.
//!
//! P12 cannot arise: there is no text mode.

#![cfg(feature = "full")]
// Many tests look at what the kernel says in `/proc`.
#![cfg_attr(not(target_os = "linux"), allow(unused))]

mod communicating;
mod crowds;
mod ends;
mod faults;
mod loops;
mod pipes;
mod programs;
mod protocols;
mod signals;
mod starting;
#[path = "../support/mod.rs"]
mod support;
