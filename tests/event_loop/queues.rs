//! Queues: the cases of CPython's own tests, and behaviour that only this library has.
//!
//! The cases are numbered as in the list of edge cases: Q2 is the second one for queues. These cannot arise here:
//!
//! | case | why |
//! |---|---|
//! | Q8: a negative or fractional `maxsize` | it is a `usize`; 0 means unbounded, as in asyncio |
//!
//! `oracle/sync.rs` checks that every step runs in the same turn as in asyncio.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::rc::Rc;

use innermost::queue::{GetError, LifoQueue, PriorityQueue, PutError, Queue, QueueShutDown, Shutdown};
use innermost::{Coroutine, CoroutineExt, Kind, Step};
use quickcheck::quickcheck;

mod edges;
mod weighted;

use crate::support::events::Log;
use crate::support::turns::{Droppable, Turns, World};

const NOTHING: [&str; 0] = [];

/// Q1
#[test]
fn get_waits_while_the_queue_is_empty_and_is_served_in_order() {
    let world = World::new();
    let queue = Queue::new();
    assert_eq!(queue.get_nowait(), Err(GetError::Empty));
    for name in ["a", "b"] {
        world.spawn_showing(name, queue.get());
    }
    assert_eq!(world.settled(), NOTHING);
    for item in [1, 2, 3] {
        queue.put_nowait(item).expect("it has no bounds");
    }
    assert_eq!(world.settled(), ["a got 1", "a", "b got 2", "b"]);
    assert_eq!((queue.len(), queue.is_empty(), queue.is_full()), (1, false, false));
}

/// Q1
#[test]
fn put_waits_while_the_queue_is_full_and_is_served_in_order() {
    let world = World::new();
    let queue = Queue::bounded(1);
    queue.put_nowait(1).expect("there is room");
    assert_eq!(queue.put_nowait(9), Err(PutError::Full(9)));
    assert_eq!(queue.put_nowait(9).unwrap_err().into_item(), 9);
    for item in [2, 3] {
        world.spawn(item, queue.put(item));
    }
    assert_eq!(world.settled(), NOTHING);
    for expected in [1, 2, 3] {
        assert_eq!(queue.get_nowait(), Ok(expected));
        world.settle();
    }
    assert_eq!(world.lines(), ["2", "3"]);
}

/// Q1: a woken waiter checks again, and waits behind the others if another task was faster.
#[test]
fn a_woken_getter_that_finds_nothing_keeps_waiting() {
    let world = World::new();
    let queue = Queue::new();
    world.spawn_showing("a", queue.get());
    world.spawn_showing("b", queue.get());
    world.turn();
    queue.put_nowait(1).expect("it has no bounds");
    assert_eq!(queue.get_nowait(), Ok(1));
    assert_eq!(world.settled(), NOTHING);
    queue.put_nowait(2).expect("it has no bounds");
    queue.put_nowait(3).expect("it has no bounds");
    assert_eq!(world.settled(), ["b got 2", "b", "a got 3", "a"]);
}

/// In CPython's order.
#[test]
fn a_slow_consumer_holds_a_producer_back() {
    let world = World::new();
    let queue = Queue::bounded(1);
    let (first, second, third) = (queue.put(1), queue.put(2), queue.put(3));
    world.spawn("producer", first.then(move |()| second).then(move |()| third));
    for name in ["a", "b", "c"] {
        let queue = queue.clone();
        world.spawn_showing(name, Turns(name.len() as u32).then(move |()| queue.get()));
    }
    world.turn();
    assert_eq!((queue.len(), format!("{queue:?}").contains("putters: 1")), (1, true));
    world.turn();
    assert_eq!(world.lines(), ["a got 1", "a"]);
    assert_eq!(world.settled(), ["b got 2", "b", "producer", "c got 3", "c"]);
}

/// Q2
#[test]
fn cancelling_a_woken_getter_wakes_the_next() {
    let world = World::new();
    let queue = Queue::new();
    let first = world.spawn_showing("first", queue.get());
    world.spawn_showing("second", queue.get());
    world.turn();
    queue.put_nowait(1).expect("it has no bounds");
    first.cancel();
    assert_eq!(world.settled(), ["first raised cancelled", "second got 1", "second"]);
}

/// Q2
#[test]
fn cancelling_a_woken_putter_wakes_the_next() {
    let world = World::new();
    let queue = Queue::bounded(1);
    queue.put_nowait(0).expect("there is room");
    let first = world.spawn("first", queue.put(1));
    world.spawn("second", queue.put(2));
    world.turn();
    assert_eq!(queue.get_nowait(), Ok(0));
    first.cancel();
    assert_eq!(world.settled(), ["first raised cancelled", "second"]);
    assert_eq!(queue.get_nowait(), Ok(2));
}

/// Q2, with a woken waiter that is dropped instead of cancelled.
#[test]
fn dropping_a_woken_waiter_wakes_the_next() {
    let world = World::new();
    let queue = Queue::bounded(1);
    let dropped = Rc::new(Cell::new(false));
    world.spawn("getter", Droppable { child: Some(queue.get()), dropped: Rc::clone(&dropped) });
    world.spawn_showing("next getter", queue.get());
    world.turn();
    queue.put_nowait(1).expect("there is room");
    dropped.set(true);
    assert_eq!(world.settled(), ["getter", "next getter got 1", "next getter"]);

    queue.put_nowait(2).expect("there is room");
    dropped.set(false);
    world.spawn("putter", Droppable { child: Some(queue.put(3)), dropped: Rc::clone(&dropped) });
    world.spawn("next putter", queue.put(4));
    world.turn();
    assert_eq!(queue.get_nowait(), Ok(2));
    dropped.set(true);
    assert_eq!(world.settled(), ["putter", "next putter"]);
    assert_eq!(queue.get_nowait(), Ok(4));
}

/// Q3
#[test]
fn many_cancelled_getters_do_not_lose_the_item() {
    let world = World::new();
    let queue = Queue::new();
    let count = if cfg!(miri) { 20 } else { 100 };
    let getters: Vec<_> = (0..count).map(|name| world.spawn(name, queue.get())).collect();
    world.spawn_showing("last", queue.get());
    world.turn();
    queue.put_nowait(7).expect("it has no bounds");
    for getter in &getters {
        getter.cancel();
    }
    assert_eq!(world.settled()[count..], ["last got 7", "last"]);
    assert!(format!("{queue:?}").contains("getters: 0"));
}

/// Q4
#[test]
fn a_cancelled_put_does_not_insert_and_keeps_its_item() {
    let world = World::new();
    let queue = Queue::bounded(1);
    queue.put_nowait(1).expect("there is room");
    let put = queue.put(2);
    let kept = Rc::new(RefCell::new(Some(put)));
    let child = Kept(Rc::clone(&kept));
    let task = world.spawn("put", child);
    world.turn();
    task.cancel();
    assert_eq!(world.settled(), ["put raised cancelled"]);
    let put = kept.take().expect("it is kept");
    assert_eq!(put.into_item(), Some(2));
    assert_eq!(queue.get_nowait(), Ok(1));
    assert_eq!(queue.get_nowait(), Err(GetError::Empty));
}

/// A child that the test also keeps.
struct Kept<C>(Rc<RefCell<Option<C>>>);

impl<C: Coroutine<Input = ()>> Coroutine for Kept<C> {
    type Yield = C::Yield;
    type Input = ();
    type Return = C::Return;

    fn resume(&mut self, sent: Result<(), innermost::Exception>) -> innermost::Resumed<Self> {
        self.0.borrow_mut().as_mut().expect("it is kept").resume(sent)
    }
}

/// Q5
#[test]
fn join_waits_until_all_items_are_done_and_can_be_repeated() {
    let world = World::new();
    let queue = Queue::new();
    assert!(matches!(queue.join().resume(Ok(())), Ok(Step::Return(()))), "nothing is unfinished");
    for round in 0..2 {
        for item in [1, 2] {
            queue.put_nowait(item).expect("it has no bounds");
        }
        world.spawn(format_args!("joined {round}"), queue.join());
        for item in [1, 2] {
            assert_eq!(world.settled(), NOTHING);
            assert_eq!(queue.get_nowait(), Ok(item));
            queue.task_done().expect("it was put in");
        }
        assert_eq!(world.settled(), [format!("joined {round}")]);
    }
    let raised = queue.task_done().expect_err("everything is done");
    assert_eq!((raised.kind(), raised.to_string()), (Kind::ValueError, "task_done() called too many times".into()));
}

/// Q6
#[test]
fn shutdown_fails_putters_at_once_and_getters_when_the_queue_is_empty() {
    let world = World::new();
    let queue = Queue::bounded(1);
    queue.put_nowait(1).expect("there is room");
    let putter = world.spawn("putter", queue.put(2));
    world.spawn("joiner", queue.join());
    world.turn();
    queue.shutdown(Shutdown::Drain);
    assert_eq!(world.settled(), ["putter raised the queue is shut down"]);
    assert!(putter.result().expect_err("it is shut down").downcast_ref::<QueueShutDown>().is_some());
    assert_eq!(queue.put_nowait(3), Err(PutError::ShutDown(3)));
    world.spawn_showing("getter", queue.get());
    world.spawn_showing("late getter", queue.get());
    assert_eq!(world.settled(), ["getter got 1", "getter", "late getter raised the queue is shut down"]);
    queue.task_done().expect("one was put in");
    assert_eq!(world.settled(), ["joiner"]);
}

#[test]
fn shutdown_wakes_waiting_getters() {
    let world = World::new();
    let queue = Queue::<u32>::new();
    world.spawn("getter", queue.get());
    world.turn();
    queue.shutdown(Shutdown::Drain);
    queue.shutdown(Shutdown::Drain);
    assert_eq!(world.settled(), ["getter raised the queue is shut down"]);
    assert_eq!(queue.get_nowait(), Err(GetError::ShutDown));
}

/// Q7
#[test]
fn immediate_shutdown_drops_the_items_and_counts_them_as_done() {
    let world = World::new();
    let queue = Queue::new();
    for item in [1, 2, 3] {
        queue.put_nowait(item).expect("it has no bounds");
    }
    assert_eq!(queue.get_nowait(), Ok(1));
    world.spawn("joiner", queue.join());
    world.turn();
    queue.shutdown(Shutdown::Immediate);
    assert!(queue.is_empty());
    assert_eq!(queue.get_nowait(), Err(GetError::ShutDown));
    assert_eq!(world.settled(), NOTHING, "the one that was got is still to be done");
    queue.task_done().expect("one is left");
    assert_eq!(world.settled(), ["joiner"]);
    assert!(queue.task_done().is_err());
}

/// Q8
#[test]
fn a_maxsize_of_zero_means_unbounded() {
    let queue = Queue::bounded(0);
    for item in 0..1000 {
        queue.put_nowait(item).expect("it has no bounds");
    }
    assert_eq!((queue.maxsize(), queue.len(), queue.is_full()), (0, 1000, false));
}

#[test]
fn each_kind_of_queue_returns_items_in_its_order() {
    fn drain(queue: &Queue<(u32, char)>) -> String {
        for item in [(2, 'a'), (1, 'b'), (2, 'c'), (1, 'd')] {
            queue.put_nowait(item).expect("there is room");
        }
        assert!(queue.is_full());
        std::iter::from_fn(|| queue.get_nowait().ok()).map(|(_, letter)| letter).collect()
    }
    assert_eq!(drain(&Queue::bounded(4)), "abcd");
    assert_eq!(drain(&LifoQueue::bounded(4)), "dcba");
    assert_eq!(drain(&PriorityQueue::bounded(4)), "bdac");
}

#[test]
fn equal_items_of_a_priority_queue_come_in_insertion_order() {
    #[derive(Debug)]
    struct Equal(u32);
    impl Ord for Equal {
        fn cmp(&self, _: &Self) -> Ordering {
            Ordering::Equal
        }
    }
    impl PartialOrd for Equal {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }
    impl PartialEq for Equal {
        fn eq(&self, _: &Self) -> bool {
            true
        }
    }
    impl Eq for Equal {}

    let queue = PriorityQueue::new();
    (0..100).for_each(|number| queue.put_nowait(Equal(number)).expect("it has no bounds"));
    let numbers: Vec<_> = std::iter::from_fn(|| queue.get_nowait().ok()).map(|item| item.0).collect();
    assert!(numbers.is_sorted() && numbers.len() == 100);
}

// ---- user code that calls back

/// An item whose drop and comparison do something.
struct Acting {
    rank: u32,
    on_drop: Box<dyn Fn()>,
    on_compare: Rc<dyn Fn()>,
}

impl Acting {
    fn new(rank: u32, on_drop: impl Fn() + 'static, on_compare: &Rc<dyn Fn()>) -> Self {
        Self { rank, on_drop: Box::new(on_drop), on_compare: Rc::clone(on_compare) }
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        (self.on_drop)();
    }
}

impl Ord for Acting {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.on_compare)();
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Acting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Acting {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Acting {}

fn nothing() -> Rc<dyn Fn()> {
    Rc::new(|| {})
}

#[test]
fn items_dropped_by_shutdown_see_the_queue_shut_down() {
    let queue = Queue::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    for rank in 0..3 {
        let (again, seen) = (queue.clone(), Rc::clone(&seen));
        let look = move || {
            let refused = again.put_nowait(Acting::new(9, || {}, &nothing())).is_err();
            seen.borrow_mut().push((again.len(), refused, again.task_done().is_err(), format!("{again:?}").is_empty()));
        };
        assert!(queue.put_nowait(Acting::new(rank, look, &nothing())).is_ok());
    }
    queue.shutdown(Shutdown::Immediate);
    assert_eq!(*seen.borrow(), [(0, true, true, false); 3]);
}

#[test]
fn comparing_items_may_use_their_queue() {
    let queue = PriorityQueue::new();
    let (again, left) = (queue.clone(), Cell::new(5));
    let compare: Rc<dyn Fn()> = Rc::new(move || {
        if left.get() > 0 {
            left.set(left.get() - 1);
            assert!(again.put_nowait(Acting::new(100 + left.get(), || {}, &nothing())).is_ok());
            assert!(!again.is_empty());
            drop(again.get_nowait());
            assert!(again.put_nowait(Acting::new(200 + left.get(), || {}, &nothing())).is_ok());
        }
    });
    for rank in [3, 2, 1] {
        assert!(queue.put_nowait(Acting::new(rank, || {}, &compare)).is_ok());
    }
    let ranks: Vec<_> = std::iter::from_fn(|| queue.get_nowait().ok()).map(|item| item.rank).collect();
    assert_eq!(ranks, [1, 2, 3, 200, 201, 202, 203, 204]);
}

#[test]
fn equal_items_added_during_a_comparison_come_in_insertion_order() {
    let queue = PriorityQueue::new();
    let (again, seen) = (queue.clone(), Log::default());
    let added = seen.clone();
    let has_compared = Cell::new(false);
    let compare: Rc<dyn Fn()> = Rc::new(move || {
        if !has_compared.replace(true) {
            for name in ["first", "second", "third"] {
                let item = Acting::new(9, added.adds(name), &nothing());
                assert!(again.put_nowait(item).is_ok());
            }
        }
    });
    for rank in [1, 2] {
        assert!(queue.put_nowait(Acting::new(rank, || {}, &compare)).is_ok());
    }
    while queue.get_nowait().is_ok() {}
    assert_eq!(seen.take(), ["first", "second", "third"]);
}

#[test]
fn a_panicking_comparison_leaves_the_queue_intact() {
    let queue = PriorityQueue::new();
    let panics = Rc::new(Cell::new(false));
    let panicking = Rc::clone(&panics);
    let compare: Rc<dyn Fn()> = Rc::new(move || assert!(!panicking.get(), "on purpose"));
    for rank in [3, 1] {
        assert!(queue.put_nowait(Acting::new(rank, || {}, &compare)).is_ok());
    }
    panics.set(true);
    let (again, compare_again) = (queue.clone(), Rc::clone(&compare));
    let put = std::panic::AssertUnwindSafe(move || again.put_nowait(Acting::new(2, || {}, &compare_again)).is_ok());
    assert!(std::panic::catch_unwind(put).is_err());
    panics.set(false);
    assert_eq!(queue.len(), 3);
    for _ in 0..3 {
        assert!(queue.get_nowait().is_ok() && queue.task_done().is_ok());
    }
    assert!(queue.is_empty() && queue.task_done().is_err());
}

// ---- properties

/// Checks three properties. An item whose put has ended is received once and in order, or is still in the queue. An item
/// whose put was cancelled is neither. No task waits for an available item.
fn nothing_is_lost(queue: &Queue<usize>, in_order: bool, actions: &[(u8, u8)]) -> bool {
    let world = World::new();
    let (put, got) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
    let mut tasks = Vec::new();
    for (item, &(action, number)) in actions.iter().enumerate() {
        let dropped = Rc::new(Cell::new(false));
        match action % 8 {
            0 | 1 => {
                let put = Rc::clone(&put);
                let child = Some(queue.put(item).map(move |()| put.borrow_mut().push(item)));
                tasks.push((world.spawn("", Droppable { child, dropped: Rc::clone(&dropped) }), dropped));
            }
            2 | 3 => {
                let got = Rc::clone(&got);
                let child = Some(queue.get().map(move |item| got.borrow_mut().push(item)));
                tasks.push((world.spawn("", Droppable { child, dropped: Rc::clone(&dropped) }), dropped));
            }
            4 if !tasks.is_empty() => drop(tasks[number as usize % tasks.len()].0.cancel()),
            5 if !tasks.is_empty() => {
                let (task, dropped) = &tasks[number as usize % tasks.len()];
                dropped.set(true);
                task.cancel();
            }
            6 => {
                if number % 2 == 0 {
                    put.borrow_mut().extend(queue.put_nowait(item).is_ok().then_some(item));
                } else {
                    got.borrow_mut().extend(queue.get_nowait().ok());
                }
            }
            _ => world.turn(),
        }
    }
    world.settle();
    let waiting = format!("{queue:?}");
    let none_waits_in_vain =
        (queue.is_empty() || waiting.contains("getters: 0")) && (queue.is_full() || waiting.contains("putters: 0"));
    for (task, _) in &tasks {
        task.cancel();
    }
    world.settle();
    got.borrow_mut().extend(std::iter::from_fn(|| queue.get_nowait().ok()));
    if !in_order {
        put.borrow_mut().sort_unstable();
        got.borrow_mut().sort_unstable();
    }
    none_waits_in_vain && tasks.iter().all(|(task, _)| task.done()) && *put.borrow() == *got.borrow()
}

quickcheck! {
    fn no_item_and_no_wakeup_is_lost(maxsize: u8, actions: Vec<(u8, u8)>) -> bool {
        let maxsize = usize::from(maxsize % 4);
        nothing_is_lost(&Queue::bounded(maxsize), true, &actions)
            && nothing_is_lost(&LifoQueue::bounded(maxsize), false, &actions)
            && nothing_is_lost(&PriorityQueue::bounded(maxsize), false, &actions)
    }
}
