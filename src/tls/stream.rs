//! [`TlsStream`]: a stream of plaintext over a stream of sealed bytes.

use core::fmt;
use std::io::IoSlice;
use std::rc::Rc;

use rustls::pki_types::CertificateDer;
use rustls::{HandshakeKind, ProtocolVersion, SupportedCipherSuite};

use super::core::{Core, Flushed};
use super::session::MOST_SEALED;
use crate::coroutine::Step;
use crate::event_loop::{SpareMemory, find_running};
use crate::net::{Buffer, ByteRead, ByteStream, ByteWrite};
use crate::task::Progress;

/// A TLS connection over the stream `S`: TCP, a Unix socket, a pair of pipes, or memory. Made by a
/// [`TlsConnector`](super::TlsConnector) or a [`TlsAcceptor`](super::TlsAcceptor), once the handshake is over.
///
/// It is a byte stream like the one below it: machines that are written against [`ByteStream`] run over both.
///
/// # Reading
///
/// The end of the stream is the peer's `close_notify`. If the stream below ends without it, somebody may have cut the
/// connection off: a read raises `UnexpectedEof`, after the data. Many programs that need no such protection, because their
/// messages say how long they are, end that way.
///
/// # Writing
///
/// [`write_all`](ByteWrite::write_all) of a [`Buffer`] returns once the stream below has taken everything.
/// [`send`](ByteWrite::send) returns once the bytes are sealed. If the stream below has no room for them by then, the loop
/// sends them as soon as it has. No task needs to wait for that, so a reader never waits for a peer that does not read.
///
/// [`write_eof`](ByteWrite::write_eof) sends `close_notify`, and ends the stream below.
/// [`send_file`](ByteWrite::send_file) reads the file and seals it; the kernel's own TLS is not used.
///
/// # Ending
///
/// [`close`](Self::close) ends the connection, and waits until the peer has ended it too.
/// [`linger`](fn@crate::net::linger) does that as well, and bounds what the peer may still send.
/// Dropping a `TlsStream` drops the stream below and bytes that were not sent. The peer is not told that this is the end.
pub struct TlsStream<S>(pub(super) Rc<Core<S>>, pub(super) Facts);

/// What a stream knows beside what rustls does.
#[derive(Clone)]
pub(super) struct Facts {
    pub(super) server_name: Option<Box<str>>,
    pub(super) shutdown_timeout: core::time::Duration,
}

impl<S> TlsStream<S> {
    /// The stream below. Whoever reads from it or writes to it breaks the connection.
    pub fn get_ref(&self) -> &S {
        &self.0.io
    }

    /// The application's protocol that both ends have agreed on (ALPN), for example `h2`. `None` if an end has none.
    pub fn alpn(&self) -> Option<Vec<u8>> {
        self.0.session.borrow().facts().alpn_protocol().map(<[u8]>::to_vec)
    }

    /// The peer's certificates, its own first. `None` for a client that was not asked for one, or has none.
    pub fn peer_certificates(&self) -> Option<Vec<CertificateDer<'static>>> {
        self.0.session.borrow().facts().peer_certificates().map(<[_]>::to_vec)
    }

    /// The name of the server: in a client, the one that it has connected to; in a server, the one that the client has asked
    /// for (SNI), if it has.
    pub fn server_name(&self) -> Option<&str> {
        self.1.server_name.as_deref()
    }

    /// The version of TLS.
    pub fn version(&self) -> ProtocolVersion {
        self.0.session.borrow().facts().protocol_version().expect("the handshake is over")
    }

    /// The algorithms that protect the connection.
    pub fn cipher_suite(&self) -> SupportedCipherSuite {
        self.0.session.borrow().facts().negotiated_cipher_suite().expect("the handshake is over")
    }

    /// Returns `true` if the connection continues an earlier session, which has made the handshake shorter.
    pub fn is_resumed(&self) -> bool {
        self.0.session.borrow().facts().handshake_kind() == Some(HandshakeKind::Resumed)
    }
}

impl<S: ByteStream + 'static> ByteRead for TlsStream<S> {
    #[inline]
    fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize> {
        self.0.attempt_recv(bytes)
    }
}

impl<S: ByteStream + 'static> ByteWrite for TlsStream<S> {
    #[inline]
    fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
        self.0.attempt_send(bytes)
    }

    fn attempt_write_eof(&self) -> Progress<()> {
        self.0.attempt_write_eof()
    }

    /// Puts small slices together, because each record costs as much as a few hundred bytes.
    fn attempt_send_vectored(&self, slices: &[IoSlice<'_>]) -> Progress<usize> {
        match slices.iter().find(|slice| !slice.is_empty()) {
            Some(first) if first.len() < SMALL => match find_running() {
                Some(event_loop) => self.send_together(slices, event_loop.spare_memory()),
                None => self.send_together(slices, &SpareMemory::new()),
            },
            first => self.attempt_send(first.map_or(&[], |first| first)),
        }
    }

    fn attempt_write_all(&self, buffer: &mut Buffer) -> Progress<()> {
        loop {
            if let Flushed::Waits(wanted) = self.0.flush()? {
                if !wanted.is_next_turn() {
                    buffer.shrink();
                }
                return Ok(Step::Yield(wanted));
            }
            if buffer.is_empty() {
                return Ok(Step::Return(()));
            }
            match self.attempt_send(buffer.bytes())? {
                Step::Return(count) => buffer.consume(count),
                Step::Yield(wanted) => return Ok(Step::Yield(wanted)),
                Step::Delegate(frame) => return Ok(Step::Delegate(frame)),
            }
        }
    }

    fn abort(&self) {
        self.0.abort();
    }
}

impl<S: ByteStream + 'static> TlsStream<S> {
    fn send_together(&self, slices: &[IoSlice<'_>], spare: &SpareMemory) -> Progress<usize> {
        let mut memory = spare.take();
        let mut end = 0;
        for slice in slices {
            let count = slice.len().min(MOST_SEALED - end);
            memory[end..end + count].copy_from_slice(&slice[..count]);
            end += count;
        }
        let sent = self.attempt_send(&memory[..end]);
        spare.give(memory);
        sent
    }
}

/// Slices of at least this size get records of their own.
const SMALL: usize = 4096;

impl<S: fmt::Debug> fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsStream({:?})", self.0.io)
    }
}
