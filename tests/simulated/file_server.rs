//! The file server: each answer is whole, and follows its request. The server crashes and is restarted.

#[path = "../../examples/file_server/connection.rs"]
mod connection;
#[path = "../../examples/file_server/date.rs"]
mod date;
#[path = "../../examples/file_server/request.rs"]
mod request;
#[path = "../../examples/file_server/resource.rs"]
mod resource;
#[path = "../../examples/file_server/response.rs"]
mod response;
mod scenario;
