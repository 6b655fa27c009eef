//! Transports and protocols. A connection calls its protocol for each event, and needs no task of its own. Layer 3.
//!
//! A transport owns its protocol, and the loop calls it, in this order:
//!
//! ```text
//! connection_made
//!   -> ( data_received | pause_writing | resume_writing )*
//!   -> ( eof_received ( pause_writing | resume_writing )* )?
//!   -> connection_lost
//! ```
//!
//! `connection_made` is called first, and once. `connection_lost` is called last, and once. A callback may do anything with
//! this connection or another: while it runs, the library borrows nothing. If a callback causes another callback of its own
//! protocol, for example by writing more than the high-water mark, that one runs after the first has returned.
//!
//! A callback that panics ends its connection, not the loop. The panic goes to the loop's exception handler, and the
//! connection is aborted.
//!
//! | place | holds |
//! |---|---|
//! | `protocol.rs`    | [`Protocol`], [`BufferedProtocol`], [`DatagramProtocol`]: the traits that a program implements |
//! | `stream/`        | [`Transport`]: streams, how they read and write, and how they are made |
//! | `datagram/`      | [`DatagramTransport`]: datagrams, and how their endpoints are made |
//! | `server/`        | [`Server`]: listening sockets |
//! | `open.rs`        | the last steps of every coroutine that makes a transport |
//! | `layer.rs`       | what a layer such as TLS is to a transport |
//! | `flow.rs`        | the water marks |
//! | `slot.rs`        | the place in which a transport keeps its protocol |
//! | `socket_file.rs` | the file of a Unix socket |
//!
//! Sources: `Lib/asyncio/{selector_events,base_events,unix_events,transports}.py` of CPython 3.13, for behaviour and
//! order.

mod datagram;
mod flow;
mod layer;
mod open;
mod protocol;
mod server;
mod slot;
mod socket_file;
mod stream;

pub use self::datagram::{CreateDatagramEndpoint, CreateUnixDatagramEndpoint, DatagramAddress, DatagramTransport};
#[cfg(feature = "tls")]
pub(crate) use self::layer::{Layer, Lent};
#[cfg(feature = "tls")]
pub(crate) use self::open::Securing;
pub use self::protocol::{AfterEof, Buffered, BufferedProtocol, DatagramProtocol, Protocol, Pushed, StreamProtocol};
pub use self::server::{CreateServer, ServeForever, Server, WaitServerClosed};
pub use self::stream::{ConnectPipe, CreateConnection, SendFile, Transport};
pub(crate) use self::stream::{Group, open_accepted};
