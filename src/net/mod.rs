//! Layer 3: sockets whose operations are coroutines.
//!
//! Every operation tries its system call first and yields an [`Await`](crate::Await) only where that would block. So an
//! operation can be made afresh at each resume, and a machine needs no state for it: `yield_from!(self.stream.read(&mut
//! self.buffer), sent)`.
//!
//! | file | holds |
//! |---|---|
//! | `buffer.rs`    | [`Buffer`]: bytes between a read and a write |
//! | `tcp.rs`       | [`TcpListener`], [`TcpStream`] |
//! | `connect.rs`   | [`connect`](fn@connect): to a name |
//! | `eyeballs.rs`  | [`happy_eyeballs`]: to one of several addresses |
//! | `operation.rs` | what all operations have in common |

mod buffer;
mod connect;
mod eyeballs;
mod operation;
mod tcp;

pub use self::buffer::Buffer;
pub use self::connect::{ConnectTo, connect};
pub use self::eyeballs::{ConnectError, HappyEyeballs, happy_eyeballs};
use self::operation::Operation;
pub use self::tcp::{Connect, TcpListener, TcpStream};
