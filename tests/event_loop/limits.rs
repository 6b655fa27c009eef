//! `Limit`, `Timeout::restart` and `TaskGroup::cancel`: ending early what takes too long, or what is not needed any more.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::memory_pair;
use innermost::wait::{ExceptionGroup, Limit, Race, Racing, TaskGroup, Timeout, Won, timeout};
use innermost::{
    Awaitable, Buffer, ByteRead, ByteWrite, Call, Coroutine as _, CoroutineExt, EventLoop, Exception, Kind, Step,
    from_fn, lazy, ready, sleep, yield_from,
};

use crate::support::clock::test_loop;
use crate::support::events::Log;

const SECOND: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(3600);

fn now(event_loop: &EventLoop) -> u64 {
    event_loop.time().since_zero().as_secs()
}

#[test]
fn each_use_of_a_limit_has_the_full_time() {
    let event_loop = test_loop();
    let (near, far) = memory_pair();
    let (mut limit, mut buffer, mut reads) = (Limit::new(3 * SECOND), Buffer::new(), 0);
    let reading = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                match yield_from!(limit.run(near.read(&mut buffer)), sent) {
                    Ok(_) => reads += 1,
                    Err(raised) => return Ok(Step::Return((reads, raised.kind()))),
                }
            }
        }))
        .unwrap();
    let (mut nap, mut written) = (sleep(2 * SECOND), 0);
    let kept = Rc::new(far);
    let theirs = Rc::clone(&kept);
    event_loop
        .create_task(from_fn(move |mut sent| {
            while written < 3 {
                yield_from!(nap, sent)?;
                yield_from!(theirs.send(b"x"), sent)?;
                written += 1;
                nap = sleep(2 * SECOND);
            }
            Ok(Step::Return(()))
        }))
        .unwrap();
    assert_eq!(event_loop.run_until_complete(reading).unwrap(), (3, Kind::TimeoutError));
    assert_eq!(now(&event_loop), 9);
}

#[test]
fn within_a_use_a_limit_can_be_restarted_and_paused() {
    let event_loop = test_loop();
    let limit = Rc::new(RefCell::new(Limit::new(3 * SECOND)));
    let (theirs, mut child) = (Rc::clone(&limit), sleep(LONG));
    let machine = from_fn(move |mut sent| {
        let mut limit = theirs.borrow_mut();
        let mut limited = limit.run(&mut child);
        yield_from!(limited, sent).map(Step::Return)
    });
    for (at, paused) in [(2, false), (4, true), (20, false)] {
        let limit = Rc::clone(&limit);
        event_loop
            .call_later(at * SECOND, move || match paused {
                true => limit.borrow_mut().pause(),
                false => limit.borrow_mut().restart(),
            })
            .unwrap();
    }
    assert_eq!(event_loop.run_until_complete(machine).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(now(&event_loop), 23);
}

#[test]
fn a_limit_that_is_dropped_leaves_no_timer_and_no_cancel() {
    let event_loop = test_loop();
    let (mut limit, mut child) = (Some(Limit::new(SECOND)), sleep(LONG));
    let mut nap = sleep(5 * SECOND);
    let machine = from_fn(move |mut sent| {
        if let Some(running) = &mut limit {
            let step = running.run(&mut child).resume(std::mem::replace(&mut sent, Ok(())))?;
            assert!(matches!(step, Step::Yield(_)));
            limit = None;
        }
        yield_from!(nap, sent).map(Step::Return)
    });
    event_loop.run_until_complete(machine).unwrap();
    assert_eq!(now(&event_loop), 5);
}

#[test]
fn a_cancel_from_elsewhere_is_not_a_timeout() {
    let event_loop = test_loop();
    let (mut limit, mut child) = (Limit::new(2 * SECOND), sleep(LONG));
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            let mut limited = limit.run(&mut child);
            yield_from!(limited, sent).map(Step::Return)
        }))
        .unwrap();
    let theirs = task.clone();
    event_loop.call_later(SECOND, move || assert!(theirs.cancel())).unwrap();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
}

#[test]
fn losing_a_race_does_not_end_the_use_of_a_limit() {
    let event_loop = test_loop();
    let (near, _far) = memory_pair();
    let (mut limit, mut buffer, mut race) = (Limit::new(5 * SECOND), Buffer::new(), Race::new());
    let (mut tick, mut ticks) = (Racing::new(sleep(2 * SECOND)), 0);
    let machine = from_fn(move |mut sent| {
        loop {
            match yield_from!(race.run((limit.run(near.read(&mut buffer)), &mut tick)), sent) {
                Ok(Won::B(())) => {
                    ticks += 1;
                    tick.restart(sleep(2 * SECOND));
                }
                Ok(Won::A(_)) => panic!("nothing comes"),
                Err(raised) => return Ok(Step::Return((ticks, raised.kind()))),
            }
        }
    });
    let task = event_loop.create_task(machine).unwrap();
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), (2, Kind::TimeoutError));
    assert_eq!((now(&event_loop), task.cancelling()), (5, 0));
}

#[test]
fn a_limit_that_expires_while_no_race_is_on_is_raised_by_the_next_race_or_the_next_use() {
    for races_again in [true, false] {
        let event_loop = test_loop();
        let (near, _far) = memory_pair();
        let (mut limit, mut buffer, mut race) = (Limit::new(2 * SECOND), Buffer::new(), Race::new());
        let (mut tick, mut pause, mut stage) = (Racing::new(sleep(SECOND)), sleep(5 * SECOND), 0);
        let machine = from_fn(move |mut sent| {
            if stage == 0 {
                yield_from!(race.run((limit.run(near.read(&mut buffer)), &mut tick)), sent)?;
                stage = 1;
            }
            if stage == 1 {
                yield_from!(pause, sent)?;
                tick.restart(sleep(LONG));
                stage = 2;
            }
            if races_again {
                yield_from!(race.run((limit.run(near.read(&mut buffer)), &mut tick)), sent).map(|_| Step::Return(()))
            } else {
                yield_from!(limit.run(near.read(&mut buffer)), sent).map(|_| Step::Return(()))
            }
        });
        assert_eq!(event_loop.run_until_complete(machine).unwrap_err().kind(), Kind::TimeoutError);
        assert_eq!(now(&event_loop), 6);
    }
}

#[test]
fn a_use_that_began_in_a_race_can_go_on_alone() {
    let event_loop = test_loop();
    let (near, _far) = memory_pair();
    let (mut limit, mut buffer, mut race) = (Limit::new(3 * SECOND), Buffer::new(), Race::new());
    let (mut tick, mut won) = (Racing::new(sleep(SECOND)), false);
    let machine = from_fn(move |mut sent| {
        if !won {
            yield_from!(race.run((limit.run(near.read(&mut buffer)), &mut tick)), sent)?;
            won = true;
        }
        yield_from!(limit.run(near.read(&mut buffer)), sent).map(Step::Return)
    });
    assert_eq!(event_loop.run_until_complete(machine).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(now(&event_loop), 3);
}

/// Sleeps. When it is cancelled, it cleans up in three steps of a second, and returns.
fn careful(log: &Log) -> impl Awaitable<Return = &'static str> + use<> {
    let (log, mut nap, mut steps) = (log.clone(), sleep(LONG), 0);
    from_fn(move |mut sent| {
        loop {
            match yield_from!(nap, sent) {
                Ok(()) if steps == 0 => return Ok(Step::Return("slept")),
                _ if steps > 5 => return Ok(Step::Return("was disturbed")),
                Ok(()) if steps == 3 => return Ok(Step::Return("cleaned up")),
                Ok(()) => log.add(steps),
                Err(raised) => log.add(format_args!("{:?}", raised.kind())),
            }
            steps += 1;
            nap = sleep(SECOND);
        }
    })
}

/// A machine that runs `child` with a limit of two seconds.
fn limited<C: Awaitable>(mut child: C) -> impl Awaitable<Return = C::Return> {
    let mut limit = Limit::new(2 * SECOND);
    from_fn(move |mut sent| {
        let mut limited = limit.run(&mut child);
        let outcome = yield_from!(limited, sent);
        assert!(limit.expired());
        outcome.map(Step::Return)
    })
}

#[test]
fn a_child_that_has_been_told_of_the_deadline_cleans_up_in_peace() {
    for (way, told) in ["by itself", "in a frame", "in a race", "in a frame in a race"].into_iter().zip(0..) {
        let (event_loop, log) = (test_loop(), Log::default());
        let child = careful(&log);
        let mut limited: Box<dyn Awaitable<Return = _>> = match told % 2 {
            0 => Box::new(limited(child)),
            _ => Box::new(limited(Call::new(child))),
        };
        if told > 1 {
            let (mut race, mut child, mut other) = (Race::new(), Racing::new(limited), Racing::new(sleep(LONG)));
            limited = Box::new(from_fn(move |mut sent| match yield_from!(race.run((&mut child, &mut other)), sent)? {
                Won::A(returned) => Ok(Step::Return(returned)),
                Won::B(()) => panic!("it sleeps"),
            }));
        }
        assert_eq!(event_loop.run_until_complete(limited).unwrap(), "cleaned up", "{way}");
        assert_eq!(log.take(), ["CancelledError", "1", "2"], "{way}");
        assert_eq!(now(&event_loop), 5, "{way}");
    }
}

#[test]
fn a_limit_that_expires_after_its_race_was_dropped_is_raised_by_the_next_use() {
    let event_loop = test_loop();
    let (near, _far) = memory_pair();
    let (mut limit, mut buffer, mut race) = (Limit::new(2 * SECOND), Buffer::new(), Some(Race::new()));
    let (mut tick, mut pause) = (Racing::new(sleep(SECOND)), sleep(5 * SECOND));
    let machine = from_fn(move |mut sent| {
        if let Some(running) = &mut race {
            yield_from!(running.run((limit.run(near.read(&mut buffer)), &mut tick)), sent)?;
            race = None;
        }
        if !limit.expired() {
            yield_from!(pause, sent)?;
        }
        yield_from!(limit.run(near.read(&mut buffer)), sent).map(Step::Return)
    });
    let task = event_loop.create_task(machine).unwrap();
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!((now(&event_loop), task.cancelling()), (6, 0));
}

#[test]
fn a_limit_that_is_reset_gives_the_next_use_the_full_time() {
    // Whether the deadline of the use that is given up comes after the reset, before it, or in its turn.
    for pauses in [1, 4, 2] {
        let event_loop = test_loop();
        let (near, _far) = memory_pair();
        let (mut limit, mut buffer, mut race) = (Limit::new(3 * SECOND), Buffer::new(), Race::new());
        let (mut tick, mut pause, mut stage) = (Racing::new(sleep(SECOND)), sleep(pauses * SECOND), 0);
        let machine = from_fn(move |mut sent| {
            if stage == 0 {
                yield_from!(race.run((limit.run(near.read(&mut buffer)), &mut tick)), sent)?;
                stage = 1;
            }
            if stage == 1 {
                yield_from!(pause, sent)?;
                limit.clear();
                assert!(!limit.expired());
                stage = 2;
            }
            yield_from!(limit.run(near.read(&mut buffer)), sent).map(Step::Return)
        });
        let task = event_loop.create_task(machine).unwrap();
        assert_eq!(event_loop.run_until_complete(task.clone()).unwrap_err().kind(), Kind::TimeoutError);
        assert_eq!((now(&event_loop), task.cancelling()), (u64::from(1 + pauses + 3), 0));
    }
}

#[test]
fn a_limit_tells_its_own_timeout_from_one_of_the_operation() {
    let event_loop = test_loop();
    for (inner, outer) in [(1, 2), (2, 1), (1, 1)] {
        let (near, _far) = memory_pair();
        let (mut within, mut around) = (Limit::new(inner * SECOND), Limit::new(outer * SECOND));
        let (mut buffer, mut uses) = (Buffer::new(), 0);
        let machine = from_fn(move |mut sent| {
            if uses == 0 {
                let raised = yield_from!(around.run(within.run(near.read(&mut buffer))), sent).unwrap_err();
                assert_eq!(raised.kind(), Kind::TimeoutError);
                assert_eq!((within.expired(), around.expired()), (inner <= outer, outer <= inner));
                uses = 1;
            }
            yield_from!(around.run(ready(())), sent)?;
            assert!(!around.expired(), "the last use has ended in time");
            Ok(Step::Return(()))
        });
        event_loop.run_until_complete(machine).unwrap();
    }
}

#[test]
fn a_limit_may_be_of_any_length() {
    for (delay, outcome) in [(Duration::ZERO, Err(Kind::TimeoutError)), (Duration::MAX, Ok(()))] {
        let event_loop = test_loop();
        let (mut limit, mut child, mut uses) = (Limit::new(delay), sleep(SECOND), 0);
        limit.restart();
        limit.pause();
        let machine = from_fn(move |mut sent| {
            uses += 1;
            if uses > 1 {
                limit.restart();
            }
            let mut limited = limit.run(&mut child);
            let slept = yield_from!(limited, sent);
            limit.restart();
            limit.pause();
            slept.map(Step::Return)
        });
        assert_eq!(event_loop.run_until_complete(machine).map_err(|raised| raised.kind()), outcome);
    }
}

#[test]
fn a_timeout_that_is_restarted_counts_from_now() {
    let event_loop = test_loop();
    let limit = Timeout::after(3 * SECOND);
    let restart = |limit: &Timeout| {
        let limit = limit.clone();
        event_loop.run_until_complete(lazy(move || limit.restart(SECOND).map(ready)))
    };
    assert!(restart(&limit).is_err(), "it is not entered yet");
    let theirs = limit.clone();
    event_loop.call_later(2 * SECOND, move || theirs.restart(4 * SECOND).unwrap()).unwrap();
    assert_eq!(event_loop.run_until_complete(limit.scope(sleep(LONG))).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(now(&event_loop), 6);
    assert!(restart(&limit).is_err(), "it is over");
}

#[test]
fn a_group_that_is_cancelled_ends_early_and_raises_nothing() {
    let event_loop = test_loop();
    let group = TaskGroup::new();
    let inner = group.clone();
    let body = lazy(move || {
        inner.create_task(sleep(LONG))?;
        let group = inner.clone();
        inner.create_task(sleep(SECOND).map(move |()| group.cancel()))?;
        Ok(sleep(LONG).map(|()| "body"))
    });
    let task = event_loop.create_task(group.scope(body).when_cancelled("early")).unwrap();
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), "early");
    assert_eq!((now(&event_loop), task.cancelling(), event_loop.all_tasks().len()), (1, 0, 0));
    group.cancel();
}

#[test]
fn a_body_that_has_ended_keeps_its_result() {
    let event_loop = test_loop();
    let group = TaskGroup::new();
    let inner = group.clone();
    let body = lazy(move || {
        let group = inner.clone();
        inner.create_task(sleep(SECOND).map(move |()| group.cancel()))?;
        inner.create_task(sleep(LONG))?;
        Ok(ready("body"))
    });
    assert_eq!(event_loop.run_until_complete(group.scope(body)).unwrap(), "body");
    assert_eq!(now(&event_loop), 1);
}

#[test]
fn a_body_can_cancel_its_own_group() {
    let event_loop = test_loop();
    let group = TaskGroup::new();
    let inner = group.clone();
    let body = lazy(move || {
        inner.create_task(sleep(LONG))?;
        inner.cancel();
        assert!(inner.create_task(sleep(LONG)).unwrap_err().to_string().contains("is shutting down"));
        Ok(sleep(LONG).map(|()| 1))
    });
    assert_eq!(event_loop.run_until_complete(group.scope(body).when_cancelled(2)).unwrap(), 2);
    assert_eq!(now(&event_loop), 0);
}

#[test]
fn a_task_that_cancels_its_group_is_cancelled_where_it_waits_next() {
    let event_loop = test_loop();
    let group = TaskGroup::new();
    let inner = group.clone();
    let body = lazy(move || {
        let group = inner.clone();
        let caller = lazy(move || {
            group.cancel();
            Ok(sleep(LONG))
        });
        let caller = inner.create_task(caller)?;
        Ok(sleep(LONG).catch(move |_| Ok(())).map(move |()| caller))
    });
    let caller = event_loop.run_until_complete(group.scope(body)).unwrap();
    assert!(caller.cancelled());
    assert_eq!(now(&event_loop), 0);
}

#[test]
fn a_group_that_is_cancelled_before_it_is_entered_is_cancelled_then() {
    let event_loop = test_loop();
    let group = TaskGroup::new();
    group.cancel();
    group.cancel();
    let scope = group.scope(sleep(LONG)).when_cancelled(());
    event_loop.run_until_complete(scope).unwrap();
    assert_eq!(now(&event_loop), 0);
}

#[test]
fn a_failure_and_a_cancel_from_elsewhere_are_raised_by_a_cancelled_group() {
    let event_loop = test_loop();
    let group = TaskGroup::new();
    let inner = group.clone();
    let body = lazy(move || {
        let angry = sleep(LONG).catch(|_| Err(Exception::message(Kind::ValueError, "no")));
        inner.create_task(angry)?;
        let group = inner.clone();
        inner.create_task(sleep(SECOND).map(move |()| group.cancel()))?;
        Ok(sleep(LONG))
    });
    let raised = event_loop.run_until_complete(group.scope(body).when_cancelled(())).unwrap_err();
    assert_eq!(raised.downcast_ref::<ExceptionGroup>().unwrap().exceptions().len(), 1);

    let group = TaskGroup::new();
    let task = event_loop.create_task(group.scope(sleep(LONG)).when_cancelled(())).unwrap();
    let theirs = task.clone();
    event_loop
        .call_later(SECOND, move || {
            group.cancel();
            theirs.cancel();
        })
        .unwrap();
    assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
}

#[test]
fn a_cancel_from_elsewhere_is_raised_although_the_group_is_waiting_for_its_cancelled_tasks() {
    for body in [Duration::ZERO, LONG] {
        let (event_loop, log) = (test_loop(), Log::default());
        let group = TaskGroup::new();
        let (inner, theirs) = (group.clone(), log.clone());
        let starting = lazy(move || {
            inner.create_task(careful(&theirs))?;
            Ok(sleep(body))
        });
        let task = event_loop.create_task(group.scope(starting).when_cancelled(())).unwrap();
        let theirs = task.clone();
        event_loop.call_later(SECOND, move || group.cancel()).unwrap();
        event_loop.call_later(2 * SECOND, move || assert!(theirs.cancel())).unwrap();
        assert!(event_loop.run_until_complete(task).unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["CancelledError", "1", "2"]);
        assert_eq!(now(&event_loop), 4);
    }
}

#[test]
fn a_timeout_around_a_cancelled_group_does_not_see_it() {
    let event_loop = test_loop();
    let group = TaskGroup::new();
    let theirs = group.clone();
    event_loop.call_later(SECOND, move || theirs.cancel()).unwrap();
    let scope = timeout(group.scope(sleep(LONG)).when_cancelled(()), 2 * SECOND);
    event_loop.run_until_complete(scope.then(|()| sleep(5 * SECOND))).unwrap();
    assert_eq!(now(&event_loop), 6);
}
