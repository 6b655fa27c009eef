//! The file server as its users meet it: a process, a port, raw requests, `curl` and `wrk`.
//!
//! What it serves is made by each test, in a directory of its own. How patient it is, is tested without a process, in
//! virtual time: a connection of the server's runs in the test, over memory.

#![cfg(all(target_os = "linux", feature = "full"))]

#[path = "file_server/client.rs"]
mod client;
#[path = "file_server/clients.rs"]
mod clients;
#[path = "../examples/file_server/connection.rs"]
mod connection;
#[path = "../examples/file_server/date.rs"]
mod date;
#[path = "file_server/files.rs"]
mod files;
#[path = "file_server/life.rs"]
mod life;
#[path = "file_server/patience.rs"]
mod patience;
#[path = "support/process.rs"]
mod process;
#[path = "file_server/refusals.rs"]
mod refusals;
#[path = "../examples/file_server/request.rs"]
mod request;
#[path = "file_server/requests.rs"]
mod requests;
#[path = "../examples/file_server/resource.rs"]
mod resource;
#[path = "../examples/file_server/response.rs"]
mod response;
#[path = "file_server/server.rs"]
mod server;
#[path = "support/tools.rs"]
mod tools;
