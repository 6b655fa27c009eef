//! The statements that wait for several tasks, for a limited time, or for all tasks of a scope.

use std::rc::Rc;
use std::time::Duration;

use innermost::wait::{
    AsCompleted, NextCompleted, ReturnWhen, TaskGroup, Timeout, as_completed, gather, gather_all, shield, task_group,
    timeout, wait, wait_for,
};
use innermost::{Await, Coroutine, Exception, Resumed, Step, yield_from};
use serde_json::{Value, json};

use super::activation::{Activation, Does};
use super::exceptions::describe;
use super::program::{Body, Limit, Numbers, Statement};
use super::statements::awaits;
use super::world::{Me, Number, ScriptTask, World};
use crate::blocks::Flow;

impl Me {
    /// Starts a statement, while `handled` is being handled.
    ///
    /// # Errors
    ///
    /// Fails with an exception that the statement raises without awaiting.
    pub(super) fn wait(&self, statement: &Statement, handled: Option<Exception>) -> Result<Does, Exception> {
        Ok(match statement {
            Statement::Shield(slot) => match self.world.slot(*slot) {
                // A shield of a finished future is that future.
                Some(slot) if slot.task.done() => self.logs("shielded", slot.gives(shield(slot.task.clone()))),
                Some(slot) => self.logs("shielded", shield(slot.task)),
                None => self.done(&json!(["empty"])),
            },
            Statement::Gather { scripts, keep_exceptions } => {
                let tasks = self.tasks(scripts)?;
                self.world.gathers(&tasks);
                if *keep_exceptions {
                    self.notes(gather_all(tasks), |all| {
                        json!(["gathered", all.iter().map(outcome).collect::<Vec<_>>()])
                    })
                } else {
                    self.notes(gather(tasks), |all| json!(["gathered", all]))
                }
            }
            Statement::Wait { slots, timeout, when } => self.wait_for_slots(slots, *timeout, *when),
            Statement::WaitFor(time, script) => self.logs("got", wait_for(self.run(*script), *time)),
            Statement::AsCompleted(scripts) => {
                let race = as_completed(self.tasks(scripts)?);
                self.completing(race)
            }
            Statement::Await(form) => self.awaits(form)?,
            Statement::WaitOn { forms, timeout, when } => self.wait_on(forms, *timeout, *when)?,
            Statement::Completing(forms, timeout) => self.complete(forms, *timeout)?,
            statement => return self.in_scope(statement, handled),
        })
    }

    /// The statements about timeouts and groups.
    fn in_scope(&self, statement: &Statement, handled: Option<Exception>) -> Result<Does, Exception> {
        let world = &self.world;
        Ok(match statement {
            Statement::Timeout(time, body) => awaits(timeout(Activation::new(self.clone(), body, handled), *time)),
            Statement::Limited { number, limit, body } => {
                let timeout = match limit {
                    Limit::After(delay) => Timeout::after(*delay),
                    Limit::At(deadline) => Timeout::at(innermost::Instant::from_zero(*deadline)),
                    Limit::Never => Timeout::never(),
                };
                world.timeouts.borrow_mut().insert(*number, timeout.clone());
                awaits(timeout.scope(Activation::new(self.clone(), body, handled)))
            }
            Statement::Reschedule(number, delay) => match world.timeout(*number) {
                Some(timeout) => {
                    let now = world.event_loop.time().since_zero().as_secs();
                    let deadline = delay.map(|delay| Duration::from_secs(now.saturating_add_signed(delay)));
                    timeout.reschedule(deadline.map(innermost::Instant::from_zero))?;
                    self.done(&json!(["moved"]))
                }
                None => self.done(&json!(["empty"])),
            },
            Statement::TimeoutState(number) => match world.timeout(*number) {
                Some(timeout) => {
                    let when = timeout.when().map(|when| when.since_zero().as_secs());
                    self.done(&json!(["timeout", timeout.expired(), when]))
                }
                None => self.done(&json!(["empty"])),
            },
            Statement::Group { number, scripts, body } => self.group(*number, scripts, body, handled),
            Statement::GroupSpawn(number, script) => match world.group(*number) {
                Some(group) => {
                    let task = world.task_by(*script, |run| group.create_task(run))?;
                    self.done(&json!(["spawned", task.name()]))
                }
                None => self.done(&json!(["empty"])),
            },
            statement => return self.synchronise(statement, handled),
        })
    }

    fn tasks(&self, scripts: &Numbers) -> Result<Vec<ScriptTask>, Exception> {
        scripts.iter().map(|script| self.world.task(*script)).collect()
    }

    fn wait_for_slots(&self, slots: &Numbers, timeout: Option<Duration>, when: ReturnWhen) -> Does {
        let tasks: Vec<_> = slots.iter().filter_map(|slot| self.world.slot(*slot)).map(|slot| slot.task).collect();
        if tasks.is_empty() {
            return self.done(&json!(["empty"]));
        }
        let world = Rc::clone(&self.world);
        self.notes(wait(tasks).timeout(timeout).return_when(when), move |(done, pending)| {
            json!(["waited", world.names_in_order(&done), world.names_in_order(&pending)])
        })
    }

    /// Logs the results as they come.
    pub(super) fn completing(&self, race: AsCompleted<Number>) -> Does {
        awaits(Completing { me: self.clone(), race, next: None })
    }

    fn group(&self, number: Option<usize>, scripts: &Numbers, body: &Body, handled: Option<Exception>) -> Does {
        awaits(task_group(|group| {
            if let Some(number) = number {
                self.world.groups.borrow_mut().insert(number, group.clone());
            }
            let (world, scripts) = (Rc::clone(&self.world), Rc::clone(scripts));
            let create = move || {
                scripts.iter().try_for_each(|script| world.task_by(*script, |run| group.create_task(run)).map(drop))
            };
            Activation::new(self.clone(), body, handled).after(create)
        }))
    }
}

impl World {
    fn timeout(&self, number: usize) -> Option<Timeout> {
        self.timeouts.borrow().get(&number).cloned()
    }

    fn group(&self, number: usize) -> Option<TaskGroup> {
        self.groups.borrow().get(&number).cloned()
    }
}

/// The outcome of a gathered task. CPython returns a new `CancelledError` in place of the task's own.
fn outcome(gathered: &Result<Number, Exception>) -> Value {
    match gathered {
        Ok(value) => json!(value),
        Err(raised) if raised.is_cancelled() => describe(&Exception::cancelled()),
        Err(raised) => describe(raised),
    }
}

/// Logs results as they come.
struct Completing {
    me: Me,
    race: AsCompleted<Number>,
    next: Option<NextCompleted<Number>>,
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
