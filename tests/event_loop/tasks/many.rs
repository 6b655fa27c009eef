//! Very many tasks that wait for one object. They can be removed in any order, and the rest are woken in the order they came.
//! If each removal searched the list from one end, these tests would take minutes.

use std::cell::RefCell;
use std::rc::Rc;

use innermost::wait::{shield, wait};
use innermost::{Awaitable, CoroutineExt, EventLoop, Task};

use crate::support::clock::test_loop;
use crate::support::events::run;

const MANY: usize = 100_000;

type Started = Vec<usize>;

/// Makes `MANY` tasks wait, cancels two thirds of them in this order, and ends the rest with `finish`.
fn cancels_in_order<C>(
    order: impl Fn(usize) -> usize,
    waits: impl Fn(usize) -> C,
    event_loop: &EventLoop,
    finish: impl FnOnce(),
) where
    C: Awaitable + 'static,
{
    let woken = Rc::new(RefCell::new(Started::new()));
    let tasks: Vec<Task<()>> = (0..MANY)
        .map(|number| {
            let woken = Rc::clone(&woken);
            let noted = waits(number).map(move |_| woken.borrow_mut().push(number));
            event_loop.create_task(noted).expect("the loop is open")
        })
        .collect();
    run(event_loop, 2);
    let cancelled = |number: usize| !number.is_multiple_of(3);
    for number in (0..MANY).map(order).filter(|number| cancelled(*number)) {
        assert!(tasks[number].cancel());
    }
    run(event_loop, 2);
    for (number, task) in tasks.iter().enumerate() {
        assert_eq!((task.cancelled(), task.done()), (cancelled(number), cancelled(number)));
    }
    finish();
    run(event_loop, 3);
    assert!(woken.take().into_iter().eq((0..MANY).filter(|number| !cancelled(*number))));
}

const fn oldest_first(turn: usize) -> usize {
    turn
}

const fn newest_first(turn: usize) -> usize {
    MANY - 1 - turn
}

/// Every number once: the step has no divisor in common with their count.
const fn scattered(turn: usize) -> usize {
    turn * 61_803 % MANY
}

#[test]
fn waiters_for_a_tasks_end_can_be_cancelled_in_any_order() {
    for order in [oldest_first, newest_first, scattered] {
        let event_loop = test_loop();
        let future = event_loop.create_future::<i32>();
        let shared = event_loop.create_task(future.clone()).expect("the loop is open").any();
        cancels_in_order(order, |_| shared.clone(), &event_loop, || future.set_result(1).expect("it is pending"));
    }
}

#[test]
fn waits_and_shields_of_a_future_can_be_cancelled_in_any_order() {
    for order in [oldest_first, newest_first, scattered] {
        let event_loop = test_loop();
        let future = event_loop.create_future::<i32>();
        let waits = |_| wait([future.clone()]);
        cancels_in_order(order, waits, &event_loop, || future.set_result(1).expect("it is pending"));
        let future = event_loop.create_future::<i32>();
        let shields = |_| {
            let future = future.clone();
            shield(future)
        };
        cancels_in_order(order, shields, &event_loop, || future.set_result(1).expect("it is pending"));
    }
}

#[test]
fn callbacks_can_be_removed_in_any_order_and_the_rest_keep_theirs() {
    for order in [oldest_first, newest_first, scattered] {
        let (event_loop, called) = (test_loop(), Rc::new(RefCell::new(Vec::new())));
        let future = event_loop.create_future::<()>();
        let add = |number: usize| {
            let called = Rc::clone(&called);
            future.add_done_callback(move |_| called.borrow_mut().push(number))
        };
        let mut ids: Vec<_> = (0..MANY).map(add).collect();
        for number in (0..MANY).map(order).filter(|number| number % 10 != 0) {
            assert!(future.remove_done_callback(ids[number]) && !future.remove_done_callback(ids[number]));
        }
        // Some come after others were removed.
        ids.extend((MANY..MANY + 100).map(add));
        assert!(future.remove_done_callback(ids[MANY + 50]) && future.remove_done_callback(ids[0]));
        future.set_result(()).expect("it is pending");
        assert!(!future.remove_done_callback(ids[10]));
        run(&event_loop, 1);
        let left = (10..MANY).step_by(10).chain((MANY..MANY + 100).filter(|number| *number != MANY + 50));
        assert!(called.take().into_iter().eq(left));
    }
}

/// The list is searched while it is short, and has an index from some length on: the border is nothing to be seen.
#[test]
fn callbacks_can_be_removed_from_lists_of_any_length() {
    for length in 0..100_usize {
        for first in 0..length.min(5) {
            let (event_loop, called) = (test_loop(), Rc::new(RefCell::new(Vec::new())));
            let future = event_loop.create_future::<()>();
            let ids: Vec<_> = (0..length)
                .map(|number| {
                    let called = Rc::clone(&called);
                    future.add_done_callback(move |_| called.borrow_mut().push(number))
                })
                .collect();
            let removed: Vec<_> = (0..length).filter(|number| number % 5 >= first).collect();
            for number in &removed {
                assert!(future.remove_done_callback(ids[*number]));
            }
            assert!(removed.iter().all(|number| !future.remove_done_callback(ids[*number])));
            future.set_result(()).expect("it is pending");
            run(&event_loop, 1);
            assert!(called.take().into_iter().eq((0..length).filter(|number| !removed.contains(number))));
        }
    }
}
