//! What TLS raises.

use core::fmt;
use std::io;

use rustls::{CertificateError, Error, InvalidMessage};

use crate::coroutine::Exception;

/// An error of TLS, as an [`io::Error`] that holds rustls' own.
#[cold]
pub(super) fn refused(error: Error) -> Exception {
    let advice = match &error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => Some("the peer does not speak TLS"),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            Some("the certificate is self-signed, or its issuer is not among the trusted roots")
        }
        Error::NoCertificatesPresented => Some("the configuration demands a certificate of the peer"),
        Error::AlertReceived(_) => Some("the peer has refused the connection"),
        _ => None,
    };
    let raised = Exception::from(io::Error::new(io::ErrorKind::InvalidData, error));
    match advice {
        Some(advice) => raised.with_note(advice),
        None => raised,
    }
}

/// The peer has ended the stream below, and has not said before that this is the end: somebody may have cut it off.
#[cold]
pub(super) fn cut_off() -> Exception {
    let text = "the connection ended without the `close_notify` of TLS: what has come may be incomplete";
    io::Error::new(io::ErrorKind::UnexpectedEof, text).into()
}

#[cold]
pub(super) fn ended_in_handshake() -> Exception {
    let text = "the peer ended the connection during the TLS handshake";
    io::Error::new(io::ErrorKind::UnexpectedEof, text).into()
}

/// Writing after the end.
#[cold]
pub(super) fn has_ended() -> Exception {
    io::Error::new(io::ErrorKind::BrokenPipe, "this end of the TLS connection has been ended").into()
}

/// A name that no server can have.
#[cold]
pub(super) fn no_name(name: &str) -> Exception {
    let text = format!("{name:?} is neither a host name nor an address");
    io::Error::new(io::ErrorKind::InvalidInput, text).into()
}

/// The note of what is raised while a connection begins.
#[derive(Debug)]
pub(super) enum During {
    /// With the server of that name.
    Connecting(Option<Box<str>>),
    /// With a client, and the name that it has asked for.
    Accepting(Option<Box<str>>),
}

impl fmt::Display for During {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting(Some(name)) => write!(f, "TLS handshake with {name:?}"),
            Self::Connecting(None) => f.write_str("TLS handshake with a server"),
            Self::Accepting(Some(name)) => write!(f, "TLS handshake with a client that asks for {name:?}"),
            Self::Accepting(None) => f.write_str("TLS handshake with a client"),
        }
    }
}

/// A time limit of a connection inside a transport.
#[cfg(feature = "transport")]
#[cold]
pub(super) fn too_slow(after: core::time::Duration, in_handshake: bool) -> Exception {
    let what = if in_handshake { "finished the TLS handshake" } else { "ended the TLS connection" };
    Exception::timeout().with_note(format!("the peer has not {what} within {after:?}"))
}
