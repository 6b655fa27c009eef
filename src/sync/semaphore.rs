//! Semaphores: a limited number of permits.
//!
//! A permit that is released while tasks wait belongs to the first waiter at once: it stops counting as free when the
//! waiter is woken, not when the waiter runs. A waiter that is cancelled after it was woken puts the permit back.

use core::cell::Cell;
use core::fmt;
use std::rc::Rc;

use super::Hold;
use super::acquire::{Entering, Gate};
use super::wait_queue::{Place, WaitQueue};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State};
use crate::task::{Await, Awaitable};

/// Limits how many tasks do something at the same time. asyncio's `Semaphore`.
///
/// A semaphore is a handle: clones refer to the same semaphore. Tasks acquire permits in the order in which they asked
/// for them.
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

/// A semaphore that never has more free permits than it was created with. asyncio's `BoundedSemaphore`.
///
/// Use it where an extra [`release`](Self::release) would be a mistake that should be reported. In all other ways it
/// works like [`Semaphore`].
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

/// A handle to the permits of a semaphore of either kind.
#[derive(Clone)]
struct Permits(Rc<PermitsState>);

struct PermitsState {
    value: Cell<usize>,
    bound: usize,
    waiters: WaitQueue,
}

impl Semaphore {
    /// Creates a semaphore with `permits` free permits.
    pub fn new(permits: usize) -> Self {
        Self(Permits::new(permits, usize::MAX))
    }

    /// Adds a free permit, which goes to the first waiter.
    ///
    /// A [`Permit`] that is dropped releases itself. Call this only to replace a permit that was
    /// [forgotten](Permit::forget), or to raise the number of permits.
    #[inline]
    pub fn release(&self) {
        self.0.release();
    }
}

impl BoundedSemaphore {
    /// Creates a semaphore with `permits` free permits, and never more than that.
    pub fn new(permits: usize) -> Self {
        Self(Permits::new(permits, permits))
    }

    /// Adds a free permit, which goes to the first waiter.
    ///
    /// A [`Permit`] that is dropped releases itself. Call this only to replace a permit that was
    /// [forgotten](Permit::forget). One release too many is not detected while other permits are held: one more task
    /// gets in, and the permit that is dropped last adds nothing.
    ///
    /// # Errors
    ///
    /// Returns a `ValueError` if all permits are free already.
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
            /// Waits until a permit is free and it is the caller's turn, and returns the permit. asyncio's `acquire`;
            /// dropping the permit is its `release`.
            ///
            /// # Errors
            ///
            /// Raises only what is thrown in, such as the `CancelledError` of a cancelled task. No permit is then
            /// acquired.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use innermost::sync::", stringify!($name), ";")]
            /// use innermost::{Generator, Stop};
            ///
            #[doc = concat!("let semaphore = ", stringify!($name), "::new(2);")]
            /// let Err(Stop::Returned(permit)) = Generator::new(semaphore.acquire()).next() else {
            ///     unreachable!("a permit is free")
            /// };
            /// assert_eq!(semaphore.value(), 1);
            /// drop(permit);
            /// assert_eq!(semaphore.value(), 2);
            /// ```
            #[inline]
            pub fn acquire(&self) -> AcquirePermit {
                AcquirePermit(Entering::new(self.0.clone()))
            }

            /// Acquires a permit if one is free and nobody waits. Returns `None` otherwise.
            #[inline]
            pub fn try_acquire(&self) -> Option<Permit> {
                self.0.clone().try_enter().ok()
            }

            /// Returns `true` if [`acquire`](Self::acquire) would have to wait.
            pub fn locked(&self) -> bool {
                self.0.locked()
            }

            /// Returns the number of free permits. A permit that a woken waiter is about to take is not free.
            pub fn value(&self) -> usize {
                self.0.value()
            }

            /// Acquires a permit, runs `child`, and releases the permit when the child returns, raises or is closed.
            /// asyncio's `async with semaphore`.
            ///
            /// # Errors
            ///
            /// Raises whatever the child raises.
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

/// Creates a semaphore with one permit.
impl Default for Semaphore {
    fn default() -> Self {
        Self::new(1)
    }
}

/// Creates a semaphore with one permit.
impl Default for BoundedSemaphore {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Permits {
    fn new(value: usize, bound: usize) -> Self {
        Self(Rc::new(PermitsState { value: Cell::new(value), bound, waiters: WaitQueue::new("Semaphore.acquire") }))
    }

    /// The number of free permits.
    #[inline]
    fn value(&self) -> usize {
        let unclaimed = self.0.waiters.take_unclaimed();
        self.0.value.set(self.0.value.get() + unclaimed);
        self.0.value.get()
    }

    #[inline]
    fn locked(&self) -> bool {
        self.value() == 0 || self.0.waiters.has_live()
    }

    /// Returns `false` if all permits are free already.
    #[inline]
    fn release(&self) -> bool {
        let value = self.value();
        if value >= self.0.bound {
            return false;
        }
        self.0.value.set(value + 1);
        self.wake_next();
        true
    }

    /// Gives a permit to the next waiter. Returns `false` if nobody waits.
    #[inline]
    fn wake_next(&self) -> bool {
        let woken = self.0.waiters.wake_next();
        if woken {
            self.0.value.set(self.0.value.get() - 1);
        }
        woken
    }

    /// Gives free permits to waiters. There can be both after the first waiter has given up, because the others queued
    /// only behind that one.
    fn wake_allowed(&self) {
        while self.value() > 0 && self.wake_next() {}
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} free, {} waiting", self.value(), self.0.waiters.len())
    }
}

/// A permit of a [`Semaphore`] or a [`BoundedSemaphore`], released when dropped. Returned by their `acquire`.
///
/// Store this in a machine that holds a permit across several states.
#[must_use = "the permit is given back when it is dropped"]
pub struct Permit {
    /// `None` once the permit is forgotten.
    of: Option<Permits>,
}

impl Permit {
    /// Drops the permit without releasing it. The semaphore has one permit less until somebody calls
    /// [`release`](Semaphore::release).
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

impl Gate for Permits {
    type Guard = Permit;

    const ACQUIRE: &'static str = "Semaphore.acquire";

    fn waiters(&self) -> &WaitQueue {
        &self.0.waiters
    }

    #[inline]
    fn try_enter(self) -> Result<Permit, Self> {
        if self.locked() {
            return Err(self);
        }
        self.0.value.set(self.0.value.get() - 1);
        Ok(Permit { of: Some(self) })
    }

    /// Makes the permit that was taken off the value when the waiter was woken.
    fn enter(self) -> Permit {
        self.wake_allowed();
        Permit { of: Some(self) }
    }

    fn give_up(&self, place: Place) {
        if place.leave() {
            self.0.value.set(self.0.value.get() + 1);
        }
        self.wake_allowed();
    }
}

/// A coroutine that acquires a permit of a [`Semaphore`] or a [`BoundedSemaphore`]. Created by their `acquire`.
///
/// Store this in a machine that waits for a permit. Dropping it leaves the queue of waiters. A permit that it was about
/// to acquire goes to the next waiter.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct AcquirePermit(Entering<Permits>);

impl Coroutine for AcquirePermit {
    type Yield = Await;
    type Input = ();
    type Return = Permit;

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.0.resume(sent)
    }

    fn state(&self) -> State<'_> {
        self.0.state()
    }
}
