//! TLS inside transports: the options of servers and clients, [`StartTls`], and [`TlsInfo`].

use core::cell::Ref;
use core::fmt;
use std::rc::Rc;

use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, ProtocolVersion, SupportedCipherSuite};

use super::connector::{TlsAcceptor, TlsConnector};
use super::inside::Inside;
use super::session::Session;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::LoopHandle;
use crate::net::Buffer;
use crate::task::Await;
use crate::transport::{CreateConnection, CreateServer, Layer, Securing, StreamProtocol, Transport};
use crate::yield_from;

/// TLS.
impl CreateServer {
    /// Begins TLS on each connection. `connection_made` is called, or the handler of streams, once the handshake is over.
    /// asyncio's `ssl=`.
    ///
    /// A slow handshake delays nobody, and is ended by the [time limit](TlsAcceptor::handshake_timeout). If a handshake fails,
    /// the error is reported to the loop's exception handler, and the protocol is dropped without being called. A connection
    /// counts as a [client](crate::Server::clients) of the server from the beginning.
    ///
    /// ```
    /// # let file = |name: &str| format!("{}/examples/certificates/{name}", env!("CARGO_MANIFEST_DIR"));
    /// # let (certificate, key, authority) = (file("localhost.pem"), file("localhost.key"), file("authority.pem"));
    /// use innermost::stream::{StreamReader, StreamWriter};
    /// use innermost::tls::rustls::RootCertStore;
    /// use innermost::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    /// use innermost::tls::{TlsAcceptor, TlsConnector, client_config, server_config};
    /// use innermost::{EventLoop, ready};
    ///
    /// let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    /// let key = PrivateKeyDer::from_pem_file(key)?;
    /// let acceptor = TlsAcceptor::new(server_config().with_no_client_auth().with_single_cert(chain, key)?);
    /// let mut roots = RootCertStore::empty();
    /// roots.add(CertificateDer::from_pem_file(authority)?)?;
    /// let connector = TlsConnector::new(client_config().with_root_certificates(roots).with_no_client_auth());
    ///
    /// let event_loop = EventLoop::new()?;
    /// let greet = |_: StreamReader, writer: StreamWriter| {
    ///     let _ = writer.write(b"hello\n");
    ///     ready(()) // dropping the writer closes the connection
    /// };
    /// let serving = event_loop.start_server(greet, ([127, 0, 0, 1], 0)).tls(&acceptor);
    /// let server = event_loop.run_until_complete(serving)?;
    ///
    /// let connecting = event_loop.open_connection(server.local_addrs()[0]).tls(&connector, "localhost");
    /// let (reader, _writer) = event_loop.run_until_complete(connecting)?;
    /// assert_eq!(event_loop.run_until_complete(reader.read_to_end())?, b"hello\n");
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    ///
    /// Awaiting this raises `ValueError` for a time limit of zero and for a configuration that allows early data.
    pub fn tls(self, acceptor: &TlsAcceptor) -> Self {
        let acceptor = acceptor.clone();
        // A server that can make no session says so before it listens.
        let checked = Inside::server(&acceptor);
        self.layer(checked.map(|_| Rc::new(move || Inside::server(&acceptor)) as Rc<_>))
    }
}

/// TLS.
impl CreateConnection {
    /// Begins TLS once connected. The server must have a certificate for `server_name`, a host name or an IP address. The
    /// transport is returned, and `connection_made` is called, once the handshake is over. asyncio's `ssl=` and
    /// `server_hostname=`.
    ///
    /// Awaiting this also raises the errors of [`TlsConnector::connect`].
    pub fn tls(self, connector: &TlsConnector, server_name: &str) -> Self {
        self.layer(Inside::client(connector, server_name))
    }
}

/// Which end of TLS a connection becomes: a server, made of a [`TlsAcceptor`], or a client, made of a [`TlsConnector`] and the
/// server's name.
pub struct TlsRole(Result<Rc<dyn Layer>, Exception>);

impl From<&TlsAcceptor> for TlsRole {
    fn from(acceptor: &TlsAcceptor) -> Self {
        Self(Inside::server(acceptor))
    }
}

impl From<(&TlsConnector, &str)> for TlsRole {
    fn from((connector, server_name): (&TlsConnector, &str)) -> Self {
        Self(Inside::client(connector, server_name))
    }
}

/// TLS.
impl Transport {
    /// Begins TLS on a connection that was in plain bytes until now, as after `STARTTLS` of SMTP. The transport stays the
    /// same. Returns it once the handshake is over. From then on, the protocol gets plaintext, and what it writes is sealed.
    /// Earlier writes are sent before. Until the handshake is over, writing is an error. asyncio's `loop.start_tls`, which makes a
    /// second transport.
    ///
    /// Give bytes that have come already and belong to TLS to [`already_read`](StartTls::already_read).
    /// If this is dropped before its end, or the handshake fails, the connection is closed.
    ///
    /// ```
    /// use innermost::tls::{StartTls, TlsAcceptor, TlsConnector};
    /// use innermost::Transport;
    ///
    /// fn as_server(transport: &Transport, acceptor: &TlsAcceptor) -> StartTls {
    ///     transport.start_tls(acceptor)
    /// }
    ///
    /// fn as_client(transport: &Transport, connector: &TlsConnector) -> StartTls {
    ///     transport.start_tls((connector, "mail.example.org"))
    /// }
    /// ```
    ///
    /// Raises the errors of [`TlsConnector::connect`] or [`TlsAcceptor::accept`], and `RuntimeError` if the transport is
    /// closing, speaks TLS already, is sending a file, has ended its writes, or is a pipe.
    pub fn start_tls(&self, role: impl Into<TlsRole>) -> StartTls {
        let TlsRole(layer) = role.into();
        StartTls { phase: Phase::Created { transport: self.clone(), layer, read: Buffer::new(), take: None } }
    }

    /// What is known about TLS on this connection. `None` without TLS, and before the handshake is over. It stays known after
    /// the connection is lost. asyncio's `get_extra_info` with the names `peercert`, `cipher` and `ssl_object`.
    pub fn tls(&self) -> Option<TlsInfo> {
        self.layer()?.as_any().downcast().ok().map(TlsInfo)
    }
}

/// TLS.
impl LoopHandle {
    /// Replaces a transport's protocol, and begins TLS: [`Transport::set_protocol`] and then [`Transport::start_tls`]. asyncio's
    /// `start_tls`.
    pub fn start_tls<K>(
        &self,
        transport: &Transport,
        protocol: impl StreamProtocol<K>,
        role: impl Into<TlsRole>,
    ) -> StartTls {
        transport.set_protocol(protocol);
        transport.start_tls(role)
    }
}

/// The coroutine returned by [`Transport::start_tls`].
#[must_use = "TLS does not begin until this is awaited"]
pub struct StartTls {
    phase: Phase,
}

enum Phase {
    Created { transport: Transport, layer: Result<Rc<dyn Layer>, Exception>, read: Buffer, take: Option<Box<Take>> },
    Securing(Securing),
    Over,
}

/// Takes out what a stream holds.
type Take = dyn FnOnce() -> Vec<u8>;

impl StartTls {
    /// Calls `take` when TLS begins, for bytes that were read from the connection before.
    #[cfg(feature = "stream")]
    pub(super) fn taking(mut self, function: impl FnOnce() -> Vec<u8> + 'static) -> Self {
        if let Phase::Created { take, .. } = &mut self.phase {
            *take = Some(Box::new(function));
        }
        self
    }

    /// Adds bytes that were read from the connection before, and belong to TLS.
    pub fn already_read(mut self, bytes: Buffer) -> Self {
        if let Phase::Created { read, .. } = &mut self.phase {
            *read = bytes;
        }
        self
    }
}

impl Coroutine for StartTls {
    type Yield = Await;
    type Input = ();
    type Return = Transport;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created { .. } = self.phase {
            let Phase::Created { transport, layer, mut read, take } = core::mem::replace(&mut self.phase, Phase::Over)
            else {
                unreachable!("it is created")
            };
            take_sent(&mut sent)?;
            let layer = layer?;
            if let Some(take) = take {
                read = [read.bytes(), &take()].concat().into();
            }
            let opened = transport.start_layer(layer, read.bytes())?;
            self.phase = Phase::Securing(Securing::new(transport, opened));
        }
        let Phase::Securing(securing) = &mut self.phase else {
            take_sent(&mut sent)?;
            return Err(Exception::reused());
        };
        let secured = yield_from!(securing, sent);
        self.phase = Phase::Over;
        secured.map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        State::new("start_tls", self)
    }
}

impl fmt::Debug for StartTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            Phase::Created { transport, .. } => write!(f, "StartTls(created, {transport:?})"),
            Phase::Securing(securing) => write!(f, "StartTls({securing:?})"),
            Phase::Over => f.write_str("StartTls(over)"),
        }
    }
}

impl fmt::Debug for TlsRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsRole").finish_non_exhaustive()
    }
}

/// What is known about the TLS connection of a [`Transport`], once its handshake is over. Given by [`Transport::tls`].
#[derive(Clone)]
pub struct TlsInfo(Rc<Inside>);

impl TlsInfo {
    fn session(&self) -> Ref<'_, Session> {
        self.0.session.borrow()
    }

    /// The application's protocol that both ends have agreed on (ALPN), for example `h2`. `None` if an end has none.
    pub fn alpn(&self) -> Option<Vec<u8>> {
        self.session().facts().alpn_protocol().map(<[u8]>::to_vec)
    }

    /// The peer's certificates, its own first. `None` for a client that was not asked for one, or has none.
    pub fn peer_certificates(&self) -> Option<Vec<CertificateDer<'static>>> {
        self.session().facts().peer_certificates().map(<[_]>::to_vec)
    }

    /// The name of the server: in a client, the one that it has connected to; in a server, the one that the client has asked
    /// for (SNI), if it has.
    pub fn server_name(&self) -> Option<String> {
        self.0.server_name.borrow().as_deref().map(String::from)
    }

    /// The version of TLS.
    pub fn version(&self) -> ProtocolVersion {
        self.session().facts().protocol_version().expect("the handshake is over")
    }

    /// The algorithms that protect the connection.
    pub fn cipher_suite(&self) -> SupportedCipherSuite {
        self.session().facts().negotiated_cipher_suite().expect("the handshake is over")
    }

    /// Returns `true` if the connection continues an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.session().facts().handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server_name = self.0.server_name.borrow();
        f.debug_struct("TlsInfo").field("version", &self.version()).field("server_name", &server_name).finish()
    }
}
