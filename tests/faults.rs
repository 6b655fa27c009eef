//! What goes wrong outside: resets, peers that are slow, do not read or send half a request, no descriptor, crowds, and ends of loops. Each is
//! met by the three kinds of connections (a machine on a socket, a protocol, streams), and after each everything is as
//! before: descriptors, allocations, and bytes.
//!
//! Descriptors are the process's, so that the tests run one at a time: see [`support::Alone`]. `net` has an end of each
//! connection, the standard library the other.

#![cfg(feature = "full")]

#[path = "support/clock.rs"]
mod clock;
#[path = "faults/closing.rs"]
mod closing;
#[path = "support/counting.rs"]
mod counting;
#[path = "faults/crowds.rs"]
mod crowds;
#[path = "faults/exhausted.rs"]
mod exhausted;
#[path = "faults/kinds.rs"]
mod kinds;
#[path = "support/loops.rs"]
mod loops;
#[path = "faults/partial.rs"]
mod partial;
#[path = "faults/resets.rs"]
mod resets;
#[path = "faults/slow.rs"]
mod slow;
#[path = "faults/support.rs"]
mod support;
