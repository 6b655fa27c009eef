//! Races that are driven by hand, without a loop.

use std::time::Duration;

use innermost::sync::Lock;
use innermost::wait::{Limit, Race, Racing, Won, all, race};
use innermost::{Await, CoroutineExt, Generator, Step, Stop, from_fn, ready, sleep, yield_from};

use super::{Log, noted};

#[test]
fn every_child_that_waits_is_asked_at_each_resume() {
    let log = Log::default();
    let mut a = Racing::new(noted(&log, "a", sleep(Duration::ZERO)));
    let (mut b, mut race) = (Racing::new(noted(&log, "b", sleep(Duration::ZERO))), Race::new());
    let mut machine =
        Generator::new(from_fn(move |mut sent| yield_from!(race.run((&mut a, &mut b)), sent).map(Step::Return)));
    let wanted = machine.next().unwrap();
    assert_eq!(format!("{wanted:?}"), "any of [NextTurn, NextTurn]");
    assert!(matches!(machine.next(), Err(Stop::Returned(Won::A(())))));
    assert_eq!(log.take(), ["a", "b", "a"]);
}

#[test]
fn a_lock_that_becomes_free_is_won() {
    let lock = Lock::new();
    let guard = lock.try_acquire().unwrap();
    let (mut a, mut b, mut race) = (Racing::new(lock.acquire()), Racing::new(lock.acquire()), Race::new());
    let mut machine = Generator::new(from_fn(move |mut sent| {
        yield_from!(race.run((&mut a, &mut b)), sent).map(|won| Step::Return(matches!(won, Won::A(_))))
    }));
    machine.next().unwrap();
    machine.next().unwrap();
    drop(guard);
    assert!(matches!(machine.next(), Err(Stop::Returned(true))));
}

#[test]
fn a_race_compares_equal_to_itself_only() {
    let waits = || {
        let [mut a, mut b] = [(); 2].map(|()| Racing::new(sleep(Duration::ZERO)));
        let mut race = Race::new();
        let mut machine =
            Generator::new(from_fn(move |mut sent| yield_from!(race.run((&mut a, &mut b)), sent).map(Step::Return)));
        let wanted: Await = machine.next().unwrap();
        wanted
    };
    let first = waits();
    assert!(first == first.clone() && first != waits() && !first.is_next_turn());
}

#[test]
fn a_limit_has_no_clock_and_does_not_count() {
    let mut limit = Limit::new(Duration::ZERO);
    let mut child = sleep(Duration::ZERO).map(|()| 3);
    let mut machine = Generator::new(from_fn(move |mut sent| {
        let mut limited = limit.run(&mut child);
        yield_from!(limited, sent).map(Step::Return)
    }));
    assert!(machine.next().unwrap().is_next_turn());
    assert!(matches!(machine.next(), Err(Stop::Returned(3))));
}

#[test]
fn coroutines_run_together_without_a_loop() {
    let nap = |n: u32| sleep(Duration::ZERO).map(move |()| n);
    let mut machine = Generator::new(all((nap(1), ready(2), nap(3))));
    machine.next().unwrap();
    assert!(matches!(machine.next(), Err(Stop::Returned((1, 2, 3)))));
    let mut machine = Generator::new(race((nap(1), nap(2))));
    machine.next().unwrap();
    assert!(matches!(machine.next(), Ok(_) | Err(Stop::Returned(Won::A(1)))));
}
