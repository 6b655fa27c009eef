//! Byte streams: one machine over everything that carries bytes, and each kind's own ways.
//!
//! Cannot arise here: a descriptor's number that is closed and used again while it is read from (a stream owns it), and
//! two registrations of one descriptor (a stream makes one).

mod datagrams;
mod earlier_errors;
mod errors;
mod kinds;
mod machines;
mod memory;
mod pipes;
mod progress;
mod unix;
