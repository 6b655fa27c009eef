//! The name that a client asks for (SNI). rustls' unbuffered connections do not tell it.
//!
//! They tell it to the resolver of certificates, which the configuration has. So an acceptor puts a resolver of its own in
//! front of the program's. rustls calls it in the middle of the handshake, on the thread of the loop, and it has no way to
//! know for which connection; but it is called before [`asked`] returns.

use core::cell::RefCell;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

std::thread_local! {
    static ASKED: RefCell<Option<Box<str>>> = const { RefCell::new(None) };
}

/// Calls `function`, and returns the name that a client has asked for in it.
pub(super) fn asked<R>(function: impl FnOnce() -> R) -> (R, Option<Box<str>>) {
    let outer = ASKED.take();
    let result = function();
    (result, ASKED.replace(outer))
}

/// A configuration that differs only in that it tells the name.
pub(super) fn telling(config: &ServerConfig) -> Arc<ServerConfig> {
    let mut config = config.clone();
    let resolver = Arc::clone(&config.cert_resolver);
    config.cert_resolver = Arc::new(Telling(resolver));
    Arc::new(config)
}

#[derive(Debug)]
struct Telling(Arc<dyn ResolvesServerCert>);

impl ResolvesServerCert for Telling {
    fn resolve(&self, client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        ASKED.set(client_hello.server_name().map(Box::from));
        self.0.resolve(client_hello)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.0.only_raw_public_keys()
    }
}
