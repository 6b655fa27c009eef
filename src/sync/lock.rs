//! Locks: one task at a time.
//!
//! A lock that was released is free until the first waiter runs, one turn later. No newcomer can take it in the
//! meantime, because that waiter is still in the queue. A lock is acquired at once only if nobody holds it and nobody
//! waits for it.
//!
//! A waiter that is cancelled after it was woken wakes the next one.

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use super::Hold;
use super::acquire::{Entering, Gate};
use super::wait_queue::{Place, WaitQueue};
use crate::coroutine::{Coroutine, Exception, Resumed, State};
use crate::task::{Await, Awaitable};

/// A mutual exclusion lock for tasks. asyncio's `Lock`.
///
/// A lock is a handle: clones refer to the same lock. Tasks acquire it in the order in which they asked for it. It is
/// not reentrant: a task that acquires it twice waits for itself, for ever. The guard can be moved to another task,
/// which then releases the lock.
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
    /// Creates a lock that nobody holds.
    pub fn new() -> Self {
        Self(Rc::new(LockState { locked: Cell::new(false), waiters: WaitQueue::new("Lock.acquire") }))
    }

    /// Waits until the lock is free and it is the caller's turn, and returns a guard that holds the lock. asyncio's
    /// `acquire`; dropping the guard is its `release`.
    ///
    /// # Errors
    ///
    /// Raises only what is thrown in, such as the `CancelledError` of a cancelled task. The lock is then not acquired.
    ///
    /// # Examples
    ///
    /// A free lock is acquired without waiting, which works without a loop:
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
        Acquire(Entering::new(self.clone()))
    }

    /// Acquires the lock if nobody holds it and nobody waits for it. Returns `None` otherwise.
    ///
    /// ```
    /// let lock = innermost::sync::Lock::new();
    /// let guard = lock.try_acquire();
    /// assert!(guard.is_some() && lock.try_acquire().is_none());
    /// ```
    #[inline]
    pub fn try_acquire(&self) -> Option<LockGuard> {
        self.is_free().then(|| self.clone().enter())
    }

    /// Returns `true` if the lock is held. A released lock counts as unlocked until the next waiter runs.
    #[inline]
    pub fn locked(&self) -> bool {
        self.0.locked.get()
    }

    /// Acquires the lock, runs `child`, and releases the lock when the child returns, raises or is closed. asyncio's
    /// `async with lock`.
    ///
    /// # Errors
    ///
    /// Raises whatever the child raises.
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::sync::Lock;
    /// use innermost::{Generator, Stop, lazy, ready};
    ///
    /// let lock = Lock::new();
    /// let same = lock.clone();
    /// let mut held = Generator::new(lock.hold(lazy(move || ready(same.locked()))));
    /// assert!(matches!(held.next(), Err(Stop::Returned(true))));
    /// assert!(!lock.locked());
    /// ```
    pub fn hold<C: Awaitable>(&self, child: C) -> Hold<Acquire, C> {
        Hold::new(self.acquire(), child)
    }

    /// Returns `true` if both handles refer to the same lock.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Returns `true` if nobody holds the lock and nobody waits for it.
    #[inline]
    fn is_free(&self) -> bool {
        !self.0.locked.get() && !self.0.waiters.has_live()
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

/// Holds a [`Lock`], and releases it when dropped. Returned by [`Lock::acquire`].
///
/// Store this in a machine that holds a lock across several states.
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard(Lock);

impl LockGuard {
    /// Returns the lock that this guard holds.
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

impl Gate for Lock {
    type Guard = LockGuard;

    const ACQUIRE: &'static str = "Lock.acquire";

    fn waiters(&self) -> &WaitQueue {
        &self.0.waiters
    }

    #[inline]
    fn try_enter(self) -> Result<LockGuard, Self> {
        if self.is_free() { Ok(self.enter()) } else { Err(self) }
    }

    #[inline]
    fn enter(self) -> LockGuard {
        self.0.locked.set(true);
        LockGuard(self)
    }

    fn give_up(&self, place: Place) {
        place.leave();
        if !self.locked() {
            self.0.waiters.wake_first();
        }
    }
}

/// A coroutine that acquires a [`Lock`] and returns its guard. Created by [`Lock::acquire`] and [`Condition::acquire`].
///
/// Store this in a machine that waits for a lock. Dropping it leaves the queue of waiters. If the lock was about to be
/// acquired, the next waiter acquires it instead.
///
/// [`Condition::acquire`]: super::Condition::acquire
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Acquire(Entering<Lock>);

impl Coroutine for Acquire {
    type Yield = Await;
    type Input = ();
    type Return = LockGuard;

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.0.resume(sent)
    }

    fn state(&self) -> State<'_> {
        self.0.state()
    }
}
