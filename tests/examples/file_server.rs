//! The file server as its users see it: a process, a port, raw requests, `curl` and `wrk`.
//!
//! Each test serves a directory of its own. Time limits are tested without a process, in virtual time: the server's
//! connection runs in the test, over a stream in memory.

mod client;
mod clients;
#[path = "../../examples/file_server/connection.rs"]
pub(crate) mod connection;
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
