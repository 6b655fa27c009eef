//! Byte streams: one machine over every kind of stream, and the peculiarities of each kind.
//!
//! Two things cannot arise here: a descriptor cannot be closed and its number reused during a read, because a stream owns its
//! descriptor; and a descriptor cannot be registered twice, because a stream registers it once.

mod aborting;
mod datagrams;
mod earlier_errors;
mod errors;
mod kinds;
mod lingering;
pub(crate) mod machines;
mod memory;
mod pipes;
mod progress;
mod relays;
mod states;
mod unix;
