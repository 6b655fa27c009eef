//! TLS over streams in memory and over sockets, by itself and with programs of others.

#![cfg(all(feature = "full", feature = "tls"))]

mod closing;
#[path = "../support/counting.rs"]
mod counting;
mod faults;
mod identities;
mod machines;
mod memory;
mod moving;
mod refusals;
mod sessions;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
