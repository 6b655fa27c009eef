//! A SOCKS5 proxy: clients connect through it to whatever they ask for.
//!
//! ```text
//! cargo run --release --example socks5_proxy [ADDR [USER:PASSWORD]]     (127.0.0.1:1080; port 0 picks a free one)
//! curl --socks5-hostname 127.0.0.1:1080 https://www.rust-lang.org/
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`       | the server, and how it connects |
//! | `connection.rs` | one connection: what the handshake wants, and the bytes between the two ends |
//! | `handshake.rs`  | the handshake, without I/O |
//! | `message.rs`    | from bytes to messages, and back |
//! | `users.rs`      | who may use the proxy, and how many clients and connections each may have |
//!
//! With `USER:PASSWORD`, clients must log in. A user, or an address if there are no users, may have 64 connections at once.
//! At one address, or in one IPv6 network, 32 clients may be in the handshake at once. Further ones are turned away.
//! `CONNECT` is supported, to addresses of both families and to names. `BIND` and `UDP ASSOCIATE` are not.
//!
//! Ctrl-C or SIGTERM stops the proxy. It accepts no new connections, and ends those that are not connected yet. It exits with
//! 0 when the others have ended. After a second signal, or after five seconds, it ends them at once.

mod connection;
mod handshake;
mod message;
#[allow(dead_code, reason = "each server uses a part")]
#[path = "../support/mod.rs"]
mod support;
mod users;

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::rc::Rc;

use innermost::server::GracefulServer;
use innermost::{Awaitable, CoroutineExt, EventLoop, Exception, TcpListener, TcpStream, connect};

use self::connection::{Connection, Dial};
use self::message::Target;
use self::support::{GRACE, announce, argument, exit_code_of, report};
use self::users::{Users, holder};

/// The number of clients that are served at a time. Further ones wait in the kernel.
const CLIENTS: usize = 512;

/// The number of clients at one address that may be in the handshake at a time, so that they cannot take all places.
const HANDSHAKES: usize = 32;

/// The number of connections that a user may have at a time.
const PER_USER: usize = 64;

fn main() -> ExitCode {
    let address = argument(1, "127.0.0.1:1080");
    exit_code_of(format_args!("socks5_proxy {address}"), run(&address, std::env::args_os().nth(2)))
}

fn run(address: &str, login: Option<std::ffi::OsString>) -> Result<(), Exception> {
    let login = login.map(|login| parse_login(login.as_encoded_bytes())).transpose()?;
    let users = Users::new(login, HANDSHAKES, PER_USER);
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let (event_loop, local) = (EventLoop::new()?, listener.local_addr()?);
    let dial: Dial<TcpStream> = Rc::new(|target| Box::new(dial(target)));
    let server = GracefulServer::new(listener, move |client, stop| {
        client.set_nodelay(true)?;
        let from = holder(client.peer_addr()?.ip());
        // A client that is silent, speaks no SOCKS5 or is gone ends its own connection alone.
        Ok(Connection::new(client, from, Rc::clone(&users), Rc::clone(&dial), stop).catch(|_| Ok(())))
    });
    let server = server.max_connections(CLIENTS).grace(GRACE).on_failure(report).stop_on_signals(&event_loop)?;
    announce([local])?;
    event_loop.run_until_complete(server)
}

/// Connects to an address, or to a host by its name: to whichever of its addresses answers first.
fn dial(target: Target) -> impl Awaitable<Return = (TcpStream, SocketAddr)> {
    let connecting = match target {
        Target::Address(address) => connect(address),
        Target::Name(host, port) => connect((host, port)),
    };
    connecting.try_map(|stream| {
        stream.set_nodelay(true)?;
        let bound = stream.local_addr()?;
        Ok((stream, bound))
    })
}

fn parse_login(login: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Exception> {
    let colon = login.iter().position(|byte| *byte == b':');
    let (user, password) = colon.map_or((login, &b""[..]), |colon| (&login[..colon], &login[colon + 1..]));
    if [user, password].iter().any(|text| text.is_empty() || text.len() > 255) {
        let text = "the login must be USER:PASSWORD, each of 1 to 255 bytes";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
    }
    Ok((user.to_vec(), password.to_vec()))
}
