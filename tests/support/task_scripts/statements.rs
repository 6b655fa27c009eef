//! What each statement does that awaits something, or touches what the scripts share.

use innermost::{Await, Call, Coroutine, CoroutineExt, Exception, sleep};
use serde_json::{Value, json};

use super::activation::{Child, Does};
use super::exceptions::exception;
use super::program::Statement;
use super::world::Me;
use crate::blocks::Flow;

impl Me {
    /// Starts a statement, which stands where `handled` is being handled.
    ///
    /// # Errors
    ///
    /// What it raises without awaiting anything.
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
            Statement::FutureWait(future) => self.logs("fut", world.futures[*future].clone()),
            Statement::FutureSet(future, k) => self.unless_done(world.futures[*future].set_result(*k).is_ok()),
            Statement::FutureFail(future, kind, k) => {
                self.unless_done(world.futures[*future].set_exception(exception(kind, *k)).is_ok())
            }
            Statement::FutureCancel(future) => self.done(&json!(["fut_cancel", world.futures[*future].cancel()])),
            Statement::Soon(k) => {
                let callback = world.callback(json!(["callback", k]));
                world.event_loop.call_soon(callback)?;
                Does::Go(Flow::Next)
            }
            Statement::Later(delay, k) => {
                let callback = world.callback(json!(["callback", k]));
                world.event_loop.call_later(*delay, callback)?;
                Does::Go(Flow::Next)
            }
            statement => return self.wait(statement, handled),
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
        C: Coroutine<Yield = Await, Input = (), Return = T> + 'static,
        T: Into<Value> + 'static,
    {
        self.notes(child, move |value| json!([what, value.into()]))
    }

    /// Awaits, and logs what `entry` makes of the value of that.
    pub(super) fn notes<C, T>(&self, child: C, entry: impl FnOnce(T) -> Value + 'static) -> Does
    where
        C: Coroutine<Yield = Await, Input = (), Return = T> + 'static,
        T: 'static,
    {
        let me = self.clone();
        awaits(child.map(move |value| {
            me.note(&entry(value));
            Flow::Next
        }))
    }
}

pub(super) fn awaits(child: impl Coroutine<Yield = Await, Input = (), Return = Flow> + 'static) -> Does {
    Does::Await(Box::new(child) as Child)
}
