//! Several coroutines in one task: races that keep or cancel their losers, limits in a race, and machines that are driven.

use std::time::Duration;

use innermost::queue::{Queue, QueueShutDown, Shutdown};
use innermost::sync::Lock;
use innermost::testing::Sim;
use innermost::wait::{Limit, Race, Racing, Won, all, race};
use innermost::{Awaitable, CoroutineExt, Exception, Kind, Step, drive, end, from_fn, lazy, yield_from};

use crate::common::{Count, Log, every, every_within, interrupt, rest, start, turn};

/// Takes items from two queues in turns of a race, until both are shut down.
fn merge([first, second]: [Queue<usize>; 2], log: Log<usize>) -> impl Awaitable<Return = ()> {
    let (mut one, mut other) = (Racing::new(first.get()), Racing::new(second.get()));
    let mut race = Race::new();
    from_fn(move |mut sent| {
        loop {
            match yield_from!(race.run((&mut one, &mut other)), sent) {
                Ok(Won::A(item)) => {
                    log.push(item);
                    one.restart(first.get());
                }
                Ok(Won::B(item)) => {
                    log.push(item);
                    other.restart(second.get());
                }
                Err(raised) if raised.downcast_ref::<QueueShutDown>().is_some() => return end(()),
                Err(raised) => return Err(raised),
            }
        }
    })
}

fn merging(mergers: usize, faults: u32) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "merger");
        sim.faults().at_most(faults);
        let (queues, got, ended) = ([Queue::new(), Queue::new()], Log::default(), Count::default());
        for number in 0..mergers {
            start(sim, &format!("merger {number}"), &ended, merge(queues.clone(), got.clone()))?;
        }
        for (number, queue) in queues.iter().cloned().enumerate() {
            let putting = queue.clone();
            let putter = turn().map(move |()| (0..2).try_for_each(|item| putting.put_nowait(10 * number + item)));
            start(sim, &format!("putter {number}"), &Count::default(), putter)?;
        }
        let (closing, taken) = (queues.clone(), got.clone());
        let closer = rest().map(move |()| {
            let left: usize = closing.iter().map(Queue::len).sum();
            assert!(left == 0 || faults as usize >= mergers, "{left} items, and {} taken", taken.events().len());
            closing.iter().for_each(|queue| queue.shutdown(Shutdown::Drain));
        });
        start(sim, "closer", &Count::default(), closer)?;
        sim.finally(move || {
            let mut items = got.events();
            for queue in &queues {
                assert!(format!("{queue:?}").contains("getters: 0"), "{queue:?}");
                while let Ok(item) = queue.get_nowait() {
                    items.push(item);
                }
            }
            items.sort_unstable();
            assert_eq!(items, [0, 1, 10, 11], "each once");
            assert!(ended.get() + faults as usize >= mergers);
        });
        Ok(())
    }
}

#[test]
fn a_race_loses_no_item_of_the_queues_that_it_waits_for() {
    assert_eq!([1, 2].map(|faults| every(merging(1, faults))), [768, 1_920]);
    assert_eq!(every_within(2, merging(2, 1)), 1_395);
}

/// A child that takes the lock for a turn.
fn inside(lock: &Lock, alive: &Count) -> impl Awaitable<Return = ()> + use<> {
    let alive = alive.clone();
    lock.hold(lazy(move || {
        let mark = alive.mark();
        turn().map(move |()| drop(mark))
    }))
}

/// Two tasks that run two children each, all of which take one lock.
fn together<C: Awaitable + 'static>(run: fn(&Lock, &Count) -> C) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "runner");
        let (lock, alive, ended) = (Lock::new(), Count::default(), Count::default());
        for number in 0..2 {
            start(sim, &format!("runner {number}"), &ended, run(&lock, &alive))?;
        }
        let held = alive.clone();
        sim.always(move || assert!(held.get() <= 1, "{} hold the lock", held.get()));
        sim.finally(move || {
            assert!(ended.get() >= 1);
            assert_eq!(format!("{lock:?}, {}", alive.get()), "Lock(unlocked, 0 waiting), 0");
        });
        Ok(())
    }
}

#[test]
fn the_losers_of_a_race_leave_the_lock_to_others() {
    let owned = every(together(|lock, alive| race((inside(lock, alive), inside(lock, alive)))));
    let listed = every(together(|lock, alive| race(vec![inside(lock, alive), inside(lock, alive)])));
    assert_eq!([owned, listed], [94, 94]);
}

#[test]
fn all_ends_when_each_has_had_the_lock() {
    let owned = every(together(|lock, alive| all((inside(lock, alive), inside(lock, alive)))));
    let listed = every(together(|lock, alive| all(vec![inside(lock, alive), inside(lock, alive)])));
    assert_eq!([owned, listed], [284, 284]);
}

/// An item comes when the time of a getter is over, which limits a race.
#[test]
fn a_race_that_is_out_of_time_loses_no_item() {
    let schedules = every(|sim| {
        interrupt(sim, "getter");
        let (queue, got, never) = (Queue::new(), Count::default(), Queue::<()>::new());
        for number in 0..2 {
            let (mut limit, mut race) = (Limit::new(Duration::from_millis(1)), Race::new());
            let (mut get, mut other) = (Racing::new(queue.get()), Racing::new(never.get()));
            let got = got.clone();
            let getter = from_fn(move |mut sent| {
                match yield_from!(limit.run(race.run((&mut get, &mut other))), sent) {
                    Ok(Won::A(())) => got.add(1),
                    Ok(Won::B(())) => unreachable!("nothing is put there"),
                    Err(raised) if raised.kind() == Kind::TimeoutError => {}
                    Err(raised) => return Err(raised),
                }
                end(())
            });
            start(sim, &format!("getter {number}"), &Count::default(), getter)?;
        }
        let putting = queue.clone();
        start(sim, "putter", &Count::default(), rest().map(move |()| putting.put_nowait(())))?;
        sim.finally(move || {
            assert_eq!(got.get() + queue.len(), 1);
            assert!([&queue, &never].iter().all(|queue| format!("{queue:?}").contains("getters: 0")));
        });
        Ok(())
    });
    assert_eq!(schedules, 2_244);
}

/// A machine that asks for two items and knows nothing of queues.
#[test]
fn a_driven_machine_loses_no_answer() {
    let schedules = every(|sim| {
        interrupt(sim, "driver");
        let (queue, got) = (Queue::new(), Log::default());
        for number in 0..2 {
            let (answers, log) = (queue.clone(), got.clone());
            let mut asked = 0;
            let machine = from_fn(move |sent: Result<usize, Exception>| {
                let item = sent?;
                if asked > 0 {
                    log.push(item);
                }
                asked += 1;
                if asked > 2 { end(()) } else { Ok(Step::Yield("another one")) }
            });
            let driven = drive(machine, move |_question| answers.get());
            start(sim, &format!("driver {number}"), &Count::default(), driven)?;
        }
        let putting = queue.clone();
        start(
            sim,
            "putter",
            &Count::default(),
            turn().map(move |()| (1..5).try_for_each(|item| putting.put_nowait(item))),
        )?;
        sim.finally(move || {
            let mut items = got.events();
            while let Ok(item) = queue.get_nowait() {
                items.push(item);
            }
            items.sort_unstable();
            assert_eq!(items, [1, 2, 3, 4]);
            assert!(format!("{queue:?}").contains("getters: 0"), "{queue:?}");
        });
        Ok(())
    });
    assert_eq!(schedules, 180);
}
