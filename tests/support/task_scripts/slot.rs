//! A task that the scripts know by a number, and what CPython does to whoever awaits one.
//!
//! Two habits of CPython's C code are put on here, since ours has neither:
//!
//! - A task gives its `CancelledError` away: the first who awaits it gets the very exception with which it ended, and
//!   whoever comes later a fresh one. Here all get the same.
//! - A task that has awaited itself gets its `RuntimeError` a turn later, as here; but it also stays marked as awaited, so
//!   that nobody else can await it while it is pending: that raises a `RuntimeError` too, and at once. (CPython's own
//!   version in Python does not do that.)

use std::cell::Cell;
use std::rc::Rc;

use innermost::{Await, Coroutine, Exception, Kind, Resumed, Step, yield_from};

use super::world::{ScriptTask, World};

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
    pub(super) fn join(self, world: &Rc<World>) -> Join {
        Join { slot: self, world: Rc::clone(world), started: false }
    }
}

/// What [`Slot::join`] makes.
pub(super) struct Join {
    slot: Slot,
    world: Rc<World>,
    started: bool,
}

impl Join {
    fn start(&mut self) -> Result<(), Exception> {
        self.started = true;
        let Slot { task, marks } = &self.slot;
        if task.done() {
            return Ok(());
        }
        if marks.has_awaited_itself.get() {
            return Err(Exception::message(Kind::RuntimeError, "await wasn't used with future"));
        }
        self.world.joins(&task.any());
        let current = self.world.event_loop.current_task();
        marks.has_awaited_itself.set(current.is_some_and(|current| current.is(&task.any())));
        Ok(())
    }
}

impl Coroutine for Join {
    type Yield = Await;
    type Input = ();
    type Return = Option<i64>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if !self.started {
            self.start()?;
        }
        let was_thrown_in = sent.is_err();
        match yield_from!(self.slot.task, sent) {
            Err(raised) if raised.is_cancelled() && !was_thrown_in => {
                let given = self.slot.marks.has_given_cancelled.replace(true);
                Err(if given { Exception::cancelled() } else { raised })
            }
            outcome => outcome.map(Step::Return),
        }
    }
}
