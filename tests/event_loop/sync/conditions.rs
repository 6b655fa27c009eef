//! Conditions.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use innermost::sync::{Condition, ConditionWait, Lock};
use innermost::{Coroutine, CoroutineExt, Exception, Kind, Step, Task};

use crate::support::turns::{Droppable, World};

/// L6
#[test]
fn a_condition_refuses_a_foreign_guard_and_notify_without_the_lock() {
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
            log.add(format_args!("{name} holds the lock: {}", raising.locked()));
            Err(raised)
        }),
    )
}

#[test]
fn notified_tasks_continue_one_by_one_in_order() {
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
fn a_cancelled_wait_reacquires_the_lock_and_raises_the_last_cancel() {
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
fn cancelling_a_notified_waiter_passes_its_notification_on() {
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
fn dropping_a_notified_waiter_passes_its_notification_on() {
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
fn wait_for_waits_until_the_predicate_is_true() {
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
fn closing_a_wait_withdraws_it_without_the_lock() {
    let world = World::new();
    let condition = Condition::new();
    waits(&world, "waiting", &condition);
    world.settle();
    let guard = condition.lock().try_acquire();
    let World { event_loop, .. } = world;
    let raised = Rc::new(RefCell::new(Vec::new()));
    let slot = Rc::clone(&raised);
    event_loop.set_exception_handler(move |context| slot.borrow_mut().extend(context.exception.clone()));
    drop(event_loop);
    assert!(raised.take().is_empty());
    drop(guard);
    assert!(!condition.locked());
}

/// A wait that was begun by hand, under a lock that another holds by now.
fn begun(condition: &Condition) -> (ConditionWait, Option<innermost::sync::LockGuard>) {
    let mut waiting = condition.wait(condition.lock().try_acquire().expect("it is free"));
    assert!(matches!(waiting.resume(Ok(())), Ok(Step::Yield(_))));
    (waiting, condition.lock().try_acquire())
}

#[test]
fn reacquiring_the_lock_delays_only_cancels() {
    for thrown in [Exception::generator_exit(), Exception::timeout()] {
        let condition = Condition::new();
        let (mut waiting, _guard) = begun(&condition);
        condition.notify(1).expect("the lock is held");
        assert!(matches!(waiting.resume(Ok(())), Ok(Step::Yield(_))), "another has the lock");
        let raised = waiting.resume(Err(thrown.clone())).expect_err("it ends");
        assert_eq!(raised.kind(), thrown.kind());
        assert!(waiting.take_guard().is_none());
    }
}

#[test]
fn an_exception_that_ends_a_wait_is_raised_with_the_lock_held_except_on_close() {
    let condition = Condition::new();
    let (mut waiting, guard) = begun(&condition);
    assert!(matches!(waiting.resume(Err(Exception::timeout())), Ok(Step::Yield(_))), "another has the lock");
    drop(guard);
    assert_eq!(waiting.resume(Ok(())).expect_err("it was thrown in").kind(), Kind::TimeoutError);
    assert!(condition.locked() && waiting.take_guard().is_some());

    let (mut waiting, _guard) = begun(&condition);
    assert!(waiting.resume(Err(Exception::generator_exit())).is_err_and(|raised| raised.is_generator_exit()));
    assert!(waiting.take_guard().is_none());
}

#[test]
fn the_guard_of_wait_for_can_be_taken_before_it_starts_and_after_it_raised() {
    let condition = Condition::new();
    let acquire = || condition.lock().try_acquire().expect("it is free");
    let mut waiting = condition.wait_for(acquire(), || true);
    assert!(waiting.take_guard().is_some() && waiting.take_guard().is_none());
    assert!(waiting.resume(Ok(())).is_err());

    let mut waiting = condition.wait_for(acquire(), || false);
    assert!(matches!(waiting.resume(Ok(())), Ok(Step::Yield(_))));
    assert!(waiting.take_guard().is_none() && !condition.locked());
    assert!(waiting.resume(Err(Exception::cancelled())).is_err_and(|raised| raised.is_cancelled()));
    assert!(condition.locked() && waiting.take_guard().is_some() && !condition.locked());
}
