//! Child processes with callbacks: `subprocess_exec` and `subprocess_shell`.
//!
//! | file | holds |
//! |---|---|
//! | `protocol.rs`  | [`SubprocessProtocol`]: the trait that a program implements; [`ChildPipe`] |
//! | `transport.rs` | [`SubprocessTransport`]: a child, its pipes and its protocol, and the order of callbacks |
//! | `pipes.rs`     | the protocols of the pipes, which pass everything on |
//! | `exec.rs`      | [`SubprocessExec`]: starting one |

mod exec;
mod pipes;
mod protocol;
mod transport;

pub use self::exec::SubprocessExec;
pub use self::protocol::{ChildPipe, SubprocessProtocol};
pub use self::transport::SubprocessTransport;
