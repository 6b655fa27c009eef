//! TLS over streams in memory and over sockets, by itself and with programs of others.

#![cfg(all(feature = "full", feature = "tls"))]

#[cfg(target_os = "linux")]
mod chat;
mod closing;
#[path = "../support/counting.rs"]
mod counting;
mod faults;
#[cfg(target_os = "linux")]
mod https;
mod identities;
mod machines;
mod memory;
mod moving;
#[cfg(target_os = "linux")]
mod programs;
mod refusals;
mod sessions;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod transport_programs;
mod transports;
