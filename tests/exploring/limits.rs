//! Time limits that end in the very turn in which the result comes: there is a result or a `TimeoutError`, and what was
//! waited for is never lost with the wait.

use std::time::Duration;

use innermost::queue::{Queue, WeightedQueue};
use innermost::sync::{Barrier, BrokenBarrier, Condition, Lock, LockGuard, Semaphore};
use innermost::testing::Sim;
use innermost::wait::{Limit, Race, Racing, Won, timeout, wait_for};
use innermost::{Awaitable, CoroutineExt, Exception, Kind, Step, from_fn, lazy, yield_from};

use crate::common::{Count, every, every_within, interrupt, rest, start, turn};

/// The time after which everything happens at once.
const LIMIT: Duration = Duration::from_millis(1);

/// Takes a `TimeoutError` for an end. Nobody is cancelled whom no fault has cancelled.
fn late<R>(raised: Exception, none: R) -> Result<R, Exception> {
    if raised.kind() == Kind::TimeoutError { Ok(none) } else { Err(raised) }
}

/// Two tasks take a lock for a limited time. It becomes free when the time is over.
fn locking<C: Awaitable<Return = ()> + 'static>(
    limited: fn(Lock, Count) -> C,
) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "waiter");
        let (lock, ended, inside) = (Lock::new(), Count::default(), Count::default());
        sim.create_task(lock.hold(rest()))?;
        for number in 0..2 {
            let waiter = limited(lock.clone(), inside.clone()).catch(|raised| late(raised, ()));
            start(sim, &format!("waiter {number}"), &ended, waiter)?;
        }
        let seen = inside.clone();
        sim.always(move || assert!(seen.get() <= 1));
        sim.finally(move || {
            assert!(ended.get() >= 1);
            assert_eq!(format!("{lock:?}, {}", inside.get()), "Lock(unlocked, 0 waiting), 0");
        });
        Ok(())
    }
}

/// Holds the lock for a turn.
fn inside(lock: &Lock, inside: Count) -> impl Awaitable<Return = ()> + use<> {
    lock.hold(lazy(move || {
        let mark = inside.mark();
        turn().map(move |()| drop(mark))
    }))
}

#[test]
fn a_lock_that_becomes_free_at_the_deadline_is_not_lost() {
    let by_timeout = every(locking(|lock, count| timeout(inside(&lock, count), LIMIT)));
    let by_wait_for = every(locking(|lock, count| wait_for(inside(&lock, count), LIMIT)));
    let by_limit = every(locking(|lock, count| limited(inside(&lock, count))));
    let by_drop = every(locking(|lock, count| dropped(inside(&lock, count))));
    assert_eq!([by_timeout, by_wait_for, by_limit, by_drop], [834, 834, 834, 404]);
}

/// Runs `child` in a [`Limit`].
fn limited<C: Awaitable>(mut child: C) -> impl Awaitable<Return = C::Return> {
    let mut limit = Limit::new(LIMIT);
    from_fn(move |mut sent| {
        let mut limited = limit.run(&mut child);
        yield_from!(limited, sent).map(Step::Return)
    })
}

/// Drops `child` when the time is over, without an exception in it.
fn dropped<C: Awaitable>(child: C) -> impl Awaitable<Return = C::Return> {
    let (mut child, mut race, mut over) = (Some(Racing::new(child)), Race::new(), Racing::new(rest()));
    from_fn(move |mut sent| {
        let racers = (&mut over, child.as_mut());
        match yield_from!(race.run(racers), sent)? {
            Won::A(()) => child = None,
            Won::B(value) => return Ok(Step::Return(value)),
        }
        Err(Exception::message(Kind::TimeoutError, "dropped"))
    })
}

/// An item is put into a queue when the time of two getters is over.
fn getting<C: Awaitable<Return = u32> + 'static>(
    limited: fn(Queue<u32>) -> C,
) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "getter");
        let (queue, ended, got) = (Queue::new(), Count::default(), Count::default());
        for number in 0..2 {
            let getter = limited(queue.clone()).catch(|raised| late(raised, 0));
            let got = got.clone();
            start(sim, &format!("getter {number}"), &ended, getter.map(move |item| got.add(item as usize)))?;
        }
        let putting = queue.clone();
        start(sim, "putter", &Count::default(), rest().map(move |()| putting.put_nowait(1)))?;
        sim.finally(move || {
            assert!(ended.get() >= 1);
            assert_eq!(got.get() + queue.len(), 1);
            assert!(format!("{queue:?}").contains("getters: 0"), "{queue:?}");
        });
        Ok(())
    }
}

#[test]
fn an_item_that_comes_at_the_deadline_is_not_lost() {
    let by_timeout = every(getting(|queue| timeout(queue.get(), LIMIT)));
    let by_wait_for = every(getting(|queue| wait_for(queue.get(), LIMIT)));
    let by_limit = every(getting(|queue| limited(queue.get())));
    let by_drop = every(getting(|queue| dropped(queue.get())));
    assert_eq!([by_timeout, by_wait_for, by_limit, by_drop], [1_992, 1_992, 1_992, 732]);
}

#[test]
fn a_permit_that_is_released_at_the_deadline_is_not_lost() {
    let schedules = every_within(2, |sim| {
        interrupt(sim, "waiter");
        let (semaphore, ended, got) = (Semaphore::new(0), Count::default(), Count::default());
        for number in 0..3 {
            let got = got.clone();
            let waiter = timeout(semaphore.acquire(), LIMIT).map(move |permit| {
                permit.forget();
                got.add(1);
            });
            start(sim, &format!("waiter {number}"), &ended, waiter.catch(|raised| late(raised, ())))?;
        }
        let giver = semaphore.clone();
        start(sim, "giver", &Count::default(), rest().map(move |()| (0..2).for_each(|_| giver.release())))?;
        sim.finally(move || {
            assert!(ended.get() >= 2);
            assert_eq!(format!("{semaphore:?}"), format!("Semaphore({} free, 0 waiting)", 2 - got.get()));
        });
        Ok(())
    });
    assert_eq!(schedules, 3_157);
}

#[test]
fn room_that_is_granted_at_the_deadline_goes_to_the_next_put() {
    let schedules = every(|sim| {
        interrupt(sim, "putter");
        let (queue, ended, put) = (WeightedQueue::new(1, |_: &u32| 1), Count::default(), Count::default());
        queue.put_nowait(0)?;
        for number in 0..2 {
            let put = put.clone();
            let putter = timeout(queue.put(number), LIMIT).map(move |()| put.add(1));
            start(sim, &format!("putter {number}"), &ended, putter.catch(|raised| late(raised, ())))?;
        }
        let taking = queue.clone();
        start(sim, "getter", &Count::default(), rest().map(move |()| taking.get_nowait()))?;
        sim.finally(move || {
            assert!(ended.get() >= 1);
            assert_eq!((queue.len(), queue.weight()), (put.get(), put.get()));
            assert!(format!("{queue:?}").contains("0 waiting"), "{queue:?}");
        });
        Ok(())
    });
    assert_eq!(schedules, 1_992);
}

/// Both deadlines are the same, and the inner one belongs to the inner scope.
#[test]
fn nested_timeouts_raise_one_error_each() {
    let schedules = every(|sim| {
        interrupt(sim, "sleeper");
        let ended = Count::default();
        for number in 0..2 {
            let inner = timeout(rest().then(|()| turn()), LIMIT).catch(|raised| late(raised, ()));
            let outer = timeout(inner.then(|()| turn()), LIMIT).catch(|raised| late(raised, ()));
            start(sim, &format!("sleeper {number}"), &ended, outer)?;
        }
        sim.finally(move || assert!(ended.get() >= 1));
        Ok(())
    });
    assert_eq!(schedules, 24_588);
}

/// One task waits for a limited time, and another one does not. There is one notification when the time is over, and one
/// more if the first task got that.
fn notifying<C: Awaitable<Return = ()> + 'static>(
    limited: fn(Condition, LockGuard) -> C,
) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        let (condition, notified, patient) = (Condition::new(), Count::default(), Count::default());
        let (waiting, got) = (condition.clone(), notified.clone());
        let hasty = condition.acquire().then(move |guard| limited(waiting, guard)).map(move |()| got.add(1));
        start(sim, "hasty", &Count::default(), hasty.catch(|raised| late(raised, ())))?;
        let waiting = condition.clone();
        start(sim, "patient", &patient, condition.acquire().then(move |guard| waiting.wait(guard)))?;
        let (first, second) = (condition.clone(), condition.clone());
        let notifier = rest().then(move |()| first.acquire().try_map(move |_guard| first.notify(1)));
        let notifier = notifier.then(|()| rest()).then(move |()| {
            assert_eq!(notified.get() + patient.get(), 1, "the notification was lost");
            second.acquire().try_map(move |_guard| second.notify(1))
        });
        start(sim, "notifier", &Count::default(), notifier)?;
        sim.finally(move || assert_eq!(format!("{condition:?}"), "Condition(Lock(unlocked, 0 waiting), 0 waiting)"));
        Ok(())
    }
}

#[test]
fn a_notification_that_comes_at_the_deadline_is_not_lost() {
    let by_timeout = every(notifying(|condition, guard| timeout(condition.wait(guard).map(drop), LIMIT)));
    let by_limit = every(notifying(|condition, guard| limited(condition.wait(guard).map(drop))));
    let by_drop = every(notifying(|condition, guard| dropped(condition.wait(guard).map(drop))));
    assert_eq!([by_timeout, by_limit, by_drop], [24, 24, 30]);
}

/// Two tasks meet when the time of one of them is over. The third one has no limit.
fn meeting<C: Awaitable<Return = usize> + 'static>(
    limited: fn(Barrier) -> C,
) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        let (barrier, met) = (Barrier::new(2)?, Count::default());
        let hasty = limited(barrier.clone()).catch(|raised| late(raised, 0));
        start(sim, "hasty", &Count::default(), hasty)?;
        let waiting = barrier.clone();
        start(sim, "second", &met, rest().then(move |()| waiting.wait()))?;
        let (waiting, left) = (barrier.clone(), met.clone());
        let third = rest().then(|()| rest()).then(move |()| {
            assert!(left.get() == 1 || waiting.n_waiting() == 1);
            waiting.wait()
        });
        let catch = |raised: Exception| raised.downcast_ref::<BrokenBarrier>().map(|_| 0).ok_or(raised);
        start(sim, "third", &Count::default(), third.catch(catch))?;
        let closing = barrier.clone();
        start(
            sim,
            "host",
            &Count::default(),
            rest().then(|()| rest()).then(|()| rest()).then(move |()| closing.reset()),
        )?;
        sim.finally(move || {
            assert_eq!(met.get(), 1);
            assert_eq!(format!("{barrier:?}"), "Barrier(Filling, 0/2 waiting)");
        });
        Ok(())
    }
}

#[test]
fn whoever_leaves_a_barrier_at_the_deadline_is_not_counted_any_more() {
    let by_timeout = every_within(2, meeting(|barrier| timeout(barrier.wait(), LIMIT)));
    let by_limit = every_within(2, meeting(|barrier| limited(barrier.wait())));
    let by_drop = every_within(2, meeting(|barrier| dropped(barrier.wait())));
    assert_eq!([by_timeout, by_limit, by_drop], [199, 199, 199]);
}
