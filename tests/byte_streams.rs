//! Byte streams: one machine over everything that carries bytes, and each kind's own ways.
//!
//! Cannot arise here: a descriptor's number that is closed and used again while it is read from (a stream owns it), and
//! two registrations of one descriptor (a stream makes one).

#![cfg(feature = "full")]

#[path = "byte_streams/datagrams.rs"]
mod datagrams;
#[path = "byte_streams/earlier_errors.rs"]
mod earlier_errors;
#[path = "byte_streams/errors.rs"]
mod errors;
#[path = "byte_streams/kinds.rs"]
mod kinds;
#[path = "support/loops.rs"]
mod loops;
#[path = "byte_streams/machines.rs"]
mod machines;
#[path = "byte_streams/memory.rs"]
mod memory;
#[path = "byte_streams/pipes.rs"]
mod pipes;
#[path = "support/process.rs"]
mod process;
#[path = "byte_streams/progress.rs"]
mod progress;
#[path = "sockets/support.rs"]
#[allow(dead_code, reason = "not all of it is used here")]
mod support;
#[path = "support/tools.rs"]
mod tools;
#[path = "byte_streams/unix.rs"]
mod unix;
