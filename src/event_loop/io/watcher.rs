//! Descriptors that something in the ready queue watches, instead of a task that waits: what transports are made of.
//!
//! A watcher is a [`Run`]. It is queued when its direction is ready, tries its system call, and watches again: nothing is
//! allocated for that, and no task stands beside a connection.

use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;

use super::super::LoopHandle;
use super::registered::Registered;
use super::registry::Left;
use crate::coroutine::Exception;
use crate::sys::{Direction, Readiness};
use crate::task::Run;

impl<S: AsFd> Registered<S> {
    /// Registers it in a loop, if it is not registered yet. It is held to be ready as `readiness` says, until the
    /// selector says more.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed, or another one has it; the selector's.
    pub(crate) fn register_in(&self, event_loop: &LoopHandle, readiness: Readiness) -> Result<(), Exception> {
        let registry = &event_loop.0.registry;
        if let Some(source) = self.source.get() {
            return source.check_loop(&registry.scheduler);
        }
        let source = registry.register(self.inner.as_fd())?;
        source.readiness.set(readiness);
        // Only a selector of the user's could have registered it in between.
        let _ = self.source.set(source);
        Ok(())
    }

    /// Tries an operation that does not block, if it may succeed; `None` where it would block. Counts as nobody's share
    /// of the turn: who calls it does so once in each.
    ///
    /// # Errors
    ///
    /// The operation's own.
    #[inline(always)]
    pub(crate) fn try_now<T>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&S) -> io::Result<(T, Left)>,
    ) -> io::Result<Option<T>> {
        let Some(source) = self.source.get() else { return Ok(None) };
        if !source.readiness.get().intersects(Readiness::of(direction)) {
            return Ok(None);
        }
        source.perform(direction, || operation(&self.inner))
    }

    /// Queues `watcher` once the direction is ready: at once, if it is. Who watched it before does so no longer.
    #[inline(always)]
    pub(crate) fn watch(&self, direction: Direction, watcher: Rc<dyn Run>) {
        let Some(source) = self.source.get() else { return };
        if source.readiness.get().intersects(Readiness::of(direction)) {
            source.registry.scheduler.push(watcher);
        } else {
            drop(source.waiter(direction).replace(Some(watcher)));
        }
    }

    /// Whether it is known to be ready in one of these ways.
    #[inline]
    pub(crate) fn is_ready(&self, ways: Readiness) -> bool {
        self.source.get().is_some_and(|source| source.readiness.get().intersects(ways))
    }

    /// Forgets that a direction is ready, though nobody has tried it. Who watches it next is told of what is new, above all
    /// of a hang-up; with a selector that reports levels, of nothing else.
    pub(crate) fn ignore(&self, direction: Direction) {
        if let Some(source) = self.source.get() {
            let ready = source.readiness.get();
            source.readiness.set(ready.without(Readiness::of(direction) | Readiness::URGENT));
        }
    }

    /// Takes back that the descriptor counts as closed for writing, and has news of that reported.
    #[cold]
    pub(crate) fn not_closed(&self) {
        if let Some(source) = self.source.get() {
            source.in_vain(Readiness::WRITE_CLOSED, Direction::Write);
        }
    }

    /// Queues who watches that direction, or waits for it, if anybody does, ready or not.
    pub(crate) fn release(&self, direction: Direction) {
        if let Some(source) = self.source.get()
            && let Some(waiter) = source.waiter(direction).take()
        {
            source.registry.scheduler.push(waiter);
        }
    }

    /// Drops who watches, in either direction.
    pub(crate) fn unwatch(&self) {
        if let Some(source) = self.source.get() {
            drop((source.reader.take(), source.writer.take()));
        }
    }
}
