//! Racers that are not the same at each resume.

use std::cell::Cell;
use std::rc::Rc;

use innermost::testing::memory_pair;
use innermost::wait::{Race, Racing, Won};
use innermost::{Buffer, ByteRead, ByteWrite, Step, from_fn, yield_from};

use super::spin;
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
