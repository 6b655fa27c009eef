//! Waiting under a lock to be notified.

use std::cell::Cell;
use std::rc::Rc;

use innermost::sync::{Condition, Lock};
use innermost::{Coroutine, CoroutineExt, Kind, Task};

use crate::turns::{Droppable, World};

/// L6
#[test]
fn a_condition_refuses_the_guard_of_another_lock_and_to_notify_without_its_own() {
    let condition = Condition::new();
    let raised = condition.notify_all().expect_err("nobody holds the lock");
    assert_eq!((raised.kind(), raised.to_string()), (Kind::RuntimeError, "cannot notify on un-acquired lock".into()));
    let other = Lock::new();
    let mut waiting = condition.wait(other.try_acquire().expect("it is free"));
    let raised = waiting.resume(Ok(())).expect_err("it is another lock's");
    assert_eq!((raised.kind(), raised.to_string()), (Kind::RuntimeError, "cannot wait on un-acquired lock".into()));
    assert!(other.locked());
    drop(waiting);
    assert!(!other.locked());
}

/// Waits on the condition; when that ends by raising, writes whether the lock is held.
fn waits(world: &World, name: &'static str, condition: &Condition) -> Task<()> {
    let (waited, log, raising) = (condition.clone(), world.log(), condition.clone());
    let waiting = condition.acquire().then(move |guard| waited.wait(guard));
    world.spawn(
        name,
        waiting.catch(move |raised| {
            log.write(format_args!("{name} holds the lock: {}", raising.locked()));
            Err(raised)
        }),
    )
}

#[test]
fn notified_tasks_go_on_one_by_one_in_order() {
    let world = World::new();
    let condition = Condition::new();
    for name in ["a", "b", "c"] {
        waits(&world, name, &condition);
    }
    world.settle();
    let guard = condition.lock().try_acquire().expect("all of them wait");
    condition.notify(2).expect("the lock is held");
    world.settle();
    assert_eq!(world.lines(), [""; 0]);
    drop(guard);
    assert_eq!(world.settled(), ["a", "b"]);
    let _guard = condition.lock().try_acquire().expect("it was given back");
    condition.notify_all().expect("the lock is held");
    drop(_guard);
    assert_eq!(world.settled(), ["c"]);
}

/// L7
#[test]
fn a_cancelled_wait_ends_with_the_lock_held_and_raises_the_last_cancel() {
    let world = World::new();
    let condition = Condition::new();
    let waiting = waits(&world, "waiting", &condition);
    world.settle();
    let guard = condition.lock().try_acquire();
    for text in ["first", "second", "last"] {
        waiting.cancel_message(text);
        assert_eq!(world.settled(), [""; 0], "it waits for the lock");
    }
    drop(guard);
    assert_eq!(world.settled(), ["waiting holds the lock: true", "waiting raised last"]);
    assert!(!condition.locked());
}

/// L8
#[test]
fn a_notified_waiter_that_is_cancelled_hands_its_notification_on() {
    for cancelled_while_it_acquires in [false, true] {
        let world = World::new();
        let condition = Condition::new();
        let first = waits(&world, "first", &condition);
        waits(&world, "second", &condition);
        world.settle();
        let guard = condition.lock().try_acquire();
        condition.notify(1).expect("the lock is held");
        if cancelled_while_it_acquires {
            world.settle();
        }
        first.cancel();
        world.settle();
        drop(guard);
        assert_eq!(world.settled(), ["first holds the lock: true", "first raised cancelled", "second"]);
    }
}

/// L8, where the waiter is not cancelled but dropped.
#[test]
fn a_notified_waiter_that_is_dropped_hands_its_notification_on() {
    for dropped_while_it_acquires in [false, true] {
        let world = World::new();
        let condition = Condition::new();
        let dropped = Rc::new(Cell::new(false));
        let waited = condition.clone();
        let child = condition.acquire().then(move |guard| waited.wait(guard));
        let first = world.spawn("first", Droppable { child: Some(child), dropped: Rc::clone(&dropped) });
        waits(&world, "second", &condition);
        world.settle();
        let guard = condition.lock().try_acquire();
        condition.notify(1).expect("the lock is held");
        if dropped_while_it_acquires {
            world.settle();
        }
        dropped.set(true);
        first.cancel();
        world.settle();
        drop(guard);
        assert_eq!(world.settled(), ["first", "second"]);
    }
}

#[test]
fn waiting_for_a_predicate_goes_on_until_it_is_true() {
    let world = World::new();
    let condition = Condition::new();
    let seen = Rc::new(Cell::new(0));
    let (waited, looked) = (condition.clone(), Rc::clone(&seen));
    world.spawn(
        "third",
        condition.acquire().then(move |guard| {
            waited.wait_for(guard, move || {
                looked.set(looked.get() + 1);
                looked.get() == 3
            })
        }),
    );
    for expected in [1, 2] {
        assert_eq!(world.settled(), [""; 0]);
        assert_eq!(seen.get(), expected);
        let _guard = condition.lock().try_acquire();
        condition.notify(1).expect("the lock is held");
    }
    assert_eq!(world.settled(), ["third"]);
}

#[test]
fn conditions_can_share_a_lock() {
    let lock = Lock::new();
    let (full, empty) = (Condition::with_lock(lock.clone()), Condition::with_lock(lock.clone()));
    let guard = lock.try_acquire();
    assert!(full.notify_all().is_ok() && empty.notify_all().is_ok() && full.lock().is(empty.lock()));
    drop(guard);
}

#[test]
fn closing_a_wait_takes_it_back_without_the_lock() {
    let world = World::new();
    let condition = Condition::new();
    waits(&world, "waiting", &condition);
    world.settle();
    let guard = condition.lock().try_acquire();
    let World { event_loop, .. } = world;
    event_loop.set_exception_handler(|context| assert!(context.exception.is_none(), "{context}"));
    drop(event_loop);
    drop(guard);
    assert!(!condition.locked());
}
