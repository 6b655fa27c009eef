//! One connection, from its first request to its end.
//!
//! ```text
//!               a head has come              it is found           all is sent
//!  Receiving ----------------------> LookingUp -----------> Sending -------------> Receiving
//!      |                                                     ^   |
//!      +--- it is no request, or too long, or too late ------+   +-- was the last --> Ending --> Closing
//! ```
//!
//! A peer may send its next request before it has the answer to the last one: that waits in the buffer. What it may not
//! is to keep the server waiting: each state but one (a disk is no peer) has its limit.

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

use crate::request::{self, Method, Request};
use crate::resource::{self, Resource};
use crate::response::{Body, Manner, Response, Status};

/// How long the head of a request may be. Behind it, the next requests may have come already.
const HEAD: usize = 16 * 1024;

/// How long a peer may take for a request, from the moment at which the server waits for it.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a peer may take nothing of what it is sent.
const STALL: Duration = Duration::from_secs(30);

/// How long a peer may take to close, once it has been sent the last answer.
const LINGER: Duration = Duration::from_secs(2);

/// A connection, over whatever carries bytes: TCP, or in a test memory and virtual time.
pub(crate) struct Connection<S> {
    stream: S,
    root: Arc<Path>,
    /// What has come and is not looked at yet.
    incoming: Buffer,
    /// Of an answer, what does not stand in a file.
    outgoing: Buffer,
    state: State,
    /// Until when the peer has to do what the state waits for.
    limit: Timeout,
    /// Whether the answer that is sent, or will be sent next, is the last.
    is_last: bool,
    is_stopping: bool,
}

enum State {
    /// Nothing has happened yet.
    Accepted,
    /// Waits for the head of a request.
    Receiving,
    /// A thread looks for what was asked for.
    LookingUp(Request, ToThread<Resource>),
    /// Sends the answer: the buffer, and then the file.
    Sending(Option<Body>),
    /// Says that there will be no more.
    Ending,
    /// Waits for the peer to close too. Closed by us alone, with bytes on their way that nobody will read, the connection
    /// would be reset, and the peer lose what it has not read yet.
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
                        // The file has become shorter. All that is left is to let the peer see that there is no more.
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

    /// What the state is to make of why it is resumed.
    fn notice(&mut self, sent: Result<(), Exception>) -> Result<(), Exception> {
        match sent {
            // The peer has taken something.
            Ok(()) if matches!(self.state, State::Sending(_)) => self.allow(STALL),
            // By the limit: a `TimeoutError`.
            Err(raised) if self.limit.expired() => self.limit.exit(Err(raised)),
            // The first cancel asks for an end in good order. A second one goes on its way.
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
            // That was cancelled with us.
            *found = find(&self.root, request);
        }
        Ok(())
    }

    /// From now on, the peer has so much time.
    fn allow(&mut self, time: Duration) -> Result<(), Exception> {
        if self.limit.expired() {
            self.limit = Timeout::after(time);
            return self.limit.enter();
        }
        self.limit.reschedule(Some(EventLoop::running()?.time() + time))
    }

    fn look_up(&mut self, request: Request) -> Result<State, Exception> {
        // A disk is no peer.
        self.limit.reschedule(None)?;
        let found = find(&self.root, &request);
        Ok(State::LookingUp(request, found))
    }

    fn send(&mut self, response: Response, manner: Manner) -> Result<State, Exception> {
        self.allow(STALL)?;
        Ok(State::Sending(response.write(manner, &mut self.outgoing)))
    }

    /// Answers what is no request, or not one for this server. Where the next one would begin, nobody knows.
    fn refuse(&mut self, status: Status) -> Result<State, Exception> {
        self.is_last = true;
        let without_body = self.incoming.bytes().starts_with(b"HEAD ");
        self.send(Response::about(status), Manner { is_last: true, is_http_10: false, without_body })
    }

    /// The same, where no request has come.
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

    /// All of an answer is sent.
    fn answered(&mut self) -> Result<State, Exception> {
        if !self.is_last {
            self.allow(PATIENCE)?;
            return Ok(State::Receiving);
        }
        self.allow(LINGER)?;
        Ok(State::Ending)
    }
}

/// Looks for what is asked for, in a thread: that costs ten microseconds more than to look here, and all connections
/// would wait for a disk that is slow.
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
