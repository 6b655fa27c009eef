//! What goes wrong outside: resets, peers that are slow, do not read or send half a request, no descriptor, crowds, and ends of loops. Each is
//! met by the three kinds of connections (a machine on a socket, a protocol, streams), and after each everything is as
//! before: descriptors, allocations, and bytes.
//!
//! Descriptors are the process's, so that the tests run one at a time: see [`support::Alone`]. `net` has an end of each
//! connection, the standard library the other.

mod closing;
mod crowds;
mod exhausted;
mod kinds;
mod partial;
mod resets;
mod slow;
