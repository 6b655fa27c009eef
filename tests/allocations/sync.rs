//! How often locks and queues allocate: never without a wait, and not for a wait after the first two.

use innermost::queue::{Get, Queue};
use innermost::sync::{Lock, Semaphore};
use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step, yield_from};

use crate::counting::ALLOCATIONS;

#[test]
fn acquiring_without_contention_does_not_allocate() {
    let (lock, semaphore, queue) = (Lock::new(), Semaphore::new(1), Queue::new());
    queue.put_nowait(0).expect("it has no bounds");
    queue.get_nowait().expect("it was put in");
    let before = ALLOCATIONS.get();
    for item in 0..100 {
        drop(lock.acquire().resume(Ok(())));
        drop(semaphore.acquire().resume(Ok(())));
        drop(queue.put(item).resume(Ok(())));
        drop(queue.get().resume(Ok(())));
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn passing_an_item_between_two_tasks_does_not_allocate() {
    let event_loop = EventLoop::new().expect("a loop");
    let (there, back) = (Queue::new(), Queue::new());
    let echo = |from: &Queue<u32>, to: &Queue<u32>| Echo { get: from.get(), from: from.clone(), to: to.clone() };
    event_loop.create_task(echo(&there, &back)).expect("the loop is open");
    event_loop.create_task(echo(&back, &there)).expect("the loop is open");
    there.put_nowait(0).expect("it has no bounds");
    event_loop.create_task(Stopping(10, event_loop.handle())).expect("the loop is open");
    event_loop.run_forever().expect("it runs");
    let before = ALLOCATIONS.get();
    event_loop.create_task(Stopping(1000, event_loop.handle())).expect("the loop is open");
    event_loop.run_forever().expect("it runs");
    // The task that stops the loop, and the start of the loop: nothing a turn.
    assert!(ALLOCATIONS.get() - before <= 2, "{} in 1000 turns", ALLOCATIONS.get() - before);
}

/// Gets an item from one queue and puts it in the other, for ever.
struct Echo {
    from: Queue<u32>,
    to: Queue<u32>,
    get: Get<u32>,
}

impl Coroutine for Echo {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            let item = yield_from!(self.get, sent)?;
            self.to.put_nowait(item + 1)?;
            self.get = self.from.get();
        }
    }
}

/// Stops the loop after a number of turns.
struct Stopping(u32, innermost::LoopHandle);

impl Coroutine for Stopping {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.0 == 0 {
            self.1.stop();
            return Ok(Step::Return(()));
        }
        self.0 -= 1;
        Ok(Step::Yield(Await::next_turn()))
    }
}
