//! HTTPS: the machine of a connection runs over TLS, unchanged.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use innermost::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use innermost::tls::{TlsAcceptor, server_config};
use innermost::{CoroutineExt, Exception};

use super::Identity;
use super::connection::Connection;

/// Serves until a signal comes. A client whose handshake fails is reported, and the server goes on.
pub(crate) fn serve(address: SocketAddr, identity: &Identity, root: Arc<Path>) -> Result<(), Exception> {
    let acceptor = acceptor(identity)?;
    super::serve(address, move |socket, stop| {
        let root = Arc::clone(&root);
        acceptor.accept(socket).then(move |stream| Connection::new(stream, root, stop))
    })
}

fn acceptor(Identity { certificate, key }: &Identity) -> Result<TlsAcceptor, Exception> {
    let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
    let chain: Vec<_> = chain.map_err(|error| unusable(certificate, error))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
    let config = server_config().with_no_client_auth().with_single_cert(chain, private);
    let mut config = config.map_err(|error| unusable(certificate, error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::new(config))
}

fn unusable(file: &Path, error: impl Display) -> Exception {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{}: {error}", file.display())).into()
}
