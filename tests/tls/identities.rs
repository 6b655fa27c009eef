//! Certificates, and the configurations with them.

use std::path::PathBuf;
use std::sync::Arc;

use innermost::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use innermost::tls::rustls::server::WebPkiClientVerifier;
use innermost::tls::rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use innermost::tls::{TlsAcceptor, TlsConnector, client_config, provider, server_config};

/// Where `tests/data/tls/make` has put it.
pub(crate) fn file(name: &str) -> PathBuf {
    let folder = if name.starts_with("localhost") || name.starts_with("authority") {
        "examples/certificates"
    } else {
        "tests/data/tls"
    };
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder).join(name)
}

pub(crate) fn chain(name: &str) -> Vec<CertificateDer<'static>> {
    let certificates = CertificateDer::pem_file_iter(file(&format!("{name}.pem"))).expect("it is committed");
    certificates.collect::<Result<_, _>>().expect("they are certificates")
}

pub(crate) fn key(name: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_file(file(&format!("{name}.key"))).expect("it is committed")
}

pub(crate) fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in chain("authority") {
        roots.add(certificate).expect("it is a root");
    }
    roots
}

pub(crate) fn server_as(name: &str) -> ServerConfig {
    server_config()
        .with_no_client_auth()
        .with_single_cert(chain(name), key(name))
        .expect("the key is the certificate's")
}

pub(crate) fn server_of(version: &'static SupportedProtocolVersion) -> ServerConfig {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version]);
    let builder = builder.expect("ring has algorithms for it").with_no_client_auth();
    builder.with_single_cert(chain("localhost"), key("localhost")).expect("the key is the certificate's")
}

pub(crate) fn server_that_demands_certificates() -> ServerConfig {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots()), provider()).build();
    server_config()
        .with_client_cert_verifier(verifier.expect("there are roots"))
        .with_single_cert(chain("localhost"), key("localhost"))
        .expect("the key is the certificate's")
}

pub(crate) fn client() -> ClientConfig {
    client_config().with_root_certificates(roots()).with_no_client_auth()
}

pub(crate) fn client_of(version: &'static SupportedProtocolVersion) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[version]);
    builder.expect("ring has algorithms for it").with_root_certificates(roots()).with_no_client_auth()
}

pub(crate) fn client_with_certificate() -> ClientConfig {
    let builder = client_config().with_root_certificates(roots());
    builder.with_client_auth_cert(chain("client"), key("client")).expect("the key is the certificate's")
}

/// A server and a client that trusts it.
pub(crate) fn both() -> (TlsAcceptor, TlsConnector) {
    (TlsAcceptor::new(server_as("localhost")), TlsConnector::new(client()))
}
