//! Layer 3: transports and protocols: connections whose events call back, without a task for each.
//!
//! | file | holds |
//! |---|---|
//! | `protocol.rs`     | [`Protocol`], [`BufferedProtocol`], [`DatagramProtocol`] |
//! | `transport.rs`    | [`Transport`]: the handle to a stream |
//! | `connection.rs`   | a stream from within: its life, its reads |
//! | `writing.rs`      | how it writes |
//! | `send_file.rs`    | [`SendFile`]: a file, past the buffer |
//! | `write_buffer.rs` | what waits to be written |
//! | `flow.rs`         | the water marks |
//! | `slot.rs`         | where the user's part is kept |
//! | `io.rs`           | the descriptors under it |
//! | `open.rs`         | what the following have in common |
//! | `connect.rs`      | `create_connection` and its like |
//! | `pipes.rs`        | `connect_read_pipe`, `connect_write_pipe` |
//! | `serve.rs`        | `create_server` and its like |
//! | `server.rs`       | [`Server`] |
//! | `listener.rs`     | one listening socket |
//! | `socket_file.rs`  | the file of a Unix socket |
//! | `endpoint.rs`     | `create_datagram_endpoint` |
//! | `unix_endpoint.rs` | `create_unix_datagram_endpoint` |
//! | `datagram.rs`, `datagram/sending.rs` | [`DatagramTransport`] |
//! | `family.rs`       | [`DatagramAddress`]: UDP or Unix |
//!
//! Sources: `Lib/asyncio/{selector_events,base_events,unix_events,transports}.py` of CPython 3.13, for behaviour and
//! order.

mod connect;
mod connection;
mod datagram;
mod endpoint;
mod family;
mod flow;
mod io;
mod listener;
mod open;
mod pipes;
mod protocol;
mod send_file;
mod serve;
mod server;
mod slot;
mod socket_file;
#[expect(clippy::module_inception, reason = "the file that holds Transport")]
mod transport;
mod unix_endpoint;
mod write_buffer;
mod writing;

pub use self::connect::CreateConnection;
pub use self::datagram::DatagramTransport;
pub use self::endpoint::CreateDatagramEndpoint;
pub use self::family::DatagramAddress;
pub use self::pipes::ConnectPipe;
pub use self::protocol::{AfterEof, Buffered, BufferedProtocol, DatagramProtocol, Protocol, Pushed, StreamProtocol};
pub use self::send_file::SendFile;
pub use self::serve::CreateServer;
pub use self::server::{ServeForever, Server, WaitClosed};
pub use self::transport::Transport;
pub use self::unix_endpoint::CreateUnixDatagramEndpoint;
