//! Destructors, clones and clocks that do unexpected things.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::{PriorityQueue, Queue, Shutdown};
use innermost::selector::{Clock, Waiting};
use innermost::sync::{Barrier, Lock, Semaphore};
use innermost::{CoroutineExt, Future, Task, TimerHandle, sleep};

use crate::support::clock::{Wait, WatchedSelector, loop_of, test_loop};
use crate::support::events::{Log, OnDrop, body, on_drop, pausing, returns, run};

type Item = OnDrop<Box<dyn FnOnce()>>;

fn item(function: impl FnOnce() + 'static) -> Item {
    on_drop(Box::new(function))
}

#[test]
fn an_items_destructor_may_use_queues_locks_and_barriers() {
    let event_loop = test_loop();
    let (queue, lock, semaphore, barrier) =
        (Queue::<Item>::bounded(2), Lock::new(), Semaphore::new(1), Barrier::new(2).expect("it is for somebody"));
    let getter = event_loop.create_task(queue.get().map(drop)).unwrap();
    let (held, waits) = (lock.try_acquire(), event_loop.create_task(lock.acquire().map(drop)).unwrap());
    let (permit, queues) = (semaphore.try_acquire(), event_loop.create_task(semaphore.acquire().map(drop)).unwrap());
    let arrives = event_loop.create_task(barrier.wait()).unwrap();
    run(&event_loop, 1);
    let (again, handle) = (queue.clone(), event_loop.handle());
    let first = item(move || {
        drop((held, permit, again.put_nowait(item(|| {})), again.get_nowait(), again.task_done()));
        arrives.cancel();
        handle.create_task(barrier.wait()).expect("the loop is open").cancel();
        again.shutdown(Shutdown::Immediate);
    });
    assert!(queue.put_nowait(first).is_ok());
    run(&event_loop, 4);
    assert!(getter.done() && waits.done() && queues.done() && !lock.locked() && semaphore.value() == 1);
    assert!(queue.is_empty() && queue.put_nowait(item(|| {})).is_err());
    assert!(event_loop.all_tasks().is_empty());
}

#[test]
fn the_destructor_of_a_dropped_putters_item_may_wake_the_next() {
    let event_loop = test_loop();
    let queue = Queue::<Item>::bounded(1);
    assert!(queue.put_nowait(item(|| {})).is_ok());
    let (again, other) = (queue.clone(), queue.clone());
    // Drops the refused item, which makes room for the next one.
    let putter = event_loop.create_task(queue.put(item(move || drop(again.get_nowait())))).unwrap();
    let next = event_loop.create_task(other.put(item(|| {}))).unwrap();
    run(&event_loop, 1);
    putter.cancel();
    run(&event_loop, 2);
    assert!(putter.cancelled() && next.done() && !next.cancelled() && queue.len() == 1);
}

#[test]
fn a_priority_comparison_may_use_its_queue_and_panic() {
    struct Rank(u32, Rc<RefCell<Option<PriorityQueue<Rank>>>>);
    impl Ord for Rank {
        fn cmp(&self, other: &Self) -> std::cmp::Ordering {
            if let Some(queue) = self.1.take() {
                assert!(queue.put_nowait(Rank(9, Rc::default())).is_ok() && !queue.is_empty());
                queue.shutdown(Shutdown::Drain);
                panic!("on purpose");
            }
            self.0.cmp(&other.0)
        }
    }
    impl PartialOrd for Rank {
        fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }
    impl PartialEq for Rank {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    impl Eq for Rank {}

    let event_loop = test_loop();
    let (queue, slot) = (PriorityQueue::new(), Rc::default());
    assert!(queue.put_nowait(Rank(1, Rc::clone(&slot))).is_ok());
    slot.replace(Some(queue.clone()));
    let puts = event_loop.create_task(queue.put(Rank(2, Rc::clone(&slot)))).unwrap();
    run(&event_loop, 1);
    assert!(puts.exception().unwrap().is_some());
    let ranks: Vec<_> = std::iter::from_fn(|| queue.get_nowait().ok()).map(|rank| rank.0).collect();
    assert_eq!(ranks, [1, 2, 9]);
}

/// Does something when it is cloned.
struct Cloning(Rc<dyn Fn()>);

impl Clone for Cloning {
    fn clone(&self) -> Self {
        (self.0)();
        Self(Rc::clone(&self.0))
    }
}

#[test]
fn a_clone_may_run_the_loop_and_cancel_or_take_its_original() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future: Future<Cloning> = event_loop.create_future();
    let (handle, entries, itself) = (event_loop.handle(), log.clone(), future.clone());
    let cloned = Rc::new(Cell::new(false));
    let clones = move || {
        if !cloned.replace(true) {
            let ran = handle.run_until_complete(pausing(2));
            let waits = handle.create_task(itself.clone().map(drop));
            entries.add(format_args!("ran {}, took {}", ran.is_ok(), itself.take_result().is_ok()));
            entries.add(format_args!("cancel {}, waits {}", itself.cancel(), waits.is_ok()));
        }
    };
    assert!(future.set_result(Cloning(Rc::new(clones))).is_ok());
    assert!(future.result().is_ok());
    assert_eq!(log.take(), ["ran true, took false", "cancel false, waits true"]);
    run(&event_loop, 2);
    assert!(event_loop.all_tasks().is_empty() && future.take_result().is_ok());
}

#[test]
fn a_clone_in_a_task_may_cancel_that_task() {
    let event_loop = test_loop();
    let future: Future<Cloning> = event_loop.create_future();
    let slot = Rc::new(RefCell::new(None::<Task<()>>));
    let cancelled = Rc::clone(&slot);
    let cancels = move || assert!(cancelled.take().is_none_or(|task| task.cancel()));
    assert!(future.set_result(Cloning(Rc::new(cancels))).is_ok());
    let task = event_loop.create_task(future.map(drop)).unwrap();
    slot.replace(Some(task.clone()));
    run(&event_loop, 2);
    // It had no wait left in which to raise that.
    assert!(task.cancelled());
}

#[test]
fn timers_of_one_deadline_may_cancel_each_other_and_themselves() {
    let (event_loop, log) = (test_loop(), Log::default());
    let timers = Rc::new(RefCell::new(Vec::<TimerHandle>::new()));
    for number in 0..6_usize {
        let (others, entries) = (Rc::clone(&timers), log.clone());
        // Cancels, when it is dropped, the one behind the next.
        let (late, dropped) = (Rc::clone(&timers), log.clone());
        let held = on_drop(move || {
            dropped.add(format_args!("dropped {number}"));
            let next = late.borrow().get(number + 2).cloned();
            next.inspect(TimerHandle::cancel);
        });
        let timer = event_loop.call_later(Duration::from_secs(1), move || {
            held.keep();
            entries.add(format_args!("fired {number}"));
            let all = others.borrow().clone();
            all[number].cancel();
            all[(number + 1) % all.len()].cancel();
        });
        timers.borrow_mut().push(timer.unwrap());
    }
    event_loop.run_until_complete(sleep(Duration::from_secs(2))).unwrap();
    // The first cancels the second, whose drop cancels the fourth, whose drop cancels the sixth; and so on.
    let told = ["fired 0", "dropped 1", "dropped 3", "dropped 5", "dropped 0", "dropped 2", "dropped 4"];
    assert_eq!(log.take(), told);
    assert_eq!(event_loop.next_deadline(), None);
}

#[test]
fn a_clock_that_goes_back_delays_timers_and_loses_none() {
    #[derive(Clone, Debug)]
    struct Wavering(Rc<Cell<u64>>);
    impl Clock for Wavering {
        fn now(&self) -> innermost::Instant {
            // On by three, back by two.
            let reads = self.0.get();
            self.0.set(reads + 1);
            let milliseconds = if reads.is_multiple_of(2) { reads + 3 } else { reads };
            innermost::Instant::from_zero(Duration::from_millis(milliseconds))
        }
        fn wait_until(&self, _: Option<innermost::Instant>) -> Waiting {
            Waiting::Jumped
        }
    }
    let log = Log::default();
    let event_loop = loop_of(WatchedSelector::new(Wait::Waits), Wavering(Rc::default()));
    for millis in [30, 10, 20, 10] {
        event_loop
            .call_at(innermost::Instant::from_zero(Duration::from_millis(millis)), log.adds(&millis.to_string()))
            .unwrap();
    }
    let handle = event_loop.handle();
    event_loop.call_at(innermost::Instant::from_zero(Duration::from_millis(40)), move || handle.stop()).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["10", "10", "20", "30"]);
}

#[test]
fn the_destructor_of_a_coroutine_may_cancel_and_await_its_own_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let slot = Rc::new(RefCell::new(None::<Task<i32>>));
    let (itself, entries, handle) = (Rc::clone(&slot), log.clone(), event_loop.handle());
    let held = on_drop(move || {
        let task = itself.take().expect("it was set");
        entries.add(format_args!("done {}, cancel {}", task.done(), task.cancel()));
        let (after, awaited) = (entries.clone(), task.clone());
        let waits = body(move |n, got| {
            if n == 0 {
                return crate::support::events::awaits(awaited.clone());
            }
            after.add(format_args!("got {:?}", got.map_err(|raised| raised.kind())));
            returns(0)
        });
        entries.add(format_args!("closed {}", handle.close().is_ok()));
        drop(handle.create_task(waits));
    });
    let task = event_loop.create_task(body(move |_, _| {
        held.keep();
        returns(1)
    }));
    slot.replace(task.ok());
    run(&event_loop, 3);
    // Not done yet while its coroutine is dropped: so it can still be cancelled.
    assert_eq!(log.take(), ["done false, cancel true", "closed false", "got Err(CancelledError)"]);
}
