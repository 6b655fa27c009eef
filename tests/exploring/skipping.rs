//! Schedules that lead to states which were seen before.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use innermost::sync::{Acquire, Lock, LockGuard};
use innermost::testing::Interruption::{Cancel, Throw};
use innermost::testing::{Explored, Sim, explore};
use innermost::{
    Await, Coroutine, CoroutineExt, Exception, LoopHandle, Resumed, Sleep, State, Step, sleep, yield_from,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Read(usize),
    Write(usize, i32),
    Sleep(u64),
    Acquire,
    Release,
}

/// A task that carries out a list of operations.
struct Worker {
    world: World,
    operations: Vec<Operation>,
    at: usize,
    read: i32,
    pause: Option<Sleep>,
    acquire: Option<Acquire>,
    guard: Option<LockGuard>,
}

#[derive(Clone, Default)]
struct World {
    numbers: Rc<RefCell<[i32; 2]>>,
    lock: Lock,
}

impl Coroutine for Worker {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while let Some(operation) = self.operations.get(self.at) {
            match *operation {
                Operation::Read(index) => self.read = self.world.numbers.borrow()[index],
                Operation::Write(index, plus) => self.world.numbers.borrow_mut()[index] = self.read + plus,
                Operation::Sleep(time) => {
                    let pause = self.pause.get_or_insert_with(|| sleep(Duration::from_secs(time)));
                    yield_from!(pause, sent)?;
                    self.pause = None;
                }
                Operation::Acquire if self.guard.is_none() => {
                    let acquire = self.acquire.get_or_insert_with(|| self.world.lock.acquire());
                    self.guard = Some(yield_from!(acquire, sent)?);
                    self.acquire = None;
                }
                Operation::Acquire => {}
                Operation::Release => self.guard = None,
            }
            self.at += 1;
        }
        Ok(Step::Return(()))
    }

    fn state(&self) -> State<'_> {
        State::new("Worker", self)
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits = (self.pause.is_some(), self.acquire.is_some(), self.guard.is_some());
        write!(f, "At({}, {}, {waits:?})", self.at, self.read)
    }
}

/// Runs a program of such tasks, and returns the numbers that it can end with.
fn explored(
    tasks: &[Vec<Operation>],
    skips: bool,
    preemptions: u32,
    faults: bool,
) -> (Explored, BTreeSet<([i32; 2], u64)>) {
    let outcomes = Rc::new(RefCell::new(BTreeSet::new()));
    let ends = Rc::clone(&outcomes);
    let program = move |sim: &Sim| {
        if faults {
            sim.faults().every_suspension(Cancel | Throw);
        }
        let world = World::default();
        for operations in tasks {
            let operations = operations.clone();
            let world = world.clone();
            let worker = Worker { world, operations, at: 0, read: 0, pause: None, acquire: None, guard: None };
            sim.create_task(worker)?;
        }
        let (numbers, lock) = (Rc::clone(&world.numbers), world.lock.clone());
        sim.state(move || (*numbers.borrow(), lock.locked()));
        let (ends, event_loop) = (Rc::clone(&ends), LoopHandle::clone(sim));
        sim.finally(move || {
            ends.borrow_mut().insert((*world.numbers.borrow(), event_loop.time().since_zero().as_secs()));
        });
        Ok(())
    };
    let exploration = explore(program).preemptions(preemptions).schedules(1_000_000);
    let explored = if skips { exploration.skip_seen_states().run() } else { exploration.run() };
    assert!(explored.is_complete());
    (explored, outcomes.take())
}

/// A generator of pseudo-random numbers.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn operation(&mut self) -> Operation {
        match self.below(6) {
            0 => Operation::Read(self.below(2) as usize),
            1 => Operation::Write(self.below(2) as usize, self.below(3) as i32 - 1),
            2 | 3 => Operation::Sleep(self.below(3)),
            4 => Operation::Acquire,
            _ => Operation::Release,
        }
    }

    fn program(&mut self) -> Vec<Vec<Operation>> {
        let tasks = 2 + self.below(2);
        (0..tasks).map(|_| (0..1 + self.below(5)).map(|_| self.operation()).collect()).collect()
    }
}

#[test]
fn programs_end_in_the_same_ways_with_and_without_skipping() {
    let mut numbers = Numbers(1);
    let (mut all, mut fewer) = (0, 0);
    for round in 0..150 {
        let tasks = numbers.program();
        let preemptions = if round % 4 == 3 { 1 + numbers.below(2) as u32 } else { u32::MAX };
        let faults = round % 5 == 4;
        let (without, outcomes) = explored(&tasks, false, preemptions, faults);
        let (with, same) = explored(&tasks, true, preemptions, faults);
        assert_eq!(outcomes, same, "{tasks:?}, preemptions {preemptions}, faults {faults}");
        assert!(with.schedules <= without.schedules && with.states > 0);
        all += without.schedules;
        fewer += with.schedules;
    }
    assert!(fewer * 2 < all, "{fewer} of {all}");
}

#[test]
fn schedules_that_lead_to_known_states_have_no_successors() {
    let turns = |tasks, turns| vec![[Operation::Sleep(0)].repeat(turns); tasks];
    let counts = [(2, 3), (2, 8), (3, 2), (3, 4), (4, 2)].map(|(tasks, times)| {
        let tasks = turns(tasks, times);
        let (without, with) = (explored(&tasks, false, u32::MAX, false).0, explored(&tasks, true, u32::MAX, false).0);
        (without.schedules, with.schedules)
    });
    assert_eq!(counts, [(16, 5), (512, 10), (216, 16), (7776, 26), (13_824, 52)]);
}

#[test]
fn tasks_that_stand_in_line_for_a_lock_in_another_order_are_another_state() {
    let round = vec![Operation::Acquire, Operation::Read(0), Operation::Sleep(0), Operation::Write(0, 1)];
    let tasks = vec![round; 4];
    let (without, with) = (explored(&tasks, false, u32::MAX, false).0, explored(&tasks, true, u32::MAX, false).0);
    assert_eq!((without.schedules, with.schedules), (24, 24));
}

/// Takes a number when it first runs, and returns it later. Shows nothing.
struct Secret {
    shared: Rc<Cell<usize>>,
    own: Option<usize>,
    pause: Sleep,
}

impl Coroutine for Secret {
    type Yield = Await;
    type Input = ();
    type Return = usize;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let own = *self.own.get_or_insert_with(|| {
            self.shared.set(self.shared.get() + 1);
            self.shared.get()
        });
        yield_from!(self.pause, sent)?;
        Ok(Step::Return(own))
    }
}

/// Runs `program`, which may hide something of its state, up to a time at which something is chosen, and to its end. Returns
/// what it has written, with what was chosen.
fn with_a_late_choice(
    skips: bool,
    program: impl Fn(&Sim, &Rc<RefCell<Vec<usize>>>) -> Result<(), Exception>,
) -> BTreeSet<(Vec<usize>, usize)> {
    let mut outcomes = BTreeSet::new();
    let exploration = explore(|sim| {
        let written = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&written);
        sim.state(move || seen.borrow().clone());
        program(sim, &written)?;
        sim.run(sleep(Duration::from_secs(1)))?;
        let chosen = sim.choose(2);
        sim.run(sleep(Duration::from_secs(9)))?;
        outcomes.insert((written.take(), chosen));
        Ok(())
    });
    let explored = if skips { exploration.skip_seen_states().run() } else { exploration.run() };
    assert!(explored.is_complete());
    outcomes
}

fn assert_all_are_found(
    program: impl Fn(&Sim, &Rc<RefCell<Vec<usize>>>) -> Result<(), Exception>,
    written: [&[usize]; 2],
) {
    let all = written.map(|written| [(written.to_vec(), 0), (written.to_vec(), 1)]);
    let all: BTreeSet<_> = all.into_iter().flatten().collect();
    assert_eq!(with_a_late_choice(false, &program), all);
    assert_eq!(with_a_late_choice(true, &program), all);
}

#[test]
fn a_machine_that_shows_no_state_is_told_apart_by_its_history() {
    let program = |sim: &Sim, written: &Rc<RefCell<Vec<usize>>>| {
        let shared = Rc::new(Cell::new(0));
        for weight in [1, 10] {
            let (shared, written) = (Rc::clone(&shared), Rc::clone(written));
            let pause = sleep(Duration::from_secs(weight as u64 % 2 + 2));
            sim.create_task(
                Secret { shared, own: None, pause }.map(move |own| written.borrow_mut().push(own * weight)),
            )?;
        }
        Ok(())
    };
    assert_all_are_found(program, [&[20, 1], &[10, 2]]);
}

#[test]
fn callbacks_are_told_apart_by_their_history() {
    let program = |sim: &Sim, written: &Rc<RefCell<Vec<usize>>>| {
        let shared = Rc::new(Cell::new(0));
        for weight in [1, 10] {
            let (event_loop, shared, written) = (LoopHandle::clone(sim), Rc::clone(&shared), Rc::clone(written));
            sim.call_soon(move || {
                shared.set(shared.get() + 1);
                let own = shared.get() * weight;
                let delay = Duration::from_secs(weight as u64 % 2 + 2);
                event_loop.call_later(delay, move || written.borrow_mut().push(own)).map(drop)
            })?;
        }
        Ok(())
    };
    assert_all_are_found(program, [&[20, 1], &[10, 2]]);
}

#[test]
fn the_order_of_a_line_is_part_of_the_state() {
    let program = |sim: &Sim, written: &Rc<RefCell<Vec<usize>>>| {
        let lock = Lock::new();
        let holder = lock.try_acquire();
        sim.call_later(Duration::from_secs(2), move || drop(holder))?;
        for number in [1, 2] {
            let written = Rc::clone(written);
            sim.create_task(lock.acquire().map(move |_guard| written.borrow_mut().push(number)))?;
        }
        Ok(())
    };
    assert_all_are_found(program, [&[1, 2], &[2, 1]]);
}
