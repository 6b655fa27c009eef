//! Queues: no item is lost or delivered twice, they come out in order, and nobody waits while there is something for him.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::queue::{
    Get, LifoQueue, PriorityQueue, Put, Queue, QueueShutDown, Shutdown, WeightedGet, WeightedPut, WeightedQueue,
};
use innermost::testing::Sim;
use innermost::{Awaitable, CoroutineExt, Exception};

use crate::common::{Count, every, interrupt, rest, start, turn};

/// What a queue of some kind should hold: the items that were put in, and not yet taken out.
#[derive(Clone, Default)]
struct Model(Rc<RefCell<Vec<usize>>>);

/// The item that comes out next.
type Next = fn(&[usize]) -> usize;

const FIRST: Next = |items| items[0];
const LAST: Next = |items| items[items.len() - 1];
const LEAST: Next = |items| *items.iter().min().expect("there are items");

impl Model {
    fn put(&self, item: usize) {
        self.0.borrow_mut().push(item);
    }

    fn get(&self, item: usize, next: Next) {
        let mut items = self.0.borrow_mut();
        assert_eq!(Some(item), (!items.is_empty()).then(|| next(&items)), "of {items:?}");
        items.retain(|other| *other != item);
    }

    fn len(&self) -> usize {
        self.0.borrow().len()
    }
}

/// The operations of a queue of any kind.
struct Kind<P, G> {
    put: Box<dyn Fn(usize) -> P>,
    get: Box<dyn Fn() -> G>,
    shutdown: Box<dyn Fn(Shutdown)>,
    show: Box<dyn Fn() -> String>,
    /// The weight that it holds, which is never more than the limit.
    weight: Rc<dyn Fn() -> usize>,
    weigh: fn(&usize) -> usize,
    limit: usize,
    /// With that many items, there may be no room for another one.
    full: usize,
    next: Next,
}

fn kind(queue: &Queue<usize>, next: Next) -> Kind<Put<usize>, Get<usize>> {
    let [put, get, shutdown, show, weight] = core::array::from_fn(|_| queue.clone());
    let limit = if queue.maxsize() == 0 { usize::MAX } else { queue.maxsize() };
    Kind {
        put: Box::new(move |item| put.put(item)),
        get: Box::new(move || get.get()),
        shutdown: Box::new(move |how| shutdown.shutdown(how)),
        show: Box::new(move || format!("{show:?}")),
        weight: Rc::new(move || weight.len()),
        weigh: |_| 1,
        limit,
        full: limit,
        next,
    }
}

fn weighted(limit: usize, full: usize, weigh: fn(&usize) -> usize) -> Kind<WeightedPut<usize>, WeightedGet<usize>> {
    let queue = WeightedQueue::new(limit, weigh);
    let [put, get, shutdown, show, weight] = core::array::from_fn(|_| queue.clone());
    Kind {
        put: Box::new(move |item| put.put(item)),
        get: Box::new(move || get.get()),
        shutdown: Box::new(move |how| shutdown.shutdown(how)),
        show: Box::new(move || format!("{show:?}")),
        weight: Rc::new(move || weight.weight()),
        weigh,
        limit,
        full,
        next: FIRST,
    }
}

/// When a queue is shut down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Together with everything else, and what is there can still be taken.
    Early,
    /// When nothing happens any more.
    AtRest,
}

/// How many tasks put an item each, how many get one each, and how many faults there are.
type Size = (usize, usize, u32);

/// Items are put and got, and the queue is shut down.
fn passing<P, G>(
    (putters, getters, faults): Size,
    end: End,
    make: impl Fn() -> Kind<P, G>,
) -> impl FnMut(&Sim) -> Result<(), Exception>
where
    P: Awaitable<Return = ()> + 'static,
    G: Awaitable<Return = usize> + 'static,
{
    move |sim| {
        interrupt(sim, "user");
        sim.faults().at_most(faults);
        let (kind, model, ended) = (make(), Model::default(), Count::default());
        let (putting, getting) = (Count::default(), Count::default());
        for item in (1..=putters).rev() {
            let (model, waits) = (model.clone(), putting.mark());
            let put = (kind.put)(item).map(move |()| (model.put(item), drop(waits)));
            start(sim, &format!("user that puts {item}"), &ended, put.catch(shut_down))?;
        }
        for _ in 0..getters {
            let (model, waits, next) = (model.clone(), getting.mark(), kind.next);
            let get = (kind.get)().map(move |item| (model.get(item, next), drop(waits)));
            start(sim, "user that gets", &ended, get.catch(shut_down))?;
        }
        let Kind { shutdown, full, weight, weigh, limit, show, .. } = kind;
        let left = model.clone();
        if end == End::Early {
            start(sim, "closer", &Count::default(), turn().map(move |()| shutdown(Shutdown::Drain)))?;
        } else {
            let closer = rest().map(move |()| {
                let (items, putting, getting) = (left.len(), putting.get(), getting.get());
                assert!(items == 0 || getting == 0, "{getting} wait for {items} items");
                assert!(items >= full || putting == 0, "{putting} wait for room, and {items} items are there");
                shutdown(Shutdown::Immediate);
                left.0.take();
            });
            start(sim, "closer", &Count::default(), closer)?;
        }
        let held = Rc::clone(&weight);
        sim.always(move || assert!(weight() <= limit, "{} is more than {limit}", weight()));
        sim.finally(move || {
            assert_eq!(held(), model.0.borrow().iter().map(weigh).sum::<usize>(), "weight without items");
            assert!(ended.get() + faults as usize >= putters + getters, "only {} have ended", ended.get());
            let (items, shown) = (model.len(), show());
            assert!(shown.contains(&format!("len: {items}, ")), "{items} were left in {shown}");
            assert!(shown.contains("getters: 0, putters: 0, unfinished: "), "{shown}");
        });
        Ok(())
    }
}

fn shut_down(raised: Exception) -> Result<((), ()), Exception> {
    if raised.downcast_ref::<QueueShutDown>().is_some() { Ok(((), ())) } else { Err(raised) }
}

fn fifo() -> Kind<Put<usize>, Get<usize>> {
    kind(&Queue::bounded(1), FIRST)
}

#[test]
fn a_queue_delivers_each_item_once_and_in_order() {
    let sizes = [(1, 2, 1), (2, 2, 1), (3, 1, 1), (1, 3, 1), (2, 1, 2), (1, 2, 2)];
    assert_eq!(sizes.map(|size| every(passing(size, End::AtRest, fifo))), [576, 3_120, 3_750, 6_480, 2_472, 3_656]);
    assert_eq!(every(passing((2, 2, 1), End::AtRest, || kind(&Queue::new(), FIRST))), 2_380);
}

#[test]
fn queues_of_other_kinds_do_so_too() {
    let stack = || kind(&LifoQueue::bounded(2), LAST);
    let heap = || kind(&PriorityQueue::bounded(2), LEAST);
    assert_eq!([(3, 1, 1), (2, 2, 1)].map(|size| every(passing(size, End::AtRest, stack))), [2_160, 2_380]);
    assert_eq!([(3, 1, 1), (2, 2, 1)].map(|size| every(passing(size, End::AtRest, heap))), [2_160, 2_380]);
}

#[test]
fn a_weighted_queue_never_holds_more_than_its_limit() {
    let sizes = [(2, 2, 1), (3, 1, 1), (2, 1, 2)];
    let schedules = sizes.map(|size| every(passing(size, End::AtRest, || weighted(3, 1, |item| *item))));
    assert_eq!(schedules, [2_380, 3_380, 1_416]);
    let schedules = sizes.map(|size| every(passing(size, End::AtRest, || weighted(5, 2, |_| 2))));
    assert_eq!(schedules, [2_380, 2_160, 1_416]);
}

/// A light item waits behind a heavy one, for which there is no room. If the heavy one is given up, there is room.
#[test]
fn an_item_that_is_given_up_lets_lighter_ones_go_first() {
    let schedules = every(|sim| {
        interrupt(sim, "heavy");
        let (queue, heavy, light) =
            (WeightedQueue::new(3, |weight: &usize| *weight), Count::default(), Count::default());
        queue.put_nowait(2)?;
        let waits = heavy.mark();
        start(sim, "heavy", &Count::default(), queue.put(2).map(move |()| drop(waits)))?;
        start(sim, "light", &light, queue.put(1))?;
        let taking = queue.clone();
        let getter = rest().then(move |()| {
            assert!(heavy.get() + light.get() >= 1, "there is room for the light one");
            assert_eq!(taking.weight(), 2 + light.get());
            taking.get().map(|_| ())
        });
        start(sim, "getter", &Count::default(), getter)?;
        sim.finally(move || assert_eq!(queue.weight(), if queue.len() == 2 { 3 } else { 1 }));
        Ok(())
    });
    assert_eq!(schedules, 72);
}

/// The items that are dropped count as done, and those that a worker has taken do not.
#[test]
fn whoever_joins_a_queue_that_is_emptied_waits_for_the_items_that_were_taken() {
    let schedules = every(|sim| {
        interrupt(sim, "worker");
        let (queue, joined, done, taken) = (Queue::new(), Count::default(), Count::default(), Count::default());
        (0..2).try_for_each(|item| queue.put_nowait(item))?;
        let (report, finished, took) = (queue.clone(), done.clone(), taken.clone());
        let worker = queue.get().then(move |_item| {
            took.add(1);
            let report = Report(report, finished);
            turn().map(move |()| drop(report))
        });
        start(sim, "worker", &Count::default(), worker.catch(|raised| shut_down(raised).map(drop)))?;
        start(sim, "joiner", &joined, queue.join().map(move |()| assert_eq!(done.get(), taken.get())))?;
        let closing = queue.clone();
        start(sim, "closer", &Count::default(), turn().map(move |()| closing.shutdown(Shutdown::Immediate)))?;
        sim.finally(move || assert_eq!((joined.get(), queue.len()), (1, 0)));
        Ok(())
    });
    assert_eq!(schedules, 66);
}

#[test]
fn a_queue_that_is_shut_down_wakes_whoever_waits() {
    let sizes = [(2, 1, 1), (1, 2, 1), (2, 1, 2)];
    assert_eq!(sizes.map(|size| every(passing(size, End::Early, fifo))), [664, 888, 4_024]);
    let schedules = sizes.map(|size| every(passing(size, End::Early, || weighted(3, 1, |item| *item))));
    assert_eq!(schedules, [408, 888, 1_944]);
    // A put that has been granted its room is refused.
    let schedules = sizes.map(|size| every(passing(size, End::Early, || weighted(2, 1, |_| 2))));
    assert_eq!(schedules, [664, 888, 4_024]);
}

#[test]
fn whoever_joins_a_queue_waits_until_all_items_are_done() {
    let schedules = every(|sim| {
        interrupt(sim, "worker");
        let (queue, joined, done) = (Queue::new(), Count::default(), Count::default());
        (0..2).try_for_each(|item| queue.put_nowait(item))?;
        for number in 0..2 {
            let (report, done) = (queue.clone(), done.clone());
            let work = queue.get().then(move |_item| {
                let report = Report(report, done);
                turn().map(move |()| drop(report))
            });
            start(sim, &format!("worker {number}"), &Count::default(), work)?;
        }
        let (rescue, finished) = (queue.clone(), done.clone());
        start(sim, "joiner", &joined, queue.join().map(move |()| assert_eq!(finished.get(), 2)))?;
        // It takes what an interrupted worker has left.
        let rescuer = rest().map(move |()| {
            while rescue.get_nowait().is_ok() {
                drop(Report(rescue.clone(), done.clone()));
            }
        });
        start(sim, "rescuer", &Count::default(), rescuer)?;
        sim.finally(move || assert_eq!((joined.get(), queue.len()), (1, 0)));
        Ok(())
    });
    assert_eq!(schedules, 480);
}

/// Reports that an item is done when it is dropped.
struct Report(Queue<i32>, Count);

impl Drop for Report {
    fn drop(&mut self) {
        self.1.add(1);
        self.0.task_done().expect("the item was taken out");
    }
}
