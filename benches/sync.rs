//! The cost of locks, semaphores, events and queues, without waiting and with many waiters. `tasks.rs` measures two tasks
//! that pass an item to each other through queues.
//!
//! ```sh
//! cargo bench --bench sync
//! ```
//!
//! Allocations are counted too, for everything that a sample does.

use std::hint::black_box;

use divan::{AllocProfiler, Bencher};
use innermost::queue::Queue;
use innermost::sync::{Event, Lock, Semaphore};
use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// The number of waiters in a sample.
const MANY: usize = 10_000;

/// The result of a coroutine that does not wait.
fn at_once<C: Coroutine<Input = ()>>(mut coroutine: C) -> C::Return {
    match coroutine.resume(Ok(())) {
        Ok(Step::Return(returned)) => returned,
        _ => unreachable!("it does not wait"),
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

/// Tasks that wait for the same lock, and each hold it for one turn.
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
        Ok(Step::Yield(Await::next_turn()))
    }
}
