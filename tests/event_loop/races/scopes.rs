//! Timeouts and task groups inside a race, and around one.

use std::time::Duration;

use innermost::wait::{ExceptionGroup, Race, Racing, TaskGroup, Timeout, Won, timeout};
use innermost::{CoroutineExt, Exception, Kind, Step, from_fn, lazy, ready, sleep, yield_from};

use super::{LONG, Log, noted, spin};
use crate::support::clock::{test_loop, virtual_loop};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_timeout_inside_a_race_cancels_only_its_own_child() {
    let (event_loop, log) = (test_loop(), Log::default());
    let mut limited = Racing::new(timeout(noted(&log, "limited", sleep(LONG)), SECOND));
    let (mut other, mut race) = (Racing::new(noted(&log, "other", sleep(2 * SECOND))), Race::new());
    let mut is_over = false;
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            if !is_over {
                let raised = yield_from!(race.run((&mut limited, &mut other)), sent).unwrap_err();
                assert_eq!(raised.kind(), Kind::TimeoutError);
                is_over = true;
                limited.restart(timeout(noted(&Log::default(), "", sleep(LONG)), LONG));
            }
            yield_from!(race.run((&mut limited, &mut other)), sent).map(Step::Return)
        }))
        .unwrap();
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), Won::B(()));
    assert_eq!(log.take(), ["limited", "other", "limited: CancelledError", "other"]);
    assert_eq!((task.cancelling(), event_loop.time().since_zero()), (0, 2 * SECOND));
}

#[test]
fn a_timeout_of_a_loser_that_expires_while_no_race_is_on_is_raised_by_the_next_race() {
    let event_loop = test_loop();
    let mut limited = Racing::new(timeout(sleep(LONG), 2 * SECOND));
    let (mut short, mut race, mut pause) = (Racing::new(sleep(SECOND)), Race::new(), sleep(5 * SECOND));
    let mut stage = 0;
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            if stage == 0 {
                assert_eq!(yield_from!(race.run((&mut limited, &mut short)), sent)?, Won::B(()));
                stage = 1;
            }
            if stage == 1 {
                yield_from!(pause, sent)?;
                short.restart(sleep(LONG));
                stage = 2;
            }
            yield_from!(race.run((&mut limited, &mut short)), sent).map(Step::Return)
        }))
        .unwrap();
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap_err().kind(), Kind::TimeoutError);
    assert_eq!(event_loop.time().since_zero(), 6 * SECOND);
    assert_eq!(task.cancelling(), 0);
}

#[test]
fn a_child_that_has_swallowed_the_cancel_of_its_timeout_goes_on() {
    let event_loop = test_loop();
    let child = sleep(LONG).catch(|_| Ok(())).then(|()| sleep(SECOND)).then(|()| ready("late"));
    let (mut limited, mut race) = (Racing::new(timeout(child, SECOND)), Race::new());
    let mut other = Racing::new(sleep(LONG));
    let machine = from_fn(move |mut sent| yield_from!(race.run((&mut limited, &mut other)), sent).map(Step::Return));
    assert_eq!(event_loop.run_until_complete(machine).unwrap(), Won::A("late"));
    assert_eq!(event_loop.time().since_zero(), 2 * SECOND);
}

#[test]
fn a_timeout_around_a_race_ends_it() {
    let event_loop = test_loop();
    let (mut a, mut b, mut race) = (Racing::new(sleep(LONG)), Racing::new(sleep(LONG)), Race::new());
    let racing = from_fn(move |mut sent| yield_from!(race.run((&mut a, &mut b)), sent).map(|_| Step::Return(())));
    assert_eq!(event_loop.run_until_complete(timeout(racing, SECOND)).unwrap_err().kind(), Kind::TimeoutError);
}

#[test]
fn a_task_group_inside_a_race_cancels_only_its_own_body() {
    let (event_loop, log) = (test_loop(), Log::default());
    let group = TaskGroup::new();
    let inner = group.clone();
    let body = lazy(move || {
        inner.create_task(sleep(SECOND).try_map(|()| Err::<(), _>(no()))).unwrap();
        Ok(sleep(LONG))
    });
    let mut grouped = Racing::new(group.scope(noted(&log, "body", body)));
    let (mut other, mut race) = (Racing::new(sleep(2 * SECOND)), Race::new());
    let mut first = None;
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            if first.is_none() {
                let raised = yield_from!(race.run((&mut grouped, &mut other)), sent).unwrap_err();
                first = Some(raised.downcast_ref::<ExceptionGroup>().expect("a group").exceptions().len());
            }
            yield_from!(other, sent)?;
            Ok(Step::Return(first.take()))
        }))
        .unwrap();
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), Some(1));
    assert_eq!(log.take(), ["body", "body: CancelledError"]);
    assert_eq!(task.cancelling(), 0);
}

fn no() -> Exception {
    Exception::message(Kind::ValueError, "no")
}

#[test]
fn a_timeout_that_outlives_its_child_cancels_nobody() {
    let (event_loop, _) = virtual_loop();
    let limit = Timeout::after(SECOND);
    let theirs = limit.clone();
    // Enters, and never exits.
    let mut a = Racing::new(lazy(move || theirs.enter().map(|()| ready(()))));
    let (mut b, mut race, mut won) = (Racing::new(sleep(LONG)), Race::new(), false);
    let mut next = Racing::new(sleep(3 * SECOND));
    let machine = from_fn(move |mut sent| {
        if !won {
            yield_from!(race.run((&mut a, &mut b)), sent)?;
            won = true;
        }
        yield_from!(race.run((&mut next, &mut b)), sent).map(Step::Return)
    });
    assert_eq!(event_loop.run_until_complete(machine).unwrap(), Won::A(()));
    drop(limit);
}

#[test]
fn an_eager_task_that_is_made_inside_a_race_has_scopes_of_its_own() {
    let event_loop = test_loop();
    let mut made = None;
    let mut a = Racing::new(from_fn(move |mut sent| {
        let task = made.get_or_insert_with(|| {
            let limited = timeout(sleep(LONG), SECOND);
            innermost::EventLoop::running().unwrap().task().eager().spawn(limited).unwrap()
        });
        let ended = yield_from!(task, sent);
        Ok(Step::Return(ended.map_err(|raised| raised.kind())))
    }));
    let (mut b, mut race) = (Racing::new(sleep(LONG)), Race::new());
    let machine = from_fn(move |mut sent| yield_from!(race.run((&mut a, &mut b)), sent).map(Step::Return));
    assert_eq!(event_loop.run_until_complete(machine).unwrap(), Won::A(Err(Kind::TimeoutError)));
    spin(&event_loop, 1);
}
