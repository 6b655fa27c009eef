//! A loop whose order a test chooses, and which is used again for the next run.

use core::time::Duration;
use std::rc::Rc;

use super::{Core, LoopHandle, Scratch};
use crate::coroutine::Exception;
use crate::task::{Run, Steering};

impl Core {
    /// One turn in which `steering` chooses the order.
    #[cold]
    #[inline(never)]
    pub(super) fn steered_turn(&self, scratch: &mut Scratch, steering: &dyn Steering) -> Result<(), Exception> {
        self.collect(scratch)?;
        let run = self.scheduler.run_ready_steered(&mut scratch.batch, steering);
        self.since_select.set(self.since_select.get() + run);
        Ok(())
    }

    fn is_at_rest(&self) -> bool {
        self.scheduler.ready() == 0 && !self.scheduler.has_tasks() && !self.inbox.is_notified()
    }
}

/// What a program has left in its loop.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Leftovers {
    pub(crate) tasks: Vec<String>,
    /// Timers that are neither due nor cancelled.
    pub(crate) timers: usize,
    /// Connections and servers.
    pub(crate) residents: usize,
    pub(crate) descriptors: usize,
    pub(crate) generators: usize,
}

/// Methods for tests that run one program many times.
impl LoopHandle {
    pub(crate) fn set_steering(&self, steering: Option<Rc<dyn Steering>>) {
        self.0.scheduler.set_steering(steering);
    }

    /// Has the current run end with this turn, and raise `raised`.
    pub(crate) fn abort_run(&self, raised: Exception) {
        self.0.scheduler.leave_with(raised);
    }

    /// Runs the loop until no task is left and nothing is ready.
    ///
    /// # Errors
    ///
    /// Those of [`run_forever`](Self::run_forever).
    pub(crate) fn run_to_rest(&self) -> Result<(), Exception> {
        if self.0.is_at_rest() { Ok(()) } else { self.run_turns(Core::is_at_rest) }
    }

    /// Returns `true` if no task is left and nothing is ready.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.0.is_at_rest()
    }

    /// The number of runs that have ended.
    pub(crate) fn runs(&self) -> u64 {
        self.0.runs.get()
    }

    /// Shows the timers that are set, with their deadlines on the loop's clock, in the order in which they fire. `look`
    /// must not change them.
    pub(crate) fn look_at_timers(&self, mut look: impl FnMut(Duration, &Rc<dyn Run>)) {
        self.0.timers.borrow().look(&mut look);
    }

    pub(crate) fn leftovers(&self) -> Leftovers {
        Leftovers {
            tasks: self.0.pending_tasks(),
            timers: self.0.timers.borrow().count(),
            residents: self.0.residents.len(),
            descriptors: self.0.registry.len(),
            generators: self.0.asyncgens.len(),
        }
    }

    /// Makes the loop as good as new, if the program has left nothing in it. Otherwise returns `false`.
    pub(crate) fn recycle(&self) -> bool {
        let scheduler = &self.0.scheduler;
        let is_quiet = scheduler.ready() == 0 && !self.0.inbox.is_notified();
        let left = Leftovers { timers: 0, ..self.leftovers() };
        if self.is_closed() || self.is_running() || !is_quiet || left != Leftovers::default() {
            return false;
        }
        scheduler.drop_each(self.0.timers.take().into_callbacks());
        scheduler.drop_each(self.0.extensions.take());
        self.0.since_select.set(0);
        self.0.asyncgens.is_open() && self.0.threads.default_executor_is_open() && scheduler.recycle()
    }
}
