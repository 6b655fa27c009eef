//! What becomes of the losers: their wait, their place in a line, and what they were given.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::Queue;
use innermost::sync::{Condition, Lock, Semaphore};
use innermost::testing::memory_pair;
use innermost::wait::{Race, Racing, Won, race};
use innermost::{
    Awaitable, Buffer, ByteRead, ByteWrite, Coroutine as _, CoroutineExt, EventLoop, Exception, Future, Kind, Sleep,
    Step, Task, from_fn, ready, sleep, yield_from,
};

use super::{LONG, Log, never, spin};
use crate::support::clock::test_loop;

#[test]
fn a_loser_keeps_its_place_in_a_line() {
    let (event_loop, lock, log) = (test_loop(), Lock::new(), Log::default());
    let guard = lock.try_acquire().unwrap();
    let first = event_loop.create_future::<u32>();
    let (mut a, mut b, mut race) = (Racing::new(first.clone()), Racing::new(lock.acquire()), Race::new());
    let noted = log.clone();
    let racing = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                match yield_from!(race.run((&mut a, &mut b)), sent)? {
                    Won::A(_) => a.restart(never()),
                    Won::B(_guard) => {
                        noted.add("race");
                        return Ok(Step::Return(()));
                    }
                }
            }
        }))
        .unwrap();
    spin(&event_loop, 2);
    let noted = log.clone();
    let other = event_loop.create_task(lock.acquire().map(move |_| noted.add("other"))).unwrap();
    spin(&event_loop, 2);
    first.set_result(1).unwrap();
    spin(&event_loop, 2);
    drop(guard);
    event_loop.run_until_complete(other).unwrap();
    assert_eq!(log.take(), ["race", "other"]);
    assert!(racing.done());
}

/// Waits for a race of `a` and `b`, which `a` wins, and then for `pause`, and then races `b` again.
fn loses_and_pauses<C, D>(
    a: Future<u32>,
    b: C,
    pause: Future<u32>,
    then: impl FnOnce(C::Return) -> D + 'static,
) -> Task<()>
where
    C: Awaitable + 'static,
    D: 'static,
{
    let (mut a, mut b, mut race, mut pause) = (Racing::new(a), Racing::new(b), Race::new(), pause);
    let (mut has_lost, mut then) = (false, Some(then));
    EventLoop::current()
        .unwrap()
        .create_task(from_fn(move |mut sent| {
            if !has_lost {
                assert!(matches!(yield_from!(race.run((&mut a, &mut b)), sent)?, Won::A(_)));
                has_lost = true;
                a.restart(never());
            }
            if !pause.done() {
                yield_from!(pause, sent)?;
            }
            match yield_from!(race.run((&mut a, &mut b)), sent)? {
                Won::A(_) => panic!("nobody sets it"),
                Won::B(won) => drop(then.take().unwrap()(won)),
            }
            Ok(Step::Return(()))
        }))
        .unwrap()
}

struct Paused {
    event_loop: EventLoop,
    first: Future<u32>,
    pause: Future<u32>,
}

impl Paused {
    fn new() -> Self {
        let event_loop = test_loop();
        EventLoop::set_current(Some(event_loop.handle()));
        let [first, pause] = [(); 2].map(|()| event_loop.create_future());
        Self { event_loop, first, pause }
    }

    /// The first child has won, and the task waits for something else.
    fn lose(&self) {
        spin(&self.event_loop, 2);
        self.first.set_result(1).unwrap();
        spin(&self.event_loop, 2);
    }
}

#[test]
fn a_lock_that_is_granted_while_no_race_is_on_goes_to_the_next() {
    for together in [false, true] {
        let world = Paused::new();
        let lock = Lock::new();
        let guard = lock.try_acquire().unwrap();
        let racing = loses_and_pauses(world.first.clone(), lock.acquire(), world.pause.clone(), drop);
        spin(&world.event_loop, 2);
        let next = world.event_loop.create_task(lock.acquire().map(drop)).unwrap();
        if together {
            // It is granted in the turn in which another child wins.
            spin(&world.event_loop, 2);
            drop(guard);
            world.first.set_result(1).unwrap();
        } else {
            world.lose();
            drop(guard);
        }
        spin(&world.event_loop, 3);
        assert!(next.done(), "the loser sits on the lock (together: {together})");
        assert!(lock.try_acquire().is_some(), "nobody needs it");
        world.pause.set_result(1).unwrap();
        world.event_loop.run_until_complete(racing).unwrap();
    }
}

#[test]
fn a_lock_that_nobody_else_waits_for_is_free_and_won_later() {
    let world = Paused::new();
    let lock = Lock::new();
    let guard = lock.try_acquire().unwrap();
    let racing = loses_and_pauses(world.first.clone(), lock.acquire(), world.pause.clone(), drop);
    world.lose();
    drop(guard);
    spin(&world.event_loop, 2);
    let guard = lock.try_acquire().expect("it is free");
    world.pause.set_result(1).unwrap();
    spin(&world.event_loop, 3);
    assert!(!racing.done());
    drop(guard);
    world.event_loop.run_until_complete(racing).unwrap();
}

#[test]
fn a_permit_that_is_granted_while_no_race_is_on_goes_to_the_next_or_back() {
    for somebody_waits in [false, true] {
        let world = Paused::new();
        let semaphore = Semaphore::new(1);
        let permit = semaphore.try_acquire().unwrap();
        let racing = loses_and_pauses(world.first.clone(), semaphore.acquire(), world.pause.clone(), drop);
        spin(&world.event_loop, 2);
        let next = somebody_waits.then(|| world.event_loop.create_task(semaphore.acquire().map(drop)).unwrap());
        world.lose();
        drop(permit);
        spin(&world.event_loop, 3);
        assert!(next.is_none_or(|next| next.done()));
        assert_eq!(semaphore.value(), 1);
        assert!(!semaphore.locked());
        drop(semaphore.try_acquire().expect("one is free"));
        world.pause.set_result(1).unwrap();
        world.event_loop.run_until_complete(racing).unwrap();
        assert_eq!(semaphore.value(), 1);
    }
}

#[test]
fn an_item_that_comes_while_no_race_is_on_goes_to_the_next() {
    let world = Paused::new();
    let queue = Queue::<u32>::new();
    let racing = loses_and_pauses(world.first.clone(), queue.get(), world.pause.clone(), |item| assert_eq!(item, 2));
    spin(&world.event_loop, 2);
    let next = world.event_loop.create_task(queue.get()).unwrap();
    world.lose();
    queue.put_nowait(1).unwrap();
    assert_eq!(world.event_loop.run_until_complete(next).unwrap(), 1);
    queue.put_nowait(2).unwrap();
    world.pause.set_result(1).unwrap();
    world.event_loop.run_until_complete(racing).unwrap();
}

#[test]
fn room_that_comes_while_no_race_is_on_goes_to_the_next() {
    let world = Paused::new();
    let queue = Queue::<u32>::bounded(1);
    queue.put_nowait(0).unwrap();
    let racing = loses_and_pauses(world.first.clone(), queue.put(1), world.pause.clone(), drop);
    spin(&world.event_loop, 2);
    let next = world.event_loop.create_task(queue.put(2)).unwrap();
    world.lose();
    assert_eq!(queue.get_nowait(), Ok(0));
    world.event_loop.run_until_complete(next).unwrap();
    assert_eq!(queue.get_nowait(), Ok(2));
    world.pause.set_result(1).unwrap();
    world.event_loop.run_until_complete(racing).unwrap();
    assert_eq!(queue.get_nowait(), Ok(1));
}

#[test]
fn a_notice_that_comes_while_no_race_is_on_goes_to_the_next() {
    let world = Paused::new();
    let condition = Condition::new();
    let waiting = |condition: Condition| {
        let inner = condition.clone();
        condition.acquire().then(move |guard| inner.wait(guard)).map(drop)
    };
    let racing = loses_and_pauses(world.first.clone(), waiting(condition.clone()), world.pause.clone(), drop);
    spin(&world.event_loop, 2);
    let next = world.event_loop.create_task(waiting(condition.clone())).unwrap();
    world.lose();
    let guard = condition.lock().try_acquire().unwrap();
    condition.notify(1).unwrap();
    drop(guard);
    spin(&world.event_loop, 4);
    assert!(next.done());
    world.pause.set_result(1).unwrap();
    spin(&world.event_loop, 4);
    assert!(racing.done(), "a condition may be woken for nothing");
}

#[test]
fn an_item_is_not_lost_where_another_child_wins_in_the_same_turn() {
    let event_loop = test_loop();
    let (time, queue) = (event_loop.create_future::<()>(), Queue::<u32>::new());
    let (mut a, mut item, mut race) = (Racing::new(time.clone()), Racing::new(queue.get()), Race::new());
    let mut wins = Vec::new();
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                match yield_from!(race.run((&mut a, &mut item)), sent)? {
                    Won::A(()) => {
                        wins.push(0);
                        a.restart(EventLoop::running().unwrap().create_future());
                    }
                    Won::B(number) => {
                        wins.push(number);
                        return Ok(Step::Return(std::mem::take(&mut wins)));
                    }
                }
            }
        }))
        .unwrap();
    spin(&event_loop, 2);
    let other = event_loop.create_task(queue.get()).unwrap();
    spin(&event_loop, 2);
    queue.put_nowait(7).unwrap();
    time.set_result(()).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), [0, 7]);
    spin(&event_loop, 3);
    assert!(!other.done());
    other.cancel();
}

#[test]
fn a_loser_can_be_awaited_by_itself_and_change_places() {
    let event_loop = test_loop();
    let futures: [_; 3] = [(); 3].map(|()| event_loop.create_future::<u32>());
    let [mut a, mut b, mut c] = futures.clone().map(Racing::new);
    let (mut race, mut got) = (Race::new(), Vec::new());
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            if got.is_empty()
                && let Won::A(n) = yield_from!(race.run((&mut a, &mut b, &mut c)), sent)?
            {
                got.push(n);
            }
            if got.len() == 1 {
                got.push(yield_from!(c, sent)?);
                a.restart(never());
            }
            match yield_from!(race.run((&mut b, &mut a)), sent)? {
                Won::A(n) => got.push(n),
                Won::B(_) => panic!("nobody sets it"),
            }
            Ok(Step::Return(std::mem::take(&mut got)))
        }))
        .unwrap();
    spin(&event_loop, 2);
    for index in [0, 2, 1] {
        futures[index].set_result(index as u32).unwrap();
        spin(&event_loop, 2);
    }
    assert_eq!(event_loop.run_until_complete(task).unwrap(), [0, 2, 1]);
}

#[test]
fn a_slice_may_grow_and_shrink() {
    let event_loop = test_loop();
    let queues: Vec<_> = (0..4).map(|_| Queue::<u32>::new()).collect();
    let mut list: Vec<_> = queues.iter().map(|queue| Racing::new(queue.get())).collect();
    let (mut race, mut got) = (Race::new(), Vec::new());
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            while !list.is_empty() {
                let (index, item) = yield_from!(race.run(&mut list[..]), sent)?;
                got.push((index, item));
                drop(list.remove(index));
            }
            Ok(Step::Return(std::mem::take(&mut got)))
        }))
        .unwrap();
    spin(&event_loop, 2);
    for index in [2, 0, 3, 1] {
        queues[index].put_nowait(index as u32).unwrap();
        spin(&event_loop, 2);
    }
    assert_eq!(event_loop.run_until_complete(task).unwrap(), [(2, 2), (0, 0), (1, 3), (0, 1)]);
}

#[test]
fn a_child_that_is_restarted_while_a_task_waits_is_started() {
    let event_loop = test_loop();
    let shared = Rc::new(RefCell::new(Racing::new(event_loop.create_future::<u32>())));
    let (mut race, theirs) = (Race::new(), Rc::clone(&shared));
    let mut other = Racing::new(sleep(LONG).then(|()| ready(0)));
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            yield_from!(race.run((&mut *theirs.borrow_mut(), &mut other)), sent).map(Step::Return)
        }))
        .unwrap();
    spin(&event_loop, 2);
    let done = event_loop.create_future();
    done.set_result(3).unwrap();
    shared.borrow_mut().restart(done);
    spin(&event_loop, 2);
    assert_eq!(event_loop.run_until_complete(task).unwrap(), Won::A(3));
}

#[test]
fn nothing_is_raced_in_the_place_of_none() {
    let event_loop = test_loop();
    let (mut a, mut b, mut race) = (None::<Racing<Future<u32>>>, Racing::new(ready(2)), Race::new());
    let machine = from_fn(move |mut sent| yield_from!(race.run((a.as_mut(), &mut b)), sent).map(Step::Return));
    assert_eq!(event_loop.run_until_complete(machine).unwrap(), Won::B(2));
}

#[test]
fn what_a_forgotten_operation_waited_for_does_not_fail_the_next_one() {
    let event_loop = test_loop();
    let [failing, other, first] = [(); 3].map(|()| event_loop.create_future::<u32>());
    let (mut a, mut race, mut stage) = (Racing::new(first.clone()), Race::new(), 0);
    let mut pause = event_loop.create_future::<u32>();
    let (paused, theirs) = (pause.clone(), (failing.clone(), other.clone()));
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            if stage == 0 {
                assert!(matches!(yield_from!(race.run((theirs.0.join(), &mut a)), sent)?, Won::B(_)));
                a.restart(never());
                stage = 1;
            }
            if stage == 1 {
                yield_from!(pause, sent)?;
                stage = 2;
            }
            yield_from!(race.run((theirs.1.join(), &mut a)), sent).map(Step::Return)
        }))
        .unwrap();
    spin(&event_loop, 2);
    first.set_result(1).unwrap();
    spin(&event_loop, 2);
    failing.set_exception(Exception::message(Kind::ValueError, "no")).unwrap();
    spin(&event_loop, 2);
    paused.set_result(1).unwrap();
    spin(&event_loop, 2);
    other.set_result(7).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), Won::A(7));
    assert!(failing.result().is_err());
}

#[test]
fn an_operation_that_has_left_a_race_does_not_hold_back_the_one_that_takes_its_place() {
    let event_loop = test_loop();
    let [(first, _first_far), (second, second_far)] = [memory_pair(), memory_pair()];
    let (mut race, mut buffer, mut stage, mut resumes) = (Race::new(), Buffer::new(), 0, 0);
    let twice = |delay| sleep(delay).then((|()| sleep(Duration::from_secs(1))) as fn(()) -> Sleep);
    let mut tick = Racing::new(twice(Duration::from_secs(1)));
    let machine = from_fn(move |mut sent| {
        resumes += 1;
        if stage == 0 {
            // It is raced at the first resume only.
            let read = (resumes == 1).then(|| first.read(&mut buffer));
            assert!(matches!(yield_from!(race.run((read, &mut tick)), sent)?, Won::B(())));
            tick.restart(twice(LONG));
            stage = 1;
        }
        let read = Some(second.read(&mut buffer));
        yield_from!(race.run((read, &mut tick)), sent).map(Step::Return)
    });
    event_loop
        .create_task(from_fn(move |mut sent| yield_from!(second_far.send(b"abc"), sent).map(Step::Return)))
        .unwrap();
    assert_eq!(event_loop.run_until_complete(machine).unwrap(), Won::A(3));
}

#[test]
fn a_race_of_nothing_raises() {
    let event_loop = test_loop();
    let raised = |race: &mut dyn FnMut(&mut Race) -> Exception| race(&mut Race::new()).to_string();
    let step = |racing: Result<Step<_, _, ()>, Exception>| racing.expect_err("nothing to race");
    let none = || None::<&mut Racing<Sleep>>;
    let mut nothing: [Racing<Sleep>; 0] = [];
    let texts = [
        raised(&mut |race| step(race.run((none(), none())).map(drop).resume(Ok(())))),
        raised(&mut |race| step(race.run([none(), none(), none()]).map(drop).resume(Ok(())))),
        raised(&mut |race| step(race.run(&mut nothing[..]).map(drop).resume(Ok(())))),
        raised(&mut |_| event_loop.run_until_complete(race(Vec::<Sleep>::new())).unwrap_err()),
    ];
    assert_eq!(texts, ["there is nothing to race"; 4]);
}
