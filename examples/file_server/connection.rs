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

use std::fmt;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use innermost::event_loop::ToThread;
use innermost::wait::Timeout;
use innermost::{
    Await, Buffer, ByteStream, Coroutine, EventLoop, Exception, Kind, Resumed, Step, to_thread, yield_from,
};

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
    state: State,
    /// The time limit for the peer in the current state.
    limit: Timeout,
    /// Whether the current answer, or the next one, is the last.
    is_last: bool,
    is_stopping: bool,
}

enum State {
    /// Nothing has happened yet.
    Accepted,
    /// Waits for the head of a request.
    Receiving,
    /// A thread looks for the file.
    LookingUp(Request, ToThread<Resource>),
    /// Sends the answer: first the buffer, then the file.
    Sending(Option<Body>),
    /// Ends the stream.
    Ending,
    /// Waits for the peer to close too. If the server closed alone while more bytes arrived, the connection would be reset,
    /// and the peer would lose what it has not read yet.
    Closing,
}

impl<S: ByteStream> Coroutine for Connection<S> {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        sent = self.notice(sent);
        loop {
            self.state = match &mut self.state {
                State::Accepted => {
                    self.limit.enter()?;
                    State::Receiving
                }
                State::Receiving if self.is_stopping && self.incoming.is_empty() => return Ok(Step::Return(())),
                State::Receiving => match request::parse(self.incoming.bytes()) {
                    Ok(Some((request, length))) => {
                        self.incoming.consume(length);
                        self.look_up(request)?
                    }
                    Ok(None) => match yield_from!(self.stream.read(&mut self.incoming), sent) {
                        Ok(0) => return Ok(Step::Return(())),
                        Ok(_) => State::Receiving,
                        Err(raised) => self.refuse_for(raised)?,
                    },
                    Err(status) => self.refuse(status)?,
                },
                State::LookingUp(request, found) => {
                    let response = Response::to(request, yield_from!(found, sent)?);
                    self.is_last |= !request.keep_alive;
                    let manner = Manner {
                        is_last: self.is_last,
                        is_http_10: request.is_http_10,
                        without_body: request.method == Method::Head,
                    };
                    self.send(response, manner)?
                }
                State::Sending(body) => {
                    yield_from!(self.stream.write_all(&mut self.outgoing), sent)?;
                    if let Some(Body { part, length }) = body
                        && yield_from!(self.stream.send_file(part), sent)? < *length
                    {
                        // The file has become shorter. Closing the connection tells the peer that no more will come.
                        return Ok(Step::Return(()));
                    }
                    self.answered()?
                }
                State::Ending => {
                    yield_from!(self.stream.write_eof(), sent)?;
                    State::Closing
                }
                State::Closing => {
                    self.incoming.clear();
                    match yield_from!(self.stream.read(&mut self.incoming), sent)? {
                        0 => return Ok(Step::Return(())),
                        _ => State::Closing,
                    }
                }
            };
        }
    }

    fn state(&self) -> innermost::State<'_> {
        innermost::State::new("Connection", &self.state)
    }
}

impl<S: ByteStream> Connection<S> {
    pub(crate) fn new(stream: S, root: Arc<Path>) -> Self {
        Self {
            stream,
            root,
            incoming: Buffer::with_limit(HEAD),
            outgoing: Buffer::new(),
            state: State::Accepted,
            limit: Timeout::after(PATIENCE),
            is_last: false,
            is_stopping: false,
        }
    }

    /// Looks at why the machine is resumed, and returns what the current state should see.
    fn notice(&mut self, sent: Result<(), Exception>) -> Result<(), Exception> {
        match sent {
            // The peer has read something.
            Ok(()) if matches!(self.state, State::Sending(_)) => self.allow(STALL),
            // The time limit raised it: turn it into a `TimeoutError`.
            Err(raised) if self.limit.expired() => self.limit.exit(Err(raised)),
            // The first cancel asks for an orderly end. A second one is propagated.
            Err(raised) if raised.is_cancelled() && !self.is_stopping => self.stop(),
            sent => sent,
        }
    }

    fn stop(&mut self) -> Result<(), Exception> {
        self.is_stopping = true;
        self.is_last = true;
        if let Some(task) = EventLoop::running()?.current_task() {
            task.uncancel();
        }
        if let State::LookingUp(request, found) = &mut self.state {
            // The cancellation has also cancelled the look-up, so start it again.
            *found = find(&self.root, request);
        }
        Ok(())
    }

    /// Gives the peer this much time, starting now.
    fn allow(&mut self, time: Duration) -> Result<(), Exception> {
        if self.limit.expired() {
            self.limit = Timeout::after(time);
            return self.limit.enter();
        }
        self.limit.reschedule(Some(EventLoop::running()?.time() + time))
    }

    fn look_up(&mut self, request: Request) -> Result<State, Exception> {
        // The disk may take any time.
        self.limit.reschedule(None)?;
        let found = find(&self.root, &request);
        Ok(State::LookingUp(request, found))
    }

    fn send(&mut self, response: Response, manner: Manner) -> Result<State, Exception> {
        self.allow(STALL)?;
        Ok(State::Sending(response.write(manner, &mut self.outgoing)))
    }

    /// Refuses a request, and closes the connection: where the next request begins is unknown.
    fn refuse(&mut self, status: Status) -> Result<State, Exception> {
        self.is_last = true;
        let without_body = self.incoming.bytes().starts_with(b"HEAD ");
        self.send(Response::about(status), Manner { is_last: true, is_http_10: false, without_body })
    }

    /// Refuses a request that has not arrived in full, because it is too long or too late.
    fn refuse_for(&mut self, raised: Exception) -> Result<State, Exception> {
        let is_full = |error: &std::io::Error| error.kind() == ErrorKind::StorageFull;
        if raised.downcast_ref().is_some_and(is_full) {
            return self.refuse(Status::HEAD_TOO_LARGE);
        }
        if raised.kind() == Kind::TimeoutError && !self.incoming.is_empty() {
            return self.refuse(Status::REQUEST_TIMEOUT);
        }
        Err(raised)
    }

    /// An answer has been sent in full.
    fn answered(&mut self) -> Result<State, Exception> {
        if !self.is_last {
            self.allow(PATIENCE)?;
            return Ok(State::Receiving);
        }
        self.allow(LINGER)?;
        Ok(State::Ending)
    }
}

/// Looks for the file in a thread. That costs ten microseconds more than looking here, but a slow disk would delay all
/// connections.
fn find(root: &Arc<Path>, request: &Request) -> ToThread<Resource> {
    let (root, path, as_directory) = (Arc::clone(root), request.path.clone(), request.as_directory);
    to_thread(move || Ok(resource::find(&root, path.as_deref(), as_directory)))
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("Accepted"),
            Self::Receiving => f.write_str("Receiving"),
            Self::LookingUp(request, _) => write!(f, "LookingUp({:?})", request.path),
            Self::Sending(_) => f.write_str("Sending"),
            Self::Ending => f.write_str("Ending"),
            Self::Closing => f.write_str("Closing"),
        }
    }
}
