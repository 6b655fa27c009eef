//! One turn of the loop.
//!
//! The selector is asked once a turn, as asyncio does, with two exceptions that spare the system call where it can
//! change nothing: while something is ready and no descriptor is registered, and while something is ready and less than
//! [`SHARE`] callbacks have run since it was last asked. A task that yields to the loop alone costs 12 ns and not the 300
//! of `epoll_wait`; a descriptor that becomes ready may be noticed a few turns later, after
//! at most 63 callbacks and the turn that is about to run. Time, and the order of everything else, stay the same.

use core::time::Duration;
use std::io;
use std::rc::Rc;

use super::forked::check_process;
use super::signals::SignalHandler;
use super::timers::Timers;
use super::{Core, Scratch, WAKER};
use crate::coroutine::{Exception, Kind};
use crate::sys::{Direction, SelectorEvent, Waiting, Waker, signal};
use crate::task::{Run, callback_in};

/// How many callbacks may run before the selector is asked again.
const SHARE: usize = 64;

impl Core {
    pub(super) fn turn(&self, scratch: &mut Scratch) -> Result<(), Exception> {
        let waiting = self.scheduler.ready();
        if waiting == 0 || self.should_select() {
            // In a forked child, the fork counts as a signal that is pending.
            check_process(self.process)?;
            self.since_select.set(0);
            // What has come already goes before a deadline to which the clock would jump.
            if self.clock_jumps || !self.is_idle() {
                self.select(&mut scratch.events, Some(Duration::ZERO))?;
            }
            if self.is_idle() {
                let timeout = self.timeout()?;
                match self.spin.get() {
                    Duration::ZERO => self.select(&mut scratch.events, timeout)?,
                    _ => self.spin_and_select(&mut scratch.events, timeout)?,
                }
            }
        }
        if !self.timers.borrow().is_empty() {
            self.move_due_timers();
        }
        // What runs now adds to the queue; that is for the next turn, after the descriptors have had their chance.
        let run = self.scheduler.run_ready(&mut scratch.batch);
        self.since_select.set(self.since_select.get() + run);
        Ok(())
    }

    /// Whether there is nothing to do but to wait.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.scheduler.ready() == 0 && !self.scheduler.is_stopping()
    }

    /// Whether the selector is to be asked although something is ready.
    fn should_select(&self) -> bool {
        self.inbox.is_notified()
            || signal::is_pending()
            || (self.since_select.get() >= SHARE && !self.registry.is_empty())
    }

    /// How long a loop that has nothing to do may sleep: until the next timer, or for ever.
    fn timeout(&self) -> Result<Option<Duration>, Exception> {
        let deadline = self.with_timers(Timers::next_deadline);
        if self.clock_jumps && self.threads.is_owed(&self.inbox, deadline.is_some()) {
            return Ok(None);
        }
        match self.clock.wait_until(deadline) {
            Waiting::Sleep => Ok(deadline.map(|deadline| deadline - self.clock.now())),
            Waiting::Jumped => Ok(Some(Duration::ZERO)),
            Waiting::ForNothing => Err(self.deadlock()),
        }
    }

    /// What running raises where everything waits for ever: each pending task, where it stands, and for what it waits.
    #[cold]
    fn deadlock(&self) -> Exception {
        let mut text = String::from("deadlock: everything waits for ever");
        for task in self.scheduler.live_tasks() {
            let stack = Rc::clone(&task).stack_trace();
            text += &format!("\n  {}: {}", task.state().name(), stack.frames().join(" > "));
            if let Some(wanted) = stack.yielded() {
                text += &format!(" waits for {wanted}");
            }
        }
        Exception::message(Kind::RuntimeError, text)
    }

    pub(super) fn select(&self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let result = self.registry.select(events, timeout);
        // Where edges are reported, each wake-up is one: what cannot fill up need not be drained for the next.
        if self.registry.deliver(events) && (self.registry.reports_levels || Waker::FILLS_UP) {
            self.waker.borrow().as_ref().inspect(|waker| waker.drain());
            self.registry.drained(WAKER, Direction::Read);
        }
        events.clear();
        self.take_jobs();
        self.take_signals();
        result
    }

    fn take_jobs(&self) {
        if self.inbox.is_notified() {
            // One entry in the queue, which counts as much as is in it.
            self.since_select.set(self.since_select.get() + self.received.queue());
        }
    }

    fn take_signals(&self) {
        if self.signal_handlers.borrow().is_empty() {
            return;
        }
        for signal in signal::take_pending() {
            let handler = self.signal_handlers.borrow().get(signal).cloned();
            if let Some(SignalHandler { function, context }) = handler {
                let call = move || function();
                self.scheduler.push(callback_in(context, call) as Rc<dyn Run>);
            }
        }
    }

    /// Drops what the timers have found to be cancelled once they are not borrowed any more.
    #[inline]
    pub(super) fn with_timers<R>(&self, function: impl FnOnce(&mut Timers) -> R) -> R {
        let mut timers = self.timers.borrow_mut();
        let result = function(&mut timers);
        let husks = timers.take_husks();
        drop(timers);
        if let Some(husks) = husks {
            self.scheduler.drop_each(husks);
        }
        result
    }

    /// The one time that a turn reads the clock, and only where there are timers. Not inlined: it would take
    /// up registers that a turn without timers needs.
    #[inline(never)]
    fn move_due_timers(&self) {
        let now = self.clock.now();
        self.with_timers(|timers| self.scheduler.push_all(|ready| timers.move_due(now, ready)));
    }
}
