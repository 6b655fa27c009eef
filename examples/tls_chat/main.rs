//! A chat over TLS: a server, and a client for the terminal. Every line that a client sends goes to all other clients.
//!
//! ```text
//! cd examples/certificates
//! cargo run --example tls_chat --features tls -- serve localhost.pem localhost.key [ADDR]    (127.0.0.1:7009)
//! cargo run --example tls_chat --features tls -- join authority.pem [HOST [PORT]]            (localhost, 7009)
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `main.rs`   | both programs |
//! | `member.rs` | a client's connection in the server: one machine over any byte stream |
//!
//! The client is a [`relay`] between the terminal and the connection. The server's machines know nothing of TLS: the handshake
//! is a coroutine in front of them.
//!
//! Ctrl-C or SIGTERM stops the server, which tells its clients, and exits with 0.

mod member;
#[allow(dead_code, reason = "each server uses a part")]
#[path = "../support/mod.rs"]
mod support;

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::process::ExitCode;

use innermost::net::{PipeReader, PipeWriter, relay};
use innermost::server::GracefulServer;
use innermost::tls::rustls::RootCertStore;
use innermost::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use innermost::tls::{TlsAcceptor, TlsConnector, client_config, server_config};
use innermost::{CoroutineExt, EventLoop, Exception, TcpListener, connect};

use self::member::{Member, Room};
use self::support::{GRACE, announce, argument, exit_code_of, report};

fn main() -> ExitCode {
    let (command, first) = (argument(1, ""), argument(2, ""));
    let ran = match command.as_str() {
        "serve" => serve(&first, &argument(3, ""), &argument(4, "127.0.0.1:7009")),
        "join" => join(&first, &argument(3, "localhost"), &argument(4, "7009")),
        _ => Err(unusable(&command, "expected `serve CERTIFICATE KEY [ADDR]` or `join AUTHORITY [HOST [PORT]]`")),
    };
    exit_code_of(format_args!("tls_chat {command}"), ran)
}

fn serve(certificate: &str, key: &str, address: &str) -> Result<(), Exception> {
    let chain: Vec<_> = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
    let config = server_config().with_no_client_auth().with_single_cert(chain, private);
    let acceptor = TlsAcceptor::new(config.map_err(|error| unusable(certificate, error))?);

    let listener = TcpListener::bind(address.parse::<SocketAddr>()?)?;
    let (event_loop, local) = (EventLoop::new()?, listener.local_addr()?);
    let room = Room::default();
    let server = GracefulServer::new(listener, move |socket, stop| {
        let room = room.clone();
        Ok(acceptor.accept(socket).then(move |stream| Member::new(stream, room, stop)))
    });
    let server = server.grace(GRACE).on_failure(report).stop_on_signals(&event_loop)?;
    announce([local])?;
    event_loop.run_until_complete(server)
}

/// Talks until one of the two ends: the server, or the terminal.
fn join(authority: &str, host: &str, port: &str) -> Result<(), Exception> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(authority)?);
    let connector = TlsConnector::new(client_config().with_root_certificates(roots).with_no_client_auth());
    let input = PipeReader::try_from(io::stdin().as_fd().try_clone_to_owned()?)?;
    let output = PipeWriter::try_from(io::stdout().as_fd().try_clone_to_owned()?)?;
    let name = host.to_owned();
    let talk = connect((host, port.parse::<u16>()?))
        .then(move |socket| connector.connect(&name, socket))
        .then(move |stream| relay((input, output), stream));
    EventLoop::new()?.run_until_complete(talk).map(drop)
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, Exception> {
    let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    certificates.map_err(|error| unusable(file, error))
}

fn unusable(what: &str, why: impl Display) -> Exception {
    io::Error::new(ErrorKind::InvalidInput, format!("{what}: {why}")).into()
}
