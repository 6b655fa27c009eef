//! `wait`, `as_completed`, `shield` and `sleep`: W7 to W14 of the edge cases, compared with CPython 3.13.
//!
//! The rest of W7 does not compile: passing a coroutine to `wait`, and an invalid `return_when`.

use crate::wait_scripts::expect;

use std::time::Duration;

use crate::support::clock::{test_loop, virtual_loop};
use crate::support::events::Log;
use crate::wait_scripts::in_task;
use innermost::wait::{as_completed, shield, wait};
use innermost::{Coroutine, EventLoop, Exception, Future, Kind, Step, sleep};

// W7
#[test]
fn waiting_for_nothing_raises_value_error() {
    let nothing = wait(Vec::<Future<()>>::new());
    assert_eq!(test_loop().run_until_complete(nothing).unwrap_err().kind(), Kind::ValueError);
}

#[test]
fn a_future_waited_for_twice_is_returned_once() {
    let event_loop = test_loop();
    let future = event_loop.create_future::<()>();
    future.set_result(()).unwrap();
    let both = wait([future.clone(), future]);
    assert_eq!(event_loop.run_until_complete(both).unwrap().0.len(), 1);
}

// W11
#[test]
fn after_the_timeout_remaining_futures_raise_timeout_error_and_are_not_cancelled() {
    let (event_loop, clock) = virtual_loop();
    let futures = [event_loop.create_future::<i32>(), event_loop.create_future(), event_loop.create_future()];
    futures[1].set_result(1).unwrap();
    let mut race = in_task(&event_loop, {
        let futures = futures.clone();
        move || Ok(as_completed(futures).timeout(Duration::from_secs(3)))
    });
    assert_eq!(event_loop.run_until_complete(race.next().unwrap()).unwrap(), 1);
    for next in race.by_ref() {
        assert_eq!(event_loop.run_until_complete(next).unwrap_err().kind(), Kind::TimeoutError);
        assert_eq!(innermost::selector::Clock::now(&clock).since_zero(), Duration::from_secs(3));
    }
    assert!(race.next().is_none() && !futures[0].done() && !futures[2].done());
}

// W12
#[test]
fn as_completed_returns_the_given_futures() {
    let event_loop = test_loop();
    let futures = [event_loop.create_future::<i32>(), event_loop.create_future()];
    futures.iter().rev().for_each(|future| future.set_result(1).unwrap());
    let mut race = in_task(&event_loop, {
        let futures = futures.clone();
        move || Ok(as_completed(futures))
    });
    for future in &futures {
        let next = event_loop.run_until_complete(race.next_future().unwrap()).unwrap();
        assert!(next.is(future));
    }
    assert!(race.next_future().is_none());
}

// W13
#[test]
fn cancelling_a_sleep_removes_its_timer() {
    let (event_loop, clock) = virtual_loop();
    let sleeping = event_loop.create_task(sleep(Duration::from_secs(9))).unwrap();
    event_loop.run_once().unwrap();
    sleeping.cancel();
    assert!(event_loop.run_until_complete(sleeping).unwrap_err().is_cancelled());
    event_loop.run_until_complete(sleep(Duration::from_secs(1))).unwrap();
    // Nothing is left to which the clock could jump.
    assert_eq!(event_loop.next_deadline(), None);
    assert_eq!(innermost::selector::Clock::now(&clock).since_zero(), Duration::from_secs(1));
}

// W14
#[test]
fn a_shielded_failure_after_the_shield_was_cancelled_is_reported() {
    let event_loop = test_loop();
    let log = Log::default();
    log.reports(&event_loop);
    let inner = event_loop.create_future::<i32>();
    let outer = shield(inner.clone());
    assert!(outer.cancel());
    event_loop.run_once().unwrap();
    assert!(!inner.done());
    inner.set_exception(Exception::timeout()).unwrap();
    drop((inner, outer));
    event_loop.run_once().unwrap();
    assert_eq!(log.take(), ["Future exception was never retrieved: timed out"]);
}

// W14
#[test]
fn shielding_a_finished_future_keeps_its_result() {
    let event_loop = test_loop();
    let future = event_loop.create_future::<i32>();
    future.set_result(1).unwrap();
    let shielded = in_task(&event_loop, {
        let future = future.clone();
        move || Ok(shield(future))
    });
    assert!(shielded.future().unwrap().is(&future));
    assert_eq!(event_loop.run_until_complete(shielded).unwrap(), 1);
    assert_eq!(future.result().unwrap(), 1);
}

// W8
#[test]
fn wait_ends_when_all_are_done() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["wait", [0, 1], null, "ALL_COMPLETED"]]
            [["sleep", 1], ["raise", "ValueError", 1]]
            [["sleep", 2]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [2, "t0", "waited", ["t1", "t2"], []]
            ["returned", null]
        "#,
    );
}

// W8
#[test]
fn the_timeout_of_wait_leaves_the_tasks_running() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["wait", [0, 1], 2, "ALL_COMPLETED"], ["join", 1]]
            [["sleep", 1]]
            [["sleep", 3], ["return", 2]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [2, "t0", "waited", ["t1"], ["t2"]]
            [3, "t0", "joined", 2]
            ["returned", null]
        "#,
    );
}

// W8
#[test]
fn wait_with_a_zero_timeout_takes_two_turns() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["soon", 1], ["wait", [0, 1], 0, "ALL_COMPLETED"], ["soon", 2]]
            [["sleep", 0], ["log", 1], ["sleep", 0], ["log", 11]]
            [["log", 2], ["sleep", 0], ["log", 22], ["sleep", 0], ["log", 222]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [0, "t2", "log", 2]
            [0, "loop", "callback", 1]
            [0, "t1", "log", 1]
            [0, "t2", "log", 22]
            [0, "t0", "waited", [], ["t1", "t2"]]
            [0, "t1", "log", 11]
            [0, "t2", "log", 222]
            [0, "loop", "callback", 2]
            ["returned", null]
        "#,
    );
}

// W8
#[test]
fn cancelling_wait_leaves_the_tasks_running() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["sleep", 1], ["cancel", 1],
             ["try", [["join", 1]], [["CancelledError", []]], null], ["join", 0]]
            [["sleep", 3], ["return", 1]]
            [["wait", [0], null, "ALL_COMPLETED"]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [1, "t0", "cancel", true]
            [1, "t0", "caught", ["CancelledError", null]]
            [3, "t0", "joined", 1]
            ["returned", null]
        "#,
    );
}

// W9
#[test]
fn wait_ends_at_the_first_failure() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["wait", [0, 1], null, "FIRST_EXCEPTION"]]
            [["sleep", 1], ["raise", "ValueError", 1]]
            [["sleep", 3]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [1, "t0", "waited", ["t1"], ["t2"]]
            ["returned", null]
        "#,
    );
}

// W9
#[test]
fn a_cancelled_task_does_not_count_as_a_failure() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["cancel", 0], ["wait", [0, 1], null, "FIRST_EXCEPTION"]]
            [["sleep", 1]]
            [["sleep", 3]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [0, "t0", "cancel", true]
            [3, "t0", "waited", ["t1", "t2"], []]
            ["returned", null]
        "#,
    );
}

// W9
#[test]
fn an_earlier_failure_counts() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["sleep", 1], ["wait", [0, 1], null, "FIRST_EXCEPTION"]]
            [["raise", "ValueError", 1]]
            [["sleep", 3]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [1, "t0", "waited", ["t1"], ["t2"]]
            ["returned", null]
        "#,
    );
}

// W10
#[test]
fn wait_returns_all_tasks_done_with_the_first() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["spawn", 2, 3], ["wait", [0, 1, 2], null, "FIRST_COMPLETED"]]
            [["sleep", 1]]
            [["sleep", 1]]
            [["sleep", 2]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [0, "t0", "spawned", "t3"]
            [1, "t0", "waited", ["t1", "t2"], ["t3"]]
            ["returned", null]
        "#,
    );
}

// W11
#[test]
fn as_completed_returns_results_in_order_of_completion() {
    expect(
        r#"
            [["as_completed", [1, 2, 3]]]
            [["sleep", 3], ["return", 1]]
            [["sleep", 1], ["raise", "ValueError", 2]]
            [["sleep", 0], ["return", 3]]
        "#,
        r#"
            [0, "t0", "completed", 3]
            [1, "t0", "completed", ["ValueError", 2]]
            [3, "t0", "completed", 1]
            ["returned", null]
        "#,
    );
}

// W11
#[test]
fn results_completed_in_one_turn_come_in_order() {
    expect(
        r#"
            [["as_completed", [1, 2, 3]], ["log", 9]]
            [["return", 1]]
            [["return", 2]]
            [["return", 3]]
        "#,
        r#"
            [0, "t0", "completed", 1]
            [0, "t0", "completed", 2]
            [0, "t0", "completed", 3]
            [0, "t0", "log", 9]
            ["returned", null]
        "#,
    );
}

// W11
#[test]
fn cancelling_a_wait_for_the_next_result_leaves_the_tasks_running() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 2], ["cancel", 0], ["sleep", 3]]
            [["as_completed", [2, 3]]]
            [["sleep", 1], ["return", 2]]
            [["sleep", 4], ["log", 3]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t1", "completed", 2]
            [2, "t0", "cancel", true]
            [4, "t3", "log", 3]
            ["returned", null]
        "#,
    );
}

// W11
#[test]
fn cancelling_a_woken_wait_for_the_next_result_wakes_another() {
    let event_loop = test_loop();
    let child = event_loop.create_future();
    let completed = child.clone();
    let waits = in_task(&event_loop, move || {
        let event_loop = EventLoop::running()?;
        let mut race = as_completed([completed, event_loop.create_future::<i32>()]);
        let waits = [race.next(), race.next()].map(|next| event_loop.create_task(next.expect("two are left")));
        Ok(waits.map(|wait| wait.expect("the loop is open")))
    });
    event_loop.run_once().unwrap();
    child.set_result(1).unwrap();
    // The race hears of it, and wakes the first.
    event_loop.run_once().unwrap();
    waits[0].cancel();
    (0..3).for_each(|_| event_loop.run_once().unwrap());
    assert!(waits[0].cancelled());
    assert_eq!(waits[1].take_result().unwrap(), 1);
}

// W11
#[test]
fn dropping_an_unwoken_wait_for_the_next_result_wakes_nobody() {
    let event_loop = test_loop();
    let child = event_loop.create_future();
    let completed = child.clone();
    let (mut first, second, third) = in_task(&event_loop, move || {
        let event_loop = EventLoop::running()?;
        let never = [event_loop.create_future::<i32>(), event_loop.create_future()];
        let mut waits = as_completed([completed].into_iter().chain(never));
        let mut wait = || waits.next().expect("three are left");
        let (mut first, mut second, third) = (wait(), wait(), wait());
        assert!(matches!(first.resume(Ok(()))?, Step::Yield(_)));
        assert!(matches!(second.resume(Ok(()))?, Step::Yield(_)));
        Ok((first, second, event_loop.create_task(third)?))
    });
    event_loop.run_once().unwrap();
    child.set_result(1).unwrap();
    // The race hears of it, and wakes the first, which has not taken it yet.
    event_loop.run_once().unwrap();
    drop(second);
    (0..3).for_each(|_| event_loop.run_once().unwrap());
    assert!(!third.done());
    assert!(matches!(first.resume(Ok(())), Ok(Step::Return(1))));
}

// W13
#[test]
fn a_zero_sleep_lets_the_others_run_once() {
    expect(
        r#"
            [["spawn", 0, 1], ["soon", 1], ["sleep", 0], ["log", 1], ["sleep", 0], ["log", 2]]
            [["log", 3], ["sleep", 0], ["log", 4]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t1", "log", 3]
            [0, "loop", "callback", 1]
            [0, "t0", "log", 1]
            [0, "t1", "log", 4]
            [0, "t0", "log", 2]
            ["returned", null]
        "#,
    );
}

// W14
#[test]
fn a_shield_protects_the_inner_task_from_a_cancel() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["sleep", 1], ["cancel", 1],
             ["try", [["join", 1]], [["CancelledError", []]], null], ["join", 0]]
            [["sleep", 3], ["return", 1]]
            [["shield", 0]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [1, "t0", "cancel", true]
            [1, "t0", "caught", ["CancelledError", null]]
            [3, "t0", "joined", 1]
            ["returned", null]
        "#,
    );
}

// W14
#[test]
fn a_cancelled_inner_task_cancels_its_shield() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["sleep", 1], ["cancel", 0],
             ["try", [["join", 1]], [["CancelledError", []]], null]]
            [["sleep", 3], ["return", 1]]
            [["shield", 0]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [1, "t0", "cancel", true]
            [1, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// W14
#[test]
fn a_shield_passes_results_and_failures_on() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["shield", 0], ["try", [["shield", 1]], [["ValueError", []]], null],
             ["join", 0]]
            [["sleep", 1], ["return", 1]]
            [["sleep", 2], ["raise", "ValueError", 2]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [1, "t0", "shielded", 1]
            [2, "t0", "caught", ["ValueError", 2]]
            [2, "t0", "joined", 1]
            ["returned", null]
        "#,
    );
}

// W14
#[test]
fn shielding_a_finished_task_returns_it() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["sleep", 1], ["soon", 1], ["shield", 0], ["soon", 2],
             ["try", [["shield", 1]], [["ValueError", []]], null]]
            [["return", 1]]
            [["raise", "ValueError", 2]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [1, "t0", "shielded", 1]
            [1, "t0", "caught", ["ValueError", 2]]
            [1, "loop", "callback", 1]
            [1, "loop", "callback", 2]
            ["returned", null]
        "#,
    );
}

// W14
#[test]
fn inner_task_and_shield_may_be_cancelled_in_one_turn() {
    expect(
        r#"
            [["spawn", 0, 1], ["spawn", 1, 2], ["sleep", 1], ["cancel", 1], ["cancel", 0],
             ["try", [["join", 1]], [["CancelledError", []]], null],
             ["try", [["join", 0]], [["CancelledError", []]], null]]
            [["sleep", 3], ["return", 1]]
            [["shield", 0]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "spawned", "t2"]
            [1, "t0", "cancel", true]
            [1, "t0", "cancel", true]
            [1, "t0", "caught", ["CancelledError", null]]
            [1, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}
