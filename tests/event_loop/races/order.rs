//! Who is resumed when, and who wins.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::Queue;
use innermost::wait::{Race, Racing, Won};
use innermost::{CoroutineExt, Step, from_fn, ready, sleep, yield_from};

use super::{LONG, Log, never, noted, spin};
use crate::support::clock::{test_loop, virtual_loop};

#[test]
fn a_race_takes_no_hop_more_than_a_wait() {
    let event_loop = test_loop();
    let (future, log) = (event_loop.create_future::<u32>(), Log::default());
    for name in ["alone", "racing", "alone again"] {
        let (log, mut a) = (log.clone(), future.clone());
        let (mut b, mut c) = (Racing::new(event_loop.create_future::<u32>()), Racing::new(future.clone()));
        let mut race = Race::new();
        let machine = from_fn(move |mut sent| {
            match name {
                "racing" => drop(yield_from!(race.run((&mut b, &mut c)), sent)?),
                _ => drop(yield_from!(a, sent)?),
            }
            log.add(name);
            Ok(Step::Return(()))
        });
        event_loop.create_task(machine).unwrap();
    }
    spin(&event_loop, 2);
    future.set_result(1).unwrap();
    spin(&event_loop, 1);
    assert_eq!(log.take(), ["alone", "racing", "alone again"]);
}

#[test]
fn only_the_new_and_the_done_are_resumed_and_in_order() {
    let (event_loop, log) = (test_loop(), Log::default());
    let futures: [_; 3] = [(); 3].map(|()| event_loop.create_future::<u32>());
    let mut a = Racing::new(noted(&log, "a", futures[0].clone()));
    let mut b = Racing::new(noted(&log, "b", futures[1].clone()));
    let mut c = Racing::new(noted(&log, "c", futures[2].clone()));
    let (mut race, mut lost) = (Race::new(), 0);
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            while lost < 2 {
                yield_from!(race.run((&mut a, &mut b, &mut c)), sent)?;
                lost += 1;
                b.restart(noted(&Log::default(), "", never()));
            }
            Ok(Step::Return(()))
        }))
        .unwrap();
    spin(&event_loop, 2);
    assert_eq!(log.take(), ["a", "b", "c"]);
    futures[1].set_result(1).unwrap();
    spin(&event_loop, 2);
    assert_eq!(log.take(), ["b"]);
    futures[2].set_result(1).unwrap();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(log.take(), ["c"]);
}

#[test]
fn those_behind_an_immediate_winner_do_not_start() {
    let (event_loop, log) = (test_loop(), Log::default());
    let mut a = Racing::new(noted(&log, "a", sleep(LONG)));
    let mut b = Racing::new(noted(&log, "b", ready(1)));
    let mut c = Racing::new(noted(&log, "c", ready(2)));
    let mut race = Race::new();
    let machine = from_fn(move |mut sent| yield_from!(race.run((&mut a, &mut b, &mut c)), sent).map(Step::Return));
    assert_eq!(event_loop.run_until_complete(machine).unwrap(), Won::B(1));
    assert_eq!(log.take(), ["a", "b"]);
}

#[test]
fn the_first_listed_of_two_that_are_done_wins_whoever_was_first() {
    let event_loop = test_loop();
    let [first, second] = [(); 2].map(|()| event_loop.create_future::<u32>());
    let (mut a, mut b, mut race) = (Racing::new(first.clone()), Racing::new(second.clone()), Race::new());
    let mut won = Vec::new();
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                match yield_from!(race.run((&mut a, &mut b)), sent)? {
                    Won::A(n) => {
                        won.push(n);
                        a.restart(never());
                    }
                    Won::B(n) => {
                        won.push(n);
                        b.restart(never());
                    }
                }
                if won.len() == 2 {
                    return Ok(Step::Return(std::mem::take(&mut won)));
                }
            }
        }))
        .unwrap();
    spin(&event_loop, 2);
    second.set_result(2).unwrap();
    first.set_result(1).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), [1, 2]);
}

#[test]
fn two_that_are_done_in_one_turn_take_one_step() {
    let event_loop = test_loop();
    let futures: [_; 3] = [(); 3].map(|()| event_loop.create_future::<u32>());
    let [mut a, mut b, mut c] = futures.clone().map(Racing::new);
    let (steps, mut race, mut won) = (Rc::new(Cell::new(0)), Race::new(), Vec::new());
    let counted = Rc::clone(&steps);
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            counted.set(counted.get() + 1);
            loop {
                let (Won::A(n) | Won::B(n) | Won::C(n)) = yield_from!(race.run((&mut a, &mut b, &mut c)), sent)?;
                won.push(n);
                [&mut a, &mut b, &mut c][n as usize - 1].restart(never());
                if won.len() == 3 {
                    return Ok(Step::Return(std::mem::take(&mut won)));
                }
            }
        }))
        .unwrap();
    spin(&event_loop, 2);
    futures[2].set_result(3).unwrap();
    futures[1].set_result(2).unwrap();
    spin(&event_loop, 3);
    assert_eq!(steps.get(), 2);
    futures[0].set_result(1).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), [2, 3, 1]);
    assert_eq!(steps.get(), 3);
}

#[test]
fn one_future_can_be_raced_with_itself() {
    let event_loop = test_loop();
    let future = event_loop.create_future::<u32>();
    let (mut a, mut b, mut race) = (Racing::new(future.clone()), Racing::new(future.clone()), Race::new());
    let mut first = None;
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                match yield_from!(race.run((&mut a, &mut b)), sent)? {
                    Won::A(n) => {
                        first = Some(n);
                        a.restart(never());
                    }
                    Won::B(n) => return Ok(Step::Return((first, n))),
                }
            }
        }))
        .unwrap();
    spin(&event_loop, 2);
    future.set_result(7).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), (Some(7), 7));
}

#[test]
fn a_child_that_lets_others_run_is_resumed_in_the_next_turn() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future::<u32>();
    let nap = || sleep(Duration::ZERO);
    let mut a = Racing::new(future.clone().then(move |_| nap()));
    let (mut b, mut race) = (Racing::new(event_loop.create_future::<u32>()), Race::new());
    let noted = log.clone();
    event_loop
        .create_task(from_fn(move |mut sent| {
            yield_from!(race.run((&mut a, &mut b)), sent)?;
            noted.add("race");
            Ok(Step::Return(()))
        }))
        .unwrap();
    let (mut plain, noted) = (future.clone().then(move |_| nap()), log.clone());
    event_loop
        .create_task(from_fn(move |mut sent| {
            yield_from!(plain, sent)?;
            noted.add("plain");
            Ok(Step::Return(()))
        }))
        .unwrap();
    spin(&event_loop, 2);
    future.set_result(1).unwrap();
    let noted = log.clone();
    event_loop.call_soon(move || noted.add("turn")).unwrap();
    spin(&event_loop, 2);
    assert_eq!(log.take(), ["turn", "race", "plain"]);
}

/// A child is woken and, because another one is queued before it, resumed before its own entry. It then lets others run:
/// the entry that was left behind is not its turn.
#[test]
fn an_entry_that_was_left_behind_is_not_the_next_turn() {
    let (event_loop, log) = (test_loop(), Log::default());
    let [first, second] = [(); 2].map(|()| event_loop.create_future::<u32>());
    let mut a = Racing::new(first.clone().then(|_| sleep(Duration::ZERO)));
    let mut b = Racing::new(second.clone().then(|_| never()));
    let (mut race, noted) = (Race::new(), log.clone());
    event_loop
        .create_task(from_fn(move |mut sent| {
            yield_from!(race.run((&mut a, &mut b)), sent)?;
            noted.add("a");
            Ok(Step::Return(()))
        }))
        .unwrap();
    spin(&event_loop, 2);
    second.set_result(1).unwrap();
    first.set_result(1).unwrap();
    let noted = log.clone();
    event_loop.call_soon(move || noted.add("turn")).unwrap();
    spin(&event_loop, 2);
    assert_eq!(log.take(), ["turn", "a"]);
}

#[test]
fn a_child_that_is_always_ready_does_not_starve_the_others() {
    let event_loop = test_loop();
    let queue = Queue::<u32>::new();
    let (mut a, mut b, mut race) = (Racing::new(ready(())), Racing::new(queue.get()), Race::new());
    let others = event_loop.create_task(from_fn({
        let mut nap = sleep(Duration::ZERO);
        move |mut sent| yield_from!(nap, sent).map(Step::Return)
    }));
    queue.put_nowait(1).unwrap();
    let mut wins = 0;
    let machine = from_fn(move |mut sent| {
        loop {
            match yield_from!(race.run((&mut a, &mut b)), sent)? {
                Won::A(()) => {
                    wins += 1;
                    a.restart(ready(()));
                }
                Won::B(item) => return Ok(Step::Return((wins, item))),
            }
        }
    });
    let (wins, item) = event_loop.run_until_complete(machine).unwrap();
    assert!(wins < 100, "{wins}");
    assert_eq!(item, 1);
    assert!(others.unwrap().done());
}

#[test]
fn two_children_that_are_always_ready_starve_neither_a_third_nor_other_tasks() {
    let (event_loop, clock) = virtual_loop();
    let (mut a, mut b, mut c) = (Racing::new(ready(())), Racing::new(ready(())), Racing::new(sleep(LONG)));
    let (mut race, mut wins) = (Race::new(), [0; 2]);
    let machine = from_fn(move |mut sent| {
        loop {
            match yield_from!(race.run((&mut a, &mut b, &mut c)), sent)? {
                Won::A(()) => {
                    wins[0] += 1;
                    a.restart(ready(()));
                }
                Won::B(()) => {
                    wins[1] += 1;
                    b.restart(ready(()));
                }
                Won::C(()) => return Ok(Step::Return(wins)),
            }
        }
    });
    let mut turns = 0;
    let mut nap = sleep(Duration::ZERO);
    event_loop
        .create_task(from_fn(move |mut sent| {
            loop {
                yield_from!(nap, sent)?;
                turns += 1;
                if turns == 8 {
                    clock.advance(2 * LONG);
                    return Ok(Step::Return(()));
                }
                nap = sleep(Duration::ZERO);
            }
        }))
        .unwrap();
    let wins = event_loop.run_until_complete(machine).unwrap();
    assert!(wins[0] > 32 && wins[1] > 0, "{wins:?}");
}
