//! Locks and queues: what each costs when nobody waits, and what a wake-up costs from one task to another.
//!
//! ```sh
//! cargo bench --bench sync
//! ```
//!
//! Allocations are counted beside the times, for everything that a sample does.

use std::hint::black_box;

use divan::{AllocProfiler, Bencher};
use innermost::queue::Queue;
use innermost::sync::{Event, Lock, Semaphore};
use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step, yield_from};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// How many round trips, or waiters, a sample has.
const MANY: usize = 10_000;

/// What `coroutine` returns without having waited.
fn at_once<C: Coroutine<Input = ()>>(mut coroutine: C) -> C::Return {
    match coroutine.resume(Ok(())) {
        Ok(Step::Return(returned)) => returned,
        _ => unreachable!("nobody is in its way"),
    }
}

#[divan::bench]
fn lock(bencher: Bencher<'_, '_>) {
    let lock = Lock::new();
    bencher.bench_local(|| drop(at_once(black_box(&lock).acquire())));
}

#[divan::bench]
fn lock_try(bencher: Bencher<'_, '_>) {
    let lock = Lock::new();
    bencher.bench_local(|| drop(black_box(&lock).try_acquire()));
}

#[divan::bench]
fn semaphore(bencher: Bencher<'_, '_>) {
    let semaphore = Semaphore::new(1);
    bencher.bench_local(|| drop(at_once(black_box(&semaphore).acquire())));
}

#[divan::bench]
fn put_and_get(bencher: Bencher<'_, '_>) {
    let queue = Queue::new();
    bencher.bench_local(|| {
        at_once(queue.put(black_box(1_u64)));
        at_once(queue.get())
    });
}

/// Tasks that wait for a lock which another holds, one after the other.
#[divan::bench]
fn contended_lock(bencher: Bencher<'_, '_>) {
    bencher.counter(MANY).with_inputs(|| (EventLoop::new().expect("a loop"), Lock::new())).bench_local_values(
        |(event_loop, lock)| {
            for _ in 0..MANY {
                event_loop.create_task(lock.hold(NextTurn(false))).expect("the loop is open");
            }
            while event_loop.next_deadline().is_some() {
                event_loop.run_once().expect("a turn");
            }
            event_loop
        },
    );
}

#[divan::bench]
fn event_wakes(bencher: Bencher<'_, '_>) {
    let with_waiters = || {
        let (event_loop, event) = (EventLoop::new().expect("a loop"), Event::new());
        for _ in 0..MANY {
            event_loop.create_task(event.wait()).expect("the loop is open");
        }
        event_loop.run_once().expect("a turn");
        (event_loop, event)
    };
    bencher.counter(MANY).with_inputs(with_waiters).bench_local_values(|(event_loop, event)| {
        event.set();
        event_loop.run_once().expect("a turn");
        event_loop
    });
}

/// Two tasks that send an item to and fro: two waits and two wake-ups a trip.
#[divan::bench]
fn queue_round_trip(bencher: Bencher<'_, '_>) {
    bencher.counter(MANY).with_inputs(|| EventLoop::new().expect("a loop")).bench_local_values(|event_loop| {
        let (there, back) = (Queue::new(), Queue::new());
        there.put_nowait(0).expect("it has no bounds");
        let echo = Echo { from: there.clone(), to: back.clone(), left: MANY, get: there.get() };
        event_loop.create_task(echo).expect("the loop is open");
        let echo = Echo { from: back.clone(), to: there.clone(), left: MANY, get: back.get() };
        event_loop.run_until_complete(echo).expect("it ends");
        event_loop
    });
}

/// Gets an item from one queue and puts it in the other, again and again.
struct Echo {
    from: Queue<u64>,
    to: Queue<u64>,
    left: usize,
    get: innermost::queue::Get<u64>,
}

impl Coroutine for Echo {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        while self.left > 0 {
            let item = yield_from!(self.get, sent)?;
            self.to.put_nowait(item)?;
            self.left -= 1;
            self.get = self.from.get();
        }
        Ok(Step::Return(()))
    }
}

struct NextTurn(bool);

impl Coroutine for NextTurn {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if std::mem::replace(&mut self.0, true) {
            return Ok(Step::Return(()));
        }
        Ok(Step::Yield(Await::NextTurn))
    }
}
