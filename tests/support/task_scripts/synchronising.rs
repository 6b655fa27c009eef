//! What the statements do that are about locks, semaphores, events, conditions, barriers and queues.

use innermost::queue::Queue;
use innermost::sync::{Barrier, BrokenBarrier, Condition, Event, Lock, Semaphore};
use innermost::{CoroutineExt, Exception};
use serde_json::{Value, json};

use super::activation::{Activation, Does};
use super::program::{Body, Statement};
use super::statements::awaits;
use super::world::Me;
use crate::blocks::Flow;

/// Whatever tasks meet at.
pub(super) struct MeetingPlaces {
    locks: [Lock; 2],
    semaphores: [Semaphore; 2],
    events: [Event; 2],
    conditions: [Condition; 2],
    barriers: [Barrier; 2],
    queues: [Queue<i64>; 2],
}

impl MeetingPlaces {
    pub(super) fn new() -> Self {
        Self {
            locks: [Lock::new(), Lock::new()],
            semaphores: [Semaphore::new(1), Semaphore::new(2)],
            events: [Event::new(), Event::new()],
            conditions: [Condition::new(), Condition::new()],
            barriers: [Barrier::new(2), Barrier::new(3)],
            queues: [Queue::new(), Queue::bounded(2)],
        }
    }

    pub(super) fn set_events(&self) {
        self.events.iter().for_each(Event::set);
    }
}

impl Me {
    /// Starts a statement, which stands where `handled` is being handled.
    ///
    /// # Errors
    ///
    /// What it raises without awaiting anything.
    pub(super) fn synchronise(&self, statement: &Statement, handled: Option<Exception>) -> Result<Does, Exception> {
        let places = &self.world.places;
        Ok(match statement {
            Statement::Lock(lock, body) => awaits(places.locks[*lock].hold(self.inside("locked", body, handled))),
            Statement::Semaphore(semaphore, body) => {
                awaits(places.semaphores[*semaphore].hold(self.inside("acquired", body, handled)))
            }
            Statement::EventWait(event) => self.notes(places.events[*event].wait(), |_| json!(["event"])),
            Statement::EventSet(event) => {
                places.events[*event].set();
                Does::Go(Flow::Next)
            }
            Statement::EventClear(event) => {
                places.events[*event].clear();
                Does::Go(Flow::Next)
            }
            Statement::ConditionWait(condition) => {
                let condition = places.conditions[*condition].clone();
                let lock = condition.acquire();
                // What the closure is given is the guard: it goes when the note was made.
                self.notes(lock.then(move |guard| condition.wait(guard)), |_| json!(["notified"]))
            }
            Statement::Notify(condition, count) => {
                let (condition, count) = (places.conditions[*condition].clone(), *count);
                self.notes(condition.acquire(), move |_| {
                    condition.notify(count).expect("the lock is held");
                    json!(["notify"])
                })
            }
            Statement::Barrier(barrier) => {
                let barrier = places.barriers[*barrier].wait().map(|index| json!(["barrier", index]));
                self.notes(barrier.catch(unless_broken), |entry| entry)
            }
            statement => self.queue(statement),
        })
    }

    fn queue(&self, statement: &Statement) -> Does {
        let queues = &self.world.places.queues;
        match statement {
            Statement::Put(queue, k) => self.notes(queues[*queue].put(*k), |()| json!(["put"])),
            Statement::Get(queue) => self.notes(queues[*queue].get(), |item| json!(["item", item])),
            Statement::PutNowait(queue, k) => {
                let put = queues[*queue].put_nowait(*k);
                self.done(&put.map_or(json!(["full"]), |()| json!(["put"])))
            }
            Statement::GetNowait(queue) => {
                let got = queues[*queue].get_nowait();
                self.done(&got.map_or(json!(["none"]), |item| json!(["item", item])))
            }
            Statement::TaskDone(queue) => {
                let counted = queues[*queue].task_done();
                self.done(&counted.map_or(json!(["too many"]), |()| json!(["task_done"])))
            }
            Statement::QueueJoin(queue) => self.notes(queues[*queue].join(), |_| json!(["joined queue"])),
            _ => unreachable!("every other statement is dealt with elsewhere"),
        }
    }

    /// The body of a scope: notes that it was entered, then runs.
    fn inside(&self, entered: &'static str, body: &Body, handled: Option<Exception>) -> Activation {
        let me = self.clone();
        Activation::new(self.clone(), body, handled).after(move || {
            me.note(&json!([entered]));
            Ok(())
        })
    }
}

fn unless_broken(raised: Exception) -> Result<Value, Exception> {
    if raised.downcast_ref::<BrokenBarrier>().is_some() { Ok(json!(["broken"])) } else { Err(raised) }
}
