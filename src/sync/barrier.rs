//! Barriers: each task waits until a given number of tasks has arrived.
//!
//! ```text
//!            the last one arrives              the last one has left
//!  Filling ------------------------> Draining ---------------------> Filling
//!     |                                  newcomers wait outside
//!     | reset, while tasks wait
//!     +----------------------------> Resetting --- all have left ---> Filling
//!     | abort, from anywhere
//!     +----------------------------> Broken ------ reset -----------> Filling, or Resetting
//! ```
//!
//! As in asyncio, each change happens while a condition's lock is held, and waiters wait for that condition. So each
//! change takes as many turns of the loop as in asyncio.

use core::cell::Cell;
use core::error::Error;
use core::fmt;
use core::mem;
use std::rc::Rc;

use super::{Acquire, Condition, ConditionWait, LockGuard};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};
use crate::task::Await;
use crate::yield_from;

/// Makes a fixed number of tasks wait for each other. asyncio's `Barrier`.
///
/// A barrier is a handle: clones refer to the same barrier. It can be used any number of times.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::sync::Barrier;
///
/// let event_loop = EventLoop::new()?;
/// let barrier = Barrier::new(2)?;
/// let first = event_loop.create_task(barrier.wait())?;
/// let index = event_loop.run_until_complete(barrier.wait())?;
/// assert_eq!((event_loop.run_until_complete(first)?, index), (0, 1));
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone)]
pub struct Barrier(Rc<BarrierState>);

struct BarrierState {
    condition: Condition,
    parties: usize,
    stage: Cell<Stage>,
    /// The number of tasks that have arrived and not left.
    count: Cell<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Filling,
    Draining,
    Resetting,
    Broken,
}

/// The error that [`Barrier::wait`] raises if the barrier is broken, or is reset during the wait. asyncio's
/// `BrokenBarrierError`.
///
/// It is raised in an exception of the kind `RuntimeError`:
///
/// ```
/// use innermost::sync::{Barrier, BrokenBarrier};
/// use innermost::{EventLoop, Kind};
///
/// let event_loop = EventLoop::new()?;
/// let barrier = Barrier::new(2)?;
/// event_loop.run_until_complete(barrier.abort())?;
/// let raised = event_loop.run_until_complete(barrier.wait()).unwrap_err();
/// assert_eq!(raised.kind(), Kind::RuntimeError);
/// assert!(raised.downcast_ref::<BrokenBarrier>().is_some());
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BrokenBarrier;

impl fmt::Display for BrokenBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier was aborted or reset")
    }
}

impl Error for BrokenBarrier {}

fn broken() -> Exception {
    Exception::of(Kind::RuntimeError, BrokenBarrier)
}

impl Barrier {
    /// Creates a barrier for `parties` tasks.
    ///
    /// # Errors
    ///
    /// Returns a `ValueError` if `parties` is zero.
    pub fn new(parties: usize) -> Result<Self, Exception> {
        if parties == 0 {
            return Err(Exception::message(Kind::ValueError, "a barrier needs at least one party"));
        }
        let (stage, count) = (Cell::new(Stage::Filling), Cell::new(0));
        Ok(Self(Rc::new(BarrierState { condition: Condition::new(), parties, stage, count })))
    }

    /// Waits until all parties have arrived. Returns the number of tasks that had arrived before this one.
    ///
    /// A task that arrives while the previous round is still leaving waits until that is over.
    ///
    /// # Errors
    ///
    /// Raises [`BrokenBarrier`] if the barrier is broken, or if it is aborted or reset during the wait.
    pub fn wait(&self) -> BarrierWait {
        BarrierWait { barrier: self.clone(), phase: Phase::Entering(self.0.condition.acquire()) }
    }

    /// Empties the barrier, and mends it if it was broken. Tasks that are waiting in it raise [`BrokenBarrier`].
    ///
    /// This is a coroutine, because it acquires the barrier's lock first: nothing changes until it is awaited.
    pub fn reset(&self) -> BarrierChange {
        self.change(Change::Reset)
    }

    /// Breaks the barrier. Tasks that are waiting, and tasks that arrive before a reset, raise [`BrokenBarrier`].
    ///
    /// This is a coroutine, because it acquires the barrier's lock first: nothing changes until it is awaited.
    pub fn abort(&self) -> BarrierChange {
        self.change(Change::Abort)
    }

    /// Returns the number of tasks that must arrive.
    pub fn parties(&self) -> usize {
        self.0.parties
    }

    /// Returns the number of tasks that have arrived and are waiting for the others.
    pub fn n_waiting(&self) -> usize {
        if self.0.stage.get() == Stage::Filling { self.0.count.get() } else { 0 }
    }

    /// Returns `true` if the barrier was aborted and has not been reset since.
    pub fn broken(&self) -> bool {
        self.0.stage.get() == Stage::Broken
    }

    fn change(&self, change: Change) -> BarrierChange {
        BarrierChange { barrier: self.clone(), change, acquire: self.0.condition.acquire() }
    }

    fn enter_stage(&self, stage: Stage) {
        self.0.stage.set(stage);
        self.0.condition.wake(usize::MAX);
    }

    /// Counts a task that leaves. The last one lets in the tasks that are waiting outside.
    fn depart(&self) {
        self.0.count.set(self.0.count.get() - 1);
        if self.0.count.get() == 0 {
            match self.0.stage.get() {
                Stage::Resetting | Stage::Draining => self.enter_stage(Stage::Filling),
                stage => self.enter_stage(stage),
            }
        }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Barrier({:?}, {}/{} waiting)", self.0.stage.get(), self.n_waiting(), self.0.parties)
    }
}

/// A coroutine that waits until all parties of a [`Barrier`] have arrived. Created by [`Barrier::wait`].
///
/// Dropping it while it waits leaves the barrier, which then waits for another task in its place.
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct BarrierWait {
    barrier: Barrier,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Acquiring the lock.
    Entering(Acquire),
    /// Waiting until the previous round has left.
    Outside(ConditionWait),
    /// Counted as the party with this index, and waiting for the others to arrive.
    Inside(ConditionWait, usize),
    Over,
}

impl Coroutine for BarrierWait {
    type Yield = Await;
    type Input = ();
    type Return = usize;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let arrived = match &mut self.phase {
                Phase::Entering(acquire) => yield_from!(acquire, sent),
                Phase::Outside(wait) => yield_from!(wait, sent),
                Phase::Inside(wait, index) => {
                    let index = *index;
                    let outcome = match yield_from!(wait, sent) {
                        Ok(guard) => match self.barrier.0.stage.get() {
                            Stage::Filling => {
                                self.phase = Phase::Inside(self.barrier.0.condition.wait(guard), index);
                                continue;
                            }
                            Stage::Draining => Ok((guard, index)),
                            Stage::Resetting | Stage::Broken => Err((Some(guard), broken())),
                        },
                        // The guard is still in `wait`.
                        Err(raised) => Err((None, raised)),
                    };
                    return self.leave(outcome);
                }
                Phase::Over => return Err(Exception::reused()),
            };
            match arrived {
                Ok(guard) => {
                    if let Some(index) = self.arrive(guard)? {
                        return Ok(Step::Return(index));
                    }
                }
                Err(raised) => {
                    self.phase = Phase::Over;
                    return Err(raised);
                }
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("Barrier.wait", &self.phase)
    }
}

impl BarrierWait {
    /// Arrives, with the lock held. The last task to arrive passes at once.
    fn arrive(&mut self, guard: LockGuard) -> Result<Option<usize>, Exception> {
        let state = &self.barrier.0;
        match state.stage.get() {
            Stage::Draining | Stage::Resetting => self.phase = Phase::Outside(state.condition.wait(guard)),
            Stage::Broken => {
                self.phase = Phase::Over;
                return Err(broken());
            }
            Stage::Filling => {
                let index = state.count.get();
                state.count.set(index + 1);
                if index + 1 == state.parties {
                    self.barrier.enter_stage(Stage::Draining);
                    self.phase = Phase::Over;
                    self.barrier.depart();
                    return Ok(Some(index));
                }
                self.phase = Phase::Inside(state.condition.wait(guard), index);
            }
        }
        Ok(None)
    }

    /// Leaves the barrier, and then releases the lock.
    fn leave(&mut self, outcome: Result<(LockGuard, usize), (Option<LockGuard>, Exception)>) -> Resumed<Self> {
        let inside = mem::replace(&mut self.phase, Phase::Over);
        self.barrier.depart();
        drop(inside);
        match outcome {
            Ok((_guard, index)) => Ok(Step::Return(index)),
            Err((_guard, raised)) => Err(raised),
        }
    }
}

impl Drop for BarrierWait {
    fn drop(&mut self) {
        let phase = mem::replace(&mut self.phase, Phase::Over);
        if let Phase::Inside(wait, _) = phase {
            drop(wait);
            self.barrier.depart();
        }
    }
}

/// A coroutine that resets or aborts a [`Barrier`]. Created by [`Barrier::reset`] and [`Barrier::abort`].
#[derive(Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct BarrierChange {
    barrier: Barrier,
    change: Change,
    acquire: Acquire,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Reset,
    Abort,
}

impl Coroutine for BarrierChange {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let _guard = yield_from!(self.acquire, sent)?;
        self.barrier.enter_stage(match self.change {
            Change::Abort => Stage::Broken,
            Change::Reset if self.barrier.0.count.get() > 0 => Stage::Resetting,
            Change::Reset => Stage::Filling,
        });
        Ok(Step::Return(()))
    }

    fn state(&self) -> State<'_> {
        State::new("Barrier", &self.change)
    }
}
