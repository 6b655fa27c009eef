//! The bound of each line: code written by hand for that line alone.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::black_box;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use super::harness::{Batch, Chance, Stamps, count, timed};
use super::{Figure, Half};

/// Returns true to be queued again.
type Closure = Box<dyn FnMut() -> bool>;

fn run(queue: &mut VecDeque<Closure>) {
    while let Some(mut closure) = queue.pop_front() {
        if closure() {
            queue.push_back(closure);
        }
    }
}

pub(crate) fn spawn(items: u64, at_once: u64) -> Batch {
    let mut queue: VecDeque<Closure> = VecDeque::new();
    let mut flags: VecDeque<Rc<Cell<bool>>> = VecDeque::new();
    Box::new(move || {
        timed(items, items, || {
            for _ in 0..items / at_once {
                for _ in 0..at_once {
                    let flag = Rc::new(Cell::new(false));
                    flags.push_back(Rc::clone(&flag));
                    queue.push_back(Box::new(move || {
                        count();
                        flag.set(true);
                        false
                    }));
                }
                run(&mut queue);
                assert!(flags.drain(..).all(|flag| flag.get()), "all have run");
            }
        })
    })
}

pub(crate) fn yield_among(items: u64, closures: u64) -> Batch {
    let mut queue: VecDeque<Closure> = VecDeque::new();
    Box::new(move || {
        timed(items, 0, || {
            for _ in 0..closures {
                let mut left = items / closures;
                queue.push_back(Box::new(move || {
                    left -= 1;
                    black_box(left) > 0
                }));
            }
            run(&mut queue);
        })
    })
}

pub(crate) fn call_soon(items: u64) -> Batch {
    let mut queue: VecDeque<Box<dyn FnOnce()>> = VecDeque::new();
    Box::new(move || {
        timed(items, items, || {
            for _ in 0..items / 1000 {
                for number in 0..1000_u64 {
                    queue.push_back(Box::new(move || {
                        black_box(number);
                        count();
                    }));
                }
                while let Some(closure) = queue.pop_front() {
                    closure();
                }
            }
        })
    })
}

/// Whether the slot is set, and the closure to queue then.
type Slot = Rc<(Cell<bool>, Cell<Option<usize>>)>;

const WAITER: usize = 0;
const SETTER: usize = 1;

/// The waiter makes a slot and waits. The setter sets it, and is queued again.
pub(crate) fn slots(items: u64, figure: Figure) -> Batch {
    Box::new(move || {
        let stamps = Rc::new(Stamps::new(items));
        let ready = Rc::new(RefCell::new(VecDeque::from([WAITER, SETTER])));
        let current: Rc<RefCell<Option<Slot>>> = Rc::default();
        let mut closures = [waiter(items, &current, &stamps), setter(&current, &stamps, &ready)];
        let mean = timed(items, 0, || {
            loop {
                let next = ready.borrow_mut().pop_front();
                let Some(next) = next else { break };
                if !closures[next]() {
                    break;
                }
            }
        });
        if figure == Figure::Mean { mean } else { stamps.median() }
    })
}

fn waiter(items: u64, current: &Rc<RefCell<Option<Slot>>>, stamps: &Rc<Stamps>) -> Closure {
    let (current, stamps) = (Rc::clone(current), Rc::clone(stamps));
    let mut left = items;
    let mut mine: Option<Slot> = None;
    Box::new(move || {
        if let Some(slot) = mine.take() {
            assert!(slot.0.get(), "it is set");
            stamps.stop();
            left -= 1;
            if left == 0 {
                return false;
            }
        }
        let slot = Rc::new((Cell::new(false), Cell::new(Some(WAITER))));
        mine = Some(Rc::clone(&slot));
        current.replace(Some(slot));
        true
    })
}

fn setter(current: &Rc<RefCell<Option<Slot>>>, stamps: &Rc<Stamps>, ready: &Rc<RefCell<VecDeque<usize>>>) -> Closure {
    let (current, stamps, ready) = (Rc::clone(current), Rc::clone(stamps), Rc::clone(ready));
    Box::new(move || {
        if let Some(slot) = current.take() {
            stamps.start();
            slot.0.set(true);
            if let Some(waiter) = slot.1.take() {
                ready.borrow_mut().push_back(waiter);
            }
        }
        ready.borrow_mut().push_back(SETTER);
        true
    })
}

/// Two closures. Each takes an item from its queue, puts it into the other's queue, and queues the other closure.
pub(crate) fn queues(items: u64) -> Batch {
    Box::new(move || {
        let ready = Rc::new(RefCell::new(VecDeque::from([0_usize])));
        let (there, back) = (Rc::new(RefCell::new(VecDeque::from([0_u64]))), Rc::default());
        let hand_on = |from: &Rc<RefCell<VecDeque<u64>>>, to: &Rc<RefCell<VecDeque<u64>>>, other: usize| -> Closure {
            let (from, to, ready) = (Rc::clone(from), Rc::clone(to), Rc::clone(&ready));
            let mut left = items;
            Box::new(move || {
                let Some(item) = from.borrow_mut().pop_front() else { return false };
                to.borrow_mut().push_back(item);
                left -= 1;
                ready.borrow_mut().push_back(other);
                black_box(left) > 0
            })
        };
        let mut closures = [hand_on(&there, &back, 1), hand_on(&back, &there, 0)];
        timed(items, 0, || {
            loop {
                let next = ready.borrow_mut().pop_front();
                let Some(next) = next else { break };
                if !closures[next]() && next == 1 {
                    break;
                }
            }
        })
    })
}

/// Deadlines, each with the index of its closure.
type Heap = BinaryHeap<Reverse<(Duration, u32)>>;

/// A cancelled entry stays in the heap until the heap has doubled. Closures stay in their vector, so a batch does not reuse
/// their indices.
pub(crate) fn timers(items: u64, half: Half) -> Batch {
    let mut chance = Chance::new();
    let mut heap = Heap::new();
    let mut closures: Vec<Option<Box<dyn FnOnce()>>> = Vec::with_capacity(items as usize);
    Box::new(move || {
        closures.clear();
        let mut rebuild_at = 128;
        let set = timed(items, 0, || {
            for number in 0..items {
                if heap.len() >= rebuild_at {
                    heap.retain(|Reverse((_, index))| matches!(closures.get(*index as usize), Some(Some(_))));
                    rebuild_at = 128.max(heap.len() * 2);
                }
                let delay = Duration::from_secs(10) + chance.below(Duration::from_secs(1));
                heap.push(Reverse((delay, closures.len() as u32)));
                closures.push(Some(Box::new(move || {
                    black_box(number);
                    count();
                })));
            }
        });
        let cancel = timed(items, 0, || closures.iter_mut().for_each(|closure| drop(closure.take())));
        if half == Half::Set { set } else { cancel }
    })
}

pub(crate) fn sleepers(items: u64, milliseconds: u64) -> Batch {
    Box::new(move || {
        let mut chance = Chance::new();
        let mut heap = Heap::with_capacity(items as usize);
        let mut closures: Vec<Closure> = Vec::with_capacity(items as usize);
        let start = Instant::now();
        timed(items, 0, || {
            for index in 0..items as u32 {
                let deadline = start.elapsed() + chance.below(Duration::from_millis(milliseconds));
                closures.push(Box::new(move || black_box(deadline).is_zero()));
                heap.push(Reverse((deadline, index)));
            }
            while let Some(Reverse((first, _))) = heap.peek() {
                let now = start.elapsed();
                if *first > now {
                    thread::sleep(*first - now);
                    continue;
                }
                while let Some(Reverse((_, index))) = heap.peek().filter(|Reverse((deadline, _))| *deadline <= now) {
                    closures[*index as usize]();
                    heap.pop();
                }
            }
        })
    })
}
