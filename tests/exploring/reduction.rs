//! How a schedule that fails is made small.

use std::cell::{Cell, RefCell};
use std::panic;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::Interruption::{Cancel, Throw};
use innermost::testing::{Failure, Sim, explore, replay};
use innermost::{CoroutineExt, Exception, ready, sleep};

fn random(program: impl FnMut(&Sim) -> Result<(), Exception>) -> Failure {
    *explore(program).random(1).schedules(100_000).try_run().unwrap_err()
}

/// Spawns `tasks` tasks that note their numbers, and checks the order in the end.
fn in_order(sim: &Sim, tasks: usize, check: impl Fn(&[usize]) + 'static) -> Result<(), Exception> {
    let order = Rc::new(RefCell::new(Vec::new()));
    for number in 0..tasks {
        let order = Rc::clone(&order);
        sim.create_task(ready(()).map(move |()| order.borrow_mut().push(number)))?;
    }
    sim.finally(move || check(&order.borrow()));
    Ok(())
}

#[test]
fn a_random_schedule_is_reduced_to_the_fewest_departures() {
    let failure = random(|sim| in_order(sim, 8, |order| assert!(order[7] == 7)));
    assert_eq!(failure.choices().departures(), 1, "{failure}");
    let failure = random(|sim| in_order(sim, 6, |order| assert!(order != [1, 0, 2, 3, 5, 4])));
    assert_eq!(failure.choices().to_string().split(' ').skip(1).collect::<Vec<_>>(), ["0:1/6", "4:1/2"], "{failure}");
}

#[test]
fn departures_that_fail_only_together_are_replaced_by_fewer_that_fail_alone() {
    // Two departures of the first three choices fail, of which none can be left out. So does one of the last.
    let program = |sim: &Sim| {
        let early = [sim.choose(2), sim.choose(2), sim.choose(2)].iter().sum::<usize>();
        let late = sim.choose(1_000);
        assert!(early < 2 && late != 999);
        Ok(())
    };
    let failure = random(program);
    assert_eq!(failure.choices().to_string().split(' ').next_back(), Some("3:999/1000"), "{failure}");
    assert_eq!(failure.choices().departures(), 1, "{failure}");
}

#[test]
fn alternatives_are_made_small() {
    let failure = random(|sim| {
        let number = (0..3).map(|_| sim.choose(50)).max();
        assert!(number < Some(20));
        Ok(())
    });
    assert_eq!(failure.choices().to_string().split(' ').next_back(), Some("0:20/50"), "{failure}");
}

#[test]
fn of_schedules_with_as_many_departures_the_one_with_fewer_faults_is_found() {
    let program = |sim: &Sim| {
        sim.faults().every_suspension(Cancel | Throw);
        let (ran, last) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        for number in [1, 2] {
            let (ran, last) = (Rc::clone(&ran), Rc::clone(&last));
            sim.create_task(sleep(Duration::ZERO).map(move |()| {
                ran.set(ran.get() + 1);
                last.set(number);
            }))?;
        }
        sim.finally(move || assert!(ran.get() == 2 && last.get() == 2, "a fault or another order"));
        Ok(())
    };
    for failure in [*explore(program).try_run().unwrap_err(), random(program)] {
        assert_eq!(failure.choices().departures(), 1);
        assert!(failure.story().contains("  *") && !failure.story().contains("  !"), "{failure}");
    }
}

#[test]
fn a_reduced_schedule_fails_when_it_is_replayed() {
    let program = |sim: &Sim| in_order(sim, 6, |order| assert!(order != [1, 0, 2, 3, 5, 4]));
    let failure = random(program);
    let choices = failure.choices().to_string();
    let again = explore(program).replay(&choices).try_run().unwrap_err();
    assert_eq!((again.choices(), again.story()), (failure.choices(), failure.story()));
    assert!(panic::catch_unwind(|| replay(&choices, program)).is_err());
}
