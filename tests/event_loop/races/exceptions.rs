//! What is thrown into a race, closing it, and dropping it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use innermost::queue::Queue;
use innermost::sync::Lock;
use innermost::wait::{Race, Racing, Won};
use innermost::{
    Await, Awaitable, Call, Coroutine, CoroutineExt, Exception, Generator, Kind, Resumed, Step, from_fn, ready, sleep,
    yield_from,
};

use super::{LONG, Log, Noted, never, noted, spin};
use crate::support::clock::test_loop;
use crate::support::events::on_drop;

#[test]
fn a_cancel_is_raised_by_the_race_and_leaves_alone_what_its_children_wait_for() {
    let event_loop = test_loop();
    let (future, queue) = (event_loop.create_future::<u32>(), Queue::<u32>::new());
    let other = event_loop.create_task(sleep(LONG)).unwrap();
    let (mut a, mut b, mut c) = (Racing::new(future.clone()), Racing::new(queue.get()), Racing::new(other.clone()));
    let (mut race, mut cancels) = (Race::new(), 0);
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                match yield_from!(race.run((&mut a, &mut b, &mut c)), sent) {
                    Err(raised) if raised.is_cancelled() && cancels < 2 => cancels += 1,
                    Err(raised) => return Err(raised),
                    Ok(Won::A(n)) => return Ok(Step::Return(n + cancels)),
                    Ok(_) => panic!("nobody else"),
                }
            }
        }))
        .unwrap();
    spin(&event_loop, 3);
    assert!(task.cancel());
    spin(&event_loop, 3);
    assert!(!future.done() && !other.done() && !task.done());
    // In one turn. The cancel is raised first, and the result is there for the next race.
    future.set_result(40).unwrap();
    assert!(task.cancel());
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 42);
    queue.put_nowait(1).unwrap();
    assert_eq!(queue.get_nowait(), Ok(1));
    other.cancel();
}

#[test]
fn a_task_that_is_cancelled_leaves_no_waiter() {
    let event_loop = test_loop();
    let (lock, queue) = (Lock::new(), Queue::<u32>::new());
    let guard = lock.try_acquire().unwrap();
    let (mut acquire, mut get, mut race) = (Racing::new(lock.acquire()), Racing::new(queue.get()), Race::new());
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            yield_from!(race.run((&mut acquire, &mut get)), sent).map(|_| Step::Return(()))
        }))
        .unwrap();
    spin(&event_loop, 2);
    assert!(format!("{lock:?}").contains("1 waiting"), "{lock:?}");
    task.cancel();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    assert!(format!("{lock:?}").contains("0 waiting"), "{lock:?}");
    assert!(format!("{queue:?}").contains("getters: 0"), "{queue:?}");
    drop(guard);
    assert!(lock.try_acquire().is_some());
}

#[test]
fn a_child_that_raises_wins() {
    let event_loop = test_loop();
    let future = event_loop.create_future::<u32>();
    let (mut a, mut b, mut race) = (Racing::new(sleep(LONG)), Racing::new(future.clone()), Race::new());
    let task = event_loop
        .create_task(from_fn(move |mut sent| yield_from!(race.run((&mut a, &mut b)), sent).map(Step::Return)))
        .unwrap();
    spin(&event_loop, 2);
    future.set_exception(Exception::message(Kind::ValueError, "no")).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap_err().kind(), Kind::ValueError);
}

#[test]
fn a_future_that_is_cancelled_raises_in_its_own_child_only() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future::<u32>();
    let mut a = Racing::new(noted(&log, "a", sleep(LONG)));
    let (mut b, mut race) = (Racing::new(noted(&log, "b", future.clone())), Race::new());
    let task = event_loop
        .create_task(from_fn(move |mut sent| yield_from!(race.run((&mut a, &mut b)), sent).map(Step::Return)))
        .unwrap();
    spin(&event_loop, 2);
    future.cancel();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
    assert_eq!(log.take(), ["a", "b", "b: CancelledError"]);
}

/// Notes how it is closed, from behind a `Call`.
struct Closed(&'static str, Log, innermost::Sleep);

impl Coroutine for Closed {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        let ended = yield_from!(self.2, sent);
        self.1.add(format_args!("{} {:?}", self.0, ended.as_ref().map_err(Exception::kind)));
        ended.map(Step::Return)
    }
}

#[test]
fn closing_a_race_closes_every_child_that_has_started() {
    let log = Log::default();
    let child = |name| Call::new(Closed(name, log.clone(), sleep(std::time::Duration::ZERO)));
    let (mut a, mut b, mut race) = (Racing::new(child("a")), Racing::new(child("b")), Race::new());
    let mut c = Racing::new(child("c"));
    let mut machine = Generator::new(from_fn(move |mut sent| {
        yield_from!(race.run((&mut a, &mut b)), sent)?;
        yield_from!(race.run((&mut b, &mut c)), sent).map(|_| Step::Return(()))
    }));
    machine.next().unwrap();
    machine.close().unwrap();
    assert_eq!(log.take(), ["a Err(GeneratorExit)", "b Err(GeneratorExit)"]);
}

/// Yields again when it is closed.
struct Stubborn;

impl Coroutine for Stubborn {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, _: Result<(), Exception>) -> Resumed<Self> {
        Ok(Step::Yield(Await::next_turn()))
    }
}

#[test]
fn a_child_that_ignores_the_exit_raises_in_the_race_and_the_others_are_closed() {
    let log = Log::default();
    let (mut a, mut race) = (Racing::new(Stubborn), Race::new());
    let mut b = Racing::new(Closed("b", log.clone(), sleep(std::time::Duration::ZERO)));
    let mut machine = Generator::new(from_fn(move |mut sent| {
        yield_from!(race.run((&mut a, &mut b)), sent).map(|_| Step::Return(()))
    }));
    machine.next().unwrap();
    assert_eq!(machine.close().unwrap_err().to_string(), "generator ignored GeneratorExit");
    assert_eq!(log.take(), ["b Err(GeneratorExit)"]);
}

#[test]
fn a_task_whose_race_is_dropped_meanwhile_goes_on() {
    let event_loop = test_loop();
    let (lock, future) = (Lock::new(), event_loop.create_future::<u32>());
    let guard = lock.try_acquire().unwrap();
    let racers = (Race::new(), Racing::new(future.clone()), Racing::new(lock.acquire()));
    let shared = Rc::new(RefCell::new(Some(racers)));
    let theirs = Rc::clone(&shared);
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            let mut shared = theirs.borrow_mut();
            let Some((race, a, b)) = &mut *shared else { return Ok(Step::Return("gone")) };
            yield_from!(race.run((a, b)), sent).map(|_| Step::Return("won"))
        }))
        .unwrap();
    spin(&event_loop, 2);
    drop(shared.take());
    assert_eq!(event_loop.run_until_complete(task).unwrap(), "gone");
    assert!(format!("{lock:?}").contains("0 waiting"));
    drop(guard);
    future.set_result(1).unwrap();
    spin(&event_loop, 2);
}

#[test]
fn racing_what_has_ended_raises() {
    let event_loop = test_loop();
    let (mut a, mut b, mut race) = (Racing::new(ready(1)), Racing::new(sleep(LONG)), Race::new());
    let mut rounds = 0;
    let machine = from_fn(move |mut sent| {
        loop {
            yield_from!(race.run((&mut a, &mut b)), sent)?;
            rounds += 1;
            assert!(a.has_ended() && rounds == 1);
        }
        #[allow(unreachable_code)]
        Ok(Step::Return(()))
    });
    assert_eq!(event_loop.run_until_complete(machine).unwrap_err().kind(), Kind::RuntimeError);
}

#[test]
fn a_task_that_races_itself_gets_an_error() {
    let event_loop = test_loop();
    let own = Rc::new(RefCell::new(None::<innermost::Task<()>>));
    let (theirs, mut race, mut other) = (Rc::clone(&own), Race::new(), None);
    let mut child = None;
    let task = event_loop
        .create_task(from_fn(move |mut sent: Result<(), Exception>| {
            let child = child.get_or_insert_with(|| Racing::new(theirs.borrow().clone().unwrap()));
            let other = other.get_or_insert_with(|| Racing::new(never()));
            yield_from!(race.run((other, child)), sent).map(|_| Step::Return(()))
        }))
        .unwrap();
    own.replace(Some(task.clone()));
    let raised = event_loop.run_until_complete(task).unwrap_err();
    assert_eq!(raised.to_string(), "Task cannot await on itself");
    own.take();
}

/// A race that holds a canary in each of its children, and waits for ever.
fn holding(canary: &Rc<()>, lock: &Lock) -> impl Awaitable<Return = ()> + 'static {
    let hold = |canary: &Rc<()>| {
        let canary = Rc::clone(canary);
        lock.acquire().map(move |_guard| drop(canary))
    };
    let (mut a, mut b, mut race) = (Racing::new(hold(canary)), Racing::new(Call::new(hold(canary))), Race::new());
    from_fn(move |mut sent| yield_from!(race.run((&mut a, &mut b)), sent).map(|_| Step::Return(())))
}

#[test]
fn a_race_leaves_nothing_behind_however_it_ends() {
    let (canary, lock) = (Rc::new(()), Lock::new());
    let guard = lock.try_acquire().unwrap();
    // By hand, suspended.
    let mut by_hand = Generator::new(holding(&canary, &lock));
    by_hand.next().unwrap();
    drop(by_hand);
    assert_eq!(Rc::strong_count(&canary), 1, "by hand");
    // Cancelled.
    let event_loop = test_loop();
    let task = event_loop.create_task(holding(&canary, &lock)).unwrap();
    spin(&event_loop, 2);
    task.cancel();
    assert!(event_loop.run_until_complete(task).is_err());
    assert_eq!(Rc::strong_count(&canary), 1, "cancelled");
    // Its loop is closed.
    let task = event_loop.create_task(holding(&canary, &lock)).unwrap();
    spin(&event_loop, 2);
    event_loop.set_exception_handler(|_| {});
    drop(event_loop);
    assert!(task.done());
    assert_eq!(Rc::strong_count(&canary), 1, "closed");
    // A child panics.
    let event_loop = test_loop();
    let (mut held, mut race) = (Racing::new(holding(&canary, &lock)), Race::new());
    let mut panics = Racing::new(sleep(std::time::Duration::ZERO).map(|()| panic!("on purpose")));
    let machine = from_fn(move |mut sent: Result<(), Exception>| -> innermost::task::Progress<()> {
        yield_from!(race.run((&mut held, &mut panics)), sent).map(|_: Won<(), ()>| Step::Return(()))
    });
    assert!(event_loop.run_until_complete(machine).is_err());
    assert_eq!(Rc::strong_count(&canary), 1, "panicked");
    assert!(format!("{lock:?}").contains("0 waiting"), "{lock:?}");
    drop(guard);
}

#[test]
fn a_task_shows_all_that_it_waits_for() {
    let event_loop = test_loop();
    let lock = Lock::new();
    let _guard = lock.try_acquire().unwrap();
    let (mut a, mut b, mut race) =
        (Racing::new(lock.acquire()), Racing::new(event_loop.create_future::<u32>()), Race::new());
    let task = event_loop
        .create_task(from_fn(move |mut sent| yield_from!(race.run((&mut a, &mut b)), sent).map(|_| Step::Return(()))))
        .unwrap();
    spin(&event_loop, 2);
    let shown = task.stack_trace().to_string();
    assert!(shown.contains("any of [Lock.acquire(1 waiting), Future(pending)]"), "{shown}");
}

#[test]
fn a_child_that_panics_has_ended_and_leaves_the_others_alone() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (mut race, mut other, theirs) = (Race::new(), Racing::new(sleep(LONG)), log.clone());
    let noting = log.clone();
    let dropped = on_drop(move || noting.add("dropped"));
    let mut bad = Racing::new(Noted { name: "bad", child: Panicking(dropped), log: log.clone() });
    let machine = from_fn(move |mut sent| {
        if !bad.has_ended() {
            let panicked = catch_unwind(AssertUnwindSafe(|| race.run((&mut other, &mut bad)).resume(Ok(()))));
            assert!(panicked.is_err() && bad.has_ended() && !other.has_ended());
            assert_eq!(log.take(), ["bad", "dropped"]);
        }
        yield_from!(race.run((&mut other, &mut bad)), sent).map(Step::Return)
    });
    let raised = event_loop.run_until_complete(machine).unwrap_err();
    assert_eq!(raised.to_string(), "cannot reuse already awaited coroutine");
    assert!(theirs.take().is_empty(), "it is not resumed again");
}

/// Panics when it is resumed.
struct Panicking<T>(#[allow(dead_code)] T);

impl<T> Coroutine for Panicking<T> {
    type Yield = Await;
    type Input = ();
    type Return = u32;

    fn resume(&mut self, _: Result<(), Exception>) -> Resumed<Self> {
        panic!("a panic of a test")
    }
}
