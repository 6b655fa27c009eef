//! Sockets, streams, transports, the resolver, and the readiness of descriptors.

#![cfg(feature = "full")]

mod byte_streams;
#[path = "../support/counting.rs"]
mod counting;
mod descriptors;
mod graceful;
mod no_threads;
mod readiness;
mod resolver;
mod sendfile;
mod sockets;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod transports;
