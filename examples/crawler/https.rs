//! Pages over TLS: the machine of an exchange runs over TLS, unchanged.

use std::path::Path;

use innermost::CoroutineExt;
use innermost::net::ConnectTo;
use innermost::tls::rustls::RootCertStore;
use innermost::tls::rustls::pki_types::{CertificateDer, pem::PemObject};
use innermost::tls::{TlsConnector, client_config};

use super::http::{Exchange, Fetching};
use super::url::Url;

/// What connections to `https` pages need.
#[derive(Clone, Debug)]
pub(crate) struct Https(TlsConnector);

impl Https {
    /// Trusts the authorities whose certificates are in a file in PEM.
    pub(crate) fn trusting(file: &Path) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        roots.add_parsable_certificates(certificates.map_err(|error| error.to_string())?);
        if roots.is_empty() {
            return Err("there is no certificate in it".to_owned());
        }
        let mut config = client_config().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsConnector::new(config)))
    }

    /// Fetches a page over a connection that is still to be made.
    pub(crate) fn fetch(&self, url: &Url, connecting: ConnectTo) -> Box<Fetching> {
        let (connector, url) = (self.0.clone(), url.clone());
        let host = url.host().to_owned();
        let securing = connecting.then(move |socket| connector.connect(&host, socket));
        Box::new(securing.then(move |stream| Exchange::new(stream, url.target(), &url.authority())))
    }
}
