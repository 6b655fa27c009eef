//! One connection, from its first request to its end.
//!
//! ```text
//!               a head has come              it is found           all is sent
//!  Receiving ----------------------> LookingUp -----------> Sending -------------> Receiving
//!      |                                                     ^   |
//!      +--- it is no request, or too long, or too late ------+   +-- was the last --> Ending --> Closing
//! ```
//!
//! A peer may send its next request before it has the answer to the last one. That request waits in the buffer. A peer must not
//! keep the server waiting: every state that waits for it has a time limit.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use innermost::event_loop::ToThread;
use innermost::wait::Timeout;
use innermost::{Buffer, ByteStream, EventLoop, Exception, Kind, Machine, Running, machine, to_thread, yield_from};

use super::request::{self, Method, Request};
use super::resource::{self, Resource};
use super::response::{Body, Manner, Response, Status};

/// The longest head of a request, in bytes. The buffer may hold further requests after it.
const HEAD: usize = 16 * 1024;

/// How long a peer may take to send a request, from when the server waits for it.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a peer may go without reading any of its answer.
const STALL: Duration = Duration::from_secs(30);

/// How long a peer may take to close after its last answer.
const LINGER: Duration = Duration::from_secs(2);

/// A connection over any byte stream: TCP, or memory and virtual time in a test.
pub(crate) struct Connection<S> {
    stream: S,
    root: Arc<Path>,
    /// Bytes that have arrived and are not parsed yet.
    incoming: Buffer,
    /// The answer, except for the content of a file.
    outgoing: Buffer,
    /// The time limit for the peer in the current state.
    limit: Timeout,
    /// Whether the current answer, or the next one, is the last.
    is_last: bool,
    is_stopping: bool,
}

machine!(
    impl<S: ByteStream> Machine for Connection<S> {
        pub(crate) type State = State;

        /// Nothing has happened yet.
        fn Accepted(&mut self) -> Next<Receiving> {
            self.limit.enter()?;
            to(Receiving)
        }

        /// Waits for the head of a request.
        fn Receiving(&mut self, sent: Sent) -> Next<Receiving, LookingUp, Sending, End> {
            if self.is_stopping && self.incoming.is_empty() {
                return end(());
            }
            match request::parse(self.incoming.bytes()) {
                Ok(Some((request, length))) => {
                    self.incoming.consume(length);
                    self.limit.reschedule(None)?; // the disk may take any time
                    to(LookingUp(find(&self.root, &request), request))
                }
                Ok(None) => match yield_from!(self.stream.read(&mut self.incoming), sent) {
                    Ok(0) => end(()),
                    Ok(_) => to(Receiving),
                    Err(raised) => to(Sending(self.refuse_for(raised)?)),
                },
                Err(status) => to(Sending(self.refuse(status)?)),
            }
        }

        /// A thread looks for the file.
        fn LookingUp(&mut self, found: Outcome<ToThread<Resource>>, request: Request) -> Next<Sending> {
            let response = Response::to(&request, found?);
            self.is_last |= !request.keep_alive;
            let manner = Manner {
                is_last: self.is_last,
                is_http_10: request.is_http_10,
                without_body: request.method == Method::Head,
            };
            to(Sending(self.send(response, manner)?))
        }

        /// Sends the answer: first the buffer, then the file.
        fn Sending(&mut self, sent: Sent, body: &mut Option<Body>) -> Next<Receiving, Ending, End> {
            if sent.is_ok() {
                self.allow(STALL)?; // the peer has read something
            }
            yield_from!(self.stream.write_all(&mut self.outgoing), sent)?;
            if let Some(Body { part, length }) = body
                && yield_from!(self.stream.send_file(part), sent)? < *length
            {
                // The file has become shorter. Closing the connection tells the peer that no more will come.
                return end(());
            }
            if self.is_last {
                self.allow(LINGER)?;
                return to(Ending);
            }
            self.allow(PATIENCE)?;
            to(Receiving)
        }

        /// Ends the stream.
        fn Ending(&mut self, sent: Sent) -> Next<Closing> {
            yield_from!(self.stream.write_eof(), sent)?;
            to(Closing)
        }

        /// Waits for the peer to close too. If the server closed alone while more bytes arrived, the connection would be
        /// reset, and the peer would lose what it has not read yet.
        fn Closing(&mut self, sent: Sent) -> Next<Closing, End> {
            self.incoming.clear();
            match yield_from!(self.stream.read(&mut self.incoming), sent)? {
                0 => end(()),
                _ => to(Closing),
            }
        }

        /// The time limit becomes a `TimeoutError`. The first cancel asks for an orderly end. A second one is propagated.
        fn thrown(&mut self, state: &mut State, thrown: Exception) -> Next {
            if self.limit.expired() {
                self.limit.exit(Err(thrown))?;
                return stay();
            }
            if !thrown.is_cancelled() || self.is_stopping {
                return Err(thrown);
            }
            (self.is_stopping, self.is_last) = (true, true);
            if let Some(task) = EventLoop::running()?.current_task() {
                task.uncancel();
            }
            if let State::LookingUp(found, request) = state {
                // The cancellation has also cancelled the look-up, so start it again.
                *found = find(&self.root, request);
            }
            stay()
        }
    }
);

impl<S: ByteStream> Connection<S> {
    pub(crate) fn new(stream: S, root: Arc<Path>) -> Running<Self> {
        let connection = Self {
            stream,
            root,
            incoming: Buffer::with_limit(HEAD),
            outgoing: Buffer::new(),
            limit: Timeout::after(PATIENCE),
            is_last: false,
            is_stopping: false,
        };
        connection.start(State::Accepted)
    }

    /// Gives the peer this much time, starting now.
    fn allow(&mut self, time: Duration) -> Result<(), Exception> {
        if self.limit.expired() {
            self.limit = Timeout::after(time);
            return self.limit.enter();
        }
        self.limit.restart(time)
    }

    fn send(&mut self, response: Response, manner: Manner) -> Result<Option<Body>, Exception> {
        self.allow(STALL)?;
        Ok(response.write(manner, &mut self.outgoing))
    }

    /// Refuses a request, and closes the connection: where the next request begins is unknown.
    fn refuse(&mut self, status: Status) -> Result<Option<Body>, Exception> {
        self.is_last = true;
        let without_body = self.incoming.bytes().starts_with(b"HEAD ");
        self.send(Response::about(status), Manner { is_last: true, is_http_10: false, without_body })
    }

    /// Refuses a request that has not arrived in full, because it is too long or too late.
    fn refuse_for(&mut self, raised: Exception) -> Result<Option<Body>, Exception> {
        let is_full = |error: &std::io::Error| error.kind() == ErrorKind::StorageFull;
        if raised.downcast_ref().is_some_and(is_full) {
            return self.refuse(Status::HEAD_TOO_LARGE);
        }
        if raised.kind() == Kind::TimeoutError && !self.incoming.is_empty() {
            return self.refuse(Status::REQUEST_TIMEOUT);
        }
        Err(raised)
    }
}

/// Looks for the file in a thread. That costs ten microseconds more than looking here, but a slow disk would delay all
/// connections.
fn find(root: &Arc<Path>, request: &Request) -> ToThread<Resource> {
    let (root, path, as_directory) = (Arc::clone(root), request.path.clone(), request.as_directory);
    to_thread(move || Ok(resource::find(&root, path.as_deref(), as_directory)))
}
