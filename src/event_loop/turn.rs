//! One turn of the loop: ask the selector, move due timers to the ready queue, run what was ready.
//!
//! As in asyncio, the selector is asked once per turn. There are two exceptions, which save a system call:
//!
//! - Something is ready, and no descriptor is registered.
//! - Something is ready, and fewer than [`SHARE`] callbacks have run since the selector was last asked.
//!
//! So a turn in which a single task yields costs 12 ns rather than the 300 ns of `epoll_wait`. In exchange, a
//! descriptor that becomes ready may be noticed a few turns later: after at most 63 callbacks and the turn that is
//! about to run. Timers are not affected, and neither is the order of everything else.

use core::time::Duration;
use std::io;
use std::rc::Rc;

use super::forked::check_process;
use super::signals::SignalHandler;
use super::timers::Timers;
use super::{Core, Scratch, WAKER};
use crate::coroutine::{Exception, Kind};
use crate::sys::{Direction, SelectorEvent, Waiting, Waker, signal};
use crate::task::{ErasedTask, Run, callback_in};

/// The number of callbacks that may run before the selector is asked again.
const SHARE: usize = 64;

impl Core {
    pub(super) fn turn(&self, scratch: &mut Scratch) -> Result<(), Exception> {
        self.collect(scratch)?;
        // Entries that are queued from here on wait for the next turn, after the descriptors have had their chance.
        let run = self.scheduler.run_ready(&mut scratch.batch);
        self.since_select.set(self.since_select.get() + run);
        Ok(())
    }

    /// Waits if nothing is ready. Moves everything that is due to the ready queue.
    #[inline(always)]
    pub(super) fn collect(&self, scratch: &mut Scratch) -> Result<(), Exception> {
        let waiting = self.scheduler.ready();
        if waiting == 0 || self.should_select() {
            // In a forked child, the fork counts as a signal that is pending.
            check_process(self.process)?;
            self.since_select.set(0);
            // Events that have already come go before a deadline to which the clock would jump.
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
        Ok(())
    }

    /// Returns `true` if the loop can do nothing but wait.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.scheduler.ready() == 0 && !self.scheduler.is_stopping()
    }

    /// Returns `true` if the selector must be asked although something is ready.
    fn should_select(&self) -> bool {
        self.inbox.is_notified()
            || signal::is_pending()
            || (self.since_select.get() >= SHARE && !self.registry.is_empty())
    }

    /// The time for which an idle loop may sleep: until the next timer, or without limit.
    fn timeout(&self) -> Result<Option<Duration>, Exception> {
        let deadline = self.with_timers(Timers::next_deadline);
        if self.clock_jumps && self.threads.clock_must_wait(&self.inbox, deadline.is_some()) {
            return Ok(None);
        }
        match self.clock.wait_until(deadline) {
            Waiting::Sleep => Ok(deadline.map(|deadline| deadline - self.clock.now())),
            Waiting::Jumped => Ok(Some(Duration::ZERO)),
            Waiting::ForNothing => Err(self.deadlock()),
        }
    }

    /// The exception for a loop in which everything waits forever. It lists the pending tasks.
    #[cold]
    fn deadlock(&self) -> Exception {
        let mut text = String::from("deadlock: the loop would wait forever");
        for task in self.pending_tasks() {
            text += &format!("\n  {task}");
        }
        Exception::message(Kind::RuntimeError, text)
    }

    /// Describes each pending task: its name, its frames, and the event that it is waiting for.
    #[cold]
    pub(super) fn pending_tasks(&self) -> Vec<String> {
        let describe = |task: Rc<dyn ErasedTask>| {
            let stack = Rc::clone(&task).stack_trace();
            let mut text = format!("{}: {}", task.state().name(), stack.frames().join(" > "));
            if let Some(wanted) = stack.yielded() {
                text += &format!(" waits for {wanted}");
            }
            text
        };
        self.scheduler.live_tasks().into_iter().map(describe).collect()
    }

    pub(super) fn select(&self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let result = self.registry.select(events, timeout);
        // A selector that reports edges sees each wake-up as a new edge. Then the waker need not be drained, unless it
        // could fill up.
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
            // The jobs are one entry in the queue, but each of them counts as a callback.
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

    /// Calls `function` with the timers. Then, with the borrow over, drops the cancelled timers that it has found.
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

    /// Moves due timers to the ready queue. This is the only time that a turn reads the clock, and only if there are
    /// timers. Not inlined, because it would take up registers that a turn without timers needs.
    #[inline(never)]
    fn move_due_timers(&self) {
        let now = self.clock.now();
        self.with_timers(|timers| self.scheduler.push_all(|ready| timers.move_due(now, ready)));
    }
}
