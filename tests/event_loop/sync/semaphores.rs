//! Events and semaphores.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use innermost::sync::{BoundedSemaphore, Event, Permit, Semaphore};
use innermost::{Coroutine, CoroutineExt, EventLoop, Kind, Step, from_fn};

use crate::support::turns::{Droppable, World};

/// L5
#[test]
fn an_event_set_and_cleared_in_one_step_wakes_all_waiters() {
    let world = World::new();
    let event = Event::new();
    for name in ["a", "b", "c"] {
        world.spawn(name, event.wait());
    }
    world.turn();
    event.set();
    event.clear();
    world.spawn("late", event.wait());
    assert_eq!(world.settled(), ["a", "b", "c"]);
    event.set();
    assert_eq!(world.settled(), ["late"]);
}

#[test]
fn waiting_for_a_set_event_returns_at_once() {
    let event = Event::new();
    event.set();
    assert!(matches!(event.wait().resume(Ok(())), Ok(Step::Return(()))));
    event.clear();
    assert!(!event.is_set());
}

#[test]
fn an_event_wakes_a_million_tasks() {
    let count = if cfg!(miri) { 30 } else { 1_000_000 };
    let event_loop = EventLoop::new().expect("a loop");
    let event = Event::new();
    let ended = Rc::new(Cell::new(0));
    for _ in 0..count {
        let ended = Rc::clone(&ended);
        event_loop.create_task(event.wait().map(move |()| ended.set(ended.get() + 1))).expect("the loop is open");
    }
    event_loop.run_once().expect("a turn");
    event.set();
    // Others check the flag repeatedly before the woken tasks have run.
    for _ in 0..1000 {
        event.clear();
        event.set();
    }
    assert_eq!(ended.get(), 0);
    event_loop.run_once().expect("a turn");
    assert_eq!(ended.get(), count);
}

#[test]
fn cancelled_waiters_anywhere_in_the_queue_are_skipped_once() {
    let count = if cfg!(miri) { 30 } else { 100_000 };
    let world = World::new();
    let semaphore = Semaphore::new(0);
    let tasks: Vec<_> =
        (0..count).map(|_| world.event_loop.create_task(semaphore.acquire()).expect("the loop is open")).collect();
    world.turn();
    // From the back: a search from the front would pass all of them, each time.
    for task in tasks.iter().rev().take(count - 1) {
        task.cancel();
        // This must not visit the cancelled waiters either.
        assert!(semaphore.locked());
    }
    tasks[0].cancel();
    for _ in 0..count {
        semaphore.release();
    }
    assert!(!semaphore.locked());
    world.settle();
    assert_eq!(semaphore.value(), count);
}

/// L10
#[test]
fn a_released_permit_goes_to_the_first_waiter_and_others_queue_behind() {
    let world = World::new();
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire().expect("there is one");
    for name in ["a", "b"] {
        world.spawn(name, semaphore.acquire());
    }
    world.turn();
    drop(permit);
    assert_eq!(semaphore.value(), 0, "it is taken already");
    assert!(semaphore.try_acquire().is_none());
    // There are two more permits than waiters. Still, no task overtakes the woken ones.
    semaphore.release();
    semaphore.release();
    assert_eq!(semaphore.value(), 1);
    assert!(semaphore.locked() && semaphore.try_acquire().is_none());
    world.spawn("c", semaphore.acquire());
    assert_eq!(world.settled(), ["a", "b", "c"]);
    assert_eq!(semaphore.value(), 3);
}

/// L11
#[test]
fn a_waiter_cancelled_after_it_was_woken_returns_its_permit_and_wakes_the_next() {
    let world = World::new();
    let semaphore = Semaphore::new(0);
    let first = world.spawn("first", semaphore.acquire());
    world.spawn("second", semaphore.acquire().map(Permit::forget));
    world.turn();
    semaphore.release();
    first.cancel();
    assert_eq!(world.settled(), ["first raised cancelled", "second"]);
    assert_eq!(semaphore.value(), 0);
}

/// L11, where the waiter is not cancelled but dropped, before and after it was woken.
#[test]
fn a_dropped_waiter_returns_its_permit_and_wakes_the_next() {
    for woken_before in [false, true] {
        let world = World::new();
        let semaphore = Semaphore::new(0);
        let dropped = Rc::new(Cell::new(false));
        let child = Some(semaphore.acquire());
        let first = world.spawn("first", Droppable { child, dropped: Rc::clone(&dropped) });
        world.spawn("second", semaphore.acquire());
        world.turn();
        dropped.set(true);
        if woken_before {
            semaphore.release();
        } else {
            first.cancel();
            world.turn();
            semaphore.release();
        }
        assert_eq!(world.settled(), ["first", "second"]);
        assert_eq!(semaphore.value(), 1);
    }
}

/// Whoever waits alone is kept apart from those who are more, and joins them when another comes: woken by then, too.
#[test]
fn a_woken_only_waiter_goes_before_a_newcomer() {
    let semaphore = Semaphore::new(0);
    for is_dropped in [false, true, false] {
        let (mut first, mut second) = (semaphore.acquire(), semaphore.acquire());
        assert!(matches!(first.resume(Ok(())), Ok(Step::Yield(_))));
        semaphore.release();
        assert!(matches!(second.resume(Ok(())), Ok(Step::Yield(_))));
        assert!(semaphore.locked(), "it is the first one's");
        if is_dropped {
            drop(first);
        } else {
            // The permit goes back at once, and to the second.
            assert!(matches!(first.resume(Ok(())), Ok(Step::Return(_))));
        }
        let Ok(Step::Return(permit)) = second.resume(Ok(())) else { panic!("it is the second one's turn") };
        permit.forget();
    }
    assert_eq!(semaphore.value(), 0);
}

/// The same, where that one is cancelled.
#[test]
fn cancelling_the_only_waiter_leaves_the_permit_to_the_next() {
    let world = World::new();
    let semaphore = Semaphore::new(0);
    for turns_between in [0, 1] {
        let first = world.spawn("first", semaphore.acquire());
        world.turn();
        first.cancel();
        (0..turns_between).for_each(|_| world.turn());
        world.spawn("second", semaphore.acquire().map(Permit::forget));
        world.turn();
        semaphore.release();
        assert_eq!(world.settled(), ["first raised cancelled", "second"]);
    }
    assert_eq!(semaphore.value(), 0);
}

/// L12
#[test]
fn a_bounded_semaphore_refuses_a_release_above_its_value() {
    let semaphore = BoundedSemaphore::new(2);
    let raised = semaphore.release().expect_err("it has both permits");
    assert_eq!(
        (raised.kind(), raised.to_string()),
        (Kind::ValueError, "BoundedSemaphore released too many times".into())
    );
    semaphore.try_acquire().expect("there are two").forget();
    let permit = semaphore.try_acquire().expect("there is one left");
    assert!(semaphore.locked());
    semaphore.release().expect("one was forgotten");
    semaphore.release().expect("in place of the one that is held");
    drop(permit);
    assert_eq!(semaphore.value(), 2);
}

#[test]
fn debug_of_an_acquire_shows_its_progress() {
    let semaphore = Semaphore::new(1);
    let (mut first, mut second) = (semaphore.acquire(), semaphore.acquire());
    assert_eq!(first.state().to_string(), "Semaphore.acquire: Created");
    let permit = first.resume(Ok(()));
    assert_eq!(first.state().to_string(), "Semaphore.acquire: Over");
    assert!(second.resume(Ok(())).is_ok());
    assert_eq!(second.state().to_string(), "Semaphore.acquire: Waiting");
    drop(permit);
}

/// A task that waits at a place of another's, which was left and has been taken by a third.
#[test]
fn a_cancel_does_not_reach_a_later_waiter_in_the_same_slot() {
    let world = World::new();
    let semaphore = Semaphore::new(0);
    world.spawn("first", semaphore.acquire());
    let place = Rc::new(RefCell::new(Some(semaphore.acquire())));
    let held = Rc::clone(&place);
    let stale = world.spawn(
        "stale",
        from_fn(move |sent| {
            sent?;
            let mut held = held.borrow_mut();
            let Some(acquire) = held.as_mut() else { return Ok(Step::Return(())) };
            let Step::Yield(wanted) = acquire.resume(Ok(()))? else { unreachable!("there is no permit") };
            Ok(Step::Yield(wanted))
        }),
    );
    world.turn();
    drop(place.take());
    world.spawn("heir", semaphore.acquire().map(Permit::forget));
    world.turn();
    stale.cancel();
    assert_eq!(world.settled(), [""; 0]);
    semaphore.release();
    assert_eq!(world.settled(), ["first", "heir"]);
}
