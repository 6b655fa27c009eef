//! The echo server as its users meet it: a process, a port, signals, the kernel's limits.
//!
//! The clients are ordinary blocking sockets, so that nothing of the crate checks itself. What a connection sends is a
//! [`Pattern`](client::Pattern): either end can make it, and every byte that comes back is compared.

#![cfg(all(target_os = "linux", feature = "full"))]

#[path = "echo_server/client.rs"]
mod client;
#[path = "echo_server/connections.rs"]
mod connections;
#[path = "echo_server/limits.rs"]
mod limits;
#[path = "support/process.rs"]
mod process;
#[path = "echo_server/server.rs"]
mod server;
#[path = "echo_server/signals.rs"]
mod signals;
#[path = "echo_server/starting.rs"]
mod starting;
#[path = "echo_server/system_calls.rs"]
mod system_calls;
#[path = "support/tools.rs"]
mod tools;

/// The example that is tested.
const EXAMPLE: &str = "echo_server";
