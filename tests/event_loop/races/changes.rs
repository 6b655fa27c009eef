//! Racers that are not the same at each resume.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use innermost::queue::Queue;
use innermost::testing::memory_pair;
use innermost::wait::{Race, Racing, Won};
use innermost::{Buffer, ByteRead, ByteWrite, Coroutine, EventLoop, Step, from_fn, sleep, yield_from};

use super::{LONG, spin};
use crate::support::clock::test_loop;

#[test]
fn racers_may_change_places_be_added_and_be_left_out() {
    let event_loop = test_loop();
    let [first, second, third] = [(); 3].map(|()| event_loop.create_future::<u32>());
    let mut racers = [&first, &second, &third].map(|future| Racing::new(future.clone()));
    let (mut race, resumes) = (Race::new(), Rc::new(Cell::new(0)));
    let counted = Rc::clone(&resumes);
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            counted.set(counted.get() + 1);
            let [first, second, third] = &mut racers;
            let racers = match counted.get() {
                1 => (Some(first), Some(second)),
                2 => (Some(second), None), // the first wakes it, and is not resumed
                _ => (Some(third), Some(second)),
            };
            yield_from!(race.run(racers), sent).map(Step::Return)
        }))
        .unwrap();
    spin(&event_loop, 2);
    first.set_result(1).unwrap();
    spin(&event_loop, 2);
    assert_eq!((resumes.get(), task.done()), (2, false));
    third.set_result(3).unwrap();
    spin(&event_loop, 2);
    assert_eq!(resumes.get(), 2); // the third is not in the race yet
    second.set_result(2).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), Won::A(3));
}

#[test]
fn an_operation_that_takes_the_place_of_another_is_tried_at_the_event_of_that() {
    let event_loop = test_loop();
    let ((near, far), (other_near, other_far)) = (memory_pair(), memory_pair());
    let (mut race, mut buffer, mut never_won, mut is_first) =
        (Race::new(), Buffer::new(), Racing::new(event_loop.create_future::<()>()), true);
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            let stream = if std::mem::take(&mut is_first) { &near } else { &other_near };
            yield_from!(race.run((stream.read(&mut buffer), &mut never_won)), sent)?;
            Ok(Step::Return(buffer.bytes().to_vec()))
        }))
        .unwrap();
    spin(&event_loop, 2);
    other_far.attempt_send(b"other").unwrap();
    spin(&event_loop, 2);
    assert!(!task.done());
    far.attempt_send(b"bytes").unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), b"other");
}

/// Loses a race in one loop, and is raced again in another: in the same race, in a new one, or in one that has already been
/// used there.
#[test]
fn a_racer_that_waits_in_another_loop_raises_as_its_coroutine_would() {
    for number in 0..3 {
        let shared = Rc::new(RefCell::new((Race::new(), Racing::new(sleep(LONG)))));
        let (here, there) = (test_loop(), test_loop());
        let race_in = |event_loop: &EventLoop, winner: Duration| {
            let (theirs, mut winner) = (Rc::clone(&shared), Racing::new(sleep(winner)));
            event_loop.run_until_complete(from_fn(move |mut sent| {
                let (race, racing) = &mut *theirs.borrow_mut();
                yield_from!(race.run((racing, &mut winner)), sent).map(Step::Return)
            }))
        };
        assert_eq!(race_in(&here, LONG / 2).unwrap(), Won::B(()));
        if number > 0 {
            shared.borrow_mut().0 = Race::new();
        }
        if number == 2 {
            let waiting = std::mem::replace(&mut shared.borrow_mut().1, Racing::new(sleep(LONG)));
            assert_eq!(race_in(&there, LONG / 2).unwrap(), Won::B(()));
            shared.borrow_mut().1 = waiting;
        }
        let raised = race_in(&there, LONG).unwrap_err();
        assert_eq!(raised.to_string(), "this future is attached to a different event loop", "{number}");
        drop(here);
    }
}

#[test]
fn a_racer_keeps_its_place_in_a_race_that_is_new_to_the_loop() {
    let event_loop = test_loop();
    let queue = Queue::<u32>::new();
    let (mut race, mut first, mut item) = (Race::new(), Racing::new(sleep(LONG)), Racing::new(queue.get()));
    let mut number = 0;
    let task = event_loop
        .create_task(from_fn(move |mut sent| {
            if number == 0 {
                assert!(matches!(yield_from!(race.run((&mut first, &mut item)), sent)?, Won::A(())));
                (race, number) = (Race::new(), 1);
                first.restart(sleep(LONG));
            }
            yield_from!(race.run((&mut first, &mut item)), sent).map(Step::Return)
        }))
        .unwrap();
    spin(&event_loop, 2);
    let other = event_loop.create_task(queue.get()).unwrap();
    event_loop.run_until_complete(sleep(LONG + LONG / 2)).unwrap();
    queue.put_nowait(1).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), Won::B(1));
    queue.put_nowait(2).unwrap();
    assert_eq!(event_loop.run_until_complete(other).unwrap(), 2);
}

#[test]
fn a_race_that_a_racer_has_left_does_not_keep_another_from_waiting_for_it() {
    let event_loop = test_loop();
    let [moving, still, other] = [(); 3].map(|()| event_loop.create_future::<u32>());
    let (waited, mut resumes) = (moving.clone(), 0);
    let (mut former, mut race) = (Race::new(), Race::new());
    let [mut moving, mut still, mut other] = [moving, still, other].map(Racing::new);
    let machine = from_fn(move |sent| {
        resumes += 1;
        if resumes == 1 {
            // Nobody waits for the former race. It is only asked, before and after the racer has left it.
            assert!(matches!(former.run((&mut still, &mut moving)).resume(Ok(())), Ok(Step::Yield(_))));
            let wanted = race.run((&mut other, &mut moving)).resume(sent);
            assert!(matches!(former.run([&mut still]).resume(Ok(())), Ok(Step::Yield(_))));
            return wanted;
        }
        race.run((&mut other, &mut moving)).resume(sent)
    });
    let task = event_loop.create_task(machine).unwrap();
    event_loop.call_soon(move || waited.set_result(7).unwrap()).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap(), Won::B(7));
}
