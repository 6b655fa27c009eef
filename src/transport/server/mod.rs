//! Servers: listening sockets, and the connections that came by them.
//!
//! | file | holds |
//! |---|---|
//! | `handle.rs`   | [`Server`] |
//! | `listener.rs` | one listening socket |
//! | `serve.rs`    | `create_server` and its like |

pub(super) mod handle;
mod listener;
mod serve;

pub use self::handle::{ServeForever, Server, WaitClosed};
pub use self::serve::CreateServer;
