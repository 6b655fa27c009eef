//! What the statements do that wait for several tasks, for a limited time, or for all that a scope has started.

use std::rc::Rc;
use std::time::Duration;

use innermost::wait::{
    AsCompleted, NextCompleted, ReturnWhen, as_completed, gather, gather_all, shield, task_group, timeout, wait,
    wait_for,
};
use innermost::{Await, Coroutine, Exception, Resumed, Step, yield_from};
use serde_json::{Value, json};

use super::activation::{Activation, Does};
use super::exceptions::describe;
use super::program::{Body, Numbers, Statement};
use super::statements::awaits;
use super::world::{Me, ScriptTask};
use crate::blocks::Flow;

impl Me {
    /// Starts a statement, which stands where `handled` is being handled.
    ///
    /// # Errors
    ///
    /// What it raises without awaiting anything.
    pub(super) fn wait(&self, statement: &Statement, handled: Option<Exception>) -> Result<Does, Exception> {
        Ok(match statement {
            Statement::Shield(slot) => match self.world.slot(*slot) {
                // A shield of what is done is that itself.
                Some(slot) if slot.task.done() => self.logs("shielded", slot.gives(shield(slot.task.clone())?)),
                Some(slot) => self.logs("shielded", shield(slot.task)?),
                None => self.done(&json!(["empty"])),
            },
            Statement::Gather { scripts, keep_exceptions } => {
                let tasks = self.tasks(scripts)?;
                self.world.gathers(&tasks);
                if *keep_exceptions {
                    self.notes(gather_all(tasks)?, |all| {
                        json!(["gathered", all.iter().map(outcome).collect::<Vec<_>>()])
                    })
                } else {
                    self.notes(gather(tasks)?, |all| json!(["gathered", all]))
                }
            }
            Statement::Wait { slots, timeout, when } => self.wait_for_slots(slots, *timeout, when),
            Statement::WaitFor(time, script) => self.logs("got", wait_for(self.run(*script), Some(*time))),
            Statement::Timeout(time, body) => awaits(timeout(*time, Activation::new(self.clone(), body, handled))),
            Statement::AsCompleted(scripts) => {
                let race = as_completed(self.tasks(scripts)?, None)?;
                awaits(Completing { me: self.clone(), race, next: None })
            }
            Statement::Group(scripts, body) => self.group(scripts, body, handled),
            statement => return self.synchronise(statement, handled),
        })
    }

    fn tasks(&self, scripts: &Numbers) -> Result<Vec<ScriptTask>, Exception> {
        scripts.iter().map(|script| self.world.task(*script)).collect()
    }

    fn wait_for_slots(&self, slots: &Numbers, timeout: Option<Duration>, when: &str) -> Does {
        let tasks: Vec<_> = slots.iter().filter_map(|slot| self.world.slot(*slot)).map(|slot| slot.task).collect();
        if tasks.is_empty() {
            return self.done(&json!(["empty"]));
        }
        let when = match when {
            "FIRST_COMPLETED" => ReturnWhen::FirstCompleted,
            "FIRST_EXCEPTION" => ReturnWhen::FirstException,
            "ALL_COMPLETED" => ReturnWhen::AllCompleted,
            _ => panic!("no such condition: {when}"),
        };
        let world = Rc::clone(&self.world);
        self.notes(wait(tasks, timeout, when), move |(done, pending)| {
            json!(["waited", world.names_in_order(&done), world.names_in_order(&pending)])
        })
    }

    fn group(&self, scripts: &Numbers, body: &Body, handled: Option<Exception>) -> Does {
        awaits(task_group(|group| {
            let (world, scripts) = (Rc::clone(&self.world), Rc::clone(scripts));
            let create = move || {
                scripts.iter().try_for_each(|script| world.task_by(*script, |run| group.create_task(run)).map(drop))
            };
            Activation::new(self.clone(), body, handled).after(create)
        }))
    }
}

/// What came of a task that was gathered. CPython gives a fresh `CancelledError` in place of the task's own.
fn outcome(gathered: &Result<Option<i64>, Exception>) -> Value {
    match gathered {
        Ok(value) => json!(value),
        Err(raised) if raised.is_cancelled() => describe(&Exception::cancelled()),
        Err(raised) => describe(raised),
    }
}

/// Logs results as they come.
struct Completing {
    me: Me,
    race: AsCompleted<Option<i64>>,
    next: Option<NextCompleted<Option<i64>>>,
}

impl Coroutine for Completing {
    type Yield = Await;
    type Input = ();
    type Return = Flow;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            if let Some(next) = &mut self.next {
                let completed = match yield_from!(next, sent) {
                    Err(raised) if raised.is_cancelled() || raised.is_generator_exit() => return Err(raised),
                    completed => completed.map_or_else(|raised| describe(&raised), |value| json!(value)),
                };
                self.next = None;
                self.me.note(&json!(["completed", completed]));
            }
            self.next = self.race.next();
            if self.next.is_none() {
                return Ok(Step::Return(Flow::Next));
            }
        }
    }
}
