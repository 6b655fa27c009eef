//! [`Faults`]: what may go wrong in a program, and where.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::hash::{Hash as _, Hasher};
use core::time::Duration;
use std::rc::Rc;

#[cfg(doc)]
use super::super::case::Interruption;
use super::super::case::Interruptions;
use crate::coroutine::Exception;

/// Whether a task of that name may be interrupted.
type TaskFilter = Rc<dyn Fn(&str) -> bool>;

/// The faults that an exploration tries. Returned by [`Sim::faults`](super::Sim::faults).
///
/// Each place where a fault may happen is a choice, of which the natural alternative is that nothing happens. A schedule has
/// one fault at most, unless [`at_most`](Self::at_most) allows more.
///
/// An exception of a fault may come out of the program, or be left with a task that nobody awaits: that fails no
/// schedule. Neither does an exception which it has caused, or a group that contains it.
///
/// Cancelling makes a new exception at each task that it passes through, and a future that is cancelled says only that it
/// was. So once a fault has cancelled or closed a task, every `CancelledError` and every `GeneratorExit` of that schedule
/// is excused, whichever task raised it. Any other exception must have the kind and the text of the one that was thrown.
/// To find a task that is cancelled by mistake, count the ends that you expect in
/// [`Sim::finally`](super::Sim::finally).
#[derive(Default)]
pub struct Faults {
    interruptions: Cell<Interruptions>,
    jump: Cell<Duration>,
    descriptor_error: Cell<Option<i32>>,
    at_most: Cell<Option<u32>>,
    made: Cell<u32>,
    tasks: RefCell<Option<TaskFilter>>,
    injected: RefCell<Vec<Exception>>,
}

impl Faults {
    /// Interrupts every task at every suspension, in each of the given ways.
    ///
    /// There are two moments: when the task has suspended, and when it has been woken and has not yet run. A task that
    /// has not started may be interrupted before its first step.
    ///
    /// - [`Cancel`](Interruption::Cancel) is [`Task::cancel`](crate::Task::cancel).
    /// - [`Throw`](Interruption::Throw) throws an [`io::Error`](std::io::Error) of the kind `ConnectionReset` in where the
    ///   task waits.
    /// - [`Close`](Interruption::Close) closes the coroutine, as closing the loop does, and ends the task as cancelled.
    ///
    /// ```
    /// use innermost::sync::Semaphore;
    /// use innermost::testing::Interruption::{Cancel, Close, Throw};
    /// use innermost::testing::explore;
    /// use innermost::sleep;
    /// use std::time::Duration;
    ///
    /// // Whatever happens to two tasks, the third one gets the permit.
    /// let explored = explore(|sim| {
    ///     sim.faults().every_suspension(Cancel | Close | Throw).in_tasks(|name| name != "last");
    ///     let permit = Semaphore::new(1);
    ///     let hold = || permit.hold(sleep(Duration::from_millis(1)));
    ///     for _ in 0..2 {
    ///         sim.create_task(hold())?;
    ///     }
    ///     sim.run(sim.task().name("last").spawn(hold())?)
    /// })
    /// .run();
    /// assert!(explored.is_complete());
    /// ```
    pub fn every_suspension(&self, interruptions: impl Into<Interruptions>) -> &Self {
        self.interruptions.set(interruptions.into());
        self
    }

    /// Advances the clock by `jump` before a step, as if the step before had taken that long.
    pub fn clock_jumps(&self, jump: Duration) -> &Self {
        self.jump.set(jump);
        self
    }

    /// Refuses descriptors: whenever the simulated network would make one (to listen, to connect, to accept), the operation
    /// may raise this error of the system instead, such as `EMFILE`. A connection that could not be accepted stays in the
    /// listener's queue.
    ///
    /// ```
    /// use innermost::testing::explore;
    ///
    /// const EMFILE: i32 = 24;
    ///
    /// let mut refused = 0;
    /// explore(|sim| {
    ///     sim.faults().every_allocation_of_descriptors(EMFILE);
    ///     refused += u32::from(sim.net().interface("server").listen(80).is_err());
    ///     Ok(())
    /// })
    /// .run();
    /// assert_eq!(refused, 1);
    /// ```
    pub fn every_allocation_of_descriptors(&self, os_error: i32) -> &Self {
        self.descriptor_error.set(Some(os_error));
        self
    }

    /// Interrupts only those tasks for whose name `which` returns `true`.
    pub fn in_tasks(&self, which: impl Fn(&str) -> bool + 'static) -> &Self {
        *self.tasks.borrow_mut() = Some(Rc::new(which));
        self
    }

    /// Sets how many faults one schedule may have. The default is 1: each fault alone.
    pub fn at_most(&self, faults: u32) -> &Self {
        self.at_most.set(Some(faults));
        self
    }

    /// Forgets everything.
    pub(super) fn reset(&self) {
        let Self { interruptions, jump, descriptor_error, at_most, made, tasks, injected } = self;
        descriptor_error.take();
        interruptions.take();
        jump.take();
        at_most.take();
        made.take();
        let dropped = (tasks.take(), injected.take());
        drop(dropped);
    }

    /// Whether one more fault may happen in this schedule.
    pub(super) fn may_happen(&self) -> bool {
        self.made.get() < self.at_most.get().unwrap_or(1)
    }

    /// The interruptions that may happen to the task of that name.
    pub(super) fn interruptions(&self, name: impl FnOnce() -> String) -> Interruptions {
        let all = self.interruptions.get();
        if all.is_empty() || !self.may_happen() {
            return Interruptions::default();
        }
        let tasks = self.tasks.borrow().clone();
        if tasks.is_none_or(|tasks| tasks(&name())) { all } else { Interruptions::default() }
    }

    /// Hashes what may happen, and what has happened, on which depends what may still happen and what is excused.
    pub(super) fn hash(&self, hasher: &mut dyn Hasher) {
        let mut hasher = hasher;
        let Self { interruptions, jump, descriptor_error, at_most, .. } = self;
        (interruptions.get(), jump.get(), descriptor_error.get(), at_most.get()).hash(&mut hasher);
        (self.made.get(), format!("{:?}", self.injected.borrow())).hash(&mut hasher);
    }

    /// By how much the clock may jump now.
    pub(super) fn jump(&self) -> Option<Duration> {
        (!self.jump.get().is_zero() && self.may_happen()).then(|| self.jump.get())
    }

    /// Counts a fault that happens.
    pub(super) fn count(&self) {
        self.made.set(self.made.get() + 1);
    }

    /// The error of the system if no descriptor can be made now.
    pub(super) fn descriptor_error(&self) -> Option<i32> {
        self.descriptor_error.get().filter(|_| self.may_happen())
    }

    /// Counts a fault that happens, and excuses its exception from now on. Returns the exception.
    pub(super) fn inject(&self, raised: Exception) -> Exception {
        self.count();
        self.injected.borrow_mut().push(raised.clone());
        raised
    }

    /// Whether `raised` stems from a fault of this schedule.
    pub(super) fn excuse(&self, raised: &Exception) -> bool {
        let injected = self.injected.borrow();
        !injected.is_empty() && stems_from(raised, &injected)
    }
}

/// Whether one of `injected` is `raised`, is in its chain of causes, or is a member of a group there.
fn stems_from(raised: &Exception, injected: &[Exception]) -> bool {
    let mut left = vec![raised.clone()];
    while let Some(next) = left.pop() {
        if injected.iter().any(|injected| is_alike(&next, injected)) {
            return true;
        }
        left.extend(next.cause().cloned());
        left.extend(members(&next));
    }
    false
}

/// Cancelling and closing make exceptions of their own on the way, so these are compared by kind.
fn is_alike(raised: &Exception, injected: &Exception) -> bool {
    if injected.is_cancelled() || injected.is_generator_exit() {
        return raised.is_cancelled() || raised.is_generator_exit();
    }
    raised.kind() == injected.kind() && raised.to_string() == injected.to_string()
}

#[cfg(feature = "wait")]
fn members(raised: &Exception) -> Vec<Exception> {
    raised.downcast_ref::<crate::wait::ExceptionGroup>().map(|group| group.exceptions().to_vec()).unwrap_or_default()
}

#[cfg(not(feature = "wait"))]
fn members(_: &Exception) -> Vec<Exception> {
    Vec::new()
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults")
            .field("interruptions", &self.interruptions.get())
            .field("jump", &self.jump.get())
            .field("made", &self.made.get())
            .finish_non_exhaustive()
    }
}
