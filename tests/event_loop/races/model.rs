//! Random races against a model with a task for each coroutine, and storms in which nothing may be lost.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::{Get, Queue};
use innermost::sync::{Acquire, Event as Flag, Lock, LockGuard, Semaphore};
use innermost::wait::{Race, Racing, Won, timeout};
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Future, Resumed, Sleep, Step, from_fn, sleep,
    yield_from,
};
use quickcheck::{Arbitrary, Gen, quickcheck};

use super::{Log, spin};
use crate::support::clock::test_loop;

const CHILDREN: usize = 3;

const MOMENT: Duration = Duration::from_millis(1);

/// What a child does next.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// Lets the others run.
    Nap,
    /// Waits for the next of its futures.
    Future,
    /// Waits for the next item of its queue.
    Item,
    /// Acquires its lock and releases it.
    Lock,
    /// Takes a permit of its semaphore.
    Permit,
    /// Waits until its flag is set.
    Flag,
    /// Sleeps for a moment.
    Sleep,
    /// Waits for the next item of its queue, for a moment.
    ItemInTime,
}

/// What happens in a turn.
#[derive(Clone, Copy, Debug)]
enum Event {
    Set(usize),
    Put(usize),
    Hold(usize),
    Release(usize),
    Permit(usize),
    Raise(usize),
    Lower(usize),
    /// Moves the clock by more than a moment.
    Pause,
    Turn,
}

impl Arbitrary for Does {
    fn arbitrary(random: &mut Gen) -> Self {
        let does =
            [Self::Nap, Self::Future, Self::Item, Self::Lock, Self::Permit, Self::Flag, Self::Sleep, Self::ItemInTime];
        *random.choose(&does).unwrap()
    }
}

impl Arbitrary for Event {
    fn arbitrary(random: &mut Gen) -> Self {
        let child = usize::arbitrary(random) % CHILDREN;
        let of_child = [Self::Set, Self::Put, Self::Hold, Self::Release, Self::Permit, Self::Raise, Self::Lower];
        match random.choose(&[0, 1, 2]).unwrap() {
            0 => Self::Turn,
            1 if *random.choose(&[true, false, false]).unwrap() => Self::Pause,
            _ => random.choose(&of_child).unwrap()(child),
        }
    }
}

/// What a child waits for, and what is done to it.
#[derive(Clone)]
struct Things {
    future: Rc<RefCell<Future<u32>>>,
    queue: Queue<u32>,
    lock: Lock,
    semaphore: Semaphore,
    flag: Flag,
}

/// Follows a script, and notes each step.
struct Child {
    name: usize,
    script: std::vec::IntoIter<Does>,
    waits: Option<Waits>,
    things: Things,
    log: Log,
}

enum Waits {
    Nap(Sleep),
    Future(Future<u32>),
    Item(Get<u32>),
    Lock(Acquire),
    Other(Box<dyn Awaitable<Return = ()>>),
}

impl Coroutine for Child {
    type Yield = Await;
    type Input = ();
    type Return = usize;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.waits {
                None => {}
                Some(Waits::Nap(nap)) => yield_from!(nap, sent)?,
                Some(Waits::Future(future)) => {
                    yield_from!(future, sent)?;
                    let next = EventLoop::running()?.create_future();
                    self.things.future.replace(next);
                }
                Some(Waits::Item(item)) => drop(yield_from!(item, sent)?),
                Some(Waits::Lock(acquire)) => drop(yield_from!(acquire, sent)?),
                Some(Waits::Other(other)) => {
                    if let Err(raised) = yield_from!(other, sent) {
                        self.log.add(format_args!("{} {:?}", self.name, raised.kind()));
                    }
                }
            }
            let next = self.script.next();
            self.log.add(format_args!("{} {next:?}", self.name));
            self.waits = Some(match next {
                None => return Ok(Step::Return(self.name)),
                Some(Does::Nap) => Waits::Nap(sleep(Duration::ZERO)),
                Some(Does::Future) => Waits::Future(self.things.future.borrow().clone()),
                Some(Does::Item) => Waits::Item(self.things.queue.get()),
                Some(Does::Lock) => Waits::Lock(self.things.lock.acquire()),
                Some(Does::Permit) => {
                    Waits::Other(Box::new(self.things.semaphore.acquire().map(|permit| permit.forget())))
                }
                Some(Does::Flag) => Waits::Other(Box::new(self.things.flag.wait().map(drop))),
                Some(Does::Sleep) => Waits::Other(Box::new(sleep(MOMENT))),
                Some(Does::ItemInTime) => Waits::Other(Box::new(timeout(self.things.queue.get(), MOMENT).map(drop))),
            });
        }
    }
}

/// What was noted in each turn, in no order.
fn run(scripts: &[Vec<Does>; CHILDREN], events: &[Event], races: bool) -> Vec<Vec<String>> {
    let (event_loop, log) = (test_loop(), Log::default());
    let things: Vec<_> = (0..CHILDREN)
        .map(|_| Things {
            future: Rc::new(RefCell::new(event_loop.create_future())),
            queue: Queue::new(),
            lock: Lock::new(),
            semaphore: Semaphore::new(0),
            flag: Flag::new(),
        })
        .collect();
    let children = scripts.iter().zip(&things).enumerate().map(|(name, (script, things))| Child {
        name,
        script: script.clone().into_iter(),
        waits: None,
        things: things.clone(),
        log: log.clone(),
    });
    if races {
        let (mut children, mut race): (Vec<_>, _) = (children.map(Racing::new).collect(), Race::new());
        event_loop
            .create_task(from_fn(move |mut sent| {
                while !children.is_empty() {
                    let (index, _) = yield_from!(race.run(&mut children[..]), sent)?;
                    drop(children.remove(index));
                }
                Ok(Step::Return(()))
            }))
            .unwrap();
    } else {
        children.for_each(|child| drop(event_loop.create_task(child).unwrap()));
    }
    let mut held: [Option<LockGuard>; CHILDREN] = Default::default();
    let mut turns = Vec::new();
    spin(&event_loop, 1);
    for event in events.iter().chain(&[Event::Turn; 4]) {
        match *event {
            Event::Set(child) => drop(things[child].future.borrow().set_result(1)),
            Event::Put(child) => things[child].queue.put_nowait(1).unwrap(),
            Event::Hold(child) => held[child] = held[child].take().or_else(|| things[child].lock.try_acquire()),
            Event::Release(child) => drop(held[child].take()),
            Event::Permit(child) => things[child].semaphore.release(),
            Event::Raise(child) => things[child].flag.set(),
            Event::Lower(child) => things[child].flag.clear(),
            Event::Pause => {
                event_loop.run_until_complete(sleep(2 * MOMENT)).unwrap();
                let mut lines = log.take();
                lines.sort_unstable();
                turns.push(lines);
            }
            Event::Turn => {
                let noted = log.clone();
                event_loop.call_soon(move || noted.add("turn")).unwrap();
                spin(&event_loop, 1);
                let mut lines = log.take();
                lines.sort_unstable();
                turns.push(lines);
            }
        }
    }
    turns
}

quickcheck! {
    /// Each child goes on in the turn in which a task of its own would.
    fn a_race_does_in_each_turn_what_a_task_for_each_child_does(
        a: Vec<Does>, b: Vec<Does>, c: Vec<Does>, events: Vec<Event>
    ) -> bool {
        let scripts = [a, b, c];
        run(&scripts, &events, true) == run(&scripts, &events, false)
    }
}

/// Waits for a future, and panics if it is resumed before that is done.
struct Strict(Rc<RefCell<Future<u32>>>, bool);

impl Coroutine for Strict {
    type Yield = Await;
    type Input = ();
    type Return = u32;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        assert!(!self.1 || self.0.borrow().done(), "resumed before its turn");
        self.1 = true;
        self.0.borrow_mut().resume(sent)
    }
}

/// Puts, sets, cancels and drops in random order. Others compete for the same items.
fn storm(choices: &[u8]) {
    let mut choices = choices.iter().copied();
    let mut choose = move |below: u8| choices.next().map_or(0, |choice| choice % below);
    let event_loop = test_loop();
    let queues = [(); 3].map(|()| Queue::<u64>::new());
    let got = Rc::new(Cell::new(0_u64));
    let current = Rc::new(RefCell::new(event_loop.create_future::<u32>()));
    let racing = {
        let (queues, got, current, mut race) = (queues.clone(), Rc::clone(&got), Rc::clone(&current), Race::new());
        let mut items = queues.each_ref().map(|queue| Racing::new(queue.get()));
        let mut strict = Racing::new(Strict(Rc::clone(&current), false));
        event_loop
            .create_task(from_fn(move |mut sent: Result<(), Exception>| {
                loop {
                    let [a, b, c] = &mut items;
                    match yield_from!(race.run((&mut strict, a, b, c)), sent) {
                        Err(raised) if raised.is_cancelled() => {}
                        Err(raised) => return Err(raised),
                        Ok(Won::A(_)) => {
                            current.replace(EventLoop::running()?.create_future());
                            strict.restart(Strict(Rc::clone(&current), false));
                        }
                        Ok(Won::B(u64::MAX) | Won::C(u64::MAX) | Won::D(u64::MAX)) => return Ok(Step::Return(())),
                        Ok(won) => {
                            let (index, item) = match won {
                                Won::B(item) => (0, item),
                                Won::C(item) => (1, item),
                                Won::D(item) => (2, item),
                                Won::A(_) => unreachable!(),
                            };
                            items[index].restart(queues[index].get());
                            got.set(got.get() + item);
                        }
                    }
                }
            }))
            .unwrap()
    };
    // A cancel before its first step would end it.
    spin(&event_loop, 1);
    let (mut put, mut others) = (0, Vec::new());
    for _ in 0..40 {
        match choose(8) {
            0..=2 => {
                let item = u64::from(1 + choose(9));
                put += item;
                queues[usize::from(choose(3))].put_nowait(item).unwrap();
            }
            3 => drop(current.borrow().set_result(1)),
            4 => assert!(racing.cancel()),
            5 => {
                let (got, get) = (Rc::clone(&got), queues[usize::from(choose(3))].get());
                others.push(event_loop.create_task(get.map(move |item| got.set(got.get() + item))).unwrap());
            }
            6 if !others.is_empty() => {
                others[usize::from(choose(255)) % others.len()].cancel();
            }
            _ => spin(&event_loop, 1),
        }
    }
    for other in &others {
        other.cancel();
    }
    spin(&event_loop, 4);
    assert_eq!(got.get(), put);
    queues[0].put_nowait(u64::MAX).unwrap();
    event_loop.run_until_complete(racing).unwrap();
}

quickcheck! {
    fn no_item_is_lost_and_nobody_is_resumed_before_its_turn(choices: Vec<u8>) -> bool {
        storm(&choices);
        true
    }
}
