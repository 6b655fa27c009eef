//! What is chosen, and how many schedules there are.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::sync::{Acquire, Lock, LockGuard};
use innermost::testing::explore;
use innermost::{Await, Coroutine, Exception, Resumed, Sleep, Step, sleep, yield_from};

/// Reads, lets others run, and writes what it read plus one, perhaps within a lock.
#[derive(Debug)]
struct Add {
    total: Rc<Cell<u32>>,
    lock: Option<Acquire>,
    guard: Option<LockGuard>,
    read: Option<u32>,
    pause: Sleep,
}

impl Add {
    fn new(total: &Rc<Cell<u32>>, lock: Option<&Lock>) -> Self {
        Self {
            total: Rc::clone(total),
            lock: lock.map(Lock::acquire),
            guard: None,
            read: None,
            pause: sleep(Duration::ZERO),
        }
    }
}

impl Coroutine for Add {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Some(lock) = &mut self.lock
            && self.guard.is_none()
        {
            self.guard = Some(yield_from!(lock, sent)?);
        }
        let read = *self.read.get_or_insert_with(|| self.total.get());
        yield_from!(self.pause, sent)?;
        self.total.set(read + 1);
        self.guard = None;
        Ok(Step::Return(()))
    }
}

fn adders(tasks: u32, locked: bool) -> impl FnMut(&innermost::testing::Sim) -> Result<(), Exception> {
    move |sim| {
        let total = Rc::new(Cell::new(0));
        let lock = locked.then(Lock::new);
        for _ in 0..tasks {
            sim.create_task(Add::new(&total, lock.as_ref()))?;
        }
        sim.finally(move || assert_eq!(total.get(), tasks));
        Ok(())
    }
}

#[test]
fn every_order_of_tasks_that_take_a_lock_is_run() {
    let schedules = [2, 3, 4, 5].map(|tasks| explore(adders(tasks, true)).run().schedules);
    assert_eq!(schedules, [2, 6, 24, 120]);
}

#[test]
fn an_update_that_is_lost_in_the_natural_order_fails_the_first_schedule() {
    let failure = explore(adders(2, false)).try_run().unwrap_err();
    assert_eq!((failure.schedules(), failure.choices().departures()), (1, 0));
}
