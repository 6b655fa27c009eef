//! [`Session`]: TLS without input and output. Bytes go in, plaintext and bytes to send come out.
//!
//! This is the only file that knows rustls' record interface. It keeps no bytes itself: whoever drives a session lends it the
//! bytes that have come and the bytes to send, which belong to the loop's memory and are given back while a connection is
//! idle. rustls' own buffers would cost several KiB for each connection.
//!
//! Invariants:
//!
//! 1. `incoming` is always the whole of what has come and was not consumed. rustls remembers positions in it: those of a
//!    message of the handshake of which only a part has come. So even sealing passes it on, and may bring plaintext.
//! 2. After a call, `incoming` holds at most a part of a record, or what follows the peer's `close_notify`.

use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{AppDataRecord, ConnectionState, EncodeError, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{ClientConfig, CommonState, Error, ServerConfig};

use crate::net::Buffer;

/// One end of a TLS connection.
pub(super) struct Session {
    side: Side,
    /// Whether the peer has said that it sends nothing more.
    pub(super) peer_has_ended: bool,
    /// Whether this end has said so.
    pub(super) has_ended: bool,
    /// The error that has ended the session. rustls must not be asked again after it.
    failure: Option<Error>,
}

/// Boxed, because these are large, and a stream is moved about in its first moments.
enum Side {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

/// What is to be sent once rustls is ready for it.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Nothing,
    /// These bytes, or some of them.
    Bytes(&'a [u8]),
    /// `close_notify`.
    End,
}

/// What a session is lent for a call.
pub(super) struct Lent<'a> {
    /// What has come.
    pub(super) incoming: &'a mut Buffer,
    /// What is to be sent.
    pub(super) outgoing: &'a mut Buffer,
    /// Takes the plaintext of each record.
    pub(super) plaintext: &'a mut dyn FnMut(&[u8]),
}

/// What follows a state of rustls.
enum Next {
    Another,
    /// There is nothing to do before more bytes have come.
    Blocked,
}

/// The most plaintext in a record.
const RECORD: usize = 16 * 1024;

/// What a record has beside its plaintext, at most.
const OVERHEAD: usize = 256;

/// The most that is sealed at once: as many whole records as fit, sealed, into a piece of the loop's memory.
pub(super) const MOST_SEALED: usize = 3 * RECORD;

impl Session {
    /// # Errors
    ///
    /// Those of a configuration that cannot work.
    pub(super) fn client(config: &Arc<ClientConfig>, name: ServerName<'static>) -> Result<Self, Error> {
        Ok(Self::new(Side::Client(Box::new(UnbufferedClientConnection::new(Arc::clone(config), name)?))))
    }

    /// # Errors
    ///
    /// Those of a configuration that cannot work.
    pub(super) fn server(config: &Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self::new(Side::Server(Box::new(UnbufferedServerConnection::new(Arc::clone(config))?))))
    }

    const fn new(side: Side) -> Self {
        Self { side, peer_has_ended: false, has_ended: false, failure: None }
    }

    /// What rustls knows about the connection.
    pub(super) fn facts(&self) -> &CommonState {
        match &self.side {
            Side::Client(client) => client,
            Side::Server(server) => server,
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.facts().is_handshaking()
    }

    /// Processes what has come.
    ///
    /// # Errors
    ///
    /// A violation of the protocol, or a certificate that is not accepted. The alert for it is in the outgoing bytes.
    pub(super) fn advance(&mut self, lent: &mut Lent<'_>) -> Result<(), Error> {
        self.run(lent, Wanted::Nothing).map(drop)
    }

    /// Seals some of `bytes`, and returns how many: at least one, once the handshake is over.
    ///
    /// # Errors
    ///
    /// Those of [`advance`](Self::advance), and `EncryptError` if the keys are used up.
    pub(super) fn seal(&mut self, bytes: &[u8], lent: &mut Lent<'_>) -> Result<usize, Error> {
        self.run(lent, Wanted::Bytes(&bytes[..bytes.len().min(MOST_SEALED)]))
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    ///
    /// Those of [`advance`](Self::advance).
    pub(super) fn end(&mut self, lent: &mut Lent<'_>) -> Result<(), Error> {
        if !self.has_ended {
            self.has_ended = true;
            self.run(lent, Wanted::End)?;
        }
        Ok(())
    }

    fn run(&mut self, lent: &mut Lent<'_>, wanted: Wanted<'_>) -> Result<usize, Error> {
        if let Some(error) = &self.failure {
            return Err(error.clone());
        }
        let mut sealed = 0;
        loop {
            match self.step(lent, wanted, &mut sealed) {
                Ok(Next::Another) => {}
                Ok(Next::Blocked) => return Ok(sealed),
                Err(error) => return Err(self.fail(error, lent)),
            }
        }
    }

    /// After an error, rustls has an alert for the peer. It would look at the incoming bytes once more after that.
    #[cold]
    fn fail(&mut self, error: Error, lent: &mut Lent<'_>) -> Error {
        self.failure = Some(error.clone());
        while self.facts().wants_write() && matches!(self.step(lent, Wanted::Nothing, &mut 0), Ok(Next::Another)) {}
        error
    }

    fn step(&mut self, lent: &mut Lent<'_>, wanted: Wanted<'_>, sealed: &mut usize) -> Result<Next, Error> {
        let Lent { incoming, outgoing, plaintext } = lent;
        let bytes = incoming.bytes_mut();
        let mut hands = Hands { outgoing, plaintext, peer_has_ended: &mut self.peer_has_ended, sealed };
        let (discard, next) = match &mut self.side {
            Side::Client(client) => hands.take(client.process_tls_records(bytes), wanted),
            Side::Server(server) => hands.take(server.process_tls_records(bytes), wanted),
        };
        incoming.consume(discard);
        next
    }
}

/// What a state of rustls needs, without the bytes that it borrows.
struct Hands<'a> {
    outgoing: &'a mut Buffer,
    plaintext: &'a mut dyn FnMut(&[u8]),
    peer_has_ended: &'a mut bool,
    sealed: &'a mut usize,
}

impl Hands<'_> {
    /// Does what the state asks for. Returns how many bytes of the incoming ones are consumed.
    fn take<D>(&mut self, status: UnbufferedStatus<'_, '_, D>, wanted: Wanted<'_>) -> (usize, Result<Next, Error>) {
        let UnbufferedStatus { mut discard, state } = status;
        let next = state.and_then(|state| match state {
            ConnectionState::ReadTraffic(mut records) => {
                while let Some(record) = records.next_record() {
                    let AppDataRecord { discard: more, payload } = record?;
                    discard += more;
                    (self.plaintext)(payload);
                }
                Ok(Next::Another)
            }
            ConnectionState::EncodeTlsData(mut record) => {
                append(self.outgoing, RECORD, |room| match record.encode(room) {
                    Err(EncodeError::InsufficientSize(error)) => Err(Some(error.required_size)),
                    encoded => encoded.map_err(|_| None),
                })?;
                Ok(Next::Another)
            }
            ConnectionState::TransmitTlsData(sent) => {
                // The bytes are the caller's now, who sends them in order.
                sent.done();
                Ok(Next::Another)
            }
            ConnectionState::PeerClosed => {
                *self.peer_has_ended = true;
                Ok(Next::Another)
            }
            ConnectionState::WriteTraffic(traffic) => self.write(traffic, wanted).map(|()| Next::Blocked),
            ConnectionState::BlockedHandshake | ConnectionState::Closed => Ok(Next::Blocked),
            // Early data is refused where a session is made.
            _ => Err(Error::General("rustls is in a state that this version does not know".into())),
        });
        (discard, next)
    }

    fn write<D>(&mut self, mut traffic: WriteTraffic<'_, D>, wanted: Wanted<'_>) -> Result<(), Error> {
        let lacks = |error| match error {
            EncryptError::InsufficientSize(error) => Some(error.required_size),
            EncryptError::EncryptExhausted => None,
        };
        match wanted {
            Wanted::Nothing => {}
            Wanted::Bytes(bytes) => {
                for piece in bytes.chunks(RECORD) {
                    append(self.outgoing, piece.len(), |room| traffic.encrypt(piece, room).map_err(lacks))?;
                    *self.sealed += piece.len();
                }
            }
            Wanted::End => append(self.outgoing, 0, |room| traffic.queue_close_notify(room).map_err(lacks))?,
        }
        Ok(())
    }
}

/// Appends what `write` writes: `plaintext` bytes, sealed. If it needs more room, it returns how much, and is called again.
fn append(
    outgoing: &mut Buffer,
    plaintext: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> Result<(), Error> {
    let mut room = plaintext + OVERHEAD;
    loop {
        let mut written = Ok(0);
        outgoing.append_with(room, |bytes| {
            written = write(bytes);
            written.unwrap_or(0)
        });
        match written {
            Ok(_) => return Ok(()),
            Err(Some(needed)) if needed > room => room = needed,
            Err(_) => return Err(Error::EncryptError),
        }
    }
}
