//! `TimerFuture`: the future behind `sleep`, which is its own timer.
//!
//! The heap of timers holds the future itself, and firing the timer finishes the future. So a sleep needs no callback
//! beside its future. Cancelling the sleep finishes the future, and the timer counts as cancelled too.

use std::rc::Rc;
use std::sync::LazyLock;

use super::contracts::{Eventual as _, Run};
use super::future::Open;
use super::shared::Whole;
use super::{Future, Scheduler, Timed, dropped_while_awaited};
use crate::coroutine::Exception;

/// A future that a timer finishes.
type TimerFuture = Open<()>;

impl Future<()> {
    /// Makes a future, and returns the same object again as the timer that finishes it.
    pub(crate) fn timed(scheduler: Rc<Scheduler>) -> (Self, Rc<dyn Timed>) {
        let timer: Rc<TimerFuture> = Rc::new(Open(Whole::new(scheduler)));
        (Self::of(Rc::clone(&timer) as Rc<_>), timer)
    }

    /// Removes the timer, because the owner of the future is dropped. A task that waits for the future all the same
    /// raises an exception that says so.
    pub(crate) fn abandon(&self) {
        static DROPPED: LazyLock<Exception> = LazyLock::new(dropped_while_awaited);
        if !self.done() {
            self.cancel_with(DROPPED.clone());
        }
    }
}

impl Run for TimerFuture {
    fn run(self: Rc<Self>, _: &Rc<Scheduler>) {
        // If the sleep was cancelled in the same turn, there is nothing to do.
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
