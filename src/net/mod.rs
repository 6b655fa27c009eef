//! Layer 3: sockets whose operations are coroutines.
//!
//! Every operation tries its system call first and yields an [`Await`](crate::Await) only where that would block. So an
//! operation can be made afresh at each resume, and a machine needs no state for it: `yield_from!(self.stream.read(&mut
//! self.buffer), sent)`.
//!
//! | file | holds |
//! |---|---|
//! | `byte_stream.rs` | [`ByteRead`], [`ByteWrite`], [`ByteStream`]: what machines are written against |
//! | `buffer.rs`    | [`Buffer`]: bytes between a read and a write |
//! | `outgoing.rs`  | [`Outgoing`]: what is to be sent, and knows how far that has come |
//! | `file_part.rs` | [`FilePart`]: a file on its way to a stream |
//! | `tcp.rs`       | [`TcpListener`], [`TcpStream`] |
//! | `accept.rs`    | what both listeners accept by |
//! | `incoming.rs`  | [`Incoming`]: a listener's connections, one by one |
//! | `connect.rs`   | [`connect`](fn@connect): to a name |
//! | `eyeballs.rs`  | [`happy_eyeballs`]: to one of several addresses |
//! | `address_error.rs` | [`AddressError`]: what the system has refused, and where |
//! | `unix.rs`      | [`UnixListener`], [`UnixStream`] |
//! | `pipe.rs`      | [`PipeReader`], [`PipeWriter`] |
//! | `datagram.rs`  | [`UdpSocket`], [`UnixDatagram`] |
//! | `options.rs`   | the options of all these |
//! | `moving.rs`    | what streams over descriptors have in common |
//! | `operation.rs` | what all operations have in common |

mod accept;
mod address_error;
mod buffer;
mod byte_stream;
#[cfg(feature = "resolver")]
mod connect;
mod datagram;
#[cfg(feature = "resolver")]
mod eyeballs;
mod file_part;
#[cfg(feature = "async_iter")]
mod incoming;
mod moving;
mod operation;
mod options;
mod outgoing;
mod pipe;
mod tcp;
mod unix;

pub use self::address_error::AddressError;
pub use self::buffer::Buffer;
pub use self::byte_stream::{Attempt, ByteRead, ByteStream, ByteWrite};
#[cfg(feature = "resolver")]
pub(crate) use self::connect::Connecting;
#[cfg(feature = "resolver")]
pub use self::connect::{ConnectTo, connect};
pub use self::datagram::{UdpSocket, UnixDatagram};
#[cfg(feature = "resolver")]
pub use self::eyeballs::{ConnectError, HappyEyeballs, happy_eyeballs};
pub use self::file_part::FilePart;
#[cfg(feature = "async_iter")]
pub use self::incoming::Incoming;
use self::operation::Operation;
pub use self::outgoing::Outgoing;
pub use self::pipe::{PipeReader, PipeWriter, pipe};
pub use self::tcp::{Connect, TcpListener, TcpStream};
pub(crate) use self::unix::ConnectingUnix;
pub use self::unix::{ConnectUnix, UnixListener, UnixStream};

/// How many connections may wait to be accepted. The kernel lowers it to its own limit (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;
