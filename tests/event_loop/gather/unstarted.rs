//! `gather`, `join`, `shield` and `as_completed` without a running loop: they start when they are first awaited.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use innermost::task::{ErrorContext, Start};
use innermost::wait::{Gather, as_completed, gather, gather_all, join, shield, wait};
use innermost::{
    Awaitable, CoroutineExt, EventLoop, Exception, Generator, Kind, Step, Stop, from_fn, lazy, ready, run, sleep,
};

use super::in_task;
use crate::support::clock::{test_loop, virtual_loop};
use crate::support::events::Log;

const SECOND: Duration = Duration::from_secs(1);

/// Adds its name when it starts, and returns it in the next turn.
fn child(events: &Log, name: &'static str) -> impl Awaitable<Return = &'static str> + use<> {
    let events = events.clone();
    lazy(move || {
        events.add(name);
        sleep(Duration::ZERO).map(move |()| name)
    })
}

fn all_of_them(events: &Log) -> Vec<Box<dyn Awaitable<Return = Vec<&'static str>>>> {
    vec![
        Box::new(gather([child(events, "a"), child(events, "b")])),
        Box::new(
            gather_all([child(events, "a"), child(events, "b")])
                .try_map(|all| all.into_iter().collect::<Result<_, _>>()),
        ),
        Box::new(join((child(events, "a"), child(events, "b"))).map(|(a, b)| vec![a, b])),
        Box::new(shield(gather([child(events, "a"), child(events, "b")]))),
        Box::new(gather([shield(child(events, "a")), shield(child(events, "b"))])),
    ]
}

#[test]
fn unstarted_waits_can_be_run_without_a_closure() {
    let events = Log::default();
    for waiting in all_of_them(&events) {
        assert_eq!(events.take(), [""; 0]);
        assert_eq!(run(waiting).unwrap(), ["a", "b"]);
        assert_eq!(events.take(), ["a", "b"]);
    }
    for waiting in all_of_them(&events) {
        assert_eq!(test_loop().run_until_complete(waiting).unwrap(), ["a", "b"]);
        assert_eq!(events.take(), ["a", "b"]);
    }
    let mut race = as_completed([child(&events, "a"), child(&events, "b")]);
    let (first, second) = (race.next().unwrap(), race.next().unwrap());
    assert_eq!(events.take(), [""; 0]);
    assert_eq!(run(join((first, second))).unwrap(), ("a", "b"));
    assert_eq!(run(gather([(); 0].map(ready))).unwrap(), []);
}

#[test]
fn with_a_running_loop_children_start_at_once() {
    let event_loop = test_loop();
    let handle = event_loop.handle();
    in_task(&event_loop, move || {
        let before = handle.all_tasks().len();
        let kept = (
            gather([ready(1), ready(2)]),
            gather_all([ready(3)]),
            join((ready(4), sleep(SECOND))),
            shield(ready(5)),
            as_completed([ready(6), ready(7)]),
        );
        assert_eq!(handle.all_tasks().len() - before, 8);
        assert!(kept.0.started() && kept.1.started() && kept.2.started() && kept.3.started());
        Ok(())
    });
    // And nowhere else.
    let kept = (gather([ready(1)]), shield(ready(2)), as_completed([ready(3)]));
    assert!(!kept.0.started() && !kept.1.started());
    assert_eq!(format!("{kept:?}"), "(Gather(unstarted), Shield(unstarted), AsCompleted(unstarted))");
}

/// In how many turns `main` ends that `make` makes, before the loop runs or in a task.
fn turns(make: impl FnOnce() -> Box<dyn Awaitable<Return = ()>> + 'static) -> u32 {
    let event_loop = test_loop();
    let (turns, seen) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (counter, last) = (Rc::clone(&turns), Rc::clone(&turns));
    let counting = from_fn(move |sent: Result<(), Exception>| {
        sent?;
        counter.set(counter.get() + 1);
        Ok(Step::<_, _, ()>::Yield(innermost::Await::next_turn()))
    });
    event_loop.set_exception_handler(|_| ());
    event_loop.create_task(counting).unwrap();
    let ends = Rc::clone(&seen);
    let main = event_loop.create_task(make().map(move |()| ends.set(last.get()))).unwrap();
    event_loop.run_until_complete(main).unwrap();
    seen.get()
}

#[test]
fn starting_late_takes_no_extra_turn() {
    let events = Log::default();
    for (number, _) in all_of_them(&events).iter().enumerate() {
        let (early, late) = (events.clone(), events.clone());
        let early = turns(move || Box::new(lazy(move || all_of_them(&early).swap_remove(number)).map(drop)));
        let late = turns(move || Box::new(all_of_them(&late).swap_remove(number).map(drop)));
        assert_eq!(early, late, "number {number}");
    }
}

// Arguments are evaluated before the call, in Python too: `gather(a(), gather(b(), c()))` makes the tasks of b, c and a.
#[test]
fn inner_waits_start_before_outer_ones() {
    let nested = |events: &Log| {
        let inner = gather([child(events, "b"), child(events, "c")]);
        join((child(events, "a"), shield(join((child(events, "d"), inner)))))
    };
    let (early, late) = (Log::default(), Log::default());
    let events = early.clone();
    test_loop().run_until_complete(lazy(move || nested(&events))).unwrap();
    let (a, (d, inner)) = run(nested(&late)).unwrap();
    assert_eq!((a, d, inner), ("a", "d", vec!["b", "c"]));
    assert_eq!(early.take(), ["b", "c", "d", "a"]);
    assert_eq!(late.take(), ["b", "c", "d", "a"]);
}

#[test]
fn clones_start_together_and_a_repeated_gather_counts_once() {
    let events = Log::default();
    let all = gather([child(&events, "a")]);
    let other = all.clone();
    let event_loop = test_loop();
    let (done, pending) = event_loop.run_until_complete(wait([all.clone(), all.clone()])).unwrap();
    assert_eq!((done.len(), pending.len()), (1, 0));
    assert!(other.started() && other.done());
    assert_eq!(other.take_result().unwrap(), ["a"]);
    assert_eq!(events.take(), ["a"]);
    let twice = gather([shield(ready(1)); 1].map(|one| [one.clone(), one]).into_iter().flatten());
    assert_eq!(event_loop.run_until_complete(twice).unwrap_err().kind(), Kind::InvalidStateError);
    let one = shield(ready(1));
    assert_eq!(as_completed([one.clone(), one]).len(), 1);
}

#[test]
fn cancelling_an_unstarted_wait_drops_its_children_and_raises() {
    let child = Rc::new(());
    let held = Rc::clone(&child);
    let coroutine = ready(()).map(move |()| drop(held));
    let all = gather([coroutine]);
    assert!(!all.done() && !all.cancelled());
    assert_eq!(all.result().unwrap_err().kind(), Kind::InvalidStateError);
    assert!(all.cancel_message("not today"));
    assert!(!all.cancel());
    assert_eq!(Rc::strong_count(&child), 1);
    assert!(all.done() && all.cancelled() && !all.started());
    assert_eq!(all.exception().unwrap_err().to_string(), "not today");
    let event_loop = test_loop();
    assert_eq!(event_loop.run_until_complete(all.clone()).unwrap_err().to_string(), "not today");
    assert!(all.started() && all.cancelled());
    // As a child, it is a cancelled one.
    let shielded = shield(ready(1));
    shielded.cancel();
    let outcomes = event_loop.run_until_complete(gather_all([shielded, shield(ready(2))])).unwrap();
    assert!(outcomes[0].as_ref().unwrap_err().is_cancelled());
    assert_eq!(outcomes[1].as_ref().unwrap(), &2);
}

#[test]
fn resuming_an_unstarted_wait_needs_a_running_loop_and_can_be_repeated() {
    let all = gather([ready(1)]);
    let mut by_hand = Generator::new(all.clone());
    assert!(matches!(by_hand.next(), Err(Stop::Raised(raised)) if raised.kind() == Kind::RuntimeError));
    assert_eq!(all.future().unwrap_err().to_string(), "no running event loop");
    assert_eq!(run(all).unwrap(), [1]);
}

/// A loop that records the calls of its exception handler.
fn reporting_loop() -> (EventLoop, Log) {
    let (event_loop, events) = (test_loop(), Log::default());
    let told = events.clone();
    event_loop.set_exception_handler(move |context: &ErrorContext| told.add(context.to_string()));
    (event_loop, events)
}

#[test]
fn a_failure_to_start_is_raised_when_awaited() {
    let (event_loop, other) = (test_loop(), test_loop());
    let kind_in =
        |event_loop: &EventLoop, all: Gather<Vec<i32>>| event_loop.run_until_complete(all).unwrap_err().kind();
    let foreign = other.create_future::<i32>();
    let boxed = |one: &innermost::Future<i32>| [shield(ready(1)), shield(one.clone())];
    assert_eq!(kind_in(&event_loop, gather(boxed(&foreign))), Kind::ValueError);
    let mut race = as_completed(boxed(&foreign)).timeout(SECOND);
    for next in [race.next().unwrap(), race.next().unwrap()] {
        assert_eq!(event_loop.run_until_complete(next).unwrap_err().kind(), Kind::ValueError);
    }
    other.close().unwrap();
    let closed = join((foreign, ready(2)));
    assert!(closed.started() && closed.done());
    assert_eq!(closed.exception().unwrap().unwrap().to_string(), "Event loop is closed");
    assert!(event_loop.run_until_complete(shield(ready(1))).is_ok());
    // A factory may refuse a task.
    event_loop.set_task_factory(Some(Rc::new(|_| Err(Exception::timeout()))));
    assert_eq!(kind_in(&event_loop, gather([ready(1)])), Kind::TimeoutError);
}

#[test]
fn a_failure_to_start_that_is_never_awaited_is_reported() {
    let (event_loop, events) = reporting_loop();
    let other = test_loop();
    drop(gather([event_loop.create_future::<i32>(), other.create_future()]));
    let told = events.take();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("never retrieved") && told[0].contains("different loop"), "{told:?}");
}

#[test]
fn a_child_that_awaits_its_own_starting_gather_fails() {
    let event_loop = test_loop();
    event_loop.set_task_factory(Some(Rc::new(|options| {
        options.start = Some(Start::Eager);
        Ok(())
    })));
    let slot: Rc<RefCell<Option<Gather<Vec<()>>>>> = Rc::default();
    let own = Rc::clone(&slot);
    let all = gather([lazy(move || own.borrow().clone().expect("it was put there")).map(drop)]);
    slot.replace(Some(all.clone()));
    let event_loop_main = lazy(move || all);
    let raised = event_loop.run_until_complete(event_loop_main).unwrap_err();
    assert_eq!(raised.to_string(), "awaited while its children are being started");
    slot.take();
}

#[test]
fn the_time_limit_counts_from_the_start() {
    let (event_loop, _) = virtual_loop();
    let mut race = as_completed([sleep(2 * SECOND), sleep(9 * SECOND)]).timeout(5 * SECOND);
    event_loop.run_until_complete(sleep(100 * SECOND)).unwrap();
    event_loop.run_until_complete(race.next().unwrap()).unwrap();
    assert_eq!(event_loop.time().since_zero(), 102 * SECOND);
    assert_eq!(event_loop.run_until_complete(race.next().unwrap()).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(event_loop.time().since_zero(), 105 * SECOND);
    assert!(race.next().is_none());
}
