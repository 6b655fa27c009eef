//! A server that speaks Redis's protocol. It keeps everything in memory.
//!
//! It has strings, lists, sets, hashes and sorted sets, keys that expire, clients that wait for items (`BLPOP`), messages
//! (`PUBLISH`), and transactions (`MULTI`, `WATCH`). It answers as Redis 7.0 does, to the byte, with these exceptions:
//!
//! - Members and fields come in a different order, and the cursors of `SCAN` differ.
//! - `INCRBYFLOAT` and `HINCRBYFLOAT` add decimals exactly, so their last digits may differ. They refuse numbers that are too
//!   large for 64 bits, such as `1e400`.
//! - An error that quotes bytes that are not UTF-8 shows U+FFFD for them.
//! - `OBJECT ENCODING` reports the encoding that Redis would choose for the value.
//! - `INFO`, `CLIENT LIST`, `COMMAND` and `CONFIG` report less.
//!
//! It has no bitmaps, streams, scripts, geospatial commands (`GEO..`), HyperLogLogs (`PF..`), blocking moves, users,
//! clusters, replication, or files. It also has no `LCS`, `LMPOP`, `ZMPOP`, `SORT`, `SWAPDB`, `SINTERCARD`, `ZRANGESTORE`,
//! or `ZRANDMEMBER`, no lexicographic ranges of sorted sets (`BYLEX`, `ZLEXCOUNT`), and no operations on several sorted
//! sets (`ZUNION`, `ZINTER`, `ZDIFF`).
//!
//! ```text
//! cargo run --release --example redis_server [ADDR [IDLE_SECONDS]]      (127.0.0.1:6379 and 0; port 0 picks a free one)
//! redis-cli -p 6379 BLPOP jobs 0
//! ```
//!
//! A client that sends nothing for `IDLE_SECONDS` is cut off, unless it waits for an item or for messages. 0 means no
//! limit.
//!
//! The server speaks both versions of the protocol, RESP2 and RESP3. A client begins with RESP2, and chooses with `HELLO`.
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`       | the program: it accepts connections, and stops them |
//! | `connection.rs` | one connection: a machine over any byte stream |
//! | `client/`       | one client: its transaction, its subscriptions, and the commands that concern it |
//! | `resp.rs`       | from bytes to requests |
//! | `request.rs`    | the arguments of a request |
//! | `words.rs`      | inline commands: requests that a person types |
//! | `answers.rs`    | from values to bytes |
//! | `floats.rs`     | numbers with a fraction, as text |
//! | `commands/`     | the commands, by type |
//! | `glob.rs`       | patterns for names |
//! | `info.rs`       | what the server reports about itself |
//! | `store.rs`      | the data |
//! | `values/`       | the types of the data |
//! | `sweeper.rs`    | removes keys that have expired |
//! | `blocked.rs`    | clients that wait for an item |
//! | `pubsub.rs`     | messages from one client to many |
//! | `profile.rs`    | what clients know of each other |
//! | `server.rs`     | what all connections share |
//!
//! Ctrl-C or SIGTERM stops the server. It accepts no new connections, answers the requests it has, and exits with 0. After a
//! second signal, or after five seconds, it ends the remaining connections at once.

mod answers;
mod blocked;
mod client;
mod commands;
mod connection;
mod floats;
mod glob;
mod info;
mod profile;
mod pubsub;
mod request;
mod resp;
mod server;
mod store;
#[allow(dead_code, reason = "each server uses a part")]
#[path = "../support/mod.rs"]
mod support;
mod sweeper;
mod values;
mod words;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use innermost::server::GracefulServer;
use innermost::{EventLoop, Exception, TcpListener};

use crate::connection::Connection;
use crate::server::{Server, Settings};
use crate::support::{GRACE, announce, argument, exit_code_of, report};
use crate::sweeper::Sweeper;

fn main() -> ExitCode {
    let (address, idle) = (argument(1, "127.0.0.1:6379"), argument(2, "0"));
    exit_code_of(format_args!("redis_server {address} {idle}"), run(&address, &idle))
}

fn run(address: &str, idle: &str) -> Result<(), Exception> {
    let idle = Some(idle.parse()?).filter(|seconds| *seconds > 0).map(Duration::from_secs);
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let (event_loop, local) = (EventLoop::new()?, listener.local_addr()?);
    let shared = Server::new(Settings { idle, ..Settings::default() });
    let sweeper = Sweeper::new(&shared);
    let server = GracefulServer::new(listener, move |stream, _| {
        stream.set_nodelay(true)?;
        let address = stream.peer_addr().ok();
        Ok(Connection::new(stream, &shared, address))
    });
    // If each connection raced the stop with its client, an idle connection would take much more memory.
    let server = server.cancel_on_stop().grace(GRACE).on_failure(report).stop_on_signals(&event_loop)?;
    announce([local])?;
    let sweeper = event_loop.create_task(sweeper)?;
    let ended = event_loop.run_until_complete(server);
    sweeper.cancel();
    match event_loop.run_until_complete(sweeper) {
        Err(raised) if !raised.is_cancelled() => Err(raised),
        _ => ended,
    }
}
