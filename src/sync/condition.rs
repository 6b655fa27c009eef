//! Conditions: a task that holds a lock waits until another task reports a change.
//!
//! A wait takes the lock's guard and returns it in the end, so it is impossible to wait without the lock.
//!
//! ```text
//!  wait(guard) --> release, wait for a notification --> acquire --> the guard
//!                             |                           ^  |
//!                             | cancelled                 |  | cancelled: once more, and raise
//!                             +---------------------------+--+ the last one, with the guard kept here
//! ```
//!
//! A waiter that raises may already have been notified, so it notifies another waiter. That one may find that nothing
//! has changed. Every waiter has to check for itself.
//!
//! One thing differs from asyncio: a waiter that is closed stops at once, without acquiring the lock. Acquiring might
//! have to wait, which is not allowed while closing, and nobody is left to take the guard.

use core::fmt;
use core::mem;
use std::rc::Rc;

use super::wait_queue::{Place, WaitQueue};
use super::{Acquire, Lock, LockGuard};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::task::Await;
use crate::yield_from;

/// Lets a task that holds a lock wait until another task has changed what the lock protects. asyncio's `Condition`.
///
/// A condition is a handle: clones refer to the same condition.
///
/// ```
/// use innermost::sync::Condition;
/// use innermost::{CoroutineExt, EventLoop};
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// let event_loop = EventLoop::new()?;
/// let ripe = Condition::new();
/// let apples = Rc::new(Cell::new(0));
///
/// let (condition, seen) = (ripe.clone(), Rc::clone(&apples));
/// let eater = ripe.acquire().then(move |guard| condition.wait_for(guard, move || seen.get() >= 3));
/// let eater = event_loop.create_task(eater.map(drop))?;
/// let grower = ripe.acquire().map(move |_guard| {
///     apples.set(3);
///     ripe.notify(1)
/// });
/// event_loop.create_task(grower)?;
/// event_loop.run_until_complete(eater)?;
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone)]
pub struct Condition(Rc<ConditionState>);

struct ConditionState {
    lock: Lock,
    waiters: WaitQueue,
}

impl Condition {
    /// Creates a condition with a lock of its own.
    pub fn new() -> Self {
        Self::with_lock(Lock::new())
    }

    /// Creates a condition that uses `lock`. Several conditions can share one lock.
    pub fn with_lock(lock: Lock) -> Self {
        Self(Rc::new(ConditionState { lock, waiters: WaitQueue::new("Condition.wait") }))
    }

    /// Returns the lock that a task must hold to wait and to notify.
    pub fn lock(&self) -> &Lock {
        &self.0.lock
    }

    /// Waits until the lock is free and it is the caller's turn, and returns a guard that holds the lock. Short for
    /// `condition.lock().acquire()`.
    pub fn acquire(&self) -> Acquire {
        self.0.lock.acquire()
    }

    /// Returns `true` if the lock is held.
    pub fn locked(&self) -> bool {
        self.0.lock.locked()
    }

    /// Releases the lock, waits to be notified, and acquires the lock again. Returns the guard.
    ///
    /// A wait can end although nothing has changed. Check for the change, and wait again if necessary, or use
    /// [`wait_for`](Self::wait_for).
    ///
    /// A waiter that is cancelled still acquires the lock again before it raises, even if it is cancelled once more in
    /// the meantime. The guard then stays in the [`ConditionWait`]; [`take_guard`](ConditionWait::take_guard) takes it
    /// out.
    ///
    /// # Errors
    ///
    /// Raises `RuntimeError` if `guard` belongs to another lock.
    ///
    /// # Examples
    ///
    /// A machine that waits for apples, and counts the cancelled waits while it holds the lock:
    ///
    /// ```
    /// use innermost::sync::{Acquire, Condition, ConditionWait};
    /// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step, yield_from};
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    ///
    /// #[derive(Default)]
    /// struct Tree {
    ///     apples: u32,
    ///     gave_up: u32,
    /// }
    ///
    /// struct Eater {
    ///     ripe: Condition,
    ///     tree: Rc<RefCell<Tree>>,
    ///     phase: Phase,
    /// }
    ///
    /// enum Phase {
    ///     Acquiring(Acquire),
    ///     Waiting(ConditionWait),
    /// }
    ///
    /// impl Coroutine for Eater {
    ///     type Yield = Await;
    ///     type Input = ();
    ///     type Return = ();
    ///
    ///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
    ///         loop {
    ///             let guard = match &mut self.phase {
    ///                 Phase::Acquiring(acquire) => yield_from!(acquire, sent)?,
    ///                 Phase::Waiting(wait) => match yield_from!(wait, sent) {
    ///                     Ok(guard) => guard,
    ///                     Err(raised) => {
    ///                         // There is no guard if the machine is being closed.
    ///                         if let Some(_guard) = wait.take_guard() {
    ///                             self.tree.borrow_mut().gave_up += 1;
    ///                         }
    ///                         return Err(raised);
    ///                     }
    ///                 },
    ///             };
    ///             let mut tree = self.tree.borrow_mut();
    ///             if let Some(left) = tree.apples.checked_sub(1) {
    ///                 tree.apples = left;
    ///                 return Ok(Step::Return(()));
    ///             }
    ///             self.phase = Phase::Waiting(self.ripe.wait(guard));
    ///         }
    ///     }
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let (ripe, tree) = (Condition::new(), Rc::new(RefCell::new(Tree::default())));
    /// let phase = Phase::Acquiring(ripe.acquire());
    /// let eater = event_loop.create_task(Eater { ripe: ripe.clone(), tree: Rc::clone(&tree), phase })?;
    /// event_loop.run_once()?;
    /// assert!(eater.cancel());
    /// assert!(event_loop.run_until_complete(eater).unwrap_err().is_cancelled());
    /// assert_eq!(tree.borrow().gave_up, 1);
    /// assert!(!ripe.locked());
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn wait(&self, guard: LockGuard) -> ConditionWait {
        ConditionWait { condition: self.clone(), phase: WaitPhase::Created(guard) }
    }

    /// Waits until `predicate` returns `true`, and returns the guard.
    ///
    /// The predicate is called while the lock is held: at once, and after each notification.
    ///
    /// # Errors
    ///
    /// Raises `RuntimeError` if it has to wait and `guard` belongs to another lock.
    pub fn wait_for<P: FnMut() -> bool>(&self, guard: LockGuard, predicate: P) -> ConditionWaitFor<P> {
        ConditionWaitFor { condition: self.clone(), predicate, phase: ForPhase::Looking(Some(guard)) }
    }

    /// Wakes up to `count` waiters. Each goes on once it has acquired the lock.
    ///
    /// # Errors
    ///
    /// Returns a `RuntimeError` if nobody holds the lock.
    pub fn notify(&self, count: usize) -> Result<(), Exception> {
        if !self.locked() {
            return Err(Exception::runtime("cannot notify on un-acquired lock"));
        }
        self.wake(count);
        Ok(())
    }

    /// Wakes all waiters. They go on one after the other, as each acquires the lock.
    ///
    /// # Errors
    ///
    /// Returns a `RuntimeError` if nobody holds the lock.
    pub fn notify_all(&self) -> Result<(), Exception> {
        self.notify(usize::MAX)
    }

    /// Notifies without checking that the lock is held.
    pub(super) fn wake(&self, count: usize) {
        self.0.waiters.wake_up_to(count);
    }
}

impl Default for Condition {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({:?}, {} waiting)", self.0.lock, self.0.waiters.len())
    }
}

/// A coroutine that waits to be notified by a [`Condition`]. Created by [`Condition::wait`].
///
/// # Dropping
///
/// Releases the lock if this holds it, and leaves the queue if it is waiting. If it had been notified, another waiter
/// is notified instead.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct ConditionWait {
    condition: Condition,
    phase: WaitPhase,
}

#[derive(Debug)]
enum WaitPhase {
    Created(LockGuard),
    Waiting(Place),
    /// Acquiring the lock again, to raise this exception after that.
    Acquiring(Acquire, Option<Exception>),
    Over(Option<LockGuard>),
}

impl ConditionWait {
    /// Takes the guard out, if the wait has raised or has not begun. Returns `None` otherwise.
    ///
    /// ```
    /// use innermost::sync::Condition;
    ///
    /// let condition = Condition::new();
    /// let mut wait = condition.wait(condition.lock().try_acquire().expect("it is free"));
    /// let guard = wait.take_guard(); // the wait has not begun
    /// assert!(guard.is_some() && condition.locked());
    /// ```
    ///
    /// Use it in a machine that catches the exception and goes on with the lock held. A guard that nobody takes out is
    /// dropped with the `ConditionWait`, which releases the lock.
    pub fn take_guard(&mut self) -> Option<LockGuard> {
        if !matches!(self.phase, WaitPhase::Created(_) | WaitPhase::Over(Some(_))) {
            return None;
        }
        match mem::replace(&mut self.phase, WaitPhase::Over(None)) {
            WaitPhase::Created(guard) => Some(guard),
            WaitPhase::Over(guard) => guard,
            WaitPhase::Waiting(_) | WaitPhase::Acquiring(..) => unreachable!("the phase was checked above"),
        }
    }

    /// Joins the queue and releases the lock.
    fn begin(&mut self, sent: &mut Result<(), Exception>) -> Result<(), Exception> {
        let guard = self.take_guard().ok_or_else(Exception::reused)?;
        let is_ours = guard.lock().is(self.condition.lock());
        self.phase = WaitPhase::Over(Some(guard));
        take_sent(sent)?;
        if !is_ours {
            return Err(Exception::runtime("cannot wait on un-acquired lock"));
        }
        self.phase = WaitPhase::Waiting(self.condition.0.waiters.join());
        Ok(())
    }

    /// Leaves the queue and begins to acquire the lock.
    fn acquire(&mut self, raised: Option<Exception>) {
        let acquiring = WaitPhase::Acquiring(self.condition.acquire(), raised);
        if let WaitPhase::Waiting(place) = mem::replace(&mut self.phase, acquiring) {
            place.leave();
        }
    }

    /// Ends the wait with an exception. It may have been notified, so another waiter is notified in its place.
    fn fail(&mut self, guard: Option<LockGuard>, raised: Exception) -> Exception {
        if let WaitPhase::Waiting(place) = mem::replace(&mut self.phase, WaitPhase::Over(guard)) {
            place.leave();
        }
        self.condition.wake(1);
        raised
    }
}

impl Coroutine for ConditionWait {
    type Yield = Await;
    type Input = ();
    type Return = LockGuard;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.phase {
                WaitPhase::Created(_) => self.begin(&mut sent)?,
                WaitPhase::Waiting(place) => match yield_from!(place, sent).err() {
                    Some(exit) if exit.is_generator_exit() => return Err(self.fail(None, exit)),
                    raised => self.acquire(raised),
                },
                WaitPhase::Acquiring(acquire, raised) => match yield_from!(acquire, sent) {
                    Ok(guard) => match raised.take() {
                        None => {
                            self.phase = WaitPhase::Over(None);
                            return Ok(Step::Return(guard));
                        }
                        Some(raised) => return Err(self.fail(Some(guard), raised)),
                    },
                    Err(cancelled) if cancelled.is_cancelled() => {
                        self.phase = WaitPhase::Acquiring(self.condition.acquire(), Some(cancelled));
                    }
                    Err(raised) => return Err(self.fail(None, raised)),
                },
                WaitPhase::Over(_) => return Err(Exception::reused()),
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Condition.wait", &self.phase)
    }
}

impl Drop for ConditionWait {
    fn drop(&mut self) {
        match mem::replace(&mut self.phase, WaitPhase::Over(None)) {
            WaitPhase::Waiting(place) => {
                if place.leave() {
                    self.condition.wake(1);
                }
            }
            WaitPhase::Acquiring(..) => self.condition.wake(1),
            WaitPhase::Created(_) | WaitPhase::Over(_) => {}
        }
    }
}

/// A coroutine that waits until a predicate holds. Created by [`Condition::wait_for`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct ConditionWaitFor<P> {
    condition: Condition,
    predicate: P,
    phase: ForPhase,
}

#[derive(Debug)]
enum ForPhase {
    /// About to call the predicate. Without a guard, the wait is over.
    Looking(Option<LockGuard>),
    Waiting(ConditionWait),
}

impl<P> ConditionWaitFor<P> {
    /// Takes the guard out, if the wait has raised or has not begun. Returns `None` otherwise. See
    /// [`ConditionWait::take_guard`].
    pub fn take_guard(&mut self) -> Option<LockGuard> {
        match &mut self.phase {
            ForPhase::Looking(guard) => guard.take(),
            ForPhase::Waiting(wait) => wait.take_guard(),
        }
    }
}

impl<P: FnMut() -> bool> Coroutine for ConditionWaitFor<P> {
    type Yield = Await;
    type Input = ();
    type Return = LockGuard;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.phase {
                ForPhase::Looking(guard) => {
                    take_sent(&mut sent)?;
                    if guard.is_none() {
                        return Err(Exception::reused());
                    }
                    let is_so = (self.predicate)();
                    let guard = guard.take().ok_or_else(Exception::reused)?;
                    if is_so {
                        return Ok(Step::Return(guard));
                    }
                    self.phase = ForPhase::Waiting(self.condition.wait(guard));
                }
                ForPhase::Waiting(wait) => self.phase = ForPhase::Looking(Some(yield_from!(wait, sent)?)),
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Condition.wait_for", &self.phase)
    }
}

impl<P> fmt::Debug for ConditionWaitFor<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConditionWaitFor").field(&self.phase).finish()
    }
}
