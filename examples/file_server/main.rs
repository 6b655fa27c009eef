//! Serves the files below a directory over HTTP/1.1. Each connection is a task, and an explicit state machine.
//!
//! ```text
//! cargo run --release --example file_server [DIRECTORY [ADDR]]      (. and 127.0.0.1:8888; port 0 picks a free one)
//! curl --range 0-99 http://127.0.0.1:8888/README.md
//!
//! cd examples/certificates                                          (HTTPS: with the feature `tls`, and a certificate)
//! cargo run --release --example file_server --features tls -- --certificate localhost.pem --key localhost.key
//! curl --cacert authority.pem https://localhost:8888/localhost.pem
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
//! | `secure.rs`     | HTTPS |
//! | `insecure.rs`   | what is left of that without the feature `tls` |
//!
//! Ctrl-C or SIGTERM stops the server. It accepts no new connections, answers the requests it has, and exits with 0. After a
//! second signal, or after five seconds, it ends the remaining connections at once.

mod connection;
mod date;
mod request;
mod resource;
mod response;
#[cfg_attr(not(feature = "tls"), path = "insecure.rs")]
mod secure;
#[allow(dead_code, reason = "each server uses a part")]
#[path = "../support/mod.rs"]
mod support;

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use innermost::server::{GracefulServer, StopToken};
use innermost::{Awaitable, EventLoop, Exception, TcpListener, TcpStream};

use crate::connection::Connection;
use crate::support::{GRACE, announce, exit_code_of, report};

/// The number of connections that are served at a time. Further ones wait in the kernel.
const CONNECTIONS: usize = 512;

const USAGE: &str = "usage: file_server [--certificate FILE --key FILE] [DIRECTORY [ADDR]]";

/// The command line.
struct Options {
    directory: PathBuf,
    address: String,
    /// The files of a certificate, for HTTPS.
    identity: Option<Identity>,
}

/// A certificate, or a chain of them, and its key: files in PEM.
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
}

fn main() -> ExitCode {
    let options = match parse() {
        Ok(options) => options,
        Err(wrong) => {
            let _ = writeln!(io::stderr(), "file_server: {wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let name = format!("file_server {} {}", options.directory.display(), options.address);
    exit_code_of(name, run(options))
}

fn parse() -> Result<Options, String> {
    let (mut certificate, mut key, mut others) = (None, None, Vec::new());
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        let mut file = || arguments.next().map(PathBuf::from).ok_or("expected a file after an option");
        match argument.to_str() {
            Some("--certificate") => certificate = Some(file()?),
            Some("--key") => key = Some(file()?),
            Some(option) if option.starts_with("--") => return Err(format!("{option}: no such option")),
            _ => others.push(argument),
        }
    }
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
        (None, None) => None,
        _ => return Err("a certificate needs its key, and a key its certificate".to_owned()),
    };
    let mut others = others.into_iter();
    let directory = others.next().map_or_else(|| ".".into(), PathBuf::from);
    let address =
        others.next().map_or_else(|| "127.0.0.1:8888".into(), |address| address.to_string_lossy().into_owned());
    Ok(Options { directory, address, identity })
}

fn run(options: Options) -> Result<(), Exception> {
    // Only a real path can tell whether a file is below it.
    let root = options.directory.canonicalize()?;
    std::fs::read_dir(&root)?;
    let root: Arc<Path> = root.into();
    let address = options.address.parse::<SocketAddr>()?;
    match &options.identity {
        None => serve(address, move |stream, stop| Connection::new(stream, Arc::clone(&root), stop)),
        Some(identity) => secure::serve(address, identity, root),
    }
}

/// Serves until a signal comes. `connection` makes the machine of each connection.
fn serve<C: Awaitable<Return = ()> + 'static>(
    address: SocketAddr,
    mut connection: impl FnMut(TcpStream, StopToken) -> C + 'static,
) -> Result<(), Exception> {
    let listener = TcpListener::bind(address)?;
    let (event_loop, local) = (EventLoop::new()?, listener.local_addr()?);
    let server = GracefulServer::new(listener, move |stream, stop| {
        stream.set_nodelay(true)?;
        Ok(connection(stream, stop))
    });
    let server = server.max_connections(CONNECTIONS).grace(GRACE).on_failure(report).stop_on_signals(&event_loop)?;
    announce([local])?;
    event_loop.run_until_complete(server)
}
