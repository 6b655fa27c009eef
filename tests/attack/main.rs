//! Random attacks on the library: programs whose user code misbehaves, streams that arrive in pieces of any size, and
//! broken HTTP requests to the file server.
//!
//! Each attack makes a list of operations from a seed. The list runs in a process of its own, so that a hang or an
//! abort is a failure like any other. If the list fails, the test leaves out operations for as long as it still fails.
//! Then it prints the operations that are left, and the variables that run them again.
//!
//! | variable | meaning |
//! |---|---|
//! | `INNERMOST_ATTACK_TIMES`  | a factor for the number of seeds |
//! | `INNERMOST_ATTACK_SEED`   | the first seed; the default is 1 |
//! | `INNERMOST_ATTACK_KEEP`   | runs only that seed, with these operations of its list: `0,4,9`, or `all` |

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
