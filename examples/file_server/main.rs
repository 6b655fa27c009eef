//! Serves the files below a directory over HTTP/1.1. Each connection is a task, and an explicit state machine.
//!
//! ```text
//! cargo run --release --example file_server [DIRECTORY [ADDR]]      (. and 127.0.0.1:8888; port 0 picks a free one)
//! curl --range 0-99 http://127.0.0.1:8888/README.md
//! ```
//!
//! ```python
//! from twisted.web.server import Site
//! from twisted.web.static import File
//! from twisted.internet import reactor, endpoints
//!
//! resource = File('tmp')
//! factory = Site(resource)
//! endpoint = endpoints.TCP4ServerEndpoint(reactor, 8888)
//! endpoint.listen(factory)
//! reactor.run()
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`       | the server |
//! | `connection.rs` | one connection: the protocol |
//! | `request.rs`    | from bytes to a request |
//! | `resource.rs`   | from a path to a file or a directory |
//! | `response.rs`   | the answer |
//! | `date.rs`       | dates in HTTP |
//!
//! Ctrl-C or SIGTERM stops the server. It accepts no new connections, answers the requests it has, and exits with 0. After a
//! second signal, or after five seconds, it ends the remaining connections at once.

mod connection;
mod date;
mod request;
mod resource;
mod response;
#[allow(dead_code, reason = "each server uses a part")]
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use innermost::server::GracefulServer;
use innermost::{EventLoop, Exception, TcpListener};

use crate::connection::Connection;
use crate::support::{GRACE, announce, argument, exit_code_of, report};

/// The number of connections that are served at a time. Further ones wait in the kernel.
const CONNECTIONS: usize = 512;

fn main() -> ExitCode {
    let directory = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    let (directory, address) = (Path::new(&directory), argument(2, "127.0.0.1:8888"));
    exit_code_of(format_args!("file_server {} {address}", directory.display()), run(directory, &address))
}

fn run(directory: &Path, address: &str) -> Result<(), Exception> {
    // Only a real path can tell whether a file is below it.
    let root = directory.canonicalize()?;
    std::fs::read_dir(&root)?;
    let root: Arc<Path> = root.into();
    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let (event_loop, local) = (EventLoop::new()?, listener.local_addr()?);
    let server = GracefulServer::new(listener, move |stream, stop| {
        stream.set_nodelay(true)?;
        Ok(Connection::new(stream, Arc::clone(&root), stop))
    });
    let server = server.max_connections(CONNECTIONS).grace(GRACE).on_failure(report).stop_on_signals(&event_loop)?;
    announce([local])?;
    event_loop.run_until_complete(server)
}
