//! A task with a number, and CPython's behaviour when scripts await it.
//!
//! This file imitates two peculiarities of CPython's C code, which the library does not have:
//!
//! - A task gives its `CancelledError` away. The first task that awaits it gets the original exception, and later ones get a
//!   new one. In this library, all get the same exception.
//! - A task that has awaited itself gets its `RuntimeError` a turn later, as in this library. But it also stays marked as
//!   awaited while it is pending, so that any other task that awaits it gets a `RuntimeError` at once. (CPython's own version
//!   in Python does not do that.)

use std::cell::Cell;
use std::rc::Rc;

use innermost::{Await, Awaitable, Coroutine, EventLoop, Exception, Kind, Resumed, Step, yield_from};

use super::world::ScriptTask;

/// A task that the scripts know by a number.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) task: ScriptTask,
    marks: Rc<Marks>,
}

#[derive(Default)]
struct Marks {
    has_given_cancelled: Cell<bool>,
    has_awaited_itself: Cell<bool>,
}

impl Slot {
    pub(super) fn new(task: ScriptTask) -> Self {
        Self { task, marks: Rc::default() }
    }

    /// Waits for the task.
    pub(super) fn join(self) -> Join<ScriptTask> {
        Join { started: false, ..self.gives(self.task.clone()) }
    }

    /// Waits for a future with the outcome of the task, which is done.
    pub(super) fn gives<C>(&self, awaited: C) -> Join<C> {
        Join { slot: self.clone(), awaited, started: true }
    }
}

/// The coroutine of [`Slot::join`].
pub(super) struct Join<C> {
    slot: Slot,
    awaited: C,
    started: bool,
}

impl<C> Join<C> {
    fn start(&mut self) -> Result<(), Exception> {
        self.started = true;
        let Slot { task, marks } = &self.slot;
        if task.done() {
            return Ok(());
        }
        if marks.has_awaited_itself.get() {
            return Err(Exception::message(Kind::RuntimeError, "await wasn't used with future"));
        }
        let current = EventLoop::running()?.current_task();
        marks.has_awaited_itself.set(current.is_some_and(|current| current.is(&task.any())));
        Ok(())
    }
}

impl<C: Awaitable> Coroutine for Join<C> {
    type Yield = Await;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if !self.started {
            self.start()?;
        }
        match yield_from!(self.awaited, sent) {
            Err(raised) if raised.is_cancelled() && self.slot.task.cancelled() => {
                let given = self.slot.marks.has_given_cancelled.replace(true);
                Err(if given { Exception::cancelled() } else { raised })
            }
            outcome => outcome.map(Step::Return),
        }
    }
}
