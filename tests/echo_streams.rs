//! The echo server that is made of streams, by the tests of the one that is made of machines.

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
const EXAMPLE: &str = "echo_streams";
