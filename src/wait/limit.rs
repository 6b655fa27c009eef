//! A time limit as a field of a machine.
//!
//! A [`timeout`](fn@super::timeout) keeps its deadline in the coroutine that it returns, so it must be stored as a whole. An
//! operation that borrows another field of the machine cannot be stored. Here the deadline is the field, and the coroutine
//! around the operation is made again at each resume.

use core::fmt;
use core::mem;
use core::time::Duration;

use super::Timeout;
use crate::coroutine::{Coroutine, Delegate as _, Exception, Resumed, State, Stateless, Step};
use crate::event_loop::find_running;
use crate::task::{Await, Awaitable};

/// A time limit for operations, one after another. Store it in a field of a machine: a limit that is made anew at each
/// resume would never expire.
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
/// passes between two races, the next one raises the `TimeoutError`. [`clear`](Self::clear) gives up a use that lost a
/// race, so that the next use has the full time.
///
/// # Leaving a state
///
/// A hook `thrown` of a machine may leave a state whose operation has not ended. The use of the limit then goes on as
/// well, and at its deadline the task would be cancelled, whatever it is doing by then. So the hook must
/// [clear](Self::clear) the limit.
///
/// # Dropping
///
/// Dropping the limit removes its timer. Without a running loop there is no clock, and no limit: a machine that is driven
/// by hand never times out.
pub struct Limit {
    delay: Duration,
    /// `None` between two uses.
    timeout: Option<Timeout>,
    /// Whether the last use has ended after its deadline.
    has_expired: bool,
    /// Whether the child of the current use knows that its deadline has passed.
    is_told: bool,
    /// Whether the child waits in a frame of its own, which gets directly what is thrown in.
    is_delegating: bool,
}

impl Limit {
    /// Creates a limit of `delay` for each use.
    pub const fn new(delay: Duration) -> Self {
        Self { delay, timeout: None, has_expired: false, is_told: false, is_delegating: false }
    }

    /// Runs `child` for the limited time.
    ///
    /// Returns a coroutine that is made again at each resume. It is stateless if `child` is: an operation can stand in the
    /// call itself. A coroutine that keeps state stays in a field, and the call gets a name:
    /// `let mut limited = self.limit.run(&mut self.child);`.
    ///
    /// # Errors
    ///
    /// Awaiting it raises a `TimeoutError` if the deadline ended the child, and any other exception that the child
    /// raises.
    pub fn run<C: Awaitable>(&mut self, child: C) -> Limited<'_, C> {
        Limited { limit: self, child }
    }

    /// Returns the time that each use has.
    pub const fn delay(&self) -> Duration {
        self.delay
    }

    /// Changes the time of the next use, and of the current one when it is restarted.
    pub const fn set_delay(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// Gives the current use its full time again, from now. Does nothing between two uses, and after the deadline.
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

    /// Ends the current use without an outcome: its timer is removed, and the next use has the full time. Does nothing
    /// between two uses.
    ///
    /// Call it where an operation that lost a race is not tried again, and in a hook that leaves its state. A deadline
    /// that has passed without being raised is forgotten.
    ///
    /// ```
    /// use innermost::testing::{MemoryStream, memory_pair, virtual_loop};
    /// use innermost::wait::{Limit, Race, Racing, Won};
    /// use innermost::{Buffer, ByteRead, Exception, Kind, Machine, Sleep, machine, sleep, yield_from};
    /// use std::time::Duration;
    ///
    /// /// Reads for five seconds. Every three seconds, the peer gets all of that time again.
    /// struct Patient {
    ///     stream: MemoryStream,
    ///     incoming: Buffer,
    ///     patience: Limit,
    ///     favours: u32,
    ///     tick: Racing<Sleep>,
    ///     race: Race,
    /// }
    ///
    /// machine!(
    ///     impl Machine for Patient {
    ///         type State = Phase;
    ///
    ///         fn Reading(&mut self, sent: Sent) -> Next<End> {
    ///             let read = self.patience.run(self.stream.read(&mut self.incoming));
    ///             match yield_from!(self.race.run((read, &mut self.tick)), sent)? {
    ///                 Won::A(_) => return end(()),
    ///                 Won::B(()) if self.favours > 0 => {
    ///                     self.favours -= 1;
    ///                     self.patience.clear();
    ///                 }
    ///                 Won::B(()) => {}
    ///             }
    ///             self.tick.restart(sleep(Duration::from_secs(3)));
    ///             stay()
    ///         }
    ///     }
    /// );
    ///
    /// let (near, _far) = memory_pair();
    /// let patient = Patient {
    ///     stream: near,
    ///     incoming: Buffer::new(),
    ///     patience: Limit::new(Duration::from_secs(5)),
    ///     favours: 2,
    ///     tick: Racing::new(sleep(Duration::from_secs(3))),
    ///     race: Race::new(),
    /// };
    /// let event_loop = virtual_loop()?;
    /// let ended = event_loop.run_until_complete(patient.start(Phase::Reading));
    /// assert_eq!(ended.unwrap_err().kind(), Kind::TimeoutError);
    /// assert_eq!(event_loop.time().since_zero(), Duration::from_secs(3 + 3 + 5));
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn clear(&mut self) {
        let current = self.timeout.take();
        (self.has_expired, self.is_told, self.is_delegating) = (false, false, false);
        drop(current);
    }

    /// Returns `true` if the deadline of the current use has passed. Between two uses, returns `true` if that of the last
    /// use had passed.
    ///
    /// It tells a `TimeoutError` of this limit from one that the operation has raised, such as that of a TCP connection whose
    /// peer does not answer any more. It is `true` as well if the child has caught the exception and returned a value.
    ///
    /// ```
    /// use innermost::testing::virtual_loop;
    /// use innermost::wait::{Limit, timeout};
    /// use innermost::{Kind, Step, from_fn, sleep, yield_from};
    /// use std::time::Duration;
    ///
    /// let seconds = Duration::from_secs;
    /// for (inside, is_ours) in [(3, false), (10, true)] {
    ///     let mut limit = Limit::new(seconds(5));
    ///     let mut child = timeout(sleep(seconds(20)), seconds(inside));
    ///     let machine = from_fn(move |mut sent| {
    ///         let mut limited = limit.run(&mut child);
    ///         let raised = yield_from!(limited, sent).unwrap_err();
    ///         Ok(Step::Return((raised.kind(), limit.expired())))
    ///     });
    ///     assert_eq!(virtual_loop()?.run_until_complete(machine)?, (Kind::TimeoutError, is_ours));
    /// }
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn expired(&self) -> bool {
        self.timeout.as_ref().map_or(self.has_expired, Timeout::expired)
    }

    /// Returns what to resume the child with. A child that does not know of the deadline is told, unless the exception is on
    /// its way to it.
    fn told(&mut self, sent: Result<(), Exception>) -> Result<(), Exception> {
        let has_delegated = mem::take(&mut self.is_delegating);
        let Some(timeout) = self.timeout.as_ref().filter(|timeout| timeout.expired()) else { return sent };
        let is_told = mem::replace(&mut self.is_told, true);
        if is_told || has_delegated || sent.is_err() {
            return sent;
        }
        // The deadline passed while no task waited for the child, or the task that waited is gone.
        timeout.change_owner();
        Err(Exception::cancelled())
    }

    /// The child waits: whoever is resumed for it now is cancelled at the deadline.
    fn suspend(&mut self, is_delegating: bool) -> Result<(), Exception> {
        self.is_delegating = is_delegating;
        if let Some(timeout) = &self.timeout {
            timeout.change_owner();
        } else if find_running().is_some_and(|event_loop| event_loop.current_task().is_some()) {
            let timeout = Timeout::after(self.delay);
            timeout.enter()?;
            self.timeout = Some(timeout);
            self.is_told = false;
        }
        Ok(())
    }

    /// The child has ended, and so has the use.
    fn end<T>(&mut self, outcome: Result<T, Exception>) -> Result<T, Exception> {
        let timeout = self.timeout.take();
        self.has_expired = timeout.as_ref().is_some_and(Timeout::expired);
        match timeout {
            Some(timeout) => timeout.exit(outcome),
            None => outcome,
        }
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
        let resumed = match self.limit.told(sent) {
            Ok(()) => self.child.send_in(()),
            Err(thrown) => self.child.throw_in(thrown),
        };
        let outcome = match resumed {
            Ok(Step::Return(returned)) => Ok(returned),
            Err(raised) => Err(raised),
            Ok(suspended) => {
                self.limit.suspend(matches!(suspended, Step::Delegate(_)))?;
                return Ok(suspended);
            }
        };
        self.limit.end(outcome).map(Step::Return)
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
