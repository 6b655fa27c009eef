//! The statements that await something, or use objects that the scripts share.

use innermost::{Awaitable, Call, CoroutineExt, Exception, sleep};
use serde_json::{Value, json};

use super::activation::{Child, Does};
use super::exceptions::exception;
use super::program::Statement;
use super::slot::Slot;
use super::world::Me;
use crate::blocks::Flow;

impl Me {
    /// Starts a statement, while `handled` is being handled.
    ///
    /// # Errors
    ///
    /// Fails with an exception that the statement raises without awaiting.
    pub(super) fn start(&self, statement: &Statement, handled: Option<Exception>) -> Result<Does, Exception> {
        let world = &self.world;
        Ok(match statement {
            Statement::Log(k) => self.done(&json!(["log", k])),
            Statement::Sleep(time) => awaits(sleep(*time).map(|()| Flow::Next)),
            Statement::Call(script) => self.logs("got", Call::new(self.run(*script))),
            Statement::Spawn { slot, script } => {
                let task = world.task(*script)?;
                let name = task.any().name();
                world.fill_slot(*slot, task);
                self.done(&json!(["spawned", name]))
            }
            Statement::Join(slot) => match world.slot(*slot) {
                Some(slot) => {
                    world.joins(&slot.task.any());
                    self.logs("joined", slot.join())
                }
                None => self.done(&json!(["empty"])),
            },
            Statement::Cancel(slot) => match world.slot(*slot) {
                Some(slot) => self.done(&json!(["cancel", slot.task.cancel()])),
                None => self.done(&json!(["empty"])),
            },
            Statement::Uncancel => {
                let current = world.event_loop.current_task();
                self.done(&json!(["uncancel", current.map(|current| current.uncancel())]))
            }
            Statement::CancelWith(slot, k) => match world.slot(*slot) {
                Some(slot) => self.done(&json!(["cancel", slot.task.cancel_message(k.to_string())])),
                None => self.done(&json!(["empty"])),
            },
            Statement::CancelMe => {
                let current = world.event_loop.current_task();
                self.done(&json!(["cancel", current.map(|current| current.cancel())]))
            }
            Statement::UncancelSlot(slot) => match world.slot(*slot) {
                Some(slot) => self.done(&json!(["uncancel", slot.task.uncancel()])),
                None => self.done(&json!(["empty"])),
            },
            Statement::TaskState(slot) => match world.slot(*slot) {
                Some(Slot { task, .. }) => {
                    self.done(&json!(["task", task.done(), task.cancelled(), task.cancelling()]))
                }
                None => self.done(&json!(["empty"])),
            },
            statement => return self.with_future(statement, handled),
        })
    }

    fn with_future(&self, statement: &Statement, handled: Option<Exception>) -> Result<Does, Exception> {
        let world = &self.world;
        Ok(match statement {
            Statement::FutureNew(future) => {
                world.renew_future(*future);
                Does::Go(Flow::Next)
            }
            Statement::FutureWait(future) => self.logs("fut", world.future(*future)),
            Statement::FutureResult(future) => self.done(&json!(["result", world.future(*future).result()?])),
            Statement::FutureSet(future, k) => self.unless_done(world.future(*future).set_result(Some(*k)).is_ok()),
            Statement::FutureFail(future, kind, k) => {
                self.unless_done(world.future(*future).set_exception(exception(kind, *k)).is_ok())
            }
            Statement::FutureCancel(future) => self.done(&json!(["fut_cancel", world.future(*future).cancel()])),
            Statement::FutureCancelWith(future, k) => {
                self.done(&json!(["fut_cancel", world.future(*future).cancel_message(k.to_string())]))
            }
            statement => match self.call_back(statement)? {
                Some(does) => does,
                None => return self.wait(statement, handled),
            },
        })
    }

    pub(super) fn done(&self, what: &Value) -> Does {
        self.note(what);
        Does::Go(Flow::Next)
    }

    fn unless_done(&self, set: bool) -> Does {
        if set { Does::Go(Flow::Next) } else { self.done(&json!(["invalid"])) }
    }

    /// Awaits, and logs the value of that.
    pub(super) fn logs<C, T>(&self, what: &'static str, child: C) -> Does
    where
        C: Awaitable<Return = T> + 'static,
        T: Into<Value> + 'static,
    {
        self.notes(child, move |value| json!([what, value.into()]))
    }

    /// Awaits, and logs the entry that `entry` makes of the value.
    pub(super) fn notes<C, T>(&self, child: C, entry: impl FnOnce(T) -> Value + 'static) -> Does
    where
        C: Awaitable<Return = T> + 'static,
        T: 'static,
    {
        let me = self.clone();
        awaits(child.map(move |value| {
            me.note(&entry(value));
            Flow::Next
        }))
    }
}

pub(super) fn awaits(child: impl Awaitable<Return = Flow> + 'static) -> Does {
    Does::Await(Box::new(child) as Child)
}
