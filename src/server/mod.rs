//! A server that accepts connections, and shuts down in good order. Layer 4.
//!
//! [`GracefulServer`] does what every server does around its protocol: it accepts, waits while no descriptor is free,
//! limits the number of connections, and stops on a signal. Then it lets the connections finish, and cancels those that
//! take too long.
//!
//! | file | holds |
//! |---|---|
//! | `graceful.rs`    | [`GracefulServer`] |
//! | `source.rs`      | where its connections come from: a listener and a handler |
//! | `transports.rs`  | serving by protocols and by streams |
//! | `connections.rs` | the open connections, and the reports of those that fail |
//! | `stop_token.rs`  | [`StopToken`]: tells a server and its connections to end |
//! | `signals.rs`     | stopping on Ctrl-C and SIGTERM |
//! | `bell.rs`        | wakes what waits for a stop, or for the end of a connection |

mod bell;
mod connections;
mod graceful;
mod signals;
mod source;
mod stop_token;
#[cfg(feature = "stream")]
mod transports;

pub use self::graceful::GracefulServer;
pub use self::stop_token::StopToken;
