//! What must be part of a state, so that no schedule is skipped which can end in another way: a state that was reached by
//! two choices of the program is compared with the same state that was reached by one departure, or by none.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use innermost::sync::Event;
use innermost::testing::{Interruption, Sim, explore};
use innermost::{CoroutineExt, Exception, Kind, sleep};

use crate::common::{Log, turn};

/// What a schedule has written.
type Written = Vec<u64>;

/// The ways in which `program` can end, and the number of schedules.
fn outcomes(
    preemptions: u32,
    skips: bool,
    program: impl Fn(&Sim, &Log<u64>) -> Result<(), Exception>,
) -> (BTreeSet<Written>, u64) {
    let outcomes = Rc::new(RefCell::new(BTreeSet::new()));
    let ends = Rc::clone(&outcomes);
    let exploration = explore(|sim| {
        let written = Log::default();
        let (seen, ends, end) = (written.clone(), Rc::clone(&ends), written.clone());
        sim.state(move || seen.events());
        sim.finally(move || {
            ends.borrow_mut().insert(end.events());
        });
        program(sim, &written)
    });
    let exploration = exploration.preemptions(preemptions);
    let explored = if skips { exploration.skip_seen_states().run() } else { exploration.run() };
    assert!(explored.is_complete());
    (outcomes.take(), explored.schedules)
}

/// Returns how many schedules are run with and without skipping, which must find the same outcomes.
fn numbers_of_schedules(
    preemptions: u32,
    expected: &[&[u64]],
    program: impl Fn(&Sim, &Log<u64>) -> Result<(), Exception>,
) -> (u64, u64) {
    let expected: BTreeSet<_> = expected.iter().map(|written| written.to_vec()).collect();
    let (all, without) = outcomes(preemptions, false, &program);
    let (found, with) = outcomes(preemptions, true, &program);
    assert_eq!((all, found), (expected.clone(), expected));
    (without, with)
}

/// Whether the program chooses the long way to some state: by two choices, where one departure suffices.
fn chooses(sim: &Sim) -> bool {
    let choices = [sim.choose(2), sim.choose(2)];
    choices == [1, 1]
}

/// Two tasks write a number each, or nothing.
fn write(sim: &Sim, log: &Log<u64>, numbers: [Option<u64>; 2]) -> Result<(), Exception> {
    for number in numbers {
        let log = log.clone();
        sim.create_task(turn().map(move |()| number.map_or((), |number| log.push(number))))?;
    }
    sim.run(sleep(Duration::from_secs(1)))
}

/// The second pair may change places where a departure is left for that: where the first pair was written by hand.
#[test]
fn a_state_with_more_departures_left_is_another_one() {
    let program = |sim: &Sim, log: &Log<u64>| {
        if chooses(sim) {
            log.push(2);
            log.push(1);
            write(sim, log, [None, None])?;
        } else {
            write(sim, log, [Some(1), Some(2)])?;
        }
        write(sim, log, [Some(3), Some(4)])
    };
    let expected: [&[u64]; 4] = [&[1, 2, 3, 4], &[1, 2, 4, 3], &[2, 1, 3, 4], &[2, 1, 4, 3]];
    assert_eq!(numbers_of_schedules(1, &expected, program), (36, 20));
    assert_eq!(numbers_of_schedules(u32::MAX, &expected, program), (576, 28));
}

/// Two tasks that nothing tells apart but the order in which they were woken. What is chosen at the end finds out whether
/// a schedule was gone on with.
#[test]
fn the_order_of_what_is_ready_counts_while_it_is_bounded() {
    let program = |sim: &Sim, log: &Log<u64>| {
        let events = [Event::new(), Event::new()];
        for (number, event) in (1..).zip(&events) {
            let log = log.clone();
            sim.create_task(event.wait().map(move |()| log.push(number)))?;
        }
        sim.run(turn())?;
        let first = sim.choose(2);
        events[first].set();
        events[1 - first].set();
        sim.run(sleep(Duration::from_secs(1)))?;
        log.push(sim.choose(2) as u64);
        Ok(())
    };
    let expected: [&[u64]; 4] = [&[1, 2, 0], &[1, 2, 1], &[2, 1, 0], &[2, 1, 1]];
    assert_eq!(numbers_of_schedules(0, &expected, program), (4, 4));
}

/// Writes 1 if the clock advances in the meantime, and 0 if it does not.
fn watch_the_clock(sim: &Sim, log: &Log<u64>) -> Result<(), Exception> {
    let before = sim.time();
    sim.run(turn())?;
    log.push(u64::from(sim.time() > before));
    Ok(())
}

#[test]
fn a_state_with_more_faults_left_is_another_one() {
    let program = |sim: &Sim, log: &Log<u64>| {
        sim.faults().clock_jumps(Duration::from_secs(1));
        if chooses(sim) {
            log.push(1);
            sim.run(turn())?;
        } else {
            watch_the_clock(sim, log)?;
        }
        watch_the_clock(sim, log)
    };
    let expected: [&[u64]; 4] = [&[0, 0], &[0, 1], &[1, 0], &[1, 1]];
    assert_eq!(numbers_of_schedules(u32::MAX, &expected, program), (28, 16));
}

#[test]
fn a_state_in_which_more_faults_are_allowed_is_another_one() {
    let program = |sim: &Sim, log: &Log<u64>| {
        sim.faults().clock_jumps(Duration::from_secs(1)).at_most(1 + u32::from(chooses(sim)));
        watch_the_clock(sim, log)?;
        watch_the_clock(sim, log)
    };
    assert_eq!(numbers_of_schedules(u32::MAX, &[&[0, 0], &[0, 1], &[1, 0], &[1, 1]], program), (43, 25));
}

#[test]
fn a_state_in_which_other_faults_are_allowed_is_another_one() {
    let program = |sim: &Sim, log: &Log<u64>| {
        if chooses(sim) {
            sim.faults().every_suspension(Interruption::Cancel);
        }
        let cancelled = log.clone();
        sim.create_task(turn().catch(move |_| {
            cancelled.push(1);
            Ok(())
        }))?;
        sim.run(sleep(Duration::from_secs(1)))
    };
    assert_eq!(numbers_of_schedules(u32::MAX, &[&[], &[1]], program), (22, 17));
}

#[test]
fn a_state_in_which_another_number_of_random_numbers_was_drawn_is_another_one() {
    let numbers = RefCell::new(BTreeSet::new());
    let program = |sim: &Sim, _: &Log<u64>| {
        let draws = sim.choose(2);
        (0..draws).for_each(|_| {
            sim.random();
        });
        sim.run(turn())?;
        numbers.borrow_mut().insert((sim.random(), sim.choose(2)));
        Ok(())
    };
    assert_eq!(outcomes(u32::MAX, true, program).1, 4);
    assert_eq!(numbers.borrow().len(), 4);
}

/// A task takes either fault for an end. What then comes out of the program is excused if it is what was thrown in.
#[test]
fn a_state_after_another_fault_is_another_one() {
    let raises: [fn() -> Exception; 2] = [
        || Exception::message(Kind::CancelledError, "as if it were cancelled"),
        || io::Error::from(io::ErrorKind::ConnectionReset).into(),
    ];
    for raise in raises {
        let program = |sim: &Sim| {
            sim.faults().every_suspension(Interruption::Cancel | Interruption::Throw);
            let interrupted = sim.task().name("interrupted").spawn(turn().map(|()| false).catch(|_| Ok(true)))?;
            sim.faults().in_tasks(|name| name == "interrupted");
            let was_interrupted = sim.run(interrupted)?;
            sim.run(turn())?;
            if was_interrupted && sim.choose(2) == 1 { Err(raise()) } else { Ok(()) }
        };
        assert!(explore(program).try_run().is_err());
        assert!(explore(program).skip_seen_states().try_run().is_err());
    }
}
