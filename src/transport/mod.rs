//! Layer 3: transports and protocols: connections that call back for each event, without a task of their own.
//!
//! | place | holds |
//! |---|---|
//! | `protocol.rs`    | [`Protocol`], [`BufferedProtocol`], [`DatagramProtocol`]: the traits that a program implements |
//! | `stream/`        | [`Transport`]: streams, how they read and write, and how they are made |
//! | `datagram/`      | [`DatagramTransport`]: datagrams, and how their endpoints are made |
//! | `server/`        | [`Server`]: listening sockets |
//! | `open.rs`        | the last steps of every coroutine that makes a transport |
//! | `flow.rs`        | the water marks |
//! | `slot.rs`        | the place in which a transport keeps its protocol |
//! | `socket_file.rs` | the file of a Unix socket |
//!
//! Sources: `Lib/asyncio/{selector_events,base_events,unix_events,transports}.py` of CPython 3.13, for behaviour and
//! order.

mod datagram;
mod flow;
mod open;
mod protocol;
mod server;
mod slot;
mod socket_file;
mod stream;

pub use self::datagram::{CreateDatagramEndpoint, CreateUnixDatagramEndpoint, DatagramAddress, DatagramTransport};
pub use self::protocol::{AfterEof, Buffered, BufferedProtocol, DatagramProtocol, Protocol, Pushed, StreamProtocol};
pub use self::server::{CreateServer, ServeForever, Server, WaitServerClosed};
pub use self::stream::{ConnectPipe, CreateConnection, SendFile, Transport};
