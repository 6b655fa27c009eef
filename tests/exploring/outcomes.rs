//! What several tasks end with: the first failure and no other one, results that somebody else waits for as well, and the
//! time at which a wait is over.

use std::time::Duration;

use innermost::testing::{Interruption, Interruptions, Sim};
use innermost::wait::{Race, Racing, ReturnWhen, as_completed, gather, gather_all, join, shield, staggered_race, wait};
use innermost::{Awaitable, CoroutineExt, Exception, Kind, end, from_fn, sleep, yield_from};

use crate::common::{Count, Log, Mark, every, every_within, start, turn};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn failure(text: &'static str) -> Exception {
    Exception::message(Kind::ValueError, text)
}

/// Interrupts the tasks of that name.
fn interrupting(sim: &Sim, name: &'static str, how: impl Into<Interruptions>) {
    sim.faults().every_suspension(how).in_tasks(move |task| task.starts_with(name));
}

/// Three children: one returns a value that counts while it lives, two fail in one turn, and one goes on.
#[test]
fn gather_raises_the_first_failure_and_keeps_nothing() {
    let schedules = every_within(2, |sim| {
        let (values, over) = (Count::default(), Count::default());
        let (alive, ends, left) = (values.clone(), over.clone(), values.clone());
        let mut number = 0;
        let child = move || -> Box<dyn Awaitable<Return = Option<Mark>>> {
            number += 1;
            let (alive, ends) = (alive.clone(), ends.clone());
            match number {
                1 => Box::new(turn().map(move |()| Some(alive.mark()))),
                2 => Box::new(turn().then(|()| turn()).try_map(|()| Err(failure("second")))),
                3 => Box::new(turn().then(|()| turn()).try_map(|()| Err(failure("third")))),
                _ => Box::new(sleep(ms(1)).map(move |()| {
                    ends.add(1);
                    None
                })),
            }
        };
        let mut child = child;
        let children: Vec<_> = (0..4).map(|_| child()).collect();
        let parent = gather(children).map(drop).catch(move |raised| {
            assert!(["second", "third"].contains(&raised.to_string().as_str()), "{raised}");
            assert_eq!(left.get(), 0, "the value of another child is kept");
            Ok(())
        });
        let ended = Count::default();
        start(sim, "parent", &ended, parent)?;
        sim.finally(move || assert_eq!((ended.get(), over.get(), values.get()), (1, 1, 0)));
        Ok(())
    });
    assert_eq!(schedules, 86);
}

/// Children that take a cancellation for an end. Their parent is cancelled nevertheless, when all of them have ended.
#[test]
fn a_parent_that_is_cancelled_is_so_whatever_its_children_return() {
    let schedules = every_within(2, |sim| {
        interrupting(sim, "parent", Interruption::Cancel);
        let (caught, alive, ended) = (Count::default(), Count::default(), Count::default());
        let children = (0..2).map(|number| {
            let (caught, mark) = (caught.clone(), alive.mark());
            let caught = turn().then(|()| turn()).catch(move |_cancelled| {
                caught.add(1);
                Ok(())
            });
            sim.task().name(format!("child {number}")).spawn(caught.map(move |()| drop(mark)))
        });
        let children = children.collect::<Result<Vec<_>, _>>()?;
        let parent = gather_all(children).map(|all| assert!(all.iter().all(Result::is_ok)));
        let left = alive.clone();
        let parent = parent.catch(move |raised| {
            assert_eq!(left.get(), 0, "a child goes on");
            Err(raised)
        });
        start(sim, "parent", &ended, parent)?;
        sim.finally(move || {
            assert_eq!(alive.get(), 0);
            assert!(ended.get() == 0 || caught.get() == 0, "it was cancelled, and has ended as if it were not");
        });
        Ok(())
    });
    assert_eq!(schedules, 76);
}

#[test]
fn a_child_that_is_given_twice_and_one_that_is_done_are_gathered() {
    let schedules = every(|sim| {
        let children = (0..2).map(|number| sim.create_task(turn().map(move |()| number)));
        let children = children.collect::<Result<Vec<_>, _>>()?;
        let twice = vec![children[0].clone(), children[1].clone(), children[0].clone()];
        assert_eq!(sim.run(gather(twice.clone()))?, [0, 1, 0]);
        assert_eq!(sim.run(gather(twice))?, [0, 1, 0]);
        let mixed = vec![children[0].clone(), sim.create_task(turn().map(|()| 2))?];
        drop(children);
        assert_eq!(sim.run(gather(mixed))?, [0, 2]);
        assert_eq!(sim.run(join((turn().map(|()| 'a'), turn().map(|()| 1))))?, ('a', 1));
        Ok(())
    });
    assert_eq!(schedules, 64);
}

#[test]
fn a_gathering_that_is_cancelled_by_its_handle_cancels_its_children() {
    let schedules = every(|sim| {
        let children = (0..2).map(|_| sim.create_task(sleep(ms(9)))).collect::<Result<Vec<_>, _>>()?;
        let (all, ended) = (gather(children.clone()), Count::default());
        let parent = all.clone().map(drop).catch(|raised| if raised.is_cancelled() { Ok(()) } else { Err(raised) });
        start(sim, "parent", &ended, parent)?;
        start(sim, "canceller", &Count::default(), turn().map(move |()| assert!(all.cancel())))?;
        sim.finally(move || {
            assert_eq!(ended.get(), 1);
            assert!(children.iter().all(|child| child.cancelled()));
        });
        Ok(())
    });
    assert_eq!(schedules, 96);
}

#[test]
fn whoever_waits_for_a_shielded_task_that_is_cancelled_is_told() {
    let schedules = every_within(2, |sim| {
        interrupting(sim, "shielded", Interruption::Cancel);
        let (ended, told) = (Count::default(), Count::default());
        let shielded = sim.task().name("shielded").spawn(turn().then(|()| turn()))?;
        for number in 0..2 {
            let told = told.clone();
            let waiter = shield(shielded.clone()).catch(move |raised| {
                assert!(raised.is_cancelled());
                told.add(1);
                Ok(())
            });
            start(sim, &format!("waiter {number}"), &ended, waiter)?;
        }
        drop(shielded);
        sim.finally(move || {
            assert_eq!(ended.get(), 2);
            assert!([0, 2].contains(&told.get()));
        });
        Ok(())
    });
    assert_eq!(schedules, 204);
}

/// One child ends after 1 ms, one fails after 2 ms, and one ends after 9 ms. The wait has 5 ms.
fn waiting(when: ReturnWhen, over: u64, interrupted: &'static str) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupting(sim, interrupted, Interruption::Cancel);
        let first = sim.create_task(sleep(ms(1)))?;
        let fails = sim.create_task(sleep(ms(2)).try_map(|()| Err(failure("second"))))?;
        let last = sim.task().name("last").spawn(sleep(ms(9)))?;
        let (event_loop, failed, late) = (innermost::LoopHandle::clone(sim), fails.clone(), last.clone());
        let waiter = wait([first, fails, last]).timeout(ms(5)).return_when(when).map(move |(done, pending)| {
            assert_eq!(event_loop.time().since_zero(), ms(over));
            let are_done = if over == 5 { 2 } else { over as usize };
            assert_eq!(done.len(), are_done + usize::from(late.done()));
            assert_eq!(done.len() + pending.len(), 3);
        });
        let rest = sleep(ms(20)).map(move |()| drop(failed.exception()));
        start(sim, "waiter", &Count::default(), waiter)?;
        start(sim, "witness", &Count::default(), rest)
    }
}

#[test]
fn a_wait_is_over_when_enough_has_come_or_its_time_is() {
    let cases = [(ReturnWhen::FirstCompleted, 1), (ReturnWhen::FirstException, 2), (ReturnWhen::AllCompleted, 5)];
    let waiters = cases.map(|(when, over)| every_within(2, waiting(when, over, "waiter")));
    assert_eq!(waiters, [184; 3]);
}

/// A child that is cancelled has not failed.
#[test]
fn a_wait_for_the_first_failure_goes_on_after_a_cancellation() {
    let schedules = every(|sim| {
        interrupting(sim, "", Interruption::Cancel);
        let cancelled = sim.task().name("cancelled").spawn(turn().then(|()| turn()))?;
        let other = sim.create_task(sleep(ms(1)))?;
        let waiter = wait([cancelled, other]).timeout(ms(5)).return_when(ReturnWhen::FirstException);
        start(sim, "waiter", &Count::default(), waiter.map(|(done, _)| assert_eq!(done.len(), 2)))
    });
    assert_eq!(schedules, 90);
}

/// Two consumers wait for two children, one of which ends early. A consumer that gives up leaves the result to the other one.
fn completing<C: Awaitable<Return = usize> + 'static>(
    how: impl Into<Interruptions> + Copy,
    limited: fn(innermost::wait::NextCompleted<usize>, usize) -> C,
) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupting(sim, "consumer", how);
        let children = [0, 2].map(|time| turn().then(move |()| sleep(ms(time))).map(move |()| time as usize));
        let (served, waiting) = (Count::default(), Count::default());
        let mut race = as_completed(children).timeout(ms(9));
        for (number, next) in race.by_ref().enumerate() {
            let waits = waiting.mark();
            let consumer = limited(next, number).map(move |_| drop(waits));
            start(sim, &format!("consumer {number}"), &served, consumer)?;
        }
        drop(race);
        let judge = sleep(ms(1)).map(move |()| {
            assert!(served.get() > 0 || waiting.get() == 0, "{} wait, and one child has ended", waiting.get());
        });
        start(sim, "judge", &Count::default(), judge)
    }
}

#[test]
fn a_result_is_not_lost_with_the_consumer_that_was_woken_for_it() {
    let interrupted = every(completing(Interruptions::ALL, |next, _| next));
    // The first one is dropped after a turn.
    let dropped = every_within(
        2,
        completing(Interruption::Cancel, |next, number| {
            let (mut child, mut race, mut bell) =
                (Some(Racing::new(next)), Race::new(), Racing::new(turn().then(|()| turn())));
            from_fn(move |mut sent| {
                if number > 0 {
                    let alone = child.as_mut().expect("it was not dropped");
                    return yield_from!(alone, sent).map(innermost::Step::Return);
                }
                yield_from!(race.run((child.as_mut(), &mut bell)), sent)?;
                child = None;
                end(9)
            })
        }),
    );
    assert_eq!([interrupted, dropped], [648, 264]);
}

#[test]
fn all_consumers_are_told_that_the_time_is_over() {
    let schedules = every_within(1, |sim| {
        sim.faults().every_suspension(Interruption::Cancel).in_tasks(|name| name.starts_with("consumer"));
        let children = [1, 2].map(|number| sim.create_task(sleep(ms(4)).map(move |()| number)));
        let children = children.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (late, log) = (Count::default(), Log::default());
        for (number, next) in as_completed(children.clone()).timeout(ms(1)).enumerate() {
            let (late, log) = (late.clone(), log.clone());
            let consumer = next.map(move |number| log.push(number)).catch(move |raised| match raised.kind() {
                Kind::TimeoutError => {
                    late.add(1);
                    Ok(())
                }
                _ => Err(raised),
            });
            start(sim, &format!("consumer {number}"), &Count::default(), consumer)?;
        }
        start(sim, "witness", &Count::default(), gather(children).map(drop))?;
        sim.finally(move || {
            assert!(late.get() >= 1);
            assert!(log.events().is_empty());
        });
        Ok(())
    });
    assert_eq!(schedules, 101);
}

/// Two attempts that end in one moment, 2 ms after the start, and one that ends after a second. Each takes a cancellation
/// for an end.
#[test]
fn the_first_attempt_that_ends_wins_and_the_others_have_lost() {
    let schedules = every_within(2, |sim| {
        let log = Log::default();
        let attempts = [(0, 2), (1, 1), (2, 1_000)].map(|(number, time)| {
            let log = log.clone();
            sleep(ms(time)).catch(|_cancelled| Ok(())).map(move |()| {
                log.push(number);
                number
            })
        });
        let event_loop = innermost::LoopHandle::clone(sim);
        let race = staggered_race(attempts).delay(ms(1)).map(move |raced| {
            let first = log.events()[0];
            assert_eq!(raced.winner, Some((first, first)));
            let lost: Vec<_> = raced.exceptions.iter().map(Option::is_some).collect();
            assert_eq!(lost.iter().filter(|lost| **lost).count(), lost.len() - 1, "{lost:?}");
            assert!(!lost[first]);
            assert_eq!(event_loop.time().since_zero(), ms(2));
        });
        start(sim, "racer", &Count::default(), race)
    });
    assert_eq!(schedules, 51);
}

/// The first attempt would go on for a second. The second one starts after 1 ms, fails at once, and is gone when the third
/// one starts.
#[test]
fn an_attempt_starts_after_the_delay_or_after_a_failure() {
    let schedules = every(|sim| {
        let alive = Count::default();
        let event_loop = innermost::LoopHandle::clone(sim);
        let mut number = 0;
        let attempts = core::iter::from_fn(move || {
            number += 1;
            let (alive, event_loop) = (alive.clone(), event_loop.clone());
            let attempt: Box<dyn Awaitable<Return = usize>> = match number {
                1 => Box::new(sleep(Duration::from_secs(1)).map(|()| 1)),
                2 => {
                    let mark = alive.mark();
                    let mut pause = turn();
                    Box::new(from_fn(move |mut sent| {
                        let _alive = &mark;
                        yield_from!(pause, sent)?;
                        Err(failure("second"))
                    }))
                }
                3 => {
                    let now = event_loop.time().since_zero();
                    assert_eq!((now, alive.get()), (ms(1), 0), "the second attempt has not started, or is still there");
                    Box::new(turn().map(|()| 3))
                }
                _ => return None,
            };
            Some(attempt)
        });
        let race = staggered_race(attempts).delay(ms(1));
        let raced = sim.run(race)?;
        assert_eq!(raced.winner, Some((2, 3)));
        let raised: Vec<_> = raced.exceptions.iter().map(|raised| raised.as_ref().map(Exception::kind)).collect();
        assert_eq!(raised, [Some(Kind::CancelledError), Some(Kind::ValueError), None]);
        Ok(())
    });
    assert_eq!(schedules, 90);
}
