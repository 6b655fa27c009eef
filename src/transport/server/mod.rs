//! Servers: listening sockets and the connections they accept.
//!
//! | file | holds |
//! |---|---|
//! | `handle.rs`   | [`Server`]: the handle to a server |
//! | `core.rs`     | a server from within: its sockets and its connections |
//! | `listener.rs` | one listening socket |
//! | `serve.rs`    | `create_server`, `create_unix_server`, `create_server_at` |

mod core;
mod handle;
mod listener;
mod serve;

pub use self::handle::{ServeForever, Server, WaitServerClosed};
pub use self::serve::CreateServer;
