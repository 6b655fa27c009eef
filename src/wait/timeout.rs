//! [`Timeout`]: a deadline for a coroutine.
//!
//! At its deadline, a timeout cancels the task that entered it. On exit, it takes that request back with `uncancel`. If
//! no more requests are left than at the entry, nobody else has cancelled the task, and the `CancelledError` becomes a
//! `TimeoutError`. Otherwise the `CancelledError` passes through.
//!
//! ```text
//!  created --enter--> active --deadline--> expiring --exit--> expired
//!                       \------------exit------------> finished
//! ```

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::rc::Rc;

use super::OrNone;
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step, replace_ended};
use crate::event_loop::{TimerHandle, running};
use crate::task::{Await, Awaitable, Handle, ScopeOwner, WeakScopeOwner};
use crate::time::Instant;
use crate::yield_from;

/// Runs `child`, and cancels it if it has not ended after `delay`. asyncio's `timeout`.
///
/// The delay counts from the first resume. With `None` there is no limit. At the deadline, a `CancelledError` is thrown
/// in where the child is waiting. The child may take as long as it likes to clean up. If it catches the exception and
/// returns a value, the timeout returns that value.
///
/// The child is held inline, so tens of thousands of timeouts inside each other overflow the stack. Put a
/// [`Call`](crate::Call) around a child that nests so deep. The same holds for [`wait_for`](fn@super::wait_for).
///
/// # Errors
///
/// Awaiting it raises `TimeoutError` if the deadline ended the child, any other exception that the child raises, and
/// `RuntimeError` outside of a task.
///
/// # Examples
///
/// ```
/// use innermost::wait::timeout;
/// use innermost::{EventLoop, Kind, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let long = timeout(sleep(Duration::from_secs(3600)), Duration::from_millis(1));
/// assert_eq!(event_loop.run_until_complete(long).unwrap_err().kind(), Kind::TimeoutError);
/// # Ok::<(), innermost::Exception>(())
/// ```
pub fn timeout<C>(child: C, delay: impl OrNone<Duration>) -> TimeoutScope<C>
where
    C: Awaitable,
{
    delay.or_none().map_or_else(Timeout::never, Timeout::after).scope(child)
}

/// Runs `child`, and cancels it if it has not ended at `deadline`. asyncio's `timeout_at`.
///
/// The deadline is a point on the loop's [clock](crate::LoopHandle::time). With `None` there is no limit. A deadline
/// that has passed already cancels the child at its first suspension.
///
/// # Errors
///
/// Awaiting it raises `TimeoutError` if the deadline ended the child, any other exception that the child raises, and
/// `RuntimeError` outside of a task.
///
/// # Examples
///
/// ```
/// use innermost::wait::timeout_at;
/// use innermost::{EventLoop, Kind, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let late = timeout_at(sleep(Duration::from_secs(3600)), event_loop.time());
/// assert_eq!(event_loop.run_until_complete(late).unwrap_err().kind(), Kind::TimeoutError);
/// # Ok::<(), innermost::Exception>(())
/// ```
pub fn timeout_at<C>(child: C, deadline: impl OrNone<Instant>) -> TimeoutScope<C>
where
    C: Awaitable,
{
    deadline.or_none().map_or_else(Timeout::never, Timeout::at).scope(child)
}

/// A deadline that can be moved while it is running. asyncio's `Timeout`.
///
/// Clones share the same deadline, so a child can keep one and call [`reschedule`](Self::reschedule).
///
/// [`scope`](Self::scope) enters the timeout, runs a coroutine, and exits. A machine can instead call
/// [`enter`](Self::enter) before the code to limit, and [`exit`](Self::exit) with the outcome of that code. Dropping
/// the last handle exits too: it removes the timer, and takes back a cancellation that the timeout has requested.
///
/// ```
/// use innermost::wait::Timeout;
/// use innermost::{Await, Coroutine, EventLoop, Exception, Kind, Resumed, Sleep, Step, sleep, yield_from};
/// use std::time::Duration;
///
/// struct ByHand {
///     limit: Timeout,
///     nap: Option<Sleep>,
/// }
///
/// impl Coroutine for ByHand {
///     type Yield = Await;
///     type Input = ();
///     type Return = &'static str;
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         loop {
///             let Some(nap) = &mut self.nap else {
///                 self.limit.enter()?;
///                 self.nap = Some(sleep(Duration::from_secs(3600)));
///                 continue;
///             };
///             let slept = yield_from!(nap, sent);
///             return match self.limit.exit(slept) {
///                 Err(raised) if raised.kind() == Kind::TimeoutError => Ok(Step::Return("woken")),
///                 slept => slept.map(|()| Step::Return("slept")),
///             };
///         }
///     }
/// }
///
/// let by_hand = ByHand { limit: Timeout::after(Duration::from_millis(1)), nap: None };
/// assert_eq!(EventLoop::new()?.run_until_complete(by_hand)?, "woken");
/// # Ok::<(), Exception>(())
/// ```
#[derive(Clone)]
pub struct Timeout(Rc<Inner>);

struct Inner {
    deadline: Cell<Deadline>,
    phase: Cell<Phase>,
    /// The task that entered it, or the coroutine of a race, and how many cancellation requests that had then. A weak handle,
    /// because the task may return a handle to this.
    entered: RefCell<Option<(WeakScopeOwner, u32)>>,
    /// Whether the deadline has requested one more.
    has_requested: Cell<bool>,
    alarm: RefCell<Option<Alarm>>,
}

#[derive(Clone, Copy)]
enum Deadline {
    Never,
    At(Instant),
    /// This long after it is entered.
    After(Duration),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Created,
    Active,
    Expiring,
    Expired,
    Finished,
}

/// The callback that runs at the deadline.
enum Alarm {
    Now(Handle),
    Later(TimerHandle),
}

impl Timeout {
    /// Creates a timeout whose deadline is `delay` after its entry.
    pub fn after(delay: Duration) -> Self {
        Self::new(Deadline::After(delay))
    }

    /// Creates a timeout with a deadline on the loop's [clock](crate::LoopHandle::time).
    pub fn at(deadline: Instant) -> Self {
        Self::new(Deadline::At(deadline))
    }

    /// Creates a timeout without a deadline. [`reschedule`](Self::reschedule) can set one later.
    pub fn never() -> Self {
        Self::new(Deadline::Never)
    }

    fn new(deadline: Deadline) -> Self {
        Self(Rc::new(Inner {
            deadline: Cell::new(deadline),
            phase: Cell::new(Phase::Created),
            entered: RefCell::new(None),
            has_requested: Cell::new(false),
            alarm: RefCell::new(None),
        }))
    }

    /// Enters the timeout, runs `child`, and exits when the child has ended. Returns the child's value.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the errors of [`enter`](Self::enter) and of [`exit`](Self::exit).
    pub fn scope<C>(&self, child: C) -> TimeoutScope<C>
    where
        C: Awaitable,
    {
        TimeoutScope { timeout: self.clone(), phase: ScopePhase::Created(child) }
    }

    /// Returns the deadline, as a point on the loop's clock. Returns `None` if there is no deadline, or if it counts
    /// from an entry that has not happened yet.
    pub fn when(&self) -> Option<Instant> {
        match self.0.deadline.get() {
            Deadline::At(deadline) => Some(deadline),
            Deadline::Never | Deadline::After(_) => None,
        }
    }

    /// Returns `true` if the deadline passed before the timeout was exited.
    pub fn expired(&self) -> bool {
        matches!(self.0.phase.get(), Phase::Expiring | Phase::Expired)
    }

    /// Starts the timeout. At the deadline, it cancels the task that called this.
    ///
    /// # Errors
    ///
    /// Returns a `RuntimeError` if the timeout has been entered before, or outside of a task.
    pub fn enter(&self) -> Result<(), Exception> {
        if self.0.phase.get() != Phase::Created {
            return Err(runtime("Timeout has already been entered"));
        }
        let event_loop = running()?;
        let owner = event_loop.scope_owner().ok_or_else(|| runtime("Timeout should be used inside a task"))?;
        self.0.phase.set(Phase::Active);
        let cancelling = owner.cancelling();
        self.0.entered.replace(Some((owner.downgrade(), cancelling)));
        self.reschedule(match self.0.deadline.get() {
            Deadline::Never => None,
            Deadline::At(deadline) => Some(deadline),
            Deadline::After(delay) => Some(event_loop.time() + delay),
        })
    }

    /// Moves the deadline, or removes it with `None`. A deadline that has passed already expires in the next turn.
    ///
    /// ```
    /// use innermost::wait::Timeout;
    /// use innermost::{Exception, lazy, sleep, testing::virtual_loop};
    /// use std::time::Duration;
    ///
    /// let limit = Timeout::after(Duration::from_secs(1));
    /// let same = limit.clone();
    /// let child = lazy(move || {
    ///     same.reschedule(None)?; // takes as long as it takes
    ///     Ok(sleep(Duration::from_secs(60)))
    /// });
    /// virtual_loop()?.run_until_complete(limit.scope(child))?;
    /// assert!(!limit.expired());
    /// # Ok::<(), Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns a `RuntimeError` if the timeout has not been entered, has expired, or has been exited.
    pub fn reschedule(&self, deadline: Option<Instant>) -> Result<(), Exception> {
        match self.0.phase.get() {
            Phase::Active => {}
            Phase::Created => return Err(runtime("Timeout has not been entered")),
            phase => return Err(runtime(format!("Cannot change state of {} Timeout", phase.name()))),
        }
        self.0.deadline.set(deadline.map_or(Deadline::Never, Deadline::At));
        self.0.cancel_alarm();
        let Some(deadline) = deadline else { return Ok(()) };
        let event_loop = running()?;
        let weak = Rc::downgrade(&self.0);
        let expire = move || {
            if let Some(inner) = weak.upgrade() {
                inner.expire();
            }
        };
        let alarm = if deadline <= event_loop.time() {
            Alarm::Now(event_loop.call_soon(expire)?)
        } else {
            Alarm::Later(event_loop.call_at(deadline, expire)?)
        };
        self.0.alarm.replace(Some(alarm));
        Ok(())
    }

    /// Moves the deadline to `delay` from now.
    ///
    /// ```
    /// use innermost::testing::virtual_loop;
    /// use innermost::wait::Timeout;
    /// use innermost::{CoroutineExt, sleep};
    /// use std::time::Duration;
    ///
    /// let limit = Timeout::after(Duration::from_secs(5));
    /// let theirs = limit.clone();
    /// let nap = || sleep(Duration::from_secs(4));
    /// let working = nap().try_map(move |()| theirs.restart(Duration::from_secs(5))).then(move |()| nap());
    /// virtual_loop()?.run_until_complete(limit.scope(working))?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns a `RuntimeError` if the timeout has not been entered, has expired or has been exited, or if no loop is running.
    pub fn restart(&self, delay: Duration) -> Result<(), Exception> {
        self.reschedule(Some(running()?.time() + delay))
    }

    /// The code inside is resumed by somebody else now, who is cancelled at the deadline. After the deadline, only an owner
    /// that is gone is replaced: a request must be taken back from whoever got it.
    pub(super) fn change_owner(&self) {
        if let Some(owner) = running().ok().and_then(|event_loop| event_loop.scope_owner()) {
            let cancelling = owner.cancelling();
            let mut entered = self.0.entered.borrow_mut();
            let stays = match (self.0.phase.get(), &*entered) {
                (Phase::Expiring, Some((former, _))) => former.upgrade().is_some(),
                (_, former) => former.as_ref().is_some_and(|(former, _)| former.is(&owner)),
            };
            if !stays {
                *entered = Some((owner.downgrade(), cancelling));
                self.0.has_requested.set(false);
            }
        }
    }

    /// Stops the timeout, and converts the outcome of the code that ran inside.
    ///
    /// A `CancelledError` that the deadline has caused becomes a `TimeoutError`. If the code raised another exception
    /// after the deadline, that exception gets a `TimeoutError` as its [`cause`](Exception::cause), unless it has a
    /// cause already or has clones. Every other outcome is returned unchanged.
    ///
    /// # Errors
    ///
    /// Returns the converted exception, or a `RuntimeError` if the timeout has not been entered or has been exited
    /// before.
    pub fn exit<T>(&self, outcome: Result<T, Exception>) -> Result<T, Exception> {
        let own = match self.0.phase.get() {
            Phase::Active | Phase::Expiring => self.0.leave(),
            Phase::Created => return Err(runtime("Timeout has not been entered")),
            phase => return Err(runtime(format!("Cannot change state of {} Timeout", phase.name()))),
        };
        if !own {
            return outcome;
        }
        outcome.map_err(|raised| {
            if raised.is_cancelled() {
                Exception::caused_by(Kind::TimeoutError, "timed out", raised)
            } else {
                raised.raised_during(Exception::timeout)
            }
        })
    }
}

impl Inner {
    /// Removes the alarm, or takes back the cancellation that it has requested. Returns `true` if nobody but the
    /// timeout has requested one.
    fn leave(&self) -> bool {
        let expiring = self.phase.get() == Phase::Expiring;
        self.phase.set(if expiring { Phase::Expired } else { Phase::Finished });
        self.cancel_alarm();
        let entered = self.entered.take().and_then(|(owner, cancelling)| Some((owner.upgrade()?, cancelling)));
        let left = |owner: &ScopeOwner| if self.has_requested.get() { owner.uncancel() } else { owner.cancelling() };
        expiring && entered.is_some_and(|(owner, cancelling)| left(&owner) <= cancelling)
    }

    fn cancel_alarm(&self) {
        let alarm = self.alarm.take();
        match alarm {
            Some(Alarm::Now(handle)) => handle.cancel(),
            Some(Alarm::Later(timer)) => timer.cancel(),
            None => {}
        }
    }

    fn expire(&self) {
        if self.phase.get() != Phase::Active {
            return;
        }
        self.phase.set(Phase::Expiring);
        drop(self.alarm.take());
        let owner = self.entered.borrow().as_ref().and_then(|(owner, _)| owner.upgrade());
        if let Some(owner) = owner {
            self.has_requested.set(true);
            owner.cancel();
        }
    }
}

/// Exits the timeout, if that has not happened yet.
impl Drop for Inner {
    fn drop(&mut self) {
        if matches!(self.phase.get(), Phase::Active | Phase::Expiring) {
            self.leave();
        }
    }
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Active => "active",
            Self::Expiring => "expiring",
            Self::Expired => "expired",
            Self::Finished => "finished",
        }
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.0.phase.get();
        write!(f, "Timeout({}", phase.name())?;
        match self.when().filter(|_| phase == Phase::Active) {
            Some(when) => write!(f, ", when: {when:?})"),
            None => f.write_str(")"),
        }
    }
}

fn runtime(text: impl Into<std::borrow::Cow<'static, str>>) -> Exception {
    Exception::message(Kind::RuntimeError, text)
}

/// A coroutine that runs a child with a deadline. Created by [`timeout`](fn@timeout), [`timeout_at`] and
/// [`Timeout::scope`].
///
/// Dropping it drops the child, and removes the timer.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct TimeoutScope<C> {
    timeout: Timeout,
    phase: ScopePhase<C>,
}

enum ScopePhase<C> {
    Created(C),
    Inside(C),
    Over,
}

impl<C> TimeoutScope<C> {
    /// Returns the deadline, for example to move it, or to see whether it has expired.
    pub fn timeout(&self) -> &Timeout {
        &self.timeout
    }
}

impl<C> Coroutine for TimeoutScope<C>
where
    C: Awaitable,
{
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let ScopePhase::Created(_) = self.phase {
            crate::coroutine::take_sent(&mut sent)?;
            self.timeout.enter()?;
            if let ScopePhase::Created(child) = core::mem::replace(&mut self.phase, ScopePhase::Over) {
                self.phase = ScopePhase::Inside(child);
            }
        }
        let ScopePhase::Inside(child) = &mut self.phase else { return Err(Exception::reused()) };
        let outcome = yield_from!(child, sent);
        let left = self.timeout.exit(outcome);
        replace_ended(&mut self.phase, ScopePhase::Over);
        left.map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        let own = State::new("timeout", &self.timeout);
        match &self.phase {
            ScopePhase::Created(child) | ScopePhase::Inside(child) => own.delegating_to(child.state()),
            ScopePhase::Over => own,
        }
    }
}

impl<C> Drop for TimeoutScope<C> {
    fn drop(&mut self) {
        if let ScopePhase::Inside(_) = self.phase {
            // Refused if it was exited before the child's destructor panicked.
            let _ = self.timeout.exit(Ok(()));
        }
    }
}

impl<C> fmt::Debug for TimeoutScope<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timeout.fmt(f)
    }
}
