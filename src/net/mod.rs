//! Sockets whose operations are coroutines. Layer 3.
//!
//! An operation makes its system call if the descriptor may be ready. It yields an [`Await`](crate::Await) if the call
//! would block, or if its task has done 32 ready operations in this step, so that one busy peer cannot keep the others
//! waiting. An operation keeps no state, so a machine makes it afresh at each resume:
//! `yield_from!(self.stream.read(&mut self.buffer), sent)`.
//!
//! The path of a byte, from a machine to the socket:
//!
//! ```text
//! ByteRead::read -> Operation::resume -> Stream::attempt_read -> Registered::attempt: is it ready?
//!     no:  an Await on the Registration, which the selector's event wakes
//!     yes: Registration::perform -> Buffer::fill_by -> Source::recv -> the system call
//! ```
//!
//! # Errors
//!
//! Arguments are checked when a function is called. A function that takes a path or a descriptor returns `InvalidInput`
//! if no socket can have that path, or if the descriptor is of the wrong kind. Whatever depends on a name, a peer, or
//! the state of the system is raised when the coroutine is awaited; so is an empty list of addresses, because addresses
//! may be names. This holds for socket types and for [`LoopHandle`](crate::LoopHandle)'s connections, servers and
//! endpoints alike.
//!
//! | file | holds |
//! |---|---|
//! | `byte_stream.rs` | [`ByteRead`], [`ByteWrite`]: the traits of each direction |
//! | `duplex.rs`    | [`ByteStream`]: both; machines are written against it |
//! | `pointers.rs`  | these traits for `&S`, `&mut S`, `Box<S>`, `Rc<S>` and `(R, W)` |
//! | `buffer.rs`    | [`Buffer`]: bytes between a read and a write |
//! | `relay/`       | [`relay`](fn@relay), [`Relay`]: moves bytes between two streams, both ways |
//! | `linger.rs`    | [`linger`](fn@linger), [`Linger`]: closing without a reset |
//! | `outgoing.rs`  | [`Outgoing`]: bytes to be sent that remember how many have been |
//! | `file_part.rs` | [`FilePart`]: a file to be sent |
//! | `stream.rs`     | [`Stream`]: a descriptor that bytes are read from or written to |
//! | `listener.rs`   | [`Listener`]: a socket that accepts connections |
//! | `acceptor.rs`  | [`Acceptor`]: anything that accepts connections |
//! | `tcp.rs`       | [`TcpListener`], [`TcpStream`] |
//! | `incoming.rs`  | [`Incoming`]: a listener's connections, one by one |
//! | `connect.rs`   | [`connect`](fn@connect): connecting to a host by name |
//! | `eyeballs.rs`  | [`happy_eyeballs`]: connecting to one of several addresses |
//! | `address_error.rs` | [`AddressError`]: an error of the system and the address it is about |
//! | `unix.rs`      | [`UnixListener`], [`UnixStream`] |
//! | `pipe.rs`      | [`PipeReader`], [`PipeWriter`] |
//! | `datagram.rs`  | [`UdpSocket`], [`UnixDatagram`] |
//! | `options.rs`   | options of sockets |
//! | `place.rs`      | the note that says where an error happened |

mod acceptor;
mod address_error;
mod buffer;
mod byte_stream;
#[cfg(feature = "resolver")]
mod connect;
mod datagram;
mod duplex;
#[cfg(feature = "resolver")]
mod eyeballs;
mod file_part;
#[cfg(feature = "async_iter")]
mod incoming;
#[cfg(feature = "wait")]
mod linger;
mod listener;
mod options;
mod outgoing;
mod pipe;
mod place;
mod pointers;
#[cfg(feature = "wait")]
mod relay;
mod stream;
mod tcp;
mod unix;

pub use self::acceptor::Acceptor;
pub(crate) use self::acceptor::may_accept_later;
pub use self::address_error::AddressError;
pub use self::buffer::Buffer;
pub use self::byte_stream::{ByteRead, ByteWrite};
#[cfg(feature = "resolver")]
pub(crate) use self::connect::Connecting;
#[cfg(feature = "resolver")]
pub use self::connect::{ConnectTo, connect};
pub use self::datagram::{UdpSocket, UnixDatagram};
pub use self::duplex::ByteStream;
#[cfg(feature = "resolver")]
pub use self::eyeballs::{ConnectError, HappyEyeballs, happy_eyeballs};
pub use self::file_part::FilePart;
#[cfg(feature = "async_iter")]
pub use self::incoming::Incoming;
#[cfg(feature = "wait")]
pub use self::linger::{Linger, Lingered, Lingering, RunLinger, linger};
pub(crate) use self::listener::Accept;
pub use self::listener::Listener;
pub use self::outgoing::Outgoing;
pub use self::pipe::{PipeReader, PipeWriter, pipe};
#[cfg(feature = "wait")]
pub use self::relay::{Moved, Relay, Relaying, RunRelay, relay};
pub use self::stream::Stream;
pub use self::tcp::{Connect, TcpListener, TcpStream};
pub(crate) use self::unix::ConnectingUnix;
pub use self::unix::{ConnectUnix, UnixListener, UnixStream};

/// How many connections may wait to be accepted. The kernel lowers the number to its own limit (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;
