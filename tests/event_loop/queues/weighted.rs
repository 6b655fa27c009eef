//! Queues that are bounded by the weight of their items.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::{GetError, PutError, QueueShutDown, Shutdown, WeightedPut, WeightedQueue};
use innermost::testing::virtual_loop;
use innermost::wait::{Race, Racing, Won};
use innermost::{Coroutine, EventLoop, Exception, Kind, Step, Task, from_fn, sleep, yield_from};
use quickcheck::quickcheck;

use crate::support::events::{Log, on_drop};

/// A queue of numbers that weigh what they are.
fn numbers(limit: usize) -> WeightedQueue<usize> {
    WeightedQueue::new(limit, |number| *number)
}

/// Adds `number` in a task, and logs that.
fn puts(event_loop: &EventLoop, log: &Log, queue: &WeightedQueue<usize>, number: usize) -> Task<()> {
    let (mut put, log) = (queue.put(number), log.clone());
    let putting = from_fn(move |mut sent| {
        yield_from!(put, sent)?;
        log.add(format_args!("put {number}"));
        Ok(Step::Return(()))
    });
    event_loop.create_task(putting).unwrap()
}

/// Runs what is ready, and what that makes ready.
fn settle(event_loop: &EventLoop) {
    event_loop.run_until_complete(sleep(Duration::from_secs(1))).unwrap();
}

#[test]
fn a_queue_holds_items_up_to_its_limit() {
    let queue = numbers(10);
    assert_eq!((queue.put_nowait(4), queue.put_nowait(6)), (Ok(()), Ok(())));
    assert_eq!((queue.len(), queue.weight(), queue.limit()), (2, 10, 10));
    assert_eq!(queue.put_nowait(1), Err(PutError::Full(1)));
    assert_eq!(queue.put_nowait(0), Ok(()), "nothing weighs nothing");
    assert_eq!(queue.get_nowait(), Ok(4));
    assert_eq!(queue.put_nowait(5), Err(PutError::Full(5)));
    assert_eq!(queue.put_nowait(4), Ok(()));
    assert_eq!([queue.get_nowait(), queue.get_nowait(), queue.get_nowait()], [Ok(6), Ok(0), Ok(4)]);
    assert_eq!((queue.get_nowait(), queue.weight()), (Err(GetError::Empty), 0));
}

#[test]
fn bytes_are_counted() {
    let queue = WeightedQueue::of_bytes(8);
    queue.put_nowait(b"12345".to_vec()).unwrap();
    assert!(queue.put_nowait(b"6789".to_vec()).is_err());
    queue.put_nowait(b"678".to_vec()).unwrap();
    assert_eq!(queue.weight(), 8);
}

#[test]
fn a_put_waits_until_there_is_room_for_all_of_it() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let queue = numbers(10);
    [3, 3, 3].into_iter().for_each(|number| queue.put_nowait(number).unwrap());
    let putting = puts(&event_loop, &log, &queue, 7);
    for expected in [false, true] {
        queue.get_nowait().unwrap();
        settle(&event_loop);
        assert_eq!(putting.done(), expected);
    }
    assert_eq!((log.take(), queue.weight()), (vec!["put 7".into()], 10));
}

#[test]
fn an_item_heavier_than_the_limit_goes_in_alone() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let queue = numbers(10);
    queue.put_nowait(1).unwrap();
    assert_eq!(queue.put_nowait(50), Err(PutError::Full(50)));
    puts(&event_loop, &log, &queue, 50);
    puts(&event_loop, &log, &queue, 1);
    settle(&event_loop);
    assert_eq!(log.take().len(), 0);
    queue.get_nowait().unwrap();
    settle(&event_loop);
    assert_eq!((log.take(), queue.weight()), (vec!["put 50".into()], 50));
    assert_eq!(queue.put_nowait(0), Err(PutError::Full(0)), "it is over the limit");
    queue.get_nowait().unwrap();
    settle(&event_loop);
    assert_eq!((log.take(), queue.weight()), (vec!["put 1".into()], 1));

    // Sums that a `usize` cannot hold.
    let queue = numbers(usize::MAX);
    assert_eq!(queue.put_nowait(usize::MAX), Ok(()));
    assert_eq!(queue.put_nowait(usize::MAX), Err(PutError::Full(usize::MAX)));
}

#[test]
fn a_limit_of_zero_holds_one_item_with_a_weight() {
    let queue = numbers(0);
    assert_eq!(queue.put_nowait(5), Ok(()));
    assert_eq!(queue.put_nowait(5), Err(PutError::Full(5)));
    assert_eq!(queue.get_nowait(), Ok(5));
    assert_eq!(queue.put_nowait(5), Ok(()));
}

#[test]
fn light_items_do_not_pass_a_heavy_one_that_waits() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let queue = numbers(10);
    [4, 4].into_iter().for_each(|number| queue.put_nowait(number).unwrap());
    for number in [9, 1, 2] {
        puts(&event_loop, &log, &queue, number);
    }
    settle(&event_loop);
    assert_eq!(queue.put_nowait(1), Err(PutError::Full(1)), "others wait");
    queue.get_nowait().unwrap();
    settle(&event_loop);
    assert_eq!(log.take().len(), 0);
    queue.get_nowait().unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["put 9", "put 1"]);
    queue.get_nowait().unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["put 2"]);
}

#[test]
fn one_get_may_let_several_puts_go_on() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let queue = numbers(10);
    queue.put_nowait(10).unwrap();
    for number in [2, 3, 4, 5] {
        puts(&event_loop, &log, &queue, number);
    }
    settle(&event_loop);
    assert_eq!(event_loop.run_until_complete(queue.get()).unwrap(), 10);
    settle(&event_loop);
    assert_eq!((log.take(), queue.weight()), (["put 2", "put 3", "put 4"].map(String::from).to_vec(), 9));
}

#[test]
fn a_cancelled_put_makes_way_for_those_behind_it() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let queue = numbers(10);
    queue.put_nowait(5).unwrap();
    let heavy = puts(&event_loop, &log, &queue, 9);
    puts(&event_loop, &log, &queue, 5);
    settle(&event_loop);
    heavy.cancel();
    settle(&event_loop);
    assert!(heavy.cancelled());
    assert_eq!((log.take(), queue.weight()), (vec!["put 5".into()], 10));
}

#[test]
fn a_put_that_is_cancelled_after_its_turn_came_hands_it_on() {
    let (log, event_loop) = (Log::default(), virtual_loop().unwrap());
    let queue = numbers(10);
    queue.put_nowait(10).unwrap();
    let first = puts(&event_loop, &log, &queue, 8);
    puts(&event_loop, &log, &queue, 9);
    settle(&event_loop);
    queue.get_nowait().unwrap();
    assert_eq!(queue.weight(), 8, "it is the first one's turn");
    first.cancel();
    settle(&event_loop);
    assert!(first.cancelled());
    assert_eq!((log.take(), queue.weight()), (vec!["put 9".into()], 9));
}

#[test]
fn a_dropped_put_leaves_the_line_and_one_that_ended_gives_its_item_back() {
    let queue = numbers(10);
    queue.put_nowait(10).unwrap();
    let mut waiting: Vec<WeightedPut<usize>> = [1, 2, 3].map(|number| queue.put(number)).into();
    for put in &mut waiting {
        assert!(matches!(put.resume(Ok(())), Ok(Step::Yield(_))));
    }
    assert_eq!(waiting.remove(0).into_item(), Some(1));
    queue.get_nowait().unwrap();
    assert_eq!(queue.weight(), 5, "two are granted");
    drop(waiting.remove(0));
    assert_eq!(queue.weight(), 3);
    assert!(matches!(waiting[0].resume(Ok(())), Ok(Step::Return(()))));
    assert_eq!(waiting[0].resume(Ok(())).unwrap_err().kind(), Kind::RuntimeError);
    assert_eq!(queue.get_nowait(), Ok(3));
    assert_eq!(queue.weight(), 0);
}

#[test]
fn thousands_of_puts_can_leave_in_any_order() {
    let fifth = if cfg!(miri) { 20 } else { 2_000 };
    let queue = numbers(1);
    queue.put_nowait(1).unwrap();
    let mut waiting: Vec<_> = (0..5 * fifth).map(|_| queue.put(1)).collect();
    for put in &mut waiting {
        assert!(matches!(put.resume(Ok(())), Ok(Step::Yield(_))));
    }
    let mut last = waiting.pop().unwrap();
    // From within, from the front, from the back.
    waiting.drain(2 * fifth..3 * fifth);
    waiting.drain(..fifth);
    drop(waiting);
    queue.get_nowait().unwrap();
    assert!(matches!(last.resume(Ok(())), Ok(Step::Return(()))));
}

#[test]
fn shutting_down_wakes_all_who_wait_and_keeps_or_drops_the_items() {
    for how in [Shutdown::Drain, Shutdown::Immediate] {
        let event_loop = virtual_loop().unwrap();
        let queue = numbers(10);
        queue.put_nowait(10).unwrap();
        let putting = [3, 4].map(|number| event_loop.create_task(queue.put(number)).unwrap());
        settle(&event_loop);
        queue.shutdown(how);
        settle(&event_loop);
        for task in putting {
            assert!(task.exception().unwrap().unwrap().downcast_ref::<QueueShutDown>().is_some());
        }
        assert_eq!(queue.put_nowait(1), Err(PutError::ShutDown(1)));
        let expected = if how == Shutdown::Drain { Ok(10) } else { Err(GetError::ShutDown) };
        assert_eq!(queue.get_nowait(), expected);
        assert_eq!((queue.get_nowait(), queue.weight()), (Err(GetError::ShutDown), 0));
    }
}

#[test]
fn shutting_down_takes_back_a_turn_that_was_not_taken_yet() {
    let queue = numbers(10);
    queue.put_nowait(10).unwrap();
    let mut put = queue.put(7);
    assert!(matches!(put.resume(Ok(())), Ok(Step::Yield(_))));
    queue.get_nowait().unwrap();
    queue.shutdown(Shutdown::Immediate);
    assert!(put.resume(Ok(())).unwrap_err().downcast_ref::<QueueShutDown>().is_some());
    assert_eq!((put.into_item(), queue.weight()), (Some(7), 0));
}

#[test]
fn puts_and_gets_are_raced() {
    let event_loop = virtual_loop().unwrap();
    let (queue, log) = (numbers(10), Log::default());
    queue.put_nowait(10).unwrap();
    let (mut race, mut put) = (Race::new(), Racing::new(queue.put(6)));
    let (mut nap, told) = (Racing::new(sleep(Duration::from_secs(1))), log.clone());
    let racing = from_fn(move |mut sent| {
        loop {
            match yield_from!(race.run((&mut put, &mut nap)), sent)? {
                Won::A(()) => return Ok(Step::Return(())),
                Won::B(()) => {
                    told.add("a second has passed");
                    nap.restart(sleep(Duration::from_secs(1)));
                }
            }
        }
    });
    let racing = event_loop.create_task(racing).unwrap();
    // It stays in line, although it has lost: others come behind it.
    event_loop.run_until_complete(sleep(Duration::from_millis(1500))).unwrap();
    puts(&event_loop, &log, &queue, 5);
    event_loop.run_until_complete(sleep(Duration::from_millis(100))).unwrap();
    queue.get_nowait().unwrap();
    event_loop.run_until_complete(racing).unwrap();
    assert_eq!((log.take(), queue.weight()), (vec!["a second has passed".into()], 6));
}

#[test]
fn a_put_that_is_not_raced_when_its_turn_comes_hands_it_on_and_tries_again() {
    let (event_loop, log) = (virtual_loop().unwrap(), Log::default());
    let queue = numbers(10);
    queue.put_nowait(10).unwrap();
    let (mut race, mut put) = (Race::new(), Racing::new(queue.put(6)));
    let (mut first, told) = (Racing::new(sleep(Duration::from_secs(1))), log.clone());
    let (mut has_lost, mut pause) = (false, Some(sleep(Duration::from_secs(5))));
    let racing = from_fn(move |mut sent| {
        if !has_lost {
            yield_from!(race.run((&mut put, &mut first)), sent)?;
            has_lost = true;
        }
        if let Some(pausing) = &mut pause {
            yield_from!(pausing, sent)?;
            pause = None;
            told.add("it comes back");
        }
        yield_from!(put, sent)?;
        told.add("put 6");
        Ok(Step::Return(()))
    });
    let racing = event_loop.create_task(racing).unwrap();
    event_loop.run_until_complete(sleep(Duration::from_secs(2))).unwrap();
    puts(&event_loop, &log, &queue, 5);
    settle(&event_loop);
    queue.get_nowait().unwrap();
    settle(&event_loop);
    assert_eq!(log.take(), ["put 5"], "nobody sits on the turn");
    settle(&event_loop);
    event_loop.run_until_complete(sleep(Duration::from_secs(3))).unwrap();
    assert_eq!((log.take(), queue.weight()), (vec!["it comes back".into()], 5));
    queue.get_nowait().unwrap();
    event_loop.run_until_complete(racing).unwrap();
    assert_eq!((log.take(), queue.weight()), (vec!["put 6".into()], 6));
}

#[test]
fn a_get_that_is_cancelled_takes_nothing_and_joining_waits_for_reports() {
    let event_loop = virtual_loop().unwrap();
    let queue = numbers(10);
    let getting = event_loop.create_task(queue.get()).unwrap();
    settle(&event_loop);
    queue.put_nowait(3).unwrap();
    getting.cancel();
    settle(&event_loop);
    assert!(getting.cancelled());
    let joining = event_loop.create_task(queue.join()).unwrap();
    assert_eq!((queue.weight(), queue.get_nowait()), (3, Ok(3)));
    settle(&event_loop);
    assert!(!joining.done());
    queue.task_done().unwrap();
    event_loop.run_until_complete(joining).unwrap();
    assert!(queue.task_done().is_err());
}

#[test]
fn the_weight_is_asked_once_and_items_are_dropped_once() {
    let (asked, dropped) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let asking = Rc::clone(&asked);
    let queue = WeightedQueue::new(1, move |_| {
        asking.set(asking.get() + 1);
        1
    });
    let item = || {
        let dropped = Rc::clone(&dropped);
        on_drop(move || dropped.set(dropped.get() + 1))
    };
    queue.put_nowait(item()).unwrap();
    assert!(queue.put_nowait(item()).is_err());
    let mut put = queue.put(item());
    assert!(matches!(put.resume(Ok(())), Ok(Step::Yield(_))));
    drop(queue.get_nowait().unwrap());
    assert!(matches!(put.resume(Ok(())), Ok(Step::Return(()))));
    assert_eq!((asked.get(), dropped.get()), (3, 2));
    drop((queue, put));
    assert_eq!(dropped.get(), 3);
}

quickcheck! {
    /// Puts, gets and drops in any order: the weight is that of what is inside and granted, the order is kept, and
    /// whoever waits does not fit.
    fn the_queue_agrees_with_its_model(limit: u8, steps: Vec<(u8, u8)>) -> bool {
        let limit = usize::from(limit % 16);
        let queue = numbers(limit);
        let mut puts: Vec<(WeightedPut<usize>, usize)> = Vec::new();
        for (what, number) in steps {
            let number = usize::from(number % 12);
            match what % 4 {
                0 => {
                    let mut put = queue.put(number);
                    if let Ok(Step::Yield(_)) = put.resume(Ok(())) {
                        puts.push((put, number));
                    }
                }
                1 => drop(queue.get_nowait()),
                2 if !puts.is_empty() => drop(puts.remove(number % puts.len())),
                _ => puts.retain_mut(|(put, _)| !matches!(put.resume(Ok(())), Ok(Step::Return(())))),
            }
            // All that are granted take their turn, in order.
            puts.retain_mut(|(put, _)| !matches!(put.resume(Ok(())), Ok(Step::Return(()))));
            let fits = |weight: usize| queue.weight() == 0 || queue.weight() + weight <= limit;
            if puts.first().is_some_and(|(_, weight)| fits(*weight)) {
                return false;
            }
        }
        while queue.get_nowait().is_ok() {
            puts.retain_mut(|(put, _)| !matches!(put.resume(Ok(())), Ok(Step::Return(()))));
        }
        puts.is_empty() && queue.weight() == 0
    }
}

/// A machine can name what it waits for.
#[expect(dead_code, reason = "it only has to compile")]
struct Sender {
    put: Racing<WeightedPut<Vec<u8>>>,
    raised: Option<Exception>,
}
