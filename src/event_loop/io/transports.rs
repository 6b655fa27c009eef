//! Operations of transports on a [`Registered`] descriptor. A transport is not a task: it is itself an entry of the
//! ready queue.
//!
//! A watcher is a [`Run`]. It is queued when its direction is ready, tries its system call, and watches again. That
//! allocates nothing, and a connection needs no task.

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
    /// Registers the descriptor in a loop, if it is not registered yet. It counts as ready in the ways of `readiness`
    /// until the selector reports an event.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed, or if another loop has registered the descriptor. The selector's errors.
    pub(crate) fn register_in(&self, event_loop: &LoopHandle, readiness: Readiness) -> Result<(), Exception> {
        let registry = &event_loop.0.registry;
        if let Some(registration) = self.registration.get() {
            return registration.check_loop(&registry.scheduler);
        }
        let registration = registry.register(self.inner.as_fd())?;
        registration.readiness.set(readiness);
        // This can fail only if a user's selector has registered the descriptor meanwhile.
        let _ = self.registration.set(registration);
        Ok(())
    }

    /// Tries an operation that does not block, if the descriptor may be ready. Returns `None` if it would block. Does
    /// not count against a task's budget, because a transport calls this once per turn.
    ///
    /// # Errors
    ///
    /// The operation's errors.
    #[inline(always)]
    pub(crate) fn try_now<T>(
        &self,
        direction: Direction,
        mut operation: impl FnMut(&S) -> io::Result<(T, Left)>,
    ) -> io::Result<Option<T>> {
        let Some(registration) = self.registration.get() else { return Ok(None) };
        if !registration.readiness.get().intersects(Readiness::of(direction)) {
            return Ok(None);
        }
        registration.perform(direction, || operation(&self.inner))
    }

    /// Queues `watcher` once the direction is ready, or at once if it is ready now. Replaces the previous watcher.
    #[inline(always)]
    pub(crate) fn watch(&self, direction: Direction, watcher: Rc<dyn Run>) {
        let Some(registration) = self.registration.get() else { return };
        if registration.readiness.get().intersects(Readiness::of(direction)) {
            registration.registry.scheduler.push(watcher);
        } else {
            drop(registration.waiter(direction).replace(Some(watcher)));
        }
    }

    /// Returns `true` if the descriptor is known to be ready in any of these ways.
    #[inline]
    pub(crate) fn is_ready(&self, ways: Readiness) -> bool {
        self.registration.get().is_some_and(|registration| registration.readiness.get().intersects(ways))
    }

    /// Forgets that a direction is ready, although nobody has tried it. The next watcher is queued only by a new event,
    /// above all a hang-up. A selector that reports levels does not watch the direction any more, so a hang-up is then
    /// the only event.
    pub(crate) fn ignore(&self, direction: Direction) {
        if let Some(registration) = self.registration.get() {
            let ready = registration.readiness.get();
            registration.readiness.set(ready.without(Readiness::of(direction) | Readiness::URGENT));
        }
    }

    /// Takes back that the descriptor is closed for writing, and lets the selector report that again.
    #[cold]
    pub(crate) fn not_closed(&self) {
        if let Some(registration) = self.registration.get() {
            registration.clear_false_readiness(Readiness::WRITE_CLOSED, Direction::Write);
        }
    }

    /// Queues the watcher or the task of that direction, if there is one, whether or not the direction is ready.
    pub(crate) fn release(&self, direction: Direction) {
        if let Some(registration) = self.registration.get()
            && let Some(waiter) = registration.waiter(direction).take()
        {
            registration.registry.scheduler.push(waiter);
        }
    }

    /// Drops the watchers of both directions.
    pub(crate) fn unwatch(&self) {
        if let Some(registration) = self.registration.get() {
            drop((registration.reader.take(), registration.writer.take()));
        }
    }
}
