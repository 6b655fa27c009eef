//! The bounds, written by hand for these programs alone: boxed closures in a queue, a slot and a queue entry for a future, and
//! a binary heap or a hashed wheel for timers. There is no cancellation of running work, and there are no results and no
//! exceptions.
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::{Chance, Histogram, or, resident_bytes, start, ticks, ticks_per_nanosecond};

mod wheel;

const PEER: &str = "bound: closures";
const HEAP: &str = "bound: heap";
const WHEEL: &str = "bound: wheel";

/// Returns true to run again.
type Closure = Box<dyn FnMut() -> bool>;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    COUNT.set(COUNT.get() + 1);
}

fn main() {
    let (bench, n) = common::bench_arguments();
    match bench.as_str() {
        "spawn_one" => spawn(&bench, or(n, 1_000_000), 1),
        "spawn_batch" => spawn(&bench, or(n, 1_000_000), 1000),
        "yield_one" => yields(&bench, or(n, 5_000_000), 1),
        "yield_thousand" => yields(&bench, or(n, 5_000_000), 1000),
        "call_soon" => call_soon(&bench, or(n, 1_000_000)),
        "handover" => handover(&bench, or(n, 1_000_000)),
        "future" => future(&bench, or(n, 1_000_000)),
        "timers" if std::env::args().nth(3).as_deref() == Some("wheel") => wheel::timers(or(n, 1_000_000)),
        "timers" => heap_timers(or(n, 1_000_000)),
        "timer_fire" => fired(&bench, or(n, 1_000_000)),
        "sleep" => sleepers(&bench, or(n, 1_000_000)),
        "parked" => parked(&bench, or(n, 1_000_000), false),
        "parked_future" => parked(&bench, or(n, 1_000_000), true),
        other => panic!("there is no {other}"),
    }
}

fn run(queue: &mut VecDeque<Closure>) {
    while let Some(mut closure) = queue.pop_front() {
        if closure() {
            queue.push_back(closure);
        }
    }
}

fn spawn(bench: &str, n: u64, at_once: u64) {
    let mut queue: VecDeque<Closure> = VecDeque::with_capacity(1024);
    let mut flags: Vec<Rc<Cell<bool>>> = Vec::with_capacity(1024);
    let timer = start();
    for _ in 0..n / at_once {
        for _ in 0..at_once {
            let flag = Rc::new(Cell::new(false));
            flags.push(Rc::clone(&flag));
            queue.push_back(Box::new(move || {
                count();
                flag.set(true);
                false
            }));
        }
        run(&mut queue);
        assert!(flags.drain(..).all(|flag| flag.get()), "all have run");
    }
    timer.done(PEER, bench, n);
}

fn yields(bench: &str, n: u64, among: u64) {
    let mut queue: VecDeque<Closure> = VecDeque::new();
    let timer = start();
    for _ in 0..among {
        let mut left = n / among;
        queue.push_back(Box::new(move || {
            left -= 1;
            black_box(left) > 0
        }));
    }
    run(&mut queue);
    timer.done(PEER, bench, n);
}

fn call_soon(bench: &str, n: u64) {
    let mut queue: VecDeque<Box<dyn FnOnce()>> = VecDeque::new();
    let timer = start();
    for _ in 0..n / 1000 {
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
    timer.done(PEER, bench, n / 1000 * 1000);
}

/// The numbers of the closures to run next.
type Ready = Rc<RefCell<VecDeque<usize>>>;

fn run_numbered(ready: &Ready, closures: &mut [Closure]) {
    loop {
        let next = ready.borrow_mut().pop_front();
        let Some(next) = next else { break };
        if !closures[next]() {
            break;
        }
    }
}

/// Two closures. Each takes an item from its queue, puts it into the other's queue, and queues the other closure.
fn handover(bench: &str, n: u64) {
    type Items = Rc<RefCell<VecDeque<u64>>>;
    let ready: Ready = Rc::new(RefCell::new(VecDeque::from([0])));
    let (there, back): (Items, Items) = (Rc::new(RefCell::new(VecDeque::from([0]))), Rc::default());
    let hand_on = |from: &Items, to: &Items, other: usize| -> Closure {
        let (from, to, ready) = (Rc::clone(from), Rc::clone(to), Rc::clone(&ready));
        let mut left = n;
        Box::new(move || {
            let item = from.borrow_mut().pop_front().expect("it is run when there is one");
            to.borrow_mut().push_back(item + 1);
            left -= 1;
            ready.borrow_mut().push_back(other);
            left > 0 || other == 1
        })
    };
    let mut closures = [hand_on(&there, &back, 1), hand_on(&back, &there, 0)];
    let timer = start();
    run_numbered(&ready, &mut closures);
    timer.done(PEER, bench, n);
    assert_eq!(there.borrow_mut().pop_front(), Some(2 * n));
}

/// Whether the slot is set, and the closure to run then.
type Slot = Rc<(Cell<bool>, Cell<Option<usize>>)>;

const WAITER: usize = 0;
const SETTER: usize = 1;

fn future(bench: &str, n: u64) {
    let rate = ticks_per_nanosecond();
    let ready: Ready = Rc::new(RefCell::new(VecDeque::from([WAITER, SETTER])));
    let current: Rc<RefCell<Option<Slot>>> = Rc::default();
    let wakes = Rc::new(RefCell::new(Histogram::default()));
    let set_at = Rc::new(Cell::new(0));
    let mut closures = [waiter(n, &current, &wakes, &set_at), setter(&current, &ready, &set_at)];
    let timer = start();
    run_numbered(&ready, &mut closures);
    let (p50, p99) = (wakes.borrow().quantile(0.5) / rate, wakes.borrow().quantile(0.99) / rate);
    timer.done_with(PEER, bench, n, &format!("\"wake_p50_ns\":{p50:.1},\"wake_p99_ns\":{p99:.1}"));
}

fn waiter(
    n: u64,
    current: &Rc<RefCell<Option<Slot>>>,
    wakes: &Rc<RefCell<Histogram>>,
    set_at: &Rc<Cell<u64>>,
) -> Closure {
    let (current, wakes, set_at) = (Rc::clone(current), Rc::clone(wakes), Rc::clone(set_at));
    let (mut left, mut mine) = (n, None::<Slot>);
    Box::new(move || {
        if let Some(slot) = mine.take() {
            assert!(slot.0.get(), "it is set");
            wakes.borrow_mut().add(ticks() - set_at.get());
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

fn setter(current: &Rc<RefCell<Option<Slot>>>, ready: &Ready, set_at: &Rc<Cell<u64>>) -> Closure {
    let (current, ready, set_at) = (Rc::clone(current), Rc::clone(ready), Rc::clone(set_at));
    Box::new(move || {
        if let Some(slot) = current.take() {
            set_at.set(ticks());
            slot.0.set(true);
            if let Some(waiter) = slot.1.take() {
                ready.borrow_mut().push_back(waiter);
            }
        }
        ready.borrow_mut().push_back(SETTER);
        true
    })
}

/// A cancelled entry stays in the heap until the heap is swept.
fn heap_timers(n: u64) {
    let mut chance = Chance::default();
    let mut heap = BinaryHeap::with_capacity(n as usize);
    let mut closures: Vec<Option<Box<dyn FnOnce()>>> = Vec::with_capacity(n as usize);
    let timer = start();
    for number in 0..n {
        heap.push(Reverse((10_000_000_000 + chance.next() % 1_000_000_000, closures.len() as u32)));
        closures.push(Some(Box::new(move || {
            black_box(number);
            count();
        })));
    }
    timer.done(HEAP, "timer_set", n);
    let timer = start();
    closures.iter_mut().for_each(|closure| drop(closure.take()));
    heap.retain(|Reverse((_, index))| closures[*index as usize].is_some());
    timer.done(HEAP, "timer_cancel", n);
}

/// Takes due entries out of the heap and runs them. Sleeps until the next deadline when none are due.
fn run_until_empty<T: Ord>(
    heap: &mut BinaryHeap<Reverse<(Duration, T)>>,
    since: Instant,
    mut fire: impl FnMut(Duration, T),
) {
    while let Some(Reverse((first, _))) = heap.peek() {
        let now = since.elapsed();
        if *first > now {
            std::thread::sleep(*first - now);
        }
        while heap.peek().is_some_and(|Reverse((deadline, _))| *deadline <= now) {
            let Some(Reverse((deadline, what))) = heap.pop() else { break };
            fire(deadline, what);
        }
    }
}

fn fired(bench: &str, n: u64) {
    let mut chance = Chance::default();
    let mut heap = BinaryHeap::with_capacity(n as usize);
    let mut closures: Vec<Option<Box<dyn FnOnce()>>> = Vec::with_capacity(n as usize);
    let since = Instant::now();
    let timer = start();
    for number in 0..n {
        let deadline = since.elapsed() + Duration::from_nanos(chance.next() % 1_000_000_000);
        heap.push(Reverse((deadline, closures.len() as u32)));
        closures.push(Some(Box::new(move || {
            black_box(number);
            count();
        })));
    }
    run_until_empty(&mut heap, since, |_, index| closures[index as usize].take().expect("it is run once")());
    timer.done(HEAP, bench, n);
    assert_eq!(COUNT.get(), n);
}

fn sleepers(bench: &str, n: u64) {
    let mut chance = Chance::default();
    let mut heap = BinaryHeap::with_capacity(n as usize);
    let mut closures: Vec<Closure> = Vec::with_capacity(n as usize);
    let (mut sum, mut most) = (Duration::ZERO, Duration::ZERO);
    let since = Instant::now();
    let timer = start();
    for index in 0..n as u32 {
        let deadline = since.elapsed() + Duration::from_nanos(chance.next() % 1_000_000_000);
        closures.push(Box::new(move || black_box(deadline).is_zero()));
        heap.push(Reverse((deadline, index)));
    }
    run_until_empty(&mut heap, since, |deadline, index| {
        let late = since.elapsed() - deadline;
        (sum, most) = (sum + late, most.max(late));
        closures[index as usize]();
    });
    let micros = |time: Duration| time.as_nanos() as f64 / 1e3;
    let late = format!("\"late_us\":{:.1},\"latest_us\":{:.1}", micros(sum) / n as f64, micros(most));
    timer.done_with(HEAP, bench, n, &late);
}

fn parked(bench: &str, n: u64, on_slots: bool) {
    let mut closures: Vec<Closure> = Vec::with_capacity(n as usize);
    let mut slots: Vec<Slot> = Vec::with_capacity(n as usize);
    let mut ready = VecDeque::with_capacity(n as usize);
    let before = resident_bytes();
    let timer = start();
    for number in 0..n {
        if on_slots {
            let slot = Rc::new((Cell::new(false), Cell::new(Some(number as usize))));
            slots.push(Rc::clone(&slot));
            closures.push(Box::new(move || black_box(slot.0.get())));
        } else {
            closures.push(Box::new(move || black_box(number) == 0));
        }
    }
    let bytes = (resident_bytes() - before) as f64 / n as f64;
    timer.done_with(PEER, bench, n, &format!("\"bytes\":{bytes:.1}"));
    if !on_slots {
        return;
    }
    let timer = start();
    for slot in slots {
        slot.0.set(true);
        ready.extend(slot.1.take());
    }
    assert!(ready.into_iter().all(|waiter| closures[waiter]()), "all are set");
    timer.done(PEER, "wake_all", n);
}
