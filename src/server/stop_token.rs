//! [`StopToken`]: tells a server and its connections to end.

use core::fmt;
use std::rc::Rc;

use super::bell::Bell;
use crate::coroutine::Stateless;
use crate::task::Awaitable;

/// Tells a server and its connections to end. Clones are handles to the same token.
///
/// A [`GracefulServer`](super::GracefulServer) has one, and gives it to each of its connections. A connection can check
/// [`is_stopping`](Self::is_stopping), or race [`wait`](Self::wait) with another operation, and then end in good order:
///
/// ```
/// use innermost::server::StopToken;
/// use innermost::testing::{MemoryStream, memory_pair, virtual_loop};
/// use innermost::wait::{Race, Won};
/// use innermost::{Buffer, ByteRead, Exception, Machine, machine, yield_from};
///
/// /// Counts the bytes that come before the server stops.
/// struct Counter {
///     stream: MemoryStream,
///     incoming: Buffer,
///     stop: StopToken,
///     race: Race,
/// }
///
/// machine!(
///     impl Machine for Counter {
///         type State = Phase;
///         type Return = usize;
///
///         fn Reading(&mut self, sent: Sent) -> Next<End> {
///             match yield_from!(self.race.run((self.stream.read(&mut self.incoming), self.stop.wait())), sent)? {
///                 Won::A(0) | Won::B(()) => end(self.incoming.len()),
///                 Won::A(_) => stay(),
///             }
///         }
///     }
/// );
///
/// // A test needs no server.
/// let (stop, (near, _far)) = (StopToken::new(), memory_pair());
/// let counter = Counter { stream: near, incoming: Buffer::new(), stop: stop.clone(), race: Race::new() };
/// let event_loop = virtual_loop()?;
/// event_loop.call_soon(move || stop.stop())?;
/// assert_eq!(event_loop.run_until_complete(counter.start(Phase::Reading))?, 0);
/// # Ok::<(), Exception>(())
/// ```
///
/// Each server has its own token. To stop several servers, call [`stop`](Self::stop) on each token, or let all of them
/// [stop on signals](super::GracefulServer::stop_on_signals).
#[derive(Clone)]
pub struct StopToken(pub(super) Rc<Bells>);

pub(super) struct Bells {
    stop: Rc<Bell>,
    stop_now: Rc<Bell>,
}

impl StopToken {
    /// Creates a token that has not been stopped.
    pub fn new() -> Self {
        Self(Rc::new(Bells { stop: Bell::new("stop"), stop_now: Bell::new("stop_now") }))
    }

    /// Asks everything that has this token to end in good order. Has no effect the second time.
    pub fn stop(&self) {
        if !self.is_stopping() {
            self.0.stop.ring();
        }
    }

    /// Ends the grace period: the server cancels its connections now. Calls [`stop`](Self::stop) first, if nobody has. A
    /// second call cancels the connections again that have caught the first cancellation and gone on.
    pub fn stop_now(&self) {
        self.stop();
        self.0.stop_now.ring();
    }

    /// Returns `true` if somebody has called [`stop`](Self::stop) or [`stop_now`](Self::stop_now).
    pub fn is_stopping(&self) -> bool {
        self.0.stop.strokes() > 0
    }

    /// Waits until somebody calls [`stop`](Self::stop) or [`stop_now`](Self::stop_now). Returns at once if that has happened.
    ///
    /// The operation is stateless: a machine makes it afresh at each resume, and can race it.
    pub fn wait(&self) -> impl Awaitable<Return = ()> + Stateless + '_ {
        self.0.stop.after(0)
    }

    /// How often somebody has called `stop_now`.
    pub(super) fn stops_now(&self) -> u32 {
        self.0.stop_now.strokes()
    }

    /// Waits until somebody has called `stop_now` more than `seen` times.
    pub(super) fn stop_now_after(&self, seen: u32) -> impl Awaitable<Return = ()> + Stateless + '_ {
        self.0.stop_now.after(seen)
    }
}

impl Default for StopToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for StopToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match (self.is_stopping(), self.stops_now()) {
            (false, _) => "StopToken(not stopped)",
            (true, 0) => "StopToken(stopping)",
            (true, _) => "StopToken(stopping now)",
        };
        f.write_str(text)
    }
}
