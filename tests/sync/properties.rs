//! What holds of locks and semaphores whatever tasks do: nothing is lost, nobody enters who may not, nobody overtakes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use innermost::sync::{Condition, Semaphore};
use innermost::{Await, Coroutine, CoroutineExt, Exception, Resumed};
use quickcheck::quickcheck;

use crate::turns::{Droppable, Turns, World};

/// Tasks that acquire, hold for a while and give back; `actions` says what happens meanwhile.
fn run(permits: usize, actions: Vec<(u8, u8)>) -> bool {
    let world = World::new();
    let semaphore = Semaphore::new(permits);
    let (inside, most) = (Rc::new(Cell::new(0_usize)), Rc::new(Cell::new(0_usize)));
    let served = Rc::new(RefCell::new(Vec::new()));
    let mut tasks = Vec::new();
    for (action, number) in actions {
        match action % 5 {
            0 | 1 => {
                let (inside, most, served) = (Rc::clone(&inside), Rc::clone(&most), Rc::clone(&served));
                let arrival = tasks.len();
                let (entered, left) = (Rc::clone(&inside), inside);
                let body = Turns(0).then(move |()| {
                    entered.set(entered.get() + 1);
                    most.set(most.get().max(entered.get()));
                    served.borrow_mut().push(arrival);
                    Leaving(Turns(u32::from(number % 3)), left)
                });
                let dropped = Rc::new(Cell::new(false));
                let child = Droppable { child: Some(semaphore.hold(body)), dropped: Rc::clone(&dropped) };
                tasks.push((world.event_loop.create_task(child).expect("the loop is open"), dropped));
            }
            2 if !tasks.is_empty() => drop(tasks[number as usize % tasks.len()].0.cancel()),
            3 if !tasks.is_empty() => {
                let (task, dropped) = &tasks[number as usize % tasks.len()];
                dropped.set(true);
                task.cancel();
            }
            _ => world.turn(),
        }
    }
    world.settle();
    let in_order = served.borrow().is_sorted();
    let all_done = tasks.iter().all(|(task, _)| task.done());
    in_order && most.get() <= permits && inside.get() == 0 && (permits == 0 || all_done) && {
        for (task, _) in &tasks {
            task.cancel();
        }
        world.settle();
        semaphore.value() == permits && tasks.iter().all(|(task, _)| task.done())
    }
}

/// Counts who leaves, however that happens.
struct Leaving(Turns, Rc<Cell<usize>>);

impl Coroutine for Leaving {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.0.resume(sent)
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.1.set(self.1.get() - 1);
    }
}

quickcheck! {
    fn no_permit_is_lost_and_nobody_overtakes(permits: u8, actions: Vec<(u8, u8)>) -> bool {
        run(usize::from(permits % 4), actions)
    }

    /// The same of a lock, with tasks that wait on a condition and are notified.
    fn a_lock_is_free_in_the_end(actions: Vec<(u8, u8)>) -> bool {
        let world = World::new();
        let condition = Condition::new();
        let mut tasks = Vec::new();
        for (action, number) in actions {
            match action % 6 {
                0 | 1 => {
                    let waited = condition.clone();
                    let dropped = Rc::new(Cell::new(false));
                    let child = condition.acquire().then(move |guard| waited.wait(guard));
                    let child = Droppable { child: Some(child), dropped: Rc::clone(&dropped) };
                    tasks.push((world.spawn("", child), dropped));
                }
                2 => {
                    let notified = condition.clone();
                    world.spawn("", condition.acquire().map(move |_| notified.notify(usize::from(number % 3))));
                }
                3 if !tasks.is_empty() => drop(tasks[number as usize % tasks.len()].0.cancel()),
                4 if !tasks.is_empty() => {
                    let (task, dropped) = &tasks[number as usize % tasks.len()];
                    dropped.set(true);
                    task.cancel();
                }
                _ => world.turn(),
            }
        }
        world.settle();
        let Some(guard) = condition.lock().try_acquire() else { return false };
        condition.notify_all().expect("the lock is held");
        drop(guard);
        world.settle();
        tasks.iter().all(|(task, _)| task.done()) && !condition.locked()
    }
}
