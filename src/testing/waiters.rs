//! [`Waiters`]: the tasks that wait for an object in memory, at most one for each direction.

use core::cell::Cell;
use std::rc::Rc;

use crate::coroutine::{Exception, Kind};
use crate::task::{Waiter, Way, Withdrawn};

/// A task that waits to read, and one that waits to write.
#[derive(Default)]
pub(super) struct Waiters {
    reader: Cell<Option<Rc<dyn Waiter>>>,
    writer: Cell<Option<Rc<dyn Waiter>>>,
}

impl Waiters {
    /// Wakes the task that waits in that direction.
    pub(super) fn wake(&self, way: Way) {
        if let Some(task) = self.of(way).take() {
            task.wake();
        }
    }

    pub(super) fn wake_both(&self) {
        self.wake(Way::Readable);
        self.wake(Way::Writable);
    }

    /// Forgets the tasks, which will never run again.
    pub(super) fn forget(&self) {
        drop(self.reader.take());
        drop(self.writer.take());
    }

    /// Registers a task, or wakes it at once if the object is ready.
    ///
    /// # Errors
    ///
    /// `RuntimeError` with the text `taken` if another task waits.
    pub(super) fn register(
        &self,
        way: Way,
        is_ready: bool,
        waiter: Rc<dyn Waiter>,
        taken: &'static str,
    ) -> Result<(), Exception> {
        if is_ready {
            waiter.wake();
            return Ok(());
        }
        let place = self.of(way);
        if let Some(former) = place.take().filter(|former| !former.give_way()) {
            place.set(Some(former));
            return Err(Exception::message(Kind::RuntimeError, taken));
        }
        place.set(Some(waiter));
        Ok(())
    }

    /// Removes the task at that address.
    pub(super) fn withdraw(&self, way: Way, waiter: *const ()) -> Withdrawn {
        let place = self.of(way);
        match place.take() {
            Some(run) if Rc::as_ptr(&run).cast::<()>() == waiter => Withdrawn::Waiting(run as Rc<_>),
            another => {
                place.set(another);
                Withdrawn::Queued
            }
        }
    }

    const fn of(&self, way: Way) -> &Cell<Option<Rc<dyn Waiter>>> {
        match way {
            Way::Readable => &self.reader,
            _ => &self.writer,
        }
    }
}

/// What a second task is told that waits for a stream.
pub(super) const STREAM_TAKEN: &str = "another task is already waiting for this stream in the same direction";
