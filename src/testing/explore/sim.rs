//! [`Sim`]: the world of a program that is explored.

use core::cell::RefCell;
use core::fmt;
use core::ops::Deref;
use std::rc::Rc;

use super::super::prng::Prng;
use super::faults::Faults;
use super::pilot::Pilot;
use super::plan::Subject;
use crate::coroutine::Exception;
use crate::event_loop::LoopHandle;
use crate::task::{Awaitable, CallbackResult};

/// The world of a program that is explored: an event loop with virtual time, faults, invariants and random numbers.
///
/// It dereferences to the loop's [`LoopHandle`].
pub struct Sim {
    event_loop: LoopHandle,
    pilot: Rc<Pilot>,
    numbers: RefCell<Prng>,
}

impl Sim {
    pub(super) fn new(event_loop: LoopHandle, pilot: Rc<Pilot>, seed: u64) -> Self {
        Self { event_loop, pilot, numbers: RefCell::new(Prng::new(seed)) }
    }

    /// Runs the loop until an awaitable is done, and returns its result. Another name for
    /// [`run_until_complete`](LoopHandle::run_until_complete).
    ///
    /// # Errors
    ///
    /// Those of [`run_until_complete`](LoopHandle::run_until_complete).
    pub fn run<C: Awaitable + 'static>(&self, awaitable: C) -> Result<C::Return, Exception> {
        self.event_loop.run_until_complete(awaitable)
    }

    /// A random number. It is the same in each run of one schedule.
    pub fn random(&self) -> u64 {
        self.numbers.borrow_mut().next()
    }

    /// Lets the exploration choose: returns a number below `of`, which is 0 in the natural order.
    ///
    /// ```
    /// use innermost::testing::explore;
    /// use std::collections::BTreeSet;
    ///
    /// let mut seen = BTreeSet::new();
    /// explore(|sim| {
    ///     seen.insert((sim.choose(2), sim.choose(2)));
    ///     Ok(())
    /// })
    /// .run();
    /// assert_eq!(seen, BTreeSet::from([(0, 0), (0, 1), (1, 0), (1, 1)]));
    /// ```
    pub fn choose(&self, of: usize) -> usize {
        self.pilot.choose(Subject::Program, of)
    }

    /// The faults that the exploration tries.
    pub fn faults(&self) -> &Faults {
        &self.pilot.faults
    }

    /// Calls `check` after each step of a task and each callback. If it raises or panics, the schedule has failed.
    ///
    /// ```
    /// use innermost::testing::explore;
    /// use innermost::{CoroutineExt, sleep};
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use std::time::Duration;
    ///
    /// explore(|sim| {
    ///     let served = Rc::new(Cell::new(0));
    ///     let seen = Rc::clone(&served);
    ///     sim.always(move || assert!(seen.get() <= 2, "more were served than came"));
    ///     for _ in 0..2 {
    ///         let served = Rc::clone(&served);
    ///         sim.create_task(sleep(Duration::ZERO).map(move |()| served.set(served.get() + 1)))?;
    ///     }
    ///     sim.finally(move || assert_eq!(served.get(), 2));
    ///     Ok(())
    /// })
    /// .run();
    /// ```
    pub fn always<R: CallbackResult>(&self, mut check: impl FnMut() -> R + 'static) {
        self.pilot.always(Box::new(move || check().into_result()));
    }

    /// Calls `check` when the program has returned and every task has ended. If it raises or panics, the schedule has
    /// failed. [`always`](Self::always) has an example.
    pub fn finally<R: CallbackResult>(&self, mut check: impl FnMut() -> R + 'static) {
        self.pilot.finally.borrow_mut().push(Box::new(move || check().into_result()));
    }
}

impl Deref for Sim {
    type Target = LoopHandle;

    fn deref(&self) -> &LoopHandle {
        &self.event_loop
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("event_loop", &self.event_loop).field("faults", &self.pilot.faults).finish()
    }
}
