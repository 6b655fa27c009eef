//! What is left of HTTPS in a program without TLS.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use innermost::Exception;

use super::Identity;

pub(crate) fn serve(_: SocketAddr, identity: &Identity, _: Arc<Path>) -> Result<(), Exception> {
    let Identity { certificate, key } = identity;
    let (certificate, key) = (certificate.display(), key.display());
    let text = format!("--certificate {certificate} --key {key}: built without TLS, which needs `--features tls`");
    Err(io::Error::new(io::ErrorKind::Unsupported, text).into())
}
