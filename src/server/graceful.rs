//! [`GracefulServer`]: accepts connections until it is stopped, and then lets them finish.
//!
//! ```text
//!                  no descriptor is free, or too many connections
//!                 +------------------------------+
//!                 v                              |
//!  (new) ---> Serving: accepts, or waits <-------+
//!                 | stop, or accepting fails for good, or a cancel
//!                 v
//!             Ending: the listener is closed; the connections end by themselves
//!                 |   until the grace period is over, or `stop_now` or a cancel comes: then they are cancelled
//!                 v
//!               (over)
//! ```
//!
//! Invariants:
//!
//! 1. Each connection is a task of its own, and the server waits for all of them. Nothing of a server outlives it: dropping
//!    it cancels what is left.
//! 2. While the server pauses or is full, no operation of the listener is pending. Further connections wait in the
//!    kernel.
//! 3. The handler is called between two races, with nothing borrowed. If it fails or panics, only its own connection
//!    ends.

use core::fmt;
use core::mem;
use core::time::Duration;
use std::rc::Rc;

use super::StopToken;
use super::connections::Connections;
use super::signals::StopOnSignals;
use super::source::{Served, Source};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::event_loop::{LoopHandle, Operation, running};
use crate::net::{Acceptor, may_accept_later};
use crate::task::{Await, Awaitable, ErrorContext, Progress};
use crate::time::{Sleep, sleep};
use crate::wait::{Race, Racing, Won};
use crate::yield_from;

/// Accepts connections and runs each as a task, until it is stopped. Then it lets the connections finish.
///
/// The server is a coroutine. It ends once it has been stopped and its last connection has ended. Stopping takes two
/// steps:
///
/// 1. [`StopToken::stop`], or a signal with [`stop_on_signals`](Self::stop_on_signals), closes the listener. Each
///    connection holds the [`StopToken`], and ends when it is ready to.
/// 2. When the [grace period](Self::grace) is over, or at [`StopToken::stop_now`] or a second signal, the server cancels the
///    connections that are left, and waits for them: their cleanup may await.
///
/// # Examples
///
/// An echo server. It stops on Ctrl-C, and each connection ends once it has sent back all that it has read:
///
/// ```no_run
/// use innermost::server::{GracefulServer, StopToken};
/// use innermost::wait::{Race, Won};
/// use innermost::{
///     Buffer, ByteRead, ByteWrite, EventLoop, Exception, Machine, TcpListener, TcpStream, machine, yield_from,
/// };
///
/// struct Echo {
///     stream: TcpStream,
///     buffer: Buffer,
///     stop: StopToken,
///     race: Race,
/// }
///
/// machine!(
///     impl Machine for Echo {
///         type State = Phase;
///
///         fn Reading(&mut self, sent: Sent) -> Next<Writing, End> {
///             match yield_from!(self.race.run((self.stream.read(&mut self.buffer), self.stop.wait())), sent)? {
///                 Won::A(0) | Won::B(()) => end(()),
///                 Won::A(_) => to(Writing),
///             }
///         }
///
///         fn Writing(&mut self, sent: Sent) -> Next<Reading> {
///             yield_from!(self.stream.write_all(&mut self.buffer), sent)?;
///             to(Reading)
///         }
///     }
/// );
///
/// let event_loop = EventLoop::new()?;
/// let listener = TcpListener::bind(([127, 0, 0, 1], 7007).into())?;
/// let server = GracefulServer::new(listener, |stream, stop| {
///     Ok(Echo { stream, buffer: Buffer::new(), stop, race: Race::new() }.start(Phase::Reading))
/// });
/// event_loop.run_until_complete(server.max_connections(1000).stop_on_signals(&event_loop)?)?;
/// # Ok::<(), Exception>(())
/// ```
///
/// # Failures
///
/// The failure of a connection, whether its handler or its task fails or panics, ends that connection alone. It is
/// reported to the loop's exception handler, or to [`on_failure`](Self::on_failure). A connection that the peer has reset
/// or the network has lost is not reported.
///
/// If descriptors or memory run out (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`), the server reports the first failure of a
/// series, and tries again [after a while](Self::accept_retry_delay), or as soon as one of its own connections ends. Connections that
/// failed before they were accepted are skipped. If accepting fails in any other way, the server stops as it does after
/// [`StopToken::stop`], and then raises that error.
///
/// # Cancelling
///
/// If the server's task is cancelled, the server closes the listener, cancels its connections, waits for them, and raises
/// the `CancelledError`. There is no grace period. Cancelling it again cancels the connections again. Dropping or closing
/// the server cancels the connections without waiting for them.
#[must_use = "a server does nothing until it is awaited"]
pub struct GracefulServer {
    token: StopToken,
    connections: Rc<Connections>,
    /// `None` once it accepts no more.
    source: Option<Box<dyn Source>>,
    most: usize,
    grace: Duration,
    cancels_on_stop: bool,
    accept_retry_delay: Duration,
    phase: Phase,
    /// Whether the last attempt to accept failed.
    is_failing: bool,
    /// How many connections had ended, and how often `stop_now` had been called, when the race began.
    seen: (u32, u32),
    race: Race,
    signals: Option<StopOnSignals>,
}

enum Phase {
    Created,
    Serving(Serving),
    /// The grace period, and the outcome of the server. The period is `None` once the connections are cancelled.
    Ending(Option<Racing<Sleep>>, Result<(), Exception>),
    Over,
}

/// What a server waits for, besides being stopped. It changes only between two races.
enum Serving {
    /// A connection.
    Accepting,
    /// The end of one of its connections.
    Full,
    /// The end of the pause, or of one of its connections.
    Pausing(Racing<Sleep>),
}

impl GracefulServer {
    /// Creates a server that accepts from `listener`: a [`TcpListener`](crate::TcpListener), a
    /// [`UnixListener`](crate::UnixListener), or any other [`Acceptor`]. It calls `handler` for each connection, and runs the
    /// coroutine that it returns as a task.
    pub fn new<A, C>(
        listener: A,
        mut handler: impl FnMut(A::Stream, StopToken) -> Result<C, Exception> + 'static,
    ) -> Self
    where
        A: Acceptor + 'static,
        C: Awaitable<Return = ()> + 'static,
    {
        Self::serving(listener, move |stream, connections, stop| connections.start(handler(stream, stop)?))
    }

    /// Creates a server that calls `serve` for each connection.
    pub(super) fn serving<A: Acceptor + 'static>(
        listener: A,
        serve: impl FnMut(A::Stream, &Rc<Connections>, StopToken) -> Result<(), Exception> + 'static,
    ) -> Self {
        let source: Box<dyn Source> = Box::new(Served::new(listener, serve));
        Self {
            token: StopToken::new(),
            connections: Connections::new(),
            source: Some(source),
            most: usize::MAX,
            grace: GRACE,
            cancels_on_stop: false,
            accept_retry_delay: ACCEPT_RETRY_DELAY,
            phase: Phase::Created,
            is_failing: false,
            seen: (0, 0),
            race: Race::new(),
            signals: None,
        }
    }

    /// Sets how many connections are served at a time. Further ones wait in the kernel. The default is no limit. With 0, the
    /// server accepts nothing.
    pub const fn max_connections(mut self, count: usize) -> Self {
        self.most = count;
        self
    }

    /// Sets how long the connections may take to end when the server is stopped. The default is 10 seconds. With zero, each
    /// connection is resumed once more before it is cancelled, if it waits for the [`StopToken`].
    pub const fn grace(mut self, period: Duration) -> Self {
        self.grace = period;
        self
    }

    /// Cancels each connection's task once when the server is stopped, at the beginning of the grace period.
    ///
    /// This is for connections that take their first cancellation as a request to finish. A machine gets it in any state,
    /// by its hook `thrown`. A connection that does not catch it ends at once. Racing the [`StopToken`] does the same
    /// without an exception, but takes some memory for each connection that waits.
    pub const fn cancel_on_stop(mut self) -> Self {
        self.cancels_on_stop = true;
        self
    }

    /// Sets after how long the server tries again to accept when descriptors or memory are exhausted. The default is 100
    /// milliseconds. asyncio's `ACCEPT_RETRY_DELAY` is one second.
    pub const fn accept_retry_delay(mut self, delay: Duration) -> Self {
        self.accept_retry_delay = delay;
        self
    }

    /// Stops the server on Ctrl-C (`SIGINT`) and `SIGTERM`. A second signal ends the grace period, as
    /// [`StopToken::stop_now`] does.
    ///
    /// `event_loop` is the loop that will run the server. In a [`Runner`](crate::Runner), it is
    /// [`Runner::handle`](crate::Runner::handle). Without this call, Ctrl-C cancels a server that a runner runs, so there is
    /// no grace period.
    ///
    /// The handlers are installed by this call, and removed when the server ends or is dropped. Make it before the program
    /// announces that it is ready: until then, a signal ends the process. Servers of the same loop share the handlers: a
    /// signal stops all of them. They replace handlers that the program has added to this loop for these signals.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`LoopHandle::add_signal_handler`], for example because another loop handles signals.
    pub fn stop_on_signals(mut self, event_loop: &LoopHandle) -> Result<Self, Exception> {
        self.signals = Some(StopOnSignals::new(event_loop, &self.token)?);
        Ok(self)
    }

    /// Calls `hook` with each failure, instead of the loop's exception handler. A later call replaces the hook. If the hook
    /// panics, the exception handler gets the panic.
    pub fn on_failure(self, hook: impl Fn(ErrorContext) + 'static) -> Self {
        self.connections.set_hook(Rc::new(hook));
        self
    }

    /// Returns the token that stops this server. Every connection gets it too.
    ///
    /// ```
    /// use innermost::server::GracefulServer;
    /// use innermost::{EventLoop, TcpListener, ready};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let listener = TcpListener::bind(([127, 0, 0, 1], 0).into())?;
    /// let server = GracefulServer::new(listener, |_stream, _stop| Ok(ready(())));
    /// let stop = server.stop_token();
    /// event_loop.call_soon(move || stop.stop())?;
    /// event_loop.run_until_complete(server)?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn stop_token(&self) -> StopToken {
        self.token.clone()
    }
}

impl GracefulServer {
    /// Accepts until the server is stopped, and then returns. Raises what was thrown in or has failed.
    fn serve(&mut self, mut sent: Result<(), Exception>) -> Progress<()> {
        loop {
            if sent.is_ok() && self.token.is_stopping() {
                return Ok(Step::Return(()));
            }
            let was_thrown = sent.is_err();
            let Self { source: Some(source), phase: Phase::Serving(serving), .. } = self else {
                return Ok(Step::Return(()));
            };
            let (accepts, pause) = match serving {
                Serving::Accepting => (true, None),
                Serving::Full => (false, None),
                Serving::Pausing(pause) => (false, Some(pause)),
            };
            let ended = (!accepts).then(|| self.connections.end_after(self.seen.0));
            let accept = accepts.then(|| Operation::new("accept", || source.attempt()));
            match yield_from!(self.race.run((self.token.wait(), ended, accept, pause)), sent) {
                Ok(Won::A(())) => return Ok(Step::Return(())),
                Ok(Won::B(()) | Won::D(())) => self.go_on(),
                Ok(Won::C(())) => self.accepted(),
                Err(raised) if !was_thrown && may_accept_later(&raised) => self.wait_for_room(raised),
                Err(raised) => return Err(raised),
            }
        }
    }

    fn accepted(&mut self) {
        self.is_failing = false;
        if let Some(source) = &mut self.source
            && let Err(refused) = source.serve(&self.connections, &self.token)
        {
            self.connections.refuse(refused);
        }
        self.go_on();
    }

    /// Chooses what to wait for next.
    fn go_on(&mut self) {
        self.seen.0 = self.connections.ends();
        let is_full = self.connections.len() >= self.most;
        self.phase = Phase::Serving(if is_full { Serving::Full } else { Serving::Accepting });
    }

    #[cold]
    fn wait_for_room(&mut self, raised: Exception) {
        self.seen.0 = self.connections.ends();
        self.phase = Phase::Serving(Serving::Pausing(Racing::new(sleep(self.accept_retry_delay))));
        if !mem::replace(&mut self.is_failing, true) {
            self.connections.report(ErrorContext::new(EXHAUSTED).caused_by(raised));
        }
    }

    /// Stops accepting. The connections have the grace period to end, unless the server was cancelled.
    fn begin_to_end(&mut self, outcome: Result<(), Exception>, was_thrown: bool) {
        let grace = if was_thrown { None } else { Some(Racing::new(sleep(self.grace))) };
        self.seen = (self.connections.ends(), if was_thrown { self.token.stops_now() } else { 0 });
        self.phase = Phase::Ending(grace, outcome);
        let source = self.source.take();
        if let Ok(event_loop) = running() {
            event_loop.scheduler().drop_each([source]);
        }
        self.token.stop();
        if was_thrown {
            self.connections.cancel();
        } else {
            self.connections.stop(self.cancels_on_stop);
        }
    }

    /// Waits until the last connection has ended.
    fn end(&mut self, mut sent: Result<(), Exception>) -> Progress<()> {
        loop {
            let was_thrown = sent.is_err();
            if !was_thrown && self.connections.len() == 0 {
                return Ok(Step::Return(()));
            }
            let Phase::Ending(grace, outcome) = &mut self.phase else { return Ok(Step::Return(())) };
            let (ended, stop_now) = (self.connections.end_after(self.seen.0), self.token.stop_now_after(self.seen.1));
            match yield_from!(self.race.run((ended, stop_now, grace.as_mut())), sent) {
                Ok(Won::A(())) => self.seen.0 = self.connections.ends(),
                Ok(Won::B(()) | Won::C(())) => {
                    *grace = None;
                    self.seen.1 = self.token.stops_now();
                    self.connections.cancel();
                }
                Err(raised) if was_thrown && !raised.is_generator_exit() => {
                    (*grace, *outcome) = (None, Err(raised));
                    self.connections.cancel();
                }
                Err(raised) => return Err(raised),
            }
        }
    }
}

impl Coroutine for GracefulServer {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created = self.phase {
            self.go_on();
        }
        if let Phase::Serving(_) = self.phase {
            let was_thrown = sent.is_err();
            let outcome = match self.serve(mem::replace(&mut sent, Ok(()))) {
                Ok(Step::Return(())) => Ok(()),
                Err(raised) if !raised.is_generator_exit() => Err(raised),
                suspended_or_closed => return suspended_or_closed,
            };
            self.begin_to_end(outcome, was_thrown);
        }
        if let Phase::Over = self.phase {
            sent?;
            return Err(Exception::reused());
        }
        match self.end(sent)? {
            Step::Return(()) => {}
            suspended => return Ok(suspended),
        }
        drop(self.signals.take());
        match mem::replace(&mut self.phase, Phase::Over) {
            Phase::Ending(_, outcome) => outcome.map(Step::Return),
            _ => Ok(Step::Return(())),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("server", self)
    }
}

impl Drop for GracefulServer {
    fn drop(&mut self) {
        self.connections.cancel();
    }
}

impl fmt::Debug for GracefulServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match &self.phase {
            Phase::Created => "created",
            Phase::Serving(Serving::Accepting) => "accepting",
            Phase::Serving(Serving::Full) => "full",
            Phase::Serving(Serving::Pausing(_)) => "pausing",
            Phase::Ending(Some(_), _) => "ending",
            Phase::Ending(None, _) => "cancelling",
            Phase::Over => "over",
        };
        write!(f, "GracefulServer({phase}, {} connections)", self.connections.len())
    }
}

const GRACE: Duration = Duration::from_secs(10);

const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

const EXHAUSTED: &str = "cannot accept connections, trying again";
