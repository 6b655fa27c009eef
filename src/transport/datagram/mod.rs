//! Datagrams: UDP and Unix sockets.
//!
//! | file | holds |
//! |---|---|
//! | `handle.rs`        | [`DatagramTransport`]: an endpoint: its life, and receiving |
//! | `sending.rs`       | sending |
//! | `family.rs`        | [`DatagramAddress`]: the differences between UDP and Unix sockets |
//! | `endpoint.rs`      | `create_datagram_endpoint` |
//! | `unix_endpoint.rs` | `create_unix_datagram_endpoint` |

mod endpoint;
mod family;
mod handle;
mod sending;
mod unix_endpoint;

pub use self::endpoint::CreateDatagramEndpoint;
pub use self::family::DatagramAddress;
pub use self::handle::DatagramTransport;
pub use self::unix_endpoint::CreateUnixDatagramEndpoint;
