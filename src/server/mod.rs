//! A server that accepts connections, and ends in good order. Layer 4.
//!
//! [`GracefulServer`] does what every server does around its protocol: it accepts, waits while no descriptor is free, limits
//! the number of connections, and stops on a signal. Then it lets the connections finish, and cuts them after a while.
//!
//! | file | holds |
//! |---|---|
//! | `graceful.rs`    | [`GracefulServer`] |
//! | `source.rs`      | where its connections come from: a listener and a handler |
//! | `transports.rs`  | serving by protocols and by streams |
//! | `connections.rs` | the open connections, and the reports of those that fail |
//! | `stop_token.rs`  | [`StopToken`]: the wish that the server ends, for all who take part |
//! | `signals.rs`     | stopping on Ctrl-C and SIGTERM |
//! | `bell.rs`        | what these wait for |

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
