//! Clients and servers that we did not write: what is right between our own ends could be wrong twice.
//!
//! `nc` and `socat` talk to the echo examples, to small servers made of the library, and serve its clients. Nothing
//! sleeps: a server of theirs is ready when it says that it listens, or when its socket file is there.

#![cfg(all(target_os = "linux", feature = "full"))]

#[path = "real_clients/clients.rs"]
mod clients;
#[path = "real_clients/datagrams.rs"]
mod datagrams;
#[path = "real_clients/echo_examples.rs"]
mod echo_examples;
#[path = "support/loops.rs"]
mod loops;
#[path = "real_clients/pipes.rs"]
mod pipes;
#[path = "support/process.rs"]
mod process;
#[path = "real_clients/processes.rs"]
mod processes;
#[path = "real_clients/servers.rs"]
mod servers;
#[path = "real_clients/support.rs"]
mod support;
#[path = "support/tools.rs"]
mod tools;
