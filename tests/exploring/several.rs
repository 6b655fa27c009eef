//! Waiting for several tasks: each ends once, nobody outlives its group, and a cancellation reaches whom it should.

use std::time::Duration;

use innermost::testing::{Interruption, Sim};
use innermost::wait::{
    ExceptionGroup, ReturnWhen, as_completed, gather, gather_all, shield, staggered_race, task_group, wait,
};
use innermost::{Awaitable, CoroutineExt, Exception, end, from_fn, lazy, yield_from};

use crate::common::{Count, Log, every, every_within, interrupt, start, turn};

/// Counts as alive while it runs, for a turn, and returns its number.
fn child(number: usize, alive: &Count) -> impl Awaitable<Return = usize> + 'static {
    let alive = alive.clone();
    lazy(move || {
        let mark = alive.mark();
        turn().map(move |()| {
            drop(mark);
            number
        })
    })
}

fn gathering(victims: &'static str, children: usize, faults: u32) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, victims);
        sim.faults().at_most(faults);
        let (alive, ended, results) = (Count::default(), Count::default(), Log::default());
        let children =
            (0..children).map(|number| sim.task().name(format!("child {number}")).spawn(child(number, &alive)));
        let children = children.collect::<Result<Vec<_>, _>>()?;
        let count = children.len();
        let log = results.clone();
        start(sim, "parent", &ended, gather(children).map(move |all| all.into_iter().for_each(|one| log.push(one))))?;
        sim.finally(move || {
            assert_eq!(alive.get(), 0);
            let expected: Vec<_> = (0..count * ended.get()).collect();
            assert_eq!(results.events(), expected);
        });
        Ok(())
    }
}

#[test]
fn gather_returns_all_results_in_order_or_none() {
    let children = [(2, 1), (2, 2)].map(|(count, faults)| every(gathering("child", count, faults)));
    let parents = [(2, 1), (2, 2)].map(|(count, faults)| every(gathering("parent", count, faults)));
    assert_eq!(children, [312, 1_068]);
    assert_eq!(parents, [284, 560]);
    // Three children and their parent have too many schedules.
    let three = ["child", "parent"].map(|victims| every_within(2, gathering(victims, 3, 1)));
    assert_eq!(three, [1_387, 764]);
}

#[test]
fn gather_all_returns_as_many_outcomes_as_there_are_children() {
    let schedules = every_within(2, |sim| {
        interrupt(sim, "child");
        let (alive, ended) = (Count::default(), Count::default());
        let children = (0..3).map(|number| sim.task().name(format!("child {number}")).spawn(child(number, &alive)));
        let children = children.collect::<Result<Vec<_>, _>>()?;
        let parent = gather_all(children).map(|all| {
            assert_eq!(all.len(), 3);
            let numbers = all.iter().enumerate().filter(|(number, one)| one.as_ref().is_ok_and(|one| one == number));
            assert!(numbers.count() >= 2);
        });
        start(sim, "parent", &ended, parent)?;
        sim.finally(move || assert_eq!((alive.get(), ended.get()), (0, 1)));
        Ok(())
    });
    assert_eq!(schedules, 1_189);
}

/// A group of children, in a task called "parent".
fn grouping(victims: &'static str, count: usize, faults: u32) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, victims);
        sim.faults().at_most(faults);
        let (alive, ended) = (Count::default(), Count::default());
        let (inside, left) = (alive.clone(), alive.clone());
        let group = task_group(move |group| {
            lazy(move || {
                let mark = inside.mark();
                for number in 0..count {
                    let spawned = group.task().name(format!("child {number}")).spawn(child(number, &inside));
                    spawned.expect("the group has just been entered");
                }
                turn().map(move |()| drop(mark))
            })
        });
        let parent = group.catch(move |raised| {
            assert_eq!(left.get(), 0, "a group has ended, and not all of its tasks");
            let is_group = raised.downcast_ref::<ExceptionGroup>().is_some();
            assert!(is_group || victims != "child", "{raised:?} came out, and nobody has cancelled the parent");
            if is_group { Ok(()) } else { Err(raised) }
        });
        start(sim, "parent", &ended, parent)?;
        sim.finally(move || assert_eq!((alive.get(), ended.get() == 1 || victims != "child"), (0, true)));
        Ok(())
    }
}

#[test]
fn a_group_ends_when_all_of_its_tasks_have_ended() {
    let children = [(2, 1), (2, 2)].map(|(count, faults)| every(grouping("child", count, faults)));
    let parents = [(2, 1), (2, 2)].map(|(count, faults)| every(grouping("parent", count, faults)));
    assert_eq!(children, [264, 876]);
    assert_eq!(parents, [307, 2_499]);
    assert_eq!(every(grouping("", 2, 2)), 6_039);
}

#[test]
fn a_shielded_task_ends_whatever_happens_to_those_who_wait_for_it() {
    let schedules = every(|sim| {
        interrupt(sim, "waiter");
        sim.faults().at_most(2);
        let (alive, ended, waited) = (Count::default(), Count::default(), Count::default());
        let shielded = sim.task().name("shielded").spawn(child(7, &alive).map({
            let ended = ended.clone();
            move |number| {
                ended.add(1);
                number
            }
        }))?;
        for number in 0..2 {
            start(sim, &format!("waiter {number}"), &waited, shield(shielded.clone()))?;
        }
        drop(shielded);
        sim.finally(move || assert_eq!((alive.get(), ended.get()), (0, 1)));
        Ok(())
    });
    assert_eq!(schedules, 13_176);
}

#[test]
fn wait_never_cancels_and_sorts_what_is_done_from_what_is_not() {
    let schedules = every(|sim| {
        interrupt(sim, "waiter");
        let (alive, ended, waited) = (Count::default(), Count::default(), Count::default());
        let tasks = (0..2).map(|number| {
            let ended = ended.clone();
            sim.create_task(child(number, &alive).map(move |_| ended.add(1)))
        });
        let tasks = tasks.collect::<Result<Vec<_>, _>>()?;
        for (number, when) in [ReturnWhen::FirstCompleted, ReturnWhen::AllCompleted].into_iter().enumerate() {
            let least = [1, 2][number];
            let waiter = wait(tasks.clone()).return_when(when).map(move |(done, pending)| {
                assert!(done.len() >= least && done.len() + pending.len() == 2);
                assert!(done.iter().all(|task| task.done()));
            });
            start(sim, &format!("waiter {number}"), &waited, waiter)?;
        }
        sim.finally(move || {
            assert_eq!((alive.get(), ended.get()), (0, 2));
            assert!(waited.get() >= 1);
        });
        Ok(())
    });
    assert_eq!(schedules, 23_040);
}

fn completing(victims: &'static str) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, victims);
        let (alive, ended, results) = (Count::default(), Count::default(), Log::default());
        let children = (0..3).map(|number| sim.task().name(format!("child {number}")).spawn(child(number, &alive)));
        let children = children.collect::<Result<Vec<_>, _>>()?;
        let (mut race, log) = (as_completed(children), results.clone());
        let mut next = race.next();
        let consumer = from_fn(move |mut sent| {
            while let Some(one) = &mut next {
                match yield_from!(one, sent) {
                    Ok(number) => log.push(number),
                    // Of a child, or thrown in here.
                    Err(raised) if victims == "child" => log.push(10 + usize::from(raised.is_cancelled())),
                    Err(raised) => return Err(raised),
                }
                next = race.next();
            }
            end(())
        });
        start(sim, "consumer", &ended, consumer)?;
        sim.finally(move || {
            let mut all = results.events();
            all.sort_unstable();
            all.dedup();
            assert_eq!(alive.get(), 0);
            assert!(all.len() == 3 || victims == "consumer", "{all:?}");
            assert!(ended.get() == 1 || victims == "consumer");
        });
        Ok(())
    }
}

#[test]
fn as_completed_returns_every_outcome_once() {
    assert_eq!(["child", "consumer"].map(|victims| every_within(2, completing(victims))), [1_387, 648]);
}

fn staggering(faults: u32) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        sim.faults().every_suspension(Interruption::Throw | Interruption::Cancel).at_most(faults);
        let (alive, ended) = (Count::default(), Count::default());
        let attempts: Vec<_> = (0..3).map(|number| child(number, &alive)).collect();
        let left = alive.clone();
        let race = staggered_race(attempts).delay(Duration::from_nanos(1)).map(move |raced| {
            assert_eq!(left.get(), 0, "the race has ended, and not all attempts");
            let failed = raced.exceptions.iter().filter(|raised| raised.is_some()).count();
            assert_eq!(failed + usize::from(raced.winner.is_some()), raced.exceptions.len());
            // An attempt that is cancelled before it has started starts no other one.
            assert!(raced.winner.is_some() || raced.exceptions.is_empty() || faults > 1, "{raced:?}");
        });
        start(sim, "racer", &ended, race)?;
        sim.finally(move || assert_eq!(alive.get(), 0));
        Ok(())
    }
}

#[test]
fn a_staggered_race_has_one_winner_and_leaves_nobody() {
    assert_eq!([1, 2].map(|faults| every(staggering(faults))), [82, 934]);
}
