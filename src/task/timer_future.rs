//! The future of a `sleep`, which is its own timer.
//!
//! The heap of timers holds the future itself, and firing finishes it. So a sleep needs no callback beside its future, and
//! its timer is over as soon as the future is done: a cancelled sleep leaves nothing to run.

use std::rc::Rc;

use super::contracts::{Eventual as _, Run};
use super::future::Open;
use super::shared::Whole;
use super::{Future, Scheduler, Timed};

/// A future that a timer finishes.
type TimerFuture = Open<()>;

impl Future<()> {
    /// A future, and the same object as a timer that finishes it.
    pub(crate) fn timed(scheduler: Rc<Scheduler>) -> (Self, Rc<dyn Timed>) {
        let timer: Rc<TimerFuture> = Rc::new(Open(Whole::new(scheduler)));
        (Self::of(Rc::clone(&timer) as Rc<_>), timer)
    }
}

impl Run for TimerFuture {
    fn run(self: Rc<Self>, _: &Rc<Scheduler>) {
        // Cancelled in the same turn: then there is nothing to do.
        if !self.done() {
            self.0.shared().finish(Ok(()), || Future::of(Rc::clone(&self) as Rc<_>));
        }
    }
}

impl Timed for TimerFuture {
    fn cancelled(&self) -> bool {
        self.done()
    }
}
