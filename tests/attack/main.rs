//! Random attacks on the library: programs of the public API whose user code misbehaves, streams that arrive in every
//! possible way, and broken HTTP for the file server.
//!
//! Each attack makes a list of operations from a seed and runs it in a process of its own, so that a hang or an abort is
//! a failure like any other. A failing list is reduced: operations are left out as long as it still fails. The test then
//! prints what is left, and the two variables that run it again.
//!
//! | variable | meaning |
//! |---|---|
//! | `INNERMOST_ATTACK_TIMES`  | runs so many times as many seeds |
//! | `INNERMOST_ATTACK_SEED`   | the first seed; 1 without this |
//! | `INNERMOST_ATTACK_KEEP`   | runs that seed alone, with these operations of its list: `0,4,9`, or `all` |

#![cfg(feature = "full")]

mod campaign;
#[path = "../../examples/file_server/connection.rs"]
mod connection;
#[path = "../../examples/file_server/date.rs"]
mod date;
mod http;
mod programs;
mod random;
mod readers;
#[path = "../../examples/file_server/request.rs"]
mod request;
#[path = "../../examples/file_server/resource.rs"]
mod resource;
#[path = "../../examples/file_server/response.rs"]
mod response;
