//! Locks, semaphores, events, conditions and barriers: nobody is let in twice, nobody is forgotten, and whoever gives up
//! leaves no place behind.

use std::cell::Cell;
use std::rc::Rc;

use innermost::sync::{Barrier, BoundedSemaphore, BrokenBarrier, Condition, Event, Lock, Semaphore};
use innermost::testing::{Interruption, Sim};
use innermost::wait::{Race, Racing};
use innermost::{CoroutineExt, Exception, end, from_fn, spawn, yield_from};

use crate::common::{Count, Line, every, every_within, interrupt, rest, start, turn};

fn locking(tasks: usize, faults: u32) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "visitor");
        sim.faults().at_most(faults);
        let lock = Lock::new();
        let line = Line::new(sim, 1, tasks - faults as usize);
        for number in 0..tasks {
            let lock = lock.clone();
            line.start(sim, number, move || lock.acquire())?;
        }
        sim.finally(move || assert_eq!(format!("{lock:?}"), "Lock(unlocked, 0 waiting)"));
        Ok(())
    }
}

#[test]
fn a_lock_is_held_once_and_passed_on_in_order() {
    assert_eq!([2, 3, 4].map(|tasks| every(locking(tasks, 1))), [56, 260, 1_392]);
}

#[test]
fn a_lock_survives_two_interruptions() {
    assert_eq!(every(locking(3, 2)), 3_588);
}

fn permits((tasks, seats, faults): (usize, usize, u32)) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "visitor");
        sim.faults().at_most(faults);
        let semaphore = Semaphore::new(seats);
        let line = Line::new(sim, seats, tasks - faults as usize);
        for number in 0..tasks {
            let semaphore = semaphore.clone();
            line.start(sim, number, move || semaphore.acquire())?;
        }
        sim.finally(move || assert_eq!(format!("{semaphore:?}"), format!("Semaphore({seats} free, 0 waiting)")));
        Ok(())
    }
}

#[test]
fn permits_are_conserved_and_go_to_waiters_in_order() {
    let schedules = [(3, 1, 1), (4, 1, 1), (4, 2, 1), (3, 1, 2)].map(|size| every(permits(size)));
    assert_eq!(schedules, [260, 1_392, 7_488, 3_588]);
}

#[test]
fn a_bounded_semaphore_never_has_more_permits_than_it_began_with() {
    let schedules = every(|sim| {
        interrupt(sim, "visitor");
        let semaphore = BoundedSemaphore::new(2);
        let line = Line::new(sim, 2, 3);
        for number in 0..4 {
            let semaphore = semaphore.clone();
            line.start(sim, number, move || semaphore.acquire())?;
        }
        let seen = semaphore.clone();
        sim.always(move || assert!(seen.value() <= 2));
        sim.finally(move || {
            assert_eq!(format!("{semaphore:?}"), "BoundedSemaphore(2 free, 0 waiting)");
            assert!(semaphore.release().is_err(), "there is room for no more");
        });
        Ok(())
    });
    assert_eq!(schedules, 7_488);
}

/// A permit that comes from outside, at a time when several wait, goes to one waiter only.
#[test]
fn a_permit_that_is_released_to_a_waiter_which_gives_up_is_kept() {
    let schedules = every(|sim| {
        interrupt(sim, "waiter");
        let (semaphore, ended) = (Semaphore::new(0), Count::default());
        for number in 0..3 {
            start(sim, &format!("waiter {number}"), &ended, semaphore.acquire().map(innermost::sync::Permit::forget))?;
        }
        let giver = semaphore.clone();
        start(sim, "giver", &Count::default(), rest().map(move |()| (0..3).for_each(|_| giver.release())))?;
        sim.finally(move || {
            assert_eq!(ended.get() + semaphore.value(), 3);
            assert!(ended.get() >= 2);
        });
        Ok(())
    });
    assert_eq!(schedules, 2_304);
}

#[test]
fn an_event_lets_all_go_that_wait_when_it_is_set() {
    let schedules = every(|sim| {
        interrupt(sim, "waiter");
        let (event, ended, late) = (Event::new(), Count::default(), Count::default());
        for number in 0..3 {
            start(sim, &format!("waiter {number}"), &ended, event.wait())?;
        }
        let (setting, again, passed, newcomer) = (event.clone(), event.clone(), ended.clone(), late.clone());
        let setter = rest().then(move |()| {
            setting.set();
            setting.clear();
            spawn(setting.wait().map(move |()| newcomer.add(1))).map(|_| rest())
        });
        let missed = late.clone();
        let setter = setter.map(move |()| {
            assert!(passed.get() >= 2, "{} of 3 have gone on", passed.get());
            assert_eq!(missed.get(), 0, "it came after the event was cleared");
            again.set();
        });
        start(sim, "setter", &Count::default(), setter)?;
        sim.finally(move || {
            assert_eq!(late.get(), 1);
            assert_eq!(format!("{event:?}"), "Event(set, 0 waiting)");
        });
        Ok(())
    });
    assert_eq!(schedules, 8_352);
}

/// Eaters wait for apples. A grower brings them once, with a notification for each.
fn orchard((eaters, apples, faults): (usize, usize, u32)) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "eater");
        sim.faults().at_most(faults);
        let (ripe, closed) = (Condition::new(), Rc::new(Cell::new(false)));
        let (there, eaten, inside, waiting) = (Count::default(), Count::default(), Count::default(), Count::default());
        let held = inside.clone();
        sim.always(move || assert!(held.get() <= 1, "{} hold the lock", held.get()));
        for number in 0..eaters {
            let (looking, seen, is_closed) = (ripe.clone(), there.clone(), Rc::clone(&closed));
            let wait = move |guard| looking.wait_for(guard, move || seen.get() > 0 || is_closed.get());
            let (there, eaten, inside, waits) = (there.clone(), eaten.clone(), inside.clone(), waiting.mark());
            let eat = move |guard| {
                drop(waits);
                let (holds, bite) = ((inside.mark(), guard), there.get().min(1));
                there.take(bite);
                eaten.add(bite);
                turn().map(move |()| drop(holds))
            };
            start(sim, &format!("eater {number}"), &Count::default(), ripe.acquire().then(wait).then(eat))?;
        }
        let (acquiring, growing, closing, grown, left) =
            (ripe.clone(), ripe.clone(), ripe.clone(), there.clone(), there.clone());
        let grower = rest().then(move |()| acquiring.acquire()).try_map(move |_guard| {
            grown.add(apples);
            (0..apples).try_for_each(|_| growing.notify(1))
        });
        let grower = grower.then(|()| rest()).then(move |()| {
            assert!(left.get() == 0 || waiting.get() == 0, "{} wait for {} apples", waiting.get(), left.get());
            closed.set(true);
            closing.acquire().try_map(move |_guard| closing.notify_all())
        });
        start(sim, "grower", &Count::default(), grower)?;
        sim.finally(move || {
            assert_eq!((eaten.get() + there.get(), inside.get()), (apples, 0));
            assert_eq!(format!("{ripe:?}"), "Condition(Lock(unlocked, 0 waiting), 0 waiting)");
        });
        Ok(())
    }
}

#[test]
fn a_notification_is_not_lost_with_the_waiter_that_got_it() {
    let schedules = [(2, 1, 1), (3, 1, 1), (3, 2, 1), (2, 1, 2)].map(|size| every(orchard(size)));
    assert_eq!(schedules, [150, 1_656, 2_400, 1_290]);
}

/// Tasks meet in pairs. Whoever is left alone is sent away in the end.
fn meeting((tasks, parties, faults): (usize, usize, u32)) -> impl FnMut(&Sim) -> Result<(), Exception> {
    move |sim| {
        interrupt(sim, "guest");
        sim.faults().at_most(faults);
        let barrier = Barrier::new(parties)?;
        let (met, alone) = (Count::default(), Count::default());
        for number in 0..tasks {
            let sent_away = alone.clone();
            let guest = barrier.wait().map(|_index| 1).catch(move |raised| {
                raised.downcast_ref::<BrokenBarrier>().is_some().then(|| sent_away.add(1)).ok_or(raised).map(|()| 0)
            });
            let met = met.clone();
            start(sim, &format!("guest {number}"), &Count::default(), guest.map(move |one| met.add(one)))?;
        }
        let (asking, seen, left) = (barrier.clone(), barrier.clone(), alone.clone());
        let host = rest().then(move |()| {
            assert!(seen.n_waiting() < parties, "{} wait for {parties}", seen.n_waiting());
            asking.reset()
        });
        start(sim, "host", &Count::default(), host)?;
        sim.finally(move || {
            assert!(left.get() < parties, "{} were left alone", left.get());
            assert!(met.get() + left.get() + faults as usize >= tasks);
            assert_eq!(format!("{barrier:?}"), format!("Barrier(Filling, 0/{parties} waiting)"));
        });
        Ok(())
    }
}

#[test]
fn a_barrier_lets_every_full_round_through() {
    let sizes = [(2, 2, 1), (3, 2, 1), (3, 3, 1), (4, 2, 1), (3, 2, 2)];
    assert_eq!(sizes.map(|size| every(meeting(size))), [78, 720, 1_056, 7_200, 5_064]);
}

/// A waiter that is cancelled, once or twice, raises with the lock in its hands. One that is closed does not.
#[test]
fn a_cancelled_wait_for_a_condition_ends_with_the_lock_held() {
    let schedules = every(|sim| {
        sim.faults().every_suspension(Interruption::Cancel | Interruption::Close).at_most(2);
        sim.faults().in_tasks(|name| name.starts_with("waiter"));
        let (condition, inside) = (Condition::new(), Count::default());
        for number in 0..2 {
            let (condition, inside) = (condition.clone(), inside.clone());
            let (mut acquire, mut wait) = (condition.acquire(), None);
            let waiter = from_fn(move |mut sent| {
                let wait = match &mut wait {
                    Some(wait) => wait,
                    none => none.insert(condition.wait(yield_from!(acquire, sent)?)),
                };
                match yield_from!(wait, sent) {
                    Ok(guard) => drop((inside.mark(), guard)),
                    Err(raised) if raised.is_generator_exit() => assert!(wait.take_guard().is_none()),
                    Err(_) => drop((inside.mark(), wait.take_guard().expect("it holds the lock"))),
                }
                end(())
            });
            start(sim, &format!("waiter {number}"), &Count::default(), waiter)?;
        }
        let (notifying, held) = (condition.clone(), inside.clone());
        let notifier = rest().then(move |()| notifying.acquire().map(move |guard| (notifying, guard, inside.mark())));
        let notifier = notifier.then(|(notifying, guard, mark)| {
            turn().try_map(move |()| {
                let _held = (mark, guard);
                notifying.notify_all()
            })
        });
        start(sim, "notifier", &Count::default(), notifier)?;
        sim.always(move || assert!(held.get() <= 1));
        sim.finally(move || assert_eq!(format!("{condition:?}"), "Condition(Lock(unlocked, 0 waiting), 0 waiting)"));
        Ok(())
    });
    assert_eq!(schedules, 378);
}

/// Whoever notifies keeps the lock for a turn, in which a waiter that was notified is cancelled once more.
#[test]
fn a_wait_that_is_cancelled_while_it_acquires_the_lock_again_ends_with_the_lock_held() {
    let schedules = every_within(2, |sim| {
        sim.faults().every_suspension(Interruption::Cancel).in_tasks(|task| task.starts_with("waiter")).at_most(2);
        let (condition, inside) = (Condition::new(), Count::default());
        for number in 0..2 {
            let (mut acquire, mut wait, condition) = (condition.acquire(), None, condition.clone());
            let inside = inside.clone();
            let waiter = from_fn(move |mut sent| {
                let wait = match &mut wait {
                    Some(wait) => wait,
                    none => none.insert(condition.wait(yield_from!(acquire, sent)?)),
                };
                let (Ok(guard) | Err(guard)) = yield_from!(wait, sent)
                    .map_err(|_cancelled| wait.take_guard().expect("a wait that is cancelled ends with the lock held"));
                drop((inside.mark(), guard));
                end(())
            });
            start(sim, &format!("waiter {number}"), &Count::default(), waiter)?;
        }
        let (acquiring, notifying, held) = (condition.clone(), condition.clone(), inside.clone());
        let notifier = rest().then(move |()| acquiring.acquire()).then(move |guard| {
            notifying.notify_all().expect("the lock is held");
            let holds = (inside.mark(), guard);
            turn().then(|()| turn()).map(move |()| drop(holds))
        });
        start(sim, "notifier", &Count::default(), notifier)?;
        sim.always(move || assert!(held.get() <= 1));
        sim.finally(move || assert_eq!(format!("{condition:?}"), "Condition(Lock(unlocked, 0 waiting), 0 waiting)"));
        Ok(())
    });
    assert_eq!(schedules, 858);
}

/// A waiter is notified, and waits for the lock, which is held until its time is over. Then its wait is dropped.
#[test]
fn a_notification_is_not_lost_with_a_wait_that_is_dropped_before_it_has_the_lock() {
    let schedules = every(|sim| {
        let (condition, patient) = (Condition::new(), Count::default());
        let waiting = condition.clone();
        let hasty = condition.acquire().then(move |guard| waiting.wait(guard));
        let (mut racing, mut race, mut over) =
            (Some(Racing::new(hasty)), Race::new(), Racing::new(rest().then(|()| rest())));
        let hasty = from_fn(move |mut sent| {
            yield_from!(race.run((&mut over, racing.as_mut())), sent)?;
            racing = None;
            end(())
        });
        start(sim, "hasty", &Count::default(), hasty)?;
        let waiting = condition.clone();
        let second = turn().then({
            let condition = condition.clone();
            move |()| condition.acquire()
        });
        start(sim, "patient", &patient, second.then(move |guard| waiting.wait(guard)))?;
        let (acquiring, notifying) = (condition.clone(), condition.clone());
        let notifier = rest().then(move |()| acquiring.acquire()).then(move |guard| {
            notifying.notify(1).expect("the lock is held");
            rest().then(|()| rest()).map(move |()| drop(guard))
        });
        start(sim, "notifier", &Count::default(), notifier)?;
        sim.finally(move || {
            assert_eq!(patient.get(), 1, "the notification was lost");
            assert_eq!(format!("{condition:?}"), "Condition(Lock(unlocked, 0 waiting), 0 waiting)");
        });
        Ok(())
    });
    assert_eq!(schedules, 96);
}
