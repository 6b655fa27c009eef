//! What is left of `https` in a program without TLS.

use std::path::Path;

use innermost::net::ConnectTo;

use super::http::Fetching;
use super::url::Url;

/// There is none.
#[derive(Clone, Debug)]
pub(crate) enum Https {}

impl Https {
    pub(crate) fn trusting(_: &Path) -> Result<Self, String> {
        Err("built without TLS, which needs `--features tls`".to_owned())
    }

    pub(crate) fn fetch(&self, _: &Url, _: ConnectTo) -> Box<Fetching> {
        match *self {}
    }
}
