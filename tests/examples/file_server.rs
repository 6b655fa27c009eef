//! The file server as its users meet it: a process, a port, raw requests, `curl` and `wrk`.
//!
//! What it serves is made by each test, in a directory of its own. How patient it is, is tested without a process, in
//! virtual time: a connection of the server's runs in the test, over memory.

mod client;
mod clients;
#[path = "../../examples/file_server/connection.rs"]
mod connection;
#[path = "../../examples/file_server/date.rs"]
mod date;
mod files;
mod life;
mod patience;
mod refusals;
#[path = "../../examples/file_server/request.rs"]
mod request;
mod requests;
#[path = "../../examples/file_server/resource.rs"]
mod resource;
#[path = "../../examples/file_server/response.rs"]
mod response;
mod server;
