//! The statements about locks, semaphores, events, conditions, barriers and queues.

use innermost::queue::{GetError, LifoQueue, PriorityQueue, PutError, Queue};
use innermost::sync::{Barrier, BrokenBarrier, Condition, Event, Lock, Semaphore};
use innermost::{CoroutineExt, Exception};
use serde_json::{Value, json};

use super::activation::{Activation, Does};
use super::program::{Body, Statement};
use super::statements::awaits;
use super::world::Me;
use crate::blocks::Flow;

/// The locks, queues and other objects that tasks share.
pub(super) struct MeetingPlaces {
    locks: [Lock; 2],
    semaphores: [Semaphore; 2],
    events: [Event; 2],
    conditions: [Condition; 2],
    barriers: [Barrier; 2],
    pub(super) queues: [Queue<i64>; 4],
    // Keep their type.
    _kinds: (LifoQueue<i64>, PriorityQueue<i64>),
}

impl MeetingPlaces {
    pub(super) fn new() -> Self {
        let kinds = (LifoQueue::bounded(2), PriorityQueue::bounded(2));
        Self {
            locks: [Lock::new(), Lock::new()],
            semaphores: [Semaphore::new(1), Semaphore::new(2)],
            events: [Event::new(), Event::new()],
            conditions: [Condition::new(), Condition::new()],
            barriers: [2, 3].map(|parties| Barrier::new(parties).expect("it is for somebody")),
            queues: [Queue::new(), Queue::bounded(2), Queue::clone(&kinds.0), Queue::clone(&kinds.1)],
            _kinds: kinds,
        }
    }

    pub(super) fn set_events(&self) {
        self.events.iter().for_each(Event::set);
    }
}

impl Me {
    /// Starts a statement, while `handled` is being handled.
    ///
    /// # Errors
    ///
    /// Fails with an exception that the statement raises without awaiting.
    pub(super) fn synchronise(&self, statement: &Statement, handled: Option<Exception>) -> Result<Does, Exception> {
        let places = &self.world.places;
        Ok(match statement {
            Statement::Lock(lock, body) => awaits(places.locks[*lock].hold(self.inside("locked", body, handled))),
            Statement::Semaphore(semaphore, body) => {
                awaits(places.semaphores[*semaphore].hold(self.inside("acquired", body, handled)))
            }
            Statement::Locked(lock) => self.done(&json!(["is locked", places.locks[*lock].locked()])),
            Statement::SemaphoreRelease(semaphore) => {
                places.semaphores[*semaphore].release();
                Does::Go(Flow::Next)
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
            Statement::BarrierReset(barrier) => self.notes(places.barriers[*barrier].reset(), |()| json!(["reset"])),
            Statement::BarrierAbort(barrier) => self.notes(places.barriers[*barrier].abort(), |()| json!(["abort"])),
            Statement::Barrier(barrier) => {
                let barrier = places.barriers[*barrier].wait().map(|index| json!(["barrier", index]));
                self.notes(barrier.catch(unless_broken), |entry| entry)
            }
            statement => return self.at_condition(statement),
        })
    }

    fn at_condition(&self, statement: &Statement) -> Result<Does, Exception> {
        let places = &self.world.places;
        Ok(match statement {
            Statement::ConditionWait(condition) => {
                let condition = places.conditions[*condition].clone();
                let lock = condition.acquire();
                // The closure receives the guard, which is dropped after the entry was logged.
                self.notes(lock.then(move |guard| condition.wait(guard)), |_| json!(["notified"]))
            }
            Statement::Notify(condition, count) => {
                let (condition, count) = (places.conditions[*condition].clone(), *count);
                self.notes(condition.acquire(), move |_| {
                    condition.notify(count).expect("the lock is held");
                    json!(["notify"])
                })
            }
            Statement::ConditionWaitFor(condition, event) => {
                let (condition, event) = (places.conditions[*condition].clone(), places.events[*event].clone());
                let lock = condition.acquire();
                let waited = lock.then(move |guard| condition.wait_for(guard, move || event.is_set()));
                self.notes(waited, |_| json!(["true"]))
            }
            Statement::NotifyBare(condition, count) => {
                places.conditions[*condition].notify(*count)?;
                self.done(&json!(["notify"]))
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
                self.done(&match put {
                    Ok(()) => json!(["put"]),
                    Err(PutError::ShutDown(_)) => json!(["shut down"]),
                    Err(_) => json!(["full"]),
                })
            }
            Statement::GetNowait(queue) => {
                let got = queues[*queue].get_nowait();
                self.done(&match got {
                    Ok(item) => json!(["item", item]),
                    Err(GetError::ShutDown) => json!(["shut down"]),
                    Err(_) => json!(["none"]),
                })
            }
            Statement::TaskDone(queue) => {
                let counted = queues[*queue].task_done();
                self.done(&counted.map_or(json!(["too many"]), |()| json!(["task_done"])))
            }
            Statement::QueueJoin(queue) => self.notes(queues[*queue].join(), |_| json!(["joined queue"])),
            Statement::Shutdown(queue, items) => {
                queues[*queue].shutdown(*items);
                self.done(&json!(["shutdown"]))
            }
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
