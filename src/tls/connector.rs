//! [`TlsConnector`] and [`TlsAcceptor`]: what the connections of a client or of a server have in common.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};

use super::error::{no_name, refused};
use super::handshake::{Handshake, Times};
use super::names::telling;
use super::session::Session;
use crate::coroutine::{Exception, Kind};

/// Makes TLS connections to servers. Clones share the configuration, and with it the sessions that can be resumed.
#[derive(Clone)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    pub(super) times: Times,
}

impl TlsConnector {
    /// Uses `config`, which holds the trusted roots, the versions, ALPN, a client certificate, and sessions to resume.
    /// [`client_config`](super::client_config) makes one.
    pub fn new(config: impl Into<Arc<ClientConfig>>) -> Self {
        Self { config: config.into(), times: Times::DEFAULT }
    }

    /// Sets how long a handshake may take. The default is a minute.
    pub const fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.times.handshake = limit;
        self
    }

    /// Sets how long [`close`](super::TlsStream::close) waits for the peer. The default is thirty seconds.
    pub const fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.times.shutdown = limit;
        self
    }

    /// Begins TLS over a stream that is connected. The server must have a certificate for `server_name`, a host name or an
    /// IP address.
    ///
    /// ```no_run
    /// use innermost::tls::{TlsConnector, TlsStream, client_config, rustls};
    /// use innermost::{Awaitable, CoroutineExt, TcpStream, connect};
    ///
    /// fn open(host: &'static str, roots: rustls::RootCertStore) -> impl Awaitable<Return = TlsStream<TcpStream>> {
    ///     let connector = TlsConnector::new(client_config().with_root_certificates(roots).with_no_client_auth());
    ///     connect((host, 443)).then(move |socket| connector.connect(host, socket))
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it raises an [`io::Error`](std::io::Error) that holds [`rustls::Error`], if the certificate is not accepted,
    /// if the two ends have nothing in common, or if the server does not speak TLS; `UnexpectedEof` if the server leaves; the
    /// errors of the stream; `TimeoutError`; `InvalidInput` for a name that no server can have; and `ValueError` for a time
    /// limit of zero.
    pub fn connect<S>(&self, server_name: &str, stream: S) -> Handshake<S> {
        Handshake::new(stream, self.session(server_name), Some(server_name.into()), self.times)
    }

    pub(super) fn session(&self, server_name: &str) -> Result<Session, Exception> {
        let name = ServerName::try_from(server_name.to_owned()).map_err(|_| no_name(server_name))?;
        Session::client(&self.config, name).map_err(refused)
    }
}

/// Makes TLS connections with clients. Clones share the configuration, and with it the sessions that can be resumed.
#[derive(Clone)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
    pub(super) times: Times,
}

impl TlsAcceptor {
    /// Uses `config`, which holds the certificates, the versions, ALPN, whether clients need a certificate, and sessions to
    /// resume. [`server_config`](super::server_config) makes one.
    pub fn new(config: impl Into<Arc<ServerConfig>>) -> Self {
        Self { config: telling(&config.into()), times: Times::DEFAULT }
    }

    /// Sets how long a handshake may take. The default is a minute.
    pub const fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.times.handshake = limit;
        self
    }

    /// Sets how long [`close`](super::TlsStream::close) waits for the peer. The default is thirty seconds.
    pub const fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.times.shutdown = limit;
        self
    }

    /// Begins TLS over a connection that was accepted. Await it in the task of that connection: the loop goes on accepting,
    /// however slow a client is.
    ///
    /// ```
    /// use innermost::tls::TlsAcceptor;
    /// use innermost::{Awaitable, Buffer, ByteWrite, CoroutineExt, Step, TcpStream, from_fn, yield_from};
    ///
    /// /// Greets a client. To be spawned for each connection.
    /// fn greet(acceptor: &TlsAcceptor, socket: TcpStream) -> impl Awaitable<Return = ()> {
    ///     acceptor.accept(socket).then(|stream| {
    ///         let mut greeting = Buffer::from(b"hello\n".to_vec());
    ///         from_fn(move |mut sent| {
    ///             yield_from!(stream.write_all(&mut greeting), sent)?;
    ///             yield_from!(stream.write_eof(), sent).map(Step::Return)
    ///         })
    ///     })
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting it raises an [`io::Error`](std::io::Error) that holds [`rustls::Error`], if the two ends have nothing in
    /// common, if the client refuses the certificate or lacks one, or if it does not speak TLS; `UnexpectedEof` if the client
    /// leaves; the errors of the stream; `TimeoutError`; and `ValueError` for a time limit of zero and for a configuration
    /// that allows early data.
    pub fn accept<S>(&self, stream: S) -> Handshake<S> {
        Handshake::new(stream, self.session(), None, self.times)
    }

    pub(super) fn session(&self) -> Result<Session, Exception> {
        if self.config.max_early_data_size > 0 {
            // Whoever records it can send it again.
            return Err(Exception::message(Kind::ValueError, "early data of TLS is not supported"));
        }
        Session::server(&self.config).map_err(refused)
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector").field("times", &self.times).finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor").field("times", &self.times).finish_non_exhaustive()
    }
}
