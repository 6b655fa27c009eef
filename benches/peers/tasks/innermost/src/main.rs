//! innermost: the workload of tasks, written as machines.
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use common::{Chance, Histogram, or, resident_bytes, start, ticks, ticks_per_nanosecond};
use innermost::queue::{Get, Queue};
use innermost::{
    Await, Awaitable, Coroutine, EventLoop, Exception, Future, LoopHandle, Resumed, Sleep, Step, Task, sleep,
    to_thread, yield_from,
};

mod machines;
use self::machines::{Echo, InOrder, Late, Once, Parked, Setter, Slot, SpawnAndJoin, Waiter, Yields, count, counted};

const PEER: &str = "innermost";

fn main() {
    let (bench, n) = common::bench_arguments();
    let event_loop = EventLoop::new().expect("there is a descriptor for it");
    match bench.as_str() {
        "spawn_one" => spawn(&event_loop, &bench, or(n, 1_000_000), 1),
        "spawn_batch" => spawn(&event_loop, &bench, or(n, 1_000_000), 1000),
        "yield_one" => yields(&event_loop, &bench, or(n, 5_000_000), 1),
        "yield_thousand" => yields(&event_loop, &bench, or(n, 5_000_000), 1000),
        "call_soon" => call_soon(&event_loop, &bench, or(n, 1_000_000)),
        "handover" => handover(&event_loop, &bench, or(n, 1_000_000)),
        "future" => future(&event_loop, &bench, or(n, 1_000_000)),
        "timers" => timers(&event_loop, or(n, 1_000_000)),
        "timer_fire" => fired(&event_loop, &bench, or(n, 1_000_000)),
        "sleep" => sleepers(&event_loop, &bench, or(n, 1_000_000)),
        "parked" => parked(&event_loop, &bench, or(n, 1_000_000)),
        "parked_future" => parked_on_futures(&event_loop, &bench, or(n, 1_000_000)),
        other => panic!("there is no {other}"),
    }
}

fn complete(event_loop: &LoopHandle, coroutine: impl Awaitable<Return = ()> + 'static) {
    event_loop.run_until_complete(coroutine).expect("nothing raises here");
}

fn make<C: Awaitable<Return = ()> + 'static>(event_loop: &LoopHandle, coroutine: C) -> Task<()> {
    event_loop.create_task(coroutine).expect("the loop is open")
}

fn spawn(event_loop: &LoopHandle, bench: &str, n: u64, at_once: u64) {
    let tasks = SpawnAndJoin::new(event_loop, || Once, n / at_once * at_once, at_once);
    let timer = start();
    complete(event_loop, tasks);
    timer.done(PEER, bench, n);
    assert_eq!(counted(), n / at_once * at_once);
}

fn yields(event_loop: &LoopHandle, bench: &str, n: u64, among: u64) {
    let tasks = SpawnAndJoin::new(event_loop, move || Yields(n / among), among, among);
    let timer = start();
    complete(event_loop, tasks);
    timer.done(PEER, bench, n / among * among);
}

fn call_soon(event_loop: &LoopHandle, bench: &str, n: u64) {
    let timer = start();
    for _ in 0..n / 1000 {
        for _ in 0..1000 {
            event_loop.call_soon(count).expect("the loop is open");
        }
        complete(event_loop, Yields(1));
    }
    timer.done(PEER, bench, n / 1000 * 1000);
    assert_eq!(counted(), n / 1000 * 1000);
}

fn handover(event_loop: &LoopHandle, bench: &str, n: u64) {
    let (there, back) = (Queue::new(), Queue::new());
    there.put_nowait(0).expect("it has no bounds");
    let timer = start();
    let echo = make(event_loop, Echo::new(&there, &back, n));
    complete(event_loop, Echo::new(&back, &there, n));
    complete(event_loop, echo);
    timer.done(PEER, bench, n);
    assert_eq!(there.get_nowait().ok(), Some(2 * n), "each has added one each time");
}

fn future(event_loop: &LoopHandle, bench: &str, n: u64) {
    let rate = ticks_per_nanosecond();
    let slot = Rc::new(Slot::default());
    let timer = start();
    let waiter = make(event_loop, Waiter::new(event_loop, &slot, n));
    let setter = make(event_loop, Setter(Rc::clone(&slot)));
    complete(event_loop, InOrder(vec![setter, waiter]));
    let wakes = slot.wakes.borrow();
    let (p50, p99) = (wakes.quantile(0.5) / rate, wakes.quantile(0.99) / rate);
    timer.done_with(PEER, bench, n, &format!("\"wake_p50_ns\":{p50:.1},\"wake_p99_ns\":{p99:.1}"));
}

fn timers(event_loop: &LoopHandle, n: u64) {
    let mut chance = Chance::default();
    let mut handles = Vec::with_capacity(n as usize);
    let timer = start();
    for _ in 0..n {
        let delay = Duration::from_nanos(10_000_000_000 + chance.next() % 1_000_000_000);
        handles.push(event_loop.call_later(delay, count).expect("the loop is open"));
    }
    timer.done(PEER, "timer_set", n);
    let timer = start();
    handles.into_iter().for_each(|handle| handle.cancel());
    // The loop releases the cancelled timers when it is idle, so make it wait for a thread.
    complete(event_loop, to_thread(|| Ok(())));
    timer.done(PEER, "timer_cancel", n);
    assert_eq!(counted(), 0);
}

fn fired(event_loop: &LoopHandle, bench: &str, n: u64) {
    let mut chance = Chance::default();
    let over = event_loop.create_future();
    let timer = start();
    for _ in 0..n {
        let over = over.clone();
        let fire = move || {
            count();
            if counted() == n {
                over.set_result(()).expect("nobody else sets it");
            }
        };
        let delay = Duration::from_nanos(chance.next() % 1_000_000_000);
        event_loop.call_later(delay, fire).expect("the loop is open");
    }
    complete(event_loop, over);
    timer.done(PEER, bench, n);
}

fn sleepers(event_loop: &LoopHandle, bench: &str, n: u64) {
    let mut chance = Chance::default();
    let lateness = Rc::new(Cell::new((0, 0)));
    let of_each = Rc::clone(&lateness);
    let make = move || Late::new(Duration::from_nanos(chance.next() % 1_000_000_000), &of_each);
    let tasks = SpawnAndJoin::new(event_loop, make, n, n);
    let timer = start();
    complete(event_loop, tasks);
    let (sum, most) = lateness.get();
    let late = format!("\"late_us\":{:.1},\"latest_us\":{:.1}", sum as f64 / n as f64 / 1e3, most as f64 / 1e3);
    timer.done_with(PEER, bench, n, &late);
    assert_eq!(counted(), n);
}

fn parked(event_loop: &LoopHandle, bench: &str, n: u64) {
    let mut tasks = Vec::with_capacity(n as usize);
    let before = resident_bytes();
    let timer = start();
    // All tasks wait for one future, which is never set.
    let never: Future<()> = event_loop.create_future();
    for _ in 0..n {
        tasks.push(make(event_loop, Parked(never.clone())));
    }
    complete(event_loop, Yields(2));
    assert_eq!(counted(), n);
    let bytes = (resident_bytes() - before) as f64 / n as f64;
    timer.done_with(PEER, bench, n, &format!("\"bytes\":{bytes:.1}"));
    std::process::exit(0);
}

fn parked_on_futures(event_loop: &LoopHandle, bench: &str, n: u64) {
    let (mut tasks, mut futures) = (Vec::with_capacity(n as usize), Vec::with_capacity(n as usize));
    let before = resident_bytes();
    let timer = start();
    for _ in 0..n {
        let future = event_loop.create_future();
        futures.push(future.clone());
        tasks.push(make(event_loop, Parked(future)));
    }
    complete(event_loop, Yields(2));
    assert_eq!(counted(), n);
    let bytes = (resident_bytes() - before) as f64 / n as f64;
    timer.done_with(PEER, bench, n, &format!("\"bytes\":{bytes:.1}"));
    let timer = start();
    for future in futures {
        future.set_result(()).expect("nobody else sets it");
    }
    complete(event_loop, InOrder(tasks));
    timer.done(PEER, "wake_all", n);
    assert_eq!(counted(), 2 * n);
}
