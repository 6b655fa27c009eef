//! Permits, of which there are only so many.
//!
//! A permit that is given back while somebody waits is theirs at once: it is taken off the value before they run. So
//! who was woken and does not run after all must put it back.

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use super::Hold;
use super::wait_queue::{Phase, Place, WaitQueue};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};
use crate::task::{Await, Awaitable};

/// Lets so many tasks at a time past. asyncio's `Semaphore`.
///
/// A handle: clones stand for the same semaphore. Fair: nobody overtakes who came before.
///
/// ```
/// use innermost::sync::Semaphore;
/// use innermost::{EventLoop, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let connections = Semaphore::new(2);
/// let work = || connections.hold(sleep(Duration::from_millis(1)));
/// let first = event_loop.create_task(work())?;
/// let second = event_loop.create_task(work())?;
/// event_loop.run_until_complete(work())?; // begins when one of the others has ended
/// assert!(first.done() && second.done());
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone)]
pub struct Semaphore(Permits);

/// A [`Semaphore`] that never has more permits than it began with. asyncio's `BoundedSemaphore`.
///
/// ```
/// use innermost::sync::BoundedSemaphore;
///
/// let semaphore = BoundedSemaphore::new(1);
/// semaphore.try_acquire().expect("it has one").forget();
/// assert!(semaphore.release().is_ok());
/// assert!(semaphore.release().is_err());
/// ```
#[derive(Clone)]
pub struct BoundedSemaphore(Permits);

/// What all handles refer to.
#[derive(Clone)]
struct Permits(Rc<PermitsState>);

struct PermitsState {
    value: Cell<usize>,
    bound: usize,
    waiters: WaitQueue,
}

impl Semaphore {
    /// A semaphore with so many permits.
    pub fn new(permits: usize) -> Self {
        Self(Permits::new(permits, usize::MAX))
    }

    /// Adds a permit, which whoever waits first gets. What [`Permit`]s do when they are dropped.
    #[inline]
    pub fn release(&self) {
        self.0.release();
    }
}

impl BoundedSemaphore {
    /// A semaphore with so many permits, and never more.
    pub fn new(permits: usize) -> Self {
        Self(Permits::new(permits, permits))
    }

    /// Adds a permit in place of one that was [forgotten](Permit::forget). What [`Permit`]s do when they are dropped; a
    /// permit in whose place one was added before adds nothing then.
    ///
    /// # Errors
    ///
    /// `ValueError` where that would be more than it began with.
    #[inline]
    pub fn release(&self) -> Result<(), Exception> {
        if self.0.release() {
            return Ok(());
        }
        Err(Exception::message(Kind::ValueError, "BoundedSemaphore released too many times"))
    }
}

macro_rules! semaphore_methods {
    ($name:ident) => {
        impl $name {
            /// Waits until there is a permit and nobody is before the caller; gives the permit. asyncio's `acquire`.
            #[inline]
            pub fn acquire(&self) -> AcquirePermit {
                AcquirePermit { permits: Some(self.0.clone()), place: None }
            }

            /// A permit, if it is to be had without waiting.
            #[inline]
            pub fn try_acquire(&self) -> Option<Permit> {
                self.0.clone().try_take().ok()
            }

            /// Whether one would have to wait: there is no permit, or others wait.
            pub fn locked(&self) -> bool {
                self.0.locked()
            }

            /// How many permits there are that nobody holds and nobody was woken to take.
            pub fn value(&self) -> usize {
                self.0.0.value.get()
            }

            /// Runs `child` with a permit held: acquires one, and gives it back when the child has returned, raised or
            /// was closed. asyncio's `async with semaphore`.
            ///
            /// # Errors
            ///
            /// Raises what the child raises, and what [`acquire`](Self::acquire) raises.
            pub fn hold<C: Awaitable>(&self, child: C) -> Hold<AcquirePermit, C> {
                Hold::new(self.acquire(), child)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }
    };
}

semaphore_methods!(Semaphore);
semaphore_methods!(BoundedSemaphore);

/// One permit.
impl Default for Semaphore {
    fn default() -> Self {
        Self::new(1)
    }
}

/// One permit.
impl Default for BoundedSemaphore {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Permits {
    fn new(value: usize, bound: usize) -> Self {
        Self(Rc::new(PermitsState { value: Cell::new(value), bound, waiters: WaitQueue::new("Semaphore.acquire") }))
    }

    #[inline]
    fn locked(&self) -> bool {
        self.0.value.get() == 0 || self.0.waiters.has_live()
    }

    /// A permit, or the handle again.
    #[inline]
    fn try_take(self) -> Result<Permit, Self> {
        if self.locked() {
            return Err(self);
        }
        self.0.value.set(self.0.value.get() - 1);
        Ok(Permit { of: Some(self) })
    }

    /// `false` where there were all already.
    #[inline]
    fn release(&self) -> bool {
        let value = self.0.value.get();
        if value >= self.0.bound {
            return false;
        }
        self.0.value.set(value + 1);
        self.wake_next();
        true
    }

    /// Gives a permit to whoever is next. `false` where nobody waits.
    #[inline]
    fn wake_next(&self) -> bool {
        let woken = self.0.waiters.wake_next();
        if woken {
            self.0.value.set(self.0.value.get() - 1);
        }
        woken
    }

    /// Leaves the queue without a permit: one that was given is given back.
    fn give_up(&self, place: Place) {
        if place.leave() {
            self.0.value.set(self.0.value.get() + 1);
        }
        self.wake_allowed();
    }

    /// What there is goes to those who had to queue only because others did.
    fn wake_allowed(&self) {
        while self.0.value.get() > 0 && self.wake_next() {}
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} free, {} waiting", self.0.value.get(), self.0.waiters.len())
    }
}

/// A permit of a [`Semaphore`], given back when it is dropped.
#[must_use = "the permit is given back when it is dropped"]
pub struct Permit {
    /// `None` once it is forgotten.
    of: Option<Permits>,
}

impl Permit {
    /// Keeps the permit for good: the semaphore has one less, until somebody calls `release`.
    pub fn forget(mut self) {
        self.of = None;
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        if let Some(permits) = &self.of {
            permits.release();
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(&self.of.as_ref()).finish()
    }
}

/// What [`Semaphore::acquire`] makes.
///
/// # Dropping
///
/// Leaves the queue. A permit that was meant for it goes to the next.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed"]
pub struct AcquirePermit {
    /// Become the permit's. `None` once this is over.
    permits: Option<Permits>,
    /// While it waits.
    place: Option<Place>,
}

impl Coroutine for AcquirePermit {
    type Yield = Await;
    type Input = ();
    type Return = Permit;

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if self.place.is_some() || sent.is_err() {
            return self.wait(sent);
        }
        match self.permits.take().ok_or_else(Exception::reused)?.try_take() {
            Ok(permit) => Ok(Step::Return(permit)),
            Err(permits) => self.begin_to_wait(permits),
        }
    }

    fn state(&self) -> State<'_> {
        match &self.place {
            Some(place) => State::new("Semaphore.acquire", place),
            None if self.permits.is_some() => State::new("Semaphore.acquire", &Phase::Created),
            None => State::new("Semaphore.acquire", &Phase::Over),
        }
    }
}

impl AcquirePermit {
    #[inline(never)]
    fn begin_to_wait(&mut self, permits: Permits) -> Resumed<Self> {
        self.place = Some(permits.0.waiters.join());
        self.permits = Some(permits);
        self.wait(Ok(()))
    }

    #[inline(never)]
    fn wait(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let passed = match &self.place {
            Some(place) => place.pass(sent).map(|passed| (!passed).then(|| place.wanted())),
            None => sent.map(|()| None),
        };
        match passed {
            Ok(None) => self.place = None,
            Ok(Some(wanted)) => return Ok(Step::Yield(wanted)),
            Err(raised) => {
                self.give_up();
                return Err(raised);
            }
        }
        let permits = self.permits.take().ok_or_else(Exception::reused)?;
        permits.wake_allowed();
        Ok(Step::Return(Permit { of: Some(permits) }))
    }

    fn give_up(&mut self) {
        if let (Some(permits), Some(place)) = (self.permits.take(), self.place.take()) {
            permits.give_up(place);
        }
    }
}

impl Drop for AcquirePermit {
    #[inline]
    fn drop(&mut self) {
        if self.place.is_some() {
            self.give_up();
        }
    }
}
