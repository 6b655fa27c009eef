//! A wait that is dropped midway leaves nothing in its loop: no timer, no task, no cancellation.

use crate::support::events;
use std::mem;
use std::time::Duration;

use innermost::async_iter::{AsyncIterator, interval};
use innermost::net::happy_eyeballs;
use innermost::wait::{Timeout, as_completed, shield, staggered_race, task_group, timeout, timeout_at, wait, wait_for};
use innermost::{
    Await, Awaitable, Coroutine, CoroutineExt, EventLoop, Exception, Future, Kind, Step, from_fn, lazy, sleep,
    to_thread,
};

use crate::support::clock::test_loop;
use crate::support::events::{awaits_end, body, returns, run, sleeps};

const HOUR: Duration = Duration::from_secs(3600);

type Waits = Box<dyn Awaitable<Return = ()>>;

type Make = fn() -> Waits;

/// Waits that use a timer once they have started.
fn waits() -> Vec<(&'static str, Make)> {
    vec![
        ("sleep", || Box::new(sleep(HOUR))),
        ("timeout", || Box::new(timeout(never(), HOUR))),
        ("timeout_at", || Box::new(timeout_at(never(), innermost::Instant::from_zero(HOUR)))),
        ("wait_for", || Box::new(wait_for(never(), HOUR))),
        ("wait_for with no time", || Box::new(wait_for(ignores_its_cancel(), Duration::ZERO))),
        ("Timeout", || {
            let limit = Timeout::after(HOUR);
            let mut entered = false;
            let mut wait = never();
            Box::new(from_fn(move |sent: Result<(), Exception>| {
                if !mem::replace(&mut entered, true) {
                    limit.enter()?;
                }
                wait.resume(sent)
            }))
        }),
        ("Timeout that is moved", || {
            let (limit, mut entered, mut wait) = (Timeout::never(), false, never());
            Box::new(from_fn(move |sent: Result<(), Exception>| {
                if !mem::replace(&mut entered, true) {
                    limit.enter()?;
                    limit.reschedule(Some(innermost::Instant::from_zero(HOUR)))?;
                    limit.reschedule(Some(innermost::Instant::from_zero(2 * HOUR)))?;
                    drop(limit.clone());
                }
                wait.resume(sent)
            }))
        }),
        ("wait", || Box::new(lazy(|| wait([future()]).timeout(HOUR).map(drop)))),
        ("as_completed", || {
            Box::new(lazy(|| {
                let mut race = as_completed([future()]).timeout(HOUR);
                race.next().expect("there is one").map(move |()| drop(race))
            }))
        }),
        ("shield", || Box::new(lazy(|| shield(future())))),
        ("task_group", || Box::new(task_group(|_| sleep(HOUR)))),
        ("staggered_race", || Box::new(staggered_race([never(), never()]).delay(HOUR).map(drop))),
        ("for_each", || Box::new(interval(HOUR).for_each(|_| never()))),
        ("happy_eyeballs", || {
            let addresses = ["127.0.0.1:1", "127.0.0.2:1"].map(|address| address.parse().expect("an address"));
            Box::new(happy_eyeballs(addresses, Some(HOUR), |_| never()).map(drop))
        }),
        ("shutdown_default_executor", || {
            Box::new(lazy(|| {
                let event_loop = EventLoop::running().expect("it runs");
                let (promise, gate) = innermost::executor::promise::<()>();
                let blocks = event_loop.run_in_executor(None, move || gate.result(None)).expect("it is open");
                event_loop.shutdown_default_executor(Some(HOUR)).map(move |()| drop((promise, blocks)))
            }))
        }),
        ("to_thread", || Box::new(to_thread(|| Ok(())))),
    ]
}

fn future() -> Future<()> {
    EventLoop::running().expect("it runs").create_future()
}

fn never() -> Waits {
    Box::new(lazy(future))
}

/// Waits for ever, and ignores exceptions.
fn ignores_its_cancel() -> Waits {
    Box::new(from_fn(|_| Ok(Step::Yield(Await::next_turn()))))
}

/// Runs a coroutine for some turns, and drops it in the middle.
fn begun_and_dropped(coroutine: Waits) -> Waits {
    let (mut coroutine, mut left) = (Some(coroutine), 3);
    Box::new(from_fn(move |sent: Result<(), Exception>| {
        let Some(inner) = &mut coroutine else { return Ok(Step::Return(())) };
        left -= 1;
        if left > 0 {
            // It is woken for nothing, as any machine may be.
            let step = inner.resume(sent)?;
            return Ok(if let Step::Yield(_) = step { Step::Yield(Await::next_turn()) } else { step });
        }
        drop(coroutine.take());
        Ok(Step::Yield(Await::next_turn()))
    }))
}

/// A deadline that has come is no timer's: a thread may have sent its result a moment ago.
fn has_timer(event_loop: &EventLoop) -> bool {
    event_loop.next_deadline().is_some_and(|deadline| deadline > event_loop.time())
}

#[test]
fn dropping_a_wait_leaves_no_timer() {
    for (name, make) in waits() {
        let event_loop = test_loop();
        event_loop.run_until_complete(begun_and_dropped(make())).unwrap();
        run(&event_loop, 3);
        assert!(!has_timer(&event_loop), "{name}");
    }
}

#[test]
fn cancelling_a_wait_leaves_no_timer() {
    for (name, make) in waits().into_iter().filter(|(name, _)| *name != "wait_for with no time") {
        let event_loop = test_loop();
        let task = event_loop.create_task(make()).unwrap();
        run(&event_loop, 2);
        task.cancel();
        run(&event_loop, 5);
        assert!(task.done(), "{name}");
        assert!(!has_timer(&event_loop), "{name}");
    }
}

#[test]
fn dropping_a_timeout_withdraws_its_cancellation() {
    let event_loop = test_loop();
    let mut limit = Some(Timeout::after(Duration::from_secs(1)));
    let task = body(move |n, got| {
        let task = EventLoop::running()?.current_task().expect("it runs");
        match n {
            0 => {
                limit.as_ref().expect("it is there").enter()?;
                sleeps(3)
            }
            1 => {
                assert!(got.expect_err("the deadline has come").is_cancelled() && task.cancelling() == 1);
                drop(limit.take());
                assert_eq!(task.cancelling(), 0);
                sleeps(3)
            }
            _ => got.map(|_| events::Next::Return(7)),
        }
    });
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 7);
}

#[test]
fn dropping_a_timeout_before_its_cancellation_arrives_withdraws_it() {
    let event_loop = test_loop();
    let mut limit = Some(Timeout::at(innermost::Instant::ZERO));
    let task = body(move |n, got| {
        got?;
        if n > 0 {
            return returns(7);
        }
        let limit = limit.take().expect("it is there");
        limit.enter()?;
        // After the deadline, and before this goes on.
        EventLoop::running()?.call_soon(move || {
            assert!(limit.expired());
            drop(limit);
        })?;
        awaits_end(sleep(Duration::ZERO))
    });
    assert_eq!(event_loop.run_until_complete(task).map_err(|raised| raised.kind()), Ok(7));
}

#[test]
fn a_clone_of_a_timeout_keeps_its_deadline() {
    let event_loop = test_loop();
    let limit = Timeout::after(Duration::from_secs(1));
    let mut first = Some(limit.clone());
    let task = body(move |n, got| {
        if n == 0 {
            limit.enter()?;
            drop(first.take());
            return sleeps(9);
        }
        limit.exit(got).map(events::Next::Return)
    });
    assert_eq!(event_loop.run_until_complete(task).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(event_loop.time().since_zero(), Duration::from_secs(1));
}
