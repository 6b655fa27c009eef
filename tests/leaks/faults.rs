//! Failures from outside: resets, slow peers, peers that do not read or that send half a request, no free descriptor, crowds,
//! and loops that end. Each is tested with the three kinds of connections (a machine on a socket, a protocol, streams).
//! Afterwards, descriptors, allocations and bytes are as before.
//!
//! The tests count the process's descriptors, so they run one at a time: see [`support::Alone`]. One end of each connection
//! belongs to `net`, and the other to the standard library.

mod closing;
mod crowds;
mod exhausted;
mod kinds;
mod partial;
mod resets;
mod slow;
