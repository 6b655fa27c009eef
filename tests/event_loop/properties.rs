//! Properties of futures, and of waiting for several, for any events in any order: each callback is called once and in its
//! turn, each child ends, and no wait outlasts its object.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use innermost::wait::{AnyFuture, ReturnWhen, TaskGroup, gather_all, wait};
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, Exception, Kind, Resumed, Step, Task, lazy, ready, yield_from,
};
use quickcheck::quickcheck;

use crate::support::turns::{Turns, World};

/// The expected calls, in order, and the actual ones.
#[derive(Default)]
struct Calls {
    expected: RefCell<Vec<usize>>,
    called: RefCell<Vec<usize>>,
}

impl Calls {
    fn forget(&self, number: usize) {
        self.expected.borrow_mut().retain(|other| *other != number);
    }
}

/// Waits for the end of a future: expects to be called if it has to wait.
struct Waits {
    future: AnyFuture,
    calls: Rc<Calls>,
    number: usize,
    has_waited: bool,
}

impl Coroutine for Waits {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if !std::mem::replace(&mut self.has_waited, true) {
            if self.future.done() {
                return Ok(Step::Return(()));
            }
            self.calls.expected.borrow_mut().push(self.number);
        }
        match yield_from!(self.future, sent) {
            Ok(()) => self.calls.called.borrow_mut().push(self.number),
            Err(raised) => {
                self.calls.forget(self.number);
                return Err(raised);
            }
        }
        Ok(Step::Return(()))
    }
}

/// How a child ends, after some turns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Returns,
    Raises,
    Panics,
}

fn child(number: usize, (turns, how): (u8, u8)) -> impl Awaitable<Return = usize> + 'static {
    let end = [End::Returns, End::Returns, End::Raises, End::Panics][usize::from(how % 4)];
    Turns(u32::from(turns % 4)).then(move |()| {
        assert!(end != End::Panics, "on purpose");
        Ends(number, end)
    })
}

struct Ends(usize, End);

impl Coroutine for Ends {
    type Yield = Await;
    type Input = ();
    type Return = usize;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.1 == End::Raises {
            Err(Exception::message(Kind::RuntimeError, "on purpose"))
        } else {
            Ok(Step::Return(self.0))
        }
    }
}

/// Runs it turn by turn; after each, one of the tasks is cancelled, or none.
fn disturb(world: &World, tasks: &[Task<usize>], cancels: &[u8]) {
    for number in cancels {
        world.turn();
        if let Some(task) = tasks.get(usize::from(*number) % (tasks.len() + 3)) {
            task.cancel();
        }
    }
    world.settle();
}

quickcheck! {
    fn callbacks_and_waiters_are_called_once_and_in_order(actions: Vec<(u8, u8)>, ends: bool) -> bool {
        let (world, calls) = (World::new(), Rc::new(Calls::default()));
        let future = world.event_loop.create_future::<u32>();
        let (mut callbacks, mut tasks) = (Vec::new(), Vec::new());
        let length = actions.len();
        for (number, (action, which)) in actions.into_iter().enumerate() {
            match action % 7 {
                0 | 1 => {
                    calls.expected.borrow_mut().push(number);
                    let called = Rc::clone(&calls);
                    callbacks.push((number, future.add_done_callback(move |_| called.called.borrow_mut().push(number))));
                }
                2 | 3 => {
                    let calls = Rc::clone(&calls);
                    let waits = Waits { future: future.any_future(), calls, number, has_waited: false };
                    tasks.push(world.event_loop.create_task(waits).expect("the loop is open"));
                }
                4 if !callbacks.is_empty() => {
                    let (number, id) = callbacks[usize::from(which) % callbacks.len()];
                    if future.remove_done_callback(id) {
                        calls.forget(number);
                    }
                }
                5 if !tasks.is_empty() => drop(tasks[usize::from(which) % tasks.len()].cancel()),
                _ => world.turn(),
            }
            // Late enough for something to come before, and early enough for something to come after.
            if ends && number == length * 2 / 3 {
                assert!(future.set_result(1).is_ok());
            }
        }
        future.cancel();
        world.settle();
        *calls.called.borrow() == *calls.expected.borrow() && tasks.iter().all(|task| task.done())
    }

    fn gathering_returns_the_outcome_of_each_child(children: Vec<(u8, u8)>, cancels: Vec<u8>) -> bool {
        let world = World::new();
        let children = children.into_iter().enumerate().map(|(number, how)| world.event_loop.create_task(child(number, how)));
        let tasks: Vec<_> = children.map(|task| task.expect("the loop is open")).collect();
        let gathered = tasks.clone();
        let all = gather_all(gathered);
        let all = world.event_loop.create_task(all).expect("the loop is open");
        disturb(&world, &tasks, &cancels);
        let kind = |result: &Result<usize, Exception>| result.as_ref().map_err(Exception::kind).copied();
        let became: Vec<_> = tasks.iter().map(|task| kind(&task.result())).collect();
        let told = all.result().map(|results| results.iter().map(kind).collect::<Vec<_>>());
        tasks.iter().all(|task| task.done()) && told.is_ok_and(|told| told == became)
    }

    fn waiting_separates_done_and_pending_tasks(children: Vec<(u8, u8)>, cancels: Vec<u8>, when: u8) -> bool {
        let world = World::new();
        let children = children.into_iter().enumerate().map(|(number, how)| world.event_loop.create_task(child(number, how)));
        let tasks: Vec<_> = children.map(|task| task.expect("the loop is open")).collect();
        let return_when =
            [ReturnWhen::FirstCompleted, ReturnWhen::FirstException, ReturnWhen::AllCompleted][usize::from(when % 3)];
        let timeout = (when >= 128).then_some(Duration::from_nanos(1));
        let counted = Rc::new(Cell::new(None));
        let count = Rc::clone(&counted);
        let told = wait(tasks.clone()).timeout(timeout).return_when(return_when).map(move |(done, pending)| {
            let is_so = done.iter().all(|task| task.done()) && pending.iter().all(|task| !task.done());
            count.set(Some((is_so, done.len(), done.len() + pending.len())));
        });
        let told = world.event_loop.create_task(told).expect("the loop is open");
        disturb(&world, &tasks, &cancels);
        match counted.get() {
            None => tasks.is_empty() && told.exception().is_ok_and(|raised| raised.is_some()),
            Some((is_so, done, all)) => {
                let enough = return_when != ReturnWhen::AllCompleted || timeout.is_some() || done == all;
                is_so && enough && all == tasks.len() && (done > 0 || timeout.is_some())
            }
        }
    }

    fn a_group_outlives_all_its_children(children: Vec<(u8, u8)>, cancels: Vec<u8>, parent: Option<u8>) -> bool {
        let world = World::new();
        let (group, tasks) = (TaskGroup::new(), Rc::new(RefCell::new(Vec::new())));
        let (within, made) = (group.clone(), Rc::clone(&tasks));
        let length = children.len();
        let main = group.scope(lazy(move || {
            for (number, how) in children.into_iter().enumerate() {
                made.borrow_mut().push(within.create_task(child(number, how)).expect("it is entered"));
            }
            ready(())
        }));
        let left = Rc::new(Cell::new(None));
        let (leaves, alive) = (Rc::clone(&left), group.clone());
        let main = main.map(|()| Ok(())).catch(|raised| Ok(Err(raised))).map(move |outcome| {
            leaves.set(Some(alive.len()));
            outcome
        });
        let main = world.event_loop.create_task(main).expect("the loop is open");
        world.turn();
        if parent.is_some_and(|number| number < 64) {
            main.cancel();
        }
        disturb(&world, &tasks.take(), &cancels);
        let cancelled = parent.is_some_and(|number| number < 64) && length > 0;
        let ended = main.done() && left.get() == Some(0) && group.is_empty();
        ended && (cancelled || main.cancelling() == 0 || main.result().is_ok_and(|outcome| outcome.is_err()))
    }
}

#[test]
fn the_kinds_of_ends_match_their_names() {
    let world = World::new();
    let outcome = |how| world.event_loop.run_until_complete(child(7, (1, how))).map_err(|raised| raised.kind());
    assert_eq!([outcome(0), outcome(2), outcome(3)], [Ok(7), Err(Kind::RuntimeError), Err(Kind::Panic)]);
}
