//! One connection, from its first request to its end.
//!
//! ```mermaid
//! stateDiagram-v2
//!     accTitle: Connection
//!     state "any state" as any
//!     [*] --> Receiving
//!     Receiving --> LookingUp: a head has come
//!     Receiving --> Sending: no request, too long, or too late
//!     Receiving --> [*]
//!     LookingUp --> Sending: it is found, or not
//!     Sending --> Receiving: all is sent
//!     Sending --> Closing: it was the last
//!     Sending --> [*]
//!     Closing --> [*]
//!     any --> [*]: raised
//! ```
//!
//! A peer may send its next request before it has the answer to the last one. That request waits in the buffer. A peer
//! must not keep the server waiting: every state that waits for it has a time limit.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use innermost::fs::{Operation, blocking};
use innermost::net::Linger;
use innermost::server::StopToken;
use innermost::wait::{Limit, Race, Racing, Won};
use innermost::{Buffer, ByteStream, Exception, Kind, Machine, Running, Sleep, machine, sleep, yield_from};

use super::request::{self, Method, Request};
use super::resource::{self, Resource};
use super::response::{Body, Manner, Response, Status};

/// The longest head of a request, in bytes. The buffer may hold further requests after it.
const HEAD: usize = 16 * 1024;

/// How long a peer may take to send a request, from when the server waits for it.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a peer may go without reading any of its answer.
const STALL: Duration = Duration::from_secs(30);

/// A connection over any byte stream: TCP, or memory and virtual time in a test.
pub(crate) struct Connection<S> {
    stream: S,
    root: Arc<Path>,
    /// Bytes that have arrived and are not parsed yet.
    incoming: Buffer,
    /// The answer, except for the content of a file.
    outgoing: Buffer,
    /// Whether the current answer, or the next one, is the last.
    is_last: bool,
    stop: StopToken,
    race: Race,
    /// The time that the peer has to send a request.
    patience: Racing<Sleep>,
    /// The time that the peer has to read some of an answer.
    stall: Limit,
}

machine!(
    impl<S: ByteStream> Machine for Connection<S> {
        pub(crate) type State = State;

        /// Waits for the head of a request. The disk may take any time, so no time limit applies after that.
        fn Receiving(&mut self, sent: Sent) -> Next<LookingUp, Sending, End> {
            match request::parse(self.incoming.bytes()) {
                Ok(Some((request, length))) => {
                    self.incoming.consume(length);
                    return to(LookingUp(find(&self.root, &request), request));
                }
                Ok(None) => {}
                Err(status) => return to(Sending(self.refuse(status))),
            }
            let is_idle = self.incoming.is_empty();
            let stop = is_idle.then(|| self.stop.wait());
            match yield_from!(self.race.run((self.stream.read(&mut self.incoming), &mut self.patience, stop)), sent) {
                Ok(Won::A(0) | Won::C(())) => end(()),
                Ok(Won::A(_)) => stay(),
                Ok(Won::B(())) if is_idle => end(()),
                Ok(Won::B(())) => to(Sending(self.refuse(Status::REQUEST_TIMEOUT))),
                Err(raised) if is_full(&raised) => to(Sending(self.refuse(Status::HEAD_TOO_LARGE))),
                Err(raised) => Err(raised),
            }
        }

        /// A thread looks for the file.
        fn LookingUp(&mut self, found: Outcome<Operation<Resource>>, request: Request) -> Next<Sending> {
            let response = Response::to(&request, found?);
            self.is_last |= !request.keep_alive || self.stop.is_stopping();
            let manner = Manner {
                is_last: self.is_last,
                is_http_10: request.is_http_10,
                without_body: request.method == Method::Head,
            };
            to(Sending(response.write(manner, &mut self.outgoing)))
        }

        /// Sends the answer: first the buffer, then the file.
        fn Sending(&mut self, sent: Sent, body: &mut Option<Body>) -> Next<Receiving, Closing, End> {
            if sent.is_ok() {
                self.stall.restart(); // the peer has read something
            }
            if !self.outgoing.is_empty() {
                yield_from!(self.stall.run(self.stream.write_all(&mut self.outgoing)), sent)?;
            }
            if let Some(Body { part, length }) = body
                && yield_from!(self.stall.run(self.stream.send_file(part)), sent)? < *length
            {
                // The file has become shorter. Closing the connection tells the peer that no more will come.
                return end(());
            }
            if self.is_last {
                return to(Closing(Linger::new()));
            }
            self.patience.restart(sleep(PATIENCE));
            to(Receiving)
        }

        /// Waits for the peer to close too: with a reset, the peer would lose what it has not read yet.
        fn Closing(&mut self, sent: Sent, linger: &mut Linger) -> Next<End> {
            yield_from!(linger.run(&self.stream), sent)?;
            end(())
        }

        /// Ends the connection of a peer that reads nothing for too long. That is not a failure of the server.
        fn raised(&mut self, raised: Exception) -> Next<End> {
            if raised.kind() == Kind::TimeoutError { end(()) } else { Err(raised) }
        }
    }
);

impl<S: ByteStream> Connection<S> {
    pub(crate) fn new(stream: S, root: Arc<Path>, stop: StopToken) -> Running<Self> {
        let (incoming, outgoing) = (Buffer::with_limit(HEAD), Buffer::new());
        let (patience, stall) = (Racing::new(sleep(PATIENCE)), Limit::new(STALL));
        let connection =
            Self { stream, root, incoming, outgoing, is_last: false, stop, race: Race::new(), patience, stall };
        connection.start(State::Receiving)
    }

    /// Refuses a request, and closes the connection: where the next request begins is unknown.
    fn refuse(&mut self, status: Status) -> Option<Body> {
        self.is_last = true;
        let without_body = self.incoming.bytes().starts_with(b"HEAD ");
        let manner = Manner { is_last: true, is_http_10: false, without_body };
        Response::about(status).write(manner, &mut self.outgoing)
    }
}

/// Whether the head of a request is longer than the buffer.
fn is_full(raised: &Exception) -> bool {
    raised.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::StorageFull)
}

/// Looks for the file in a thread. That costs ten microseconds more than looking here, but a slow disk would delay all
/// connections. A connection that is cancelled does not wait for the disk.
fn find(root: &Arc<Path>, request: &Request) -> Operation<Resource> {
    let (root, path, as_directory) = (Arc::clone(root), request.path.clone(), request.as_directory);
    blocking(move || Ok(resource::find(&root, path.as_deref(), as_directory))).abandon_on_cancel()
}
