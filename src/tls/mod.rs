//! TLS over any stream of bytes. Layer 4; feature `tls`, off by default.
//!
//! A [`TlsConnector`] or a [`TlsAcceptor`] begins TLS over a stream, and gives a [`TlsStream`], which is a byte stream too.
//! So a machine that is written against [`ByteStream`](crate::ByteStream) speaks TLS unchanged.
//!
//! The protocol is rustls', and so are the configurations: certificates, ALPN, client certificates, resumption and key logs
//! are set there. [`rustls`] is exported, so that a program uses the same version. Its cryptography is ring, which is given
//! to each configuration, and never installed for the process. Trusted roots are the program's.
//!
//! ```text
//!   machine --plaintext-->  TlsStream  --sealed-->  TcpStream, UnixStream, a pair of pipes, memory
//!                            |     |
//!                       Session   Backlog
//!                       (rustls)  (sends what is left)
//! ```
//!
//! ```
//! use innermost::testing::{memory_pair, virtual_loop};
//! use innermost::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
//! use innermost::tls::rustls::RootCertStore;
//! use innermost::tls::{TlsAcceptor, TlsConnector, client_config, server_config};
//! use innermost::{Buffer, ByteRead, ByteWrite, CoroutineExt, Step, from_fn, yield_from};
//!
//! # let (certificate, key, authority) = (
//! #     concat!(env!("CARGO_MANIFEST_DIR"), "/examples/certificates/localhost.pem"),
//! #     concat!(env!("CARGO_MANIFEST_DIR"), "/examples/certificates/localhost.key"),
//! #     concat!(env!("CARGO_MANIFEST_DIR"), "/examples/certificates/authority.pem"),
//! # );
//! let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
//! let key = PrivateKeyDer::from_pem_file(key)?;
//! let acceptor = TlsAcceptor::new(server_config().with_no_client_auth().with_single_cert(chain, key)?);
//!
//! let mut roots = RootCertStore::empty();
//! roots.add(CertificateDer::from_pem_file(authority)?)?;
//! let connector = TlsConnector::new(client_config().with_root_certificates(roots).with_no_client_auth());
//!
//! let (near, far) = memory_pair(); // or two ends of a TCP connection
//! let event_loop = virtual_loop()?;
//! event_loop.create_task(acceptor.accept(far).then(|stream| {
//!     from_fn(move |mut sent| yield_from!(stream.send(b"hello"), sent).map(Step::Return))
//! }))?;
//! let greeted = connector.connect("localhost", near).then(|stream| {
//!     let mut incoming = Buffer::new();
//!     from_fn(move |mut sent| {
//!         yield_from!(stream.read(&mut incoming), sent)?;
//!         Ok(Step::Return(incoming.bytes().to_vec()))
//!     })
//! });
//! assert_eq!(event_loop.run_until_complete(greeted)?, b"hello");
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! Absent: early data (0-RTT), because whoever records it can send it again; DTLS; the kernel's TLS.
//!
//! | file | holds |
//! |---|---|
//! | `connector.rs` | [`TlsConnector`], [`TlsAcceptor`] |
//! | `handshake.rs` | [`Handshake`]: the beginning of a connection |
//! | `stream.rs`    | [`TlsStream`] |
//! | `close.rs`     | [`Close`]: the end of a connection |
//! | `transport.rs` | TLS inside transports: [`StartTls`], [`TlsRole`], [`TlsInfo`] |
//! | `streams.rs`   | TLS under the streams of `open_connection` and `start_server` |
//! | `inside.rs`    | a session as a transport sees it |
//! | `core.rs`      | a session and the stream below it |
//! | `backlog.rs`   | what is sealed and waits for room in the stream below |
//! | `session.rs`   | rustls' record interface: TLS without input and output |
//! | `names.rs`     | the name that a client asks for |
//! | `error.rs`     | what is raised |

mod backlog;
mod close;
mod connector;
mod core;
mod error;
mod handshake;
#[cfg(feature = "transport")]
mod inside;
mod names;
mod session;
mod stream;
#[cfg(feature = "stream")]
mod streams;
#[cfg(feature = "transport")]
mod transport;

use std::sync::Arc;

pub use rustls;
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ConfigBuilder, ServerConfig, WantsVerifier};

pub use self::close::Close;
pub use self::connector::{TlsAcceptor, TlsConnector};
pub use self::handshake::Handshake;
pub use self::stream::TlsStream;
#[cfg(feature = "transport")]
pub use self::transport::{StartTls, TlsInfo, TlsRole};

/// Begins a configuration for clients, with TLS 1.2 and 1.3 and [`provider`]. Next it needs the roots to trust.
pub fn client_config() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has algorithms for both versions")
}

/// Begins a configuration for servers, with TLS 1.2 and 1.3 and [`provider`]. Next it needs to know whether clients must have
/// a certificate.
pub fn server_config() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has algorithms for both versions")
}

/// The cryptography that [`client_config`] and [`server_config`] use: ring.
///
/// For other versions of TLS, pass it to [`ClientConfig::builder_with_provider`].
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
