//! Locks, and holding them around a child.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use innermost::sync::{Condition, Event, Lock, Semaphore};
use innermost::{Await, Coroutine, CoroutineExt, Exception, Generator, Resumed, Step, Stop};

use crate::support::turns::{Droppable, Turns, World};

/// L2
#[test]
fn a_released_lock_is_unlocked_but_newcomers_queue_behind_waiters() {
    let world = World::new();
    let lock = Lock::new();
    let guard = lock.try_acquire().expect("nobody holds it");
    world.spawn("waiter", lock.hold(Turns(1)));
    world.turn();
    drop(guard);
    assert!(!lock.locked());
    assert!(lock.try_acquire().is_none(), "it is the waiter's");
    world.spawn("newcomer", lock.hold(Turns(1)));
    assert_eq!(world.settled(), ["waiter", "newcomer"]);
    assert!(lock.try_acquire().is_some());
}

#[test]
fn waiters_get_the_lock_in_order() {
    let world = World::new();
    let lock = Lock::new();
    for name in 0..5 {
        world.spawn(name, lock.hold(Turns(name % 2)));
    }
    assert_eq!(world.settled(), ["0", "1", "2", "3", "4"]);
}

/// L3
#[test]
fn a_waiter_cancelled_after_it_was_woken_passes_the_lock_on() {
    let world = World::new();
    let lock = Lock::new();
    let guard = lock.try_acquire();
    let first = world.spawn("first", lock.acquire());
    world.spawn("second", lock.acquire());
    world.turn();
    drop(guard);
    first.cancel();
    assert_eq!(world.settled(), ["first raised cancelled", "second"]);
}

/// L3, where the waiter is not cancelled but dropped.
#[test]
fn a_waiter_dropped_after_it_was_woken_passes_the_lock_on() {
    let world = World::new();
    let lock = Lock::new();
    let guard = lock.try_acquire();
    let dropped = Rc::new(Cell::new(false));
    let first = world.spawn("first", Droppable { child: Some(lock.acquire()), dropped: Rc::clone(&dropped) });
    world.spawn("second", lock.acquire());
    world.turn();
    drop(guard);
    dropped.set(true);
    assert_eq!(world.settled(), ["first", "second"]);
    assert!(first.done() && lock.try_acquire().is_some());
}

/// L4
#[test]
fn when_all_waiters_are_cancelled_a_newcomer_takes_the_lock_at_once() {
    let world = World::new();
    let lock = Lock::new();
    let guard = lock.try_acquire();
    let waiters = [world.spawn("first", lock.acquire()), world.spawn("second", lock.acquire())];
    world.turn();
    for waiter in &waiters {
        waiter.cancel();
    }
    drop(guard);
    // The cancelled ones have not run yet.
    assert!(lock.try_acquire().is_some());
    assert_eq!(world.settled(), ["first raised cancelled", "second raised cancelled"]);
}

#[test]
fn a_guard_may_be_dropped_by_another_task() {
    let world = World::new();
    let lock = Lock::new();
    let kept = Rc::new(RefCell::new(None));
    let keep = Rc::clone(&kept);
    world.spawn("taker", lock.acquire().map(move |guard| *keep.borrow_mut() = Some(guard)));
    world.spawn("waiter", lock.acquire());
    world.spawn("giver", Turns(3).map(move |()| drop(kept.borrow_mut().take())));
    assert_eq!(world.settled(), ["taker", "giver", "waiter"]);
}

#[test]
fn a_lock_is_not_reentrant() {
    let world = World::new();
    let lock = Lock::new();
    let task = world.spawn("twice", lock.hold(lock.acquire()));
    assert_eq!(world.settled(), [""; 0]);
    task.cancel();
    assert_eq!(world.settled(), ["twice raised cancelled"]);
    assert!(!lock.locked());
}

/// L9, as it is here.
#[test]
fn two_loops_can_share_a_lock() {
    let (one, other) = (World::new(), World::new());
    let lock = Lock::new();
    let guard = lock.try_acquire();
    one.spawn("in one", lock.hold(Turns(1)));
    other.spawn("in the other", lock.hold(Turns(1)));
    one.turn();
    other.turn();
    drop(guard);
    assert_eq!(other.settled(), [""; 0]);
    assert_eq!(one.settled(), ["in one"]);
    assert_eq!(other.settled(), ["in the other"]);
}

#[test]
fn waiting_needs_no_loop_and_its_place_is_a_value() {
    let lock = Lock::new();
    let guard = lock.try_acquire();
    let mut first = Generator::new(lock.acquire());
    let mut second = Generator::new(lock.acquire());
    let place = first.next().expect("it waits");
    assert_eq!(format!("{place:?}"), "Lock.acquire(1 waiting)");
    assert_ne!(second.next().expect("so does this one"), place);
    assert_eq!(first.next().expect("it is not its turn yet"), place);
    drop(guard);
    let Err(Stop::Returned(guard)) = first.next() else { panic!("it is its turn now") };
    assert_eq!(format!("{guard:?}"), "LockGuard(Lock(locked, 1 waiting))");
    assert!(second.next().is_ok());
    drop(guard);
    assert!(matches!(second.next(), Err(Stop::Returned(_))));
    assert!(!lock.locked());
}

#[test]
fn an_exception_thrown_before_the_start_is_raised_without_acquiring() {
    let lock = Lock::new();
    let semaphore = Semaphore::new(1);
    let condition = Condition::new();
    assert!(lock.acquire().resume(Err(Exception::cancelled())).is_err());
    assert!(semaphore.acquire().resume(Err(Exception::cancelled())).is_err());
    let mut waiting = condition.wait(condition.lock().try_acquire().expect("it is free"));
    assert!(waiting.resume(Err(Exception::cancelled())).is_err());
    assert!(condition.locked() && waiting.take_guard().is_some() && waiting.take_guard().is_none());
    assert!(!lock.locked() && semaphore.value() == 1 && !condition.locked());
}

#[test]
fn an_ended_acquire_cannot_be_awaited_again() {
    let lock = Lock::new();
    let mut acquire = lock.acquire();
    assert!(acquire.resume(Ok(())).is_ok());
    let raised = acquire.resume(Ok(())).expect_err("it has ended");
    assert_eq!(raised.to_string(), "cannot reuse already awaited coroutine");
}

#[test]
fn hold_releases_however_the_child_ends() {
    let world = World::new();
    let lock = Lock::new();
    world.spawn("returned", lock.hold(Turns(1)));
    world.spawn("raised", lock.hold(Turns(1).then(|()| Failing)));
    let cancelled = world.spawn("cancelled", lock.hold(Event::new().wait()));
    world.spawn("panicked", lock.hold(Turns(1).map(|()| panic!("on purpose"))));
    world.spawn("last", lock.hold(Turns(0)));
    assert_eq!(world.settled(), ["returned", "raised raised on purpose"]);
    cancelled.cancel();
    assert_eq!(world.settled(), ["cancelled raised cancelled", "last"]);
    assert!(!lock.locked());
}

struct Failing;

impl Coroutine for Failing {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, _: Result<(), Exception>) -> Resumed<Self> {
        Err(std::io::Error::other("on purpose").into())
    }
}

#[test]
fn hold_releases_after_dropping_the_child_and_on_close() {
    struct Says(Lock, Rc<Cell<Option<bool>>>);
    impl Drop for Says {
        fn drop(&mut self) {
            self.1.set(Some(self.0.locked()));
        }
    }
    let lock = Lock::new();
    let was_locked = Rc::new(Cell::new(None));
    let says = Says(lock.clone(), Rc::clone(&was_locked));
    let mut held = Generator::new(lock.hold(Turns(1).map(move |()| drop(says))));
    held.next().expect("it waits for a turn");
    assert!(lock.locked());
    assert!(held.close().expect("nothing is raised").is_none());
    assert_eq!(was_locked.get(), Some(true), "the child goes first");
    assert!(!lock.locked());
}

#[test]
fn debug_of_a_scope_shows_its_state() {
    let lock = Lock::new();
    let mut held = lock.hold(Turns(1));
    assert_eq!(held.state().to_string(), "hold: Acquiring > Lock.acquire: Created");
    assert!(matches!(held.resume(Ok(())), Ok(Step::Yield(_))));
    assert_eq!(held.state().to_string(), "hold: Holding > Turns");
    assert_eq!(format!("{lock:?} {held:?}"), "Lock(locked, 0 waiting) Hold(holding)");
}
