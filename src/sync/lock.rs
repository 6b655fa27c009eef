//! Mutual exclusion.
//!
//! Two things decide who may enter: whether somebody holds the lock, and whether somebody has been woken to take it. A
//! lock that was given back is free until the first waiter runs, one turn later; what keeps newcomers out meanwhile is
//! that waiter, who still stands in the queue.

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use super::Hold;
use super::wait_queue::{Phase, Place, WaitQueue};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::task::{Await, Awaitable};

/// Lets one task at a time past. asyncio's `Lock`.
///
/// A handle: clones stand for the same lock. Fair: tasks get it in the order in which they came. Not reentrant; and
/// whoever has the guard may give the lock back, be it another task.
///
/// ```
/// use innermost::sync::Lock;
/// use innermost::{EventLoop, Exception, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let lock = Lock::new();
/// // A scope: the lock is held until the child has ended, however it ends.
/// let first = event_loop.create_task(lock.hold(sleep(Duration::from_millis(1))))?;
/// event_loop.run_until_complete(lock.hold(sleep(Duration::ZERO)))?;
/// assert!(first.done() && !lock.locked());
/// # Ok::<(), Exception>(())
/// ```
#[derive(Clone)]
pub struct Lock(Rc<LockState>);

struct LockState {
    locked: Cell<bool>,
    waiters: WaitQueue,
}

impl Lock {
    /// A lock that nobody holds.
    pub fn new() -> Self {
        Self(Rc::new(LockState { locked: Cell::new(false), waiters: WaitQueue::new("Lock.acquire") }))
    }

    /// Waits until nobody holds the lock and nobody is before the caller; gives the guard that holds it from then on.
    /// asyncio's `acquire`, the guard's drop being its `release`.
    ///
    /// A free lock is acquired without waiting, and so without a loop:
    ///
    /// ```
    /// use innermost::sync::Lock;
    /// use innermost::{Generator, Stop};
    ///
    /// let lock = Lock::new();
    /// let Err(Stop::Returned(guard)) = Generator::new(lock.acquire()).next() else { unreachable!("it is free") };
    /// assert!(lock.locked());
    /// drop(guard);
    /// assert!(!lock.locked());
    /// ```
    #[inline]
    pub fn acquire(&self) -> Acquire {
        Acquire { lock: Some(self.clone()), place: None }
    }

    /// The guard, if it is to be had without waiting: nobody holds the lock, and nobody was woken to take it.
    ///
    /// ```
    /// let lock = innermost::sync::Lock::new();
    /// let guard = lock.try_acquire();
    /// assert!(guard.is_some() && lock.try_acquire().is_none());
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Option<LockGuard> {
        self.is_free().then(|| self.clone().into_guard())
    }

    /// Whether somebody holds it. Also `false` in the turn between a release and the run of who was woken by it.
    #[inline]
    pub fn locked(&self) -> bool {
        self.0.locked.get()
    }

    /// Runs `child` with the lock held: acquires it, and gives it back when the child has returned, raised or was closed.
    /// asyncio's `async with lock`.
    ///
    /// # Errors
    ///
    /// Raises what the child raises, and what [`acquire`](Self::acquire) raises.
    pub fn hold<C: Awaitable>(&self, child: C) -> Hold<Acquire, C> {
        Hold::new(self.acquire(), child)
    }

    /// Whether both stand for the same lock.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Whether nobody holds it, and nobody was woken to take it.
    #[inline]
    fn is_free(&self) -> bool {
        !self.0.locked.get() && !self.0.waiters.has_live()
    }

    #[inline]
    fn into_guard(self) -> LockGuard {
        self.0.locked.set(true);
        LockGuard(self)
    }
}

impl Default for Lock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.locked() { "locked" } else { "unlocked" };
        write!(f, "Lock({state}, {} waiting)", self.0.waiters.len())
    }
}

/// Holds a [`Lock`] until it is dropped.
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard(Lock);

impl LockGuard {
    /// The lock that it holds.
    pub fn lock(&self) -> &Lock {
        &self.0
    }
}

impl Drop for LockGuard {
    #[inline]
    fn drop(&mut self) {
        self.0.0.locked.set(false);
        self.0.0.waiters.wake_first();
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LockGuard({:?})", self.0)
    }
}

/// What [`Lock::acquire`] makes.
///
/// # Dropping
///
/// Leaves the queue. If it was its turn, it is the next one's.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed"]
pub struct Acquire {
    /// Becomes the guard's. `None` once this is over.
    lock: Option<Lock>,
    /// While it waits.
    place: Option<Place>,
}

impl Coroutine for Acquire {
    type Yield = Await;
    type Input = ();
    type Return = LockGuard;

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if self.place.is_some() || sent.is_err() {
            return self.wait(sent);
        }
        match self.lock.take() {
            Some(lock) if lock.is_free() => Ok(Step::Return(lock.into_guard())),
            Some(lock) => self.begin_to_wait(lock),
            None => Err(Exception::reused()),
        }
    }

    fn state(&self) -> State<'_> {
        match &self.place {
            Some(place) => State::new("Lock.acquire", place),
            None if self.lock.is_some() => State::new("Lock.acquire", &Phase::Created),
            None => State::new("Lock.acquire", &Phase::Over),
        }
    }
}

impl Acquire {
    #[inline(never)]
    fn begin_to_wait(&mut self, lock: Lock) -> Resumed<Self> {
        self.place = Some(lock.0.waiters.join());
        self.lock = Some(lock);
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
        self.lock.take().map(|lock| Step::Return(lock.into_guard())).ok_or_else(Exception::reused)
    }

    /// Leaves the queue without the lock. Where that is free, whoever is first now is to have it.
    fn give_up(&mut self) {
        let (Some(lock), Some(place)) = (self.lock.take(), self.place.take()) else { return };
        place.leave();
        if !lock.locked() {
            lock.0.waiters.wake_first();
        }
    }
}

impl Drop for Acquire {
    #[inline]
    fn drop(&mut self) {
        if self.place.is_some() {
            self.give_up();
        }
    }
}
