//! Properties that hold whatever tasks do: no permit is lost, no task enters without one, and no task overtakes another.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use innermost::sync::{Barrier, BoundedSemaphore, Condition, Event, EventWait, Lock, Semaphore};
use innermost::{Await, Awaitable, Coroutine, CoroutineExt, Exception, Resumed, Step};
use quickcheck::quickcheck;

use crate::support::turns::{Droppable, Turns, World};

/// A visit inside the acquired object.
type Held = Box<dyn Awaitable<Return = ()>>;

/// An object that admits a number of tasks at a time.
struct Entrance {
    permits: usize,
    hold: Box<dyn Fn(Visit) -> Held>,
    free: Box<dyn Fn() -> usize>,
}

impl Entrance {
    fn all(permits: usize) -> [Self; 3] {
        let (lock, semaphore, bounded) = (Lock::new(), Semaphore::new(permits), BoundedSemaphore::new(permits));
        let (l, s, b) = (lock.clone(), semaphore.clone(), bounded.clone());
        [
            Self {
                permits: 1,
                hold: Box::new(move |visit| Box::new(lock.hold(visit))),
                free: Box::new(move || usize::from(l.try_acquire().is_some())),
            },
            Self {
                permits,
                hold: Box::new(move |visit| Box::new(semaphore.hold(visit))),
                free: Box::new(move || s.value()),
            },
            Self {
                permits,
                hold: Box::new(move |visit| Box::new(bounded.hold(visit))),
                free: Box::new(move || b.value()),
            },
        ]
    }
}

/// The tasks inside, and all earlier visitors.
#[derive(Default)]
struct Guests {
    inside: Cell<usize>,
    most: Cell<usize>,
    served: RefCell<Vec<usize>>,
}

/// Tasks that acquire, hold for a while and give back; `actions` says what happens meanwhile.
fn run(entrance: &Entrance, actions: &[(u8, u8)]) -> bool {
    let (world, guests) = (World::new(), Rc::new(Guests::default()));
    let mut tasks = Vec::new();
    for &(action, number) in actions {
        match action % 5 {
            0 | 1 => {
                let stay = Turns(u32::from(number % 3));
                let visit = Visit { arrival: tasks.len(), stay, guests: Rc::clone(&guests), is_inside: false };
                let dropped = Rc::new(Cell::new(false));
                let child = Droppable { child: Some((entrance.hold)(visit)), dropped: Rc::clone(&dropped) };
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
    let in_order = guests.served.borrow().is_sorted();
    let all_done = tasks.iter().all(|(task, _)| task.done());
    let few_enough = guests.most.get() <= entrance.permits && guests.inside.get() == 0;
    in_order && few_enough && (entrance.permits == 0 || all_done) && {
        for (task, _) in &tasks {
            task.cancel();
        }
        world.settle();
        (entrance.free)() == entrance.permits && tasks.iter().all(|(task, _)| task.done())
    }
}

/// Counts who enters, and who leaves, however that happens.
struct Visit {
    arrival: usize,
    stay: Turns,
    guests: Rc<Guests>,
    is_inside: bool,
}

impl Coroutine for Visit {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        if !std::mem::replace(&mut self.is_inside, true) {
            let guests = &self.guests;
            guests.inside.set(guests.inside.get() + 1);
            guests.most.set(guests.most.get().max(guests.inside.get()));
            guests.served.borrow_mut().push(self.arrival);
        }
        self.stay.resume(sent)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.guests.inside.set(self.guests.inside.get() - usize::from(self.is_inside));
    }
}

/// Waits for an event, and says whether it had to.
struct Waiter {
    wait: EventWait,
    has_waited: bool,
    /// Those who wait now, in the order of coming; and those who have, in the order of going on.
    lists: Rc<RefCell<(Vec<usize>, Vec<usize>)>>,
    number: usize,
}

impl Coroutine for Waiter {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let step = self.wait.resume(sent);
        match &step {
            Ok(Step::Yield(_)) if !self.has_waited => {
                self.has_waited = true;
                self.lists.borrow_mut().0.push(self.number);
            }
            Ok(Step::Return(())) if self.has_waited => self.lists.borrow_mut().1.push(self.number),
            _ => {}
        }
        step
    }
}

quickcheck! {
    fn no_permit_is_lost_and_no_waiter_overtakes(permits: u8, actions: Vec<(u8, u8)>) -> bool {
        Entrance::all(usize::from(permits % 4)).iter().all(|entrance| run(entrance, &actions))
    }

    /// Setting an event wakes all waiters in the order they came, even if it is cleared at once.
    fn an_event_wakes_all_waiters_in_order(actions: Vec<(u8, u8)>) -> bool {
        let (world, event) = (World::new(), Event::new());
        let lists: Rc<RefCell<(Vec<usize>, Vec<usize>)>> = Rc::default();
        let (mut tasks, mut woken) = (Vec::new(), Vec::new());
        for (action, number) in actions {
            match action % 8 {
                0..3 => {
                    let waiter = Waiter {
                        wait: event.wait(), has_waited: false, lists: Rc::clone(&lists), number: tasks.len(),
                    };
                    let dropped = Rc::new(Cell::new(false));
                    let child = Droppable { child: Some(waiter), dropped: Rc::clone(&dropped) };
                    tasks.push((world.event_loop.create_task(child).expect("the loop is open"), dropped));
                }
                3 | 4 if !tasks.is_empty() => {
                    let (task, dropped) = &tasks[number as usize % tasks.len()];
                    dropped.set(action % 8 == 4);
                    task.cancel();
                }
                5 => {
                    event.set();
                    woken.extend(lists.borrow().0.iter().copied());
                    if number % 2 == 0 {
                        event.clear();
                    }
                }
                6 => event.clear(),
                _ => world.turn(),
            }
        }
        world.settle();
        let all_woken = woken.iter().all(|number| tasks[*number].0.done());
        event.set();
        world.settle();
        let (waited, went_on) = lists.take();
        let order: Vec<_> = waited.into_iter().filter(|number| went_on.contains(number)).collect();
        all_woken && order == went_on && tasks.iter().all(|(task, _)| task.done())
    }

    /// At the end, fewer tasks wait at a barrier than it needs, no task waits outside, and the barrier can be used again.
    fn a_full_barrier_releases_all_waiters(parties: u8, actions: Vec<(u8, u8)>) -> bool {
        let (world, parties) = (World::new(), usize::from(parties % 4) + 1);
        let barrier = Barrier::new(parties).expect("it is for somebody");
        let (mut tasks, mut disturbed) = (Vec::new(), false);
        for (action, number) in actions {
            match action % 10 {
                0..5 => {
                    let dropped = Rc::new(Cell::new(false));
                    let child = Droppable { child: Some(barrier.wait()), dropped: Rc::clone(&dropped) };
                    tasks.push((world.event_loop.create_task(child).expect("the loop is open"), dropped));
                }
                5 | 6 if !tasks.is_empty() => {
                    let (task, dropped) = &tasks[number as usize % tasks.len()];
                    dropped.set(action % 10 == 6);
                    disturbed |= task.cancel();
                }
                7 if number % 4 == 0 => {
                    disturbed = true;
                    world.spawn("", barrier.abort());
                }
                7 => {
                    disturbed = true;
                    world.spawn("", barrier.reset());
                }
                _ => world.turn(),
            }
        }
        world.settle();
        let left = tasks.iter().filter(|(task, _)| !task.done()).count();
        let mut passed: Vec<_> = tasks.iter().filter_map(|(task, _)| task.result().ok().flatten()).collect();
        passed.sort_unstable();
        let rounds = passed.len() / parties;
        let whole = disturbed || passed.iter().copied().eq((0..parties).flat_map(|index| vec![index; rounds]));
        world.spawn("", barrier.reset());
        world.settle();
        let all_gone = tasks.iter().all(|(task, _)| task.done()) && barrier.n_waiting() == 0;
        let again: Vec<_> = (0..parties).map(|_| world.event_loop.create_task(barrier.wait())).collect();
        world.settle();
        let again = again.into_iter().map(|task| task.expect("the loop is open").result().ok());
        left < parties && whole && all_gone && again.eq((0..parties).map(Some))
    }

    /// The same of a lock, with tasks that wait on a condition and are notified.
    fn a_lock_is_free_at_the_end(actions: Vec<(u8, u8)>) -> bool {
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
