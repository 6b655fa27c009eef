//! A time limit as a field of a machine.
//!
//! A [`timeout`](fn@super::timeout) keeps its deadline in the coroutine that it returns, so it must be stored as a whole. An
//! operation that borrows another field of the machine cannot be stored. Here the deadline is the field, and the coroutine
//! around the operation is made again at each resume.

use core::fmt;
use core::time::Duration;

use super::Timeout;
use crate::coroutine::{Coroutine, Delegate as _, Exception, Resumed, State, Stateless, Step};
use crate::event_loop::find_running;
use crate::task::{Await, Awaitable};

/// A time limit for operations, one after the other. A field of a machine.
///
/// Each use of [`run`](Self::run) has the full time. The time counts from the moment at which the child first waits, and a
/// use ends when its child does. Within a use, [`restart`](Self::restart) and [`pause`](Self::pause) move the deadline.
///
/// At the deadline, a `CancelledError` is thrown into the child where it waits, and `run` raises a `TimeoutError`. The child
/// may clean up first. If it catches the exception and returns a value, `run` returns that value, as a
/// [`timeout`](fn@super::timeout) does.
///
/// ```
/// use innermost::testing::{MemoryStream, memory_pair, virtual_loop};
/// use innermost::wait::Limit;
/// use innermost::{Buffer, ByteRead, Exception, Kind, Machine, machine, yield_from};
/// use std::time::Duration;
///
/// /// Reads until the end, or until the peer has been silent for five seconds.
/// struct Listening {
///     stream: MemoryStream,
///     incoming: Buffer,
///     silence: Limit,
/// }
///
/// machine!(
///     impl Machine for Listening {
///         type State = Phase;
///         type Return = usize;
///
///         fn Reading(&mut self, sent: Sent) -> Next<End> {
///             match yield_from!(self.silence.run(self.stream.read(&mut self.incoming)), sent) {
///                 Ok(0) => end(self.incoming.len()),
///                 Ok(_) => stay(),
///                 Err(raised) if raised.kind() == Kind::TimeoutError => end(self.incoming.len()),
///                 Err(raised) => Err(raised),
///             }
///         }
///     }
/// );
///
/// let (near, _far) = memory_pair();
/// let silence = Limit::new(Duration::from_secs(5));
/// let event_loop = virtual_loop()?;
/// let listening = Listening { stream: near, incoming: Buffer::new(), silence };
/// assert_eq!(event_loop.run_until_complete(listening.start(Phase::Reading))?, 0);
/// assert_eq!(event_loop.time().since_zero(), Duration::from_secs(5));
/// # Ok::<(), Exception>(())
/// ```
///
/// # In a race
///
/// Losing a [`Race`](super::Race) does not end a use: the time goes on, and the next race continues it. If the deadline
/// passes while no race is on, the next one raises the `TimeoutError`. So a use that lost a race and is given up must be
/// [restarted](Self::restart) before its deadline, or the next use has only the rest of its time.
///
/// # Dropping
///
/// Dropping the limit removes its timer. Without a running loop there is no clock, and no limit: a machine that is driven
/// by hand never times out.
pub struct Limit {
    delay: Duration,
    /// `None` between two uses.
    timeout: Option<Timeout>,
}

impl Limit {
    /// Creates a limit of `delay` for each use.
    pub const fn new(delay: Duration) -> Self {
        Self { delay, timeout: None }
    }

    /// Runs `child` for the limited time.
    ///
    /// Returns a coroutine that is made again at each resume. It is stateless if `child` is: an operation can stand in the
    /// call itself. A coroutine that keeps state stays in a field, and the call gets a name:
    /// `let mut limited = self.limit.run(&mut self.child);`.
    ///
    /// It raises a `TimeoutError` if the deadline ended the child, and any other exception that the child raises.
    pub fn run<C: Awaitable>(&mut self, child: C) -> Limited<'_, C> {
        Limited { limit: self, child }
    }

    /// The time that each use has.
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    /// Changes the time of the next use, and of the current one when it is restarted.
    pub const fn set_delay(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// Starts the time of the current use anew, from now. Does nothing between two uses, and after the deadline.
    pub fn restart(&mut self) {
        if let Some(timeout) = &self.timeout {
            // Refused after the deadline.
            let _ = timeout.restart(self.delay);
        }
    }

    /// Stops the time of the current use, until [`restart`](Self::restart). Does nothing between two uses, and after the
    /// deadline.
    pub fn pause(&mut self) {
        if let Some(timeout) = &self.timeout {
            let _ = timeout.reschedule(None);
        }
    }

    /// Returns `true` if the deadline of the current use has passed, and its child has not ended yet. Once `run` has raised,
    /// no use is current, and this returns `false`.
    pub fn expired(&self) -> bool {
        self.timeout.as_ref().is_some_and(Timeout::expired)
    }

    /// The child waits: whoever is resumed for it now is cancelled at the deadline.
    fn suspend(&mut self) -> Result<(), Exception> {
        if let Some(timeout) = &self.timeout {
            timeout.change_owner();
        } else if find_running().is_some_and(|event_loop| event_loop.current_task().is_some()) {
            let timeout = Timeout::after(self.delay);
            timeout.enter()?;
            self.timeout = Some(timeout);
        }
        Ok(())
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit").field("delay", &self.delay).field("current", &self.timeout).finish()
    }
}

/// The coroutine returned by [`Limit::run`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Limited<'a, C> {
    limit: &'a mut Limit,
    child: C,
}

impl<C: Awaitable> Coroutine for Limited<'_, C> {
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let resumed = match sent {
            // The deadline passed while nobody waited for the child, so that the cancellation has not got here.
            Ok(()) if self.limit.expired() => self.child.throw_in(Exception::cancelled()),
            Ok(()) => self.child.send_in(()),
            Err(thrown) => self.child.throw_in(thrown),
        };
        let outcome = match resumed {
            Ok(Step::Return(returned)) => Ok(returned),
            Err(raised) => Err(raised),
            suspended => {
                self.limit.suspend()?;
                return suspended;
            }
        };
        match self.limit.timeout.take() {
            Some(timeout) => timeout.exit(outcome).map(Step::Return),
            None => outcome.map(Step::Return),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("limit", self.limit).delegating_to(self.child.state())
    }
}

/// Everything that lasts is in the [`Limit`], and in what the child borrows.
impl<C: Awaitable + Stateless> Stateless for Limited<'_, C> {}

impl<C> fmt::Debug for Limited<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.limit.fmt(f)
    }
}
