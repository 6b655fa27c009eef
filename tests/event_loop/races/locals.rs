//! Races and their coroutines in local variables of the function that suspends, which drops them at once.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::sync::Lock;
use innermost::wait::{Race, Racing, race, timeout};
use innermost::{Awaitable, Generator, Sleep, Step, Stop, from_fn, sleep, yield_from};

use super::{LONG, spin};
use crate::support::clock::test_loop;

/// What a task gets that runs this.
fn told<F>(make: impl FnOnce() -> F) -> String
where
    F: Awaitable<Return = ()> + 'static,
{
    let event_loop = test_loop();
    let raised = event_loop.run_until_complete(timeout(make(), 2 * LONG)).unwrap_err();
    assert_eq!(event_loop.time().since_zero().as_secs(), 0, "at once");
    raised.to_string()
}

const DROPPED: &str =
    "the coroutine that the task waits for was dropped: store it in a field, or in a variable that outlives the resume";

#[test]
fn a_race_in_a_local_variable_is_an_error() {
    let machine = || {
        let mut racers = [(); 2].map(|()| Racing::new(sleep(LONG)));
        from_fn(move |mut sent| {
            let mut race = Race::new();
            yield_from!(race.run(&mut racers[..]), sent).map(|_| Step::Return(()))
        })
    };
    assert_eq!(told(machine), DROPPED);
}

#[test]
fn a_coroutine_to_race_in_a_local_variable_is_an_error() {
    let machine = || {
        let (mut race, mut kept) = (Race::new(), Racing::new(sleep(LONG)));
        from_fn(move |mut sent| {
            let mut nap = Racing::new(sleep(LONG));
            yield_from!(race.run((&mut kept, &mut nap)), sent).map(|_| Step::Return(()))
        })
    };
    assert_eq!(told(machine), DROPPED);
}

#[test]
fn a_local_coroutine_to_race_that_is_awaited_by_itself_is_an_error() {
    let machine = || {
        from_fn(move |mut sent| {
            let mut nap = Racing::new(sleep(LONG));
            yield_from!(nap, sent).map(Step::Return)
        })
    };
    assert_eq!(told(machine), DROPPED);
}

#[test]
fn coroutines_that_run_together_in_a_local_variable_are_an_error() {
    let machine = || {
        from_fn(move |mut sent| {
            let mut both = race((sleep(LONG), sleep(LONG)));
            yield_from!(both, sent).map(|_| Step::Return(()))
        })
    };
    assert_eq!(told(machine), DROPPED);
}

#[test]
fn the_error_is_raised_in_the_inner_one_of_two_races() {
    let machine = || {
        let (mut race, mut kept) = (Race::new(), Racing::new(sleep(LONG)));
        let mut inner = Racing::new(from_fn(move |mut sent| {
            let mut race = Race::new();
            let raised = yield_from!(race.run((&mut kept, None::<&mut Racing<Sleep>>)), sent);
            raised.map(|_| Step::Return(()))
        }));
        let mut outer = Racing::new(sleep(LONG));
        from_fn(move |mut sent| yield_from!(race.run((&mut outer, &mut inner)), sent).map(|_| Step::Return(())))
    };
    assert_eq!(told(machine), DROPPED);
}

#[test]
fn a_machine_that_has_caught_the_error_can_wait_in_a_field() {
    let event_loop = test_loop();
    let (mut race, mut kept) = (Race::new(), [(); 2].map(|()| Racing::new(sleep(LONG))));
    let mut is_told = false;
    let machine = from_fn(move |mut sent| {
        if !is_told {
            let mut nap = Racing::new(sleep(LONG));
            let [kept, _] = &mut kept;
            is_told = yield_from!(race.run((kept, &mut nap)), sent).is_err();
        }
        yield_from!(race.run(&mut kept[..]), sent).map(|(index, ())| Step::Return(index))
    });
    assert_eq!(event_loop.run_until_complete(machine).unwrap(), 0);
    assert_eq!(event_loop.time().since_zero(), LONG);
}

#[test]
fn what_is_dropped_while_the_task_waits_is_none() {
    let event_loop = test_loop();
    let future = event_loop.create_future::<u32>();
    let racers = Rc::new(RefCell::new((
        Race::new(),
        Racing::new(future.clone()),
        Some(Racing::new(event_loop.create_future::<()>())),
    )));
    let theirs = Rc::clone(&racers);
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            let (race, kept, dropped) = &mut *theirs.borrow_mut();
            yield_from!(race.run((kept, dropped.as_mut())), sent).map(|_| Step::Return(()))
        }))
        .unwrap();
    spin(&event_loop, 2);
    racers.borrow_mut().2 = None;
    spin(&event_loop, 2);
    assert!(!task.done());
    future.set_result(1).unwrap();
    event_loop.run_until_complete(task).unwrap();
}

#[test]
fn what_is_driven_by_hand_may_be_dropped_between_two_resumes() {
    let (lock, other) = (Lock::new(), Lock::new());
    let guards = (lock.try_acquire().unwrap(), other.try_acquire().unwrap());
    let racers = Rc::new(RefCell::new((Race::new(), Racing::new(lock.acquire()), Some(Racing::new(other.acquire())))));
    let theirs = Rc::clone(&racers);
    let mut machine = Generator::new(from_fn(move |mut sent| {
        let (race, kept, dropped) = &mut *theirs.borrow_mut();
        yield_from!(race.run((kept, dropped.as_mut())), sent).map(|_| Step::Return(()))
    }));
    assert!(machine.next().is_ok());
    racers.borrow_mut().2 = None;
    assert!(machine.next().is_ok());
    drop(guards);
    assert!(matches!(machine.next(), Err(Stop::Returned(()))));
}
