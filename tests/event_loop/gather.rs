//! `gather` and `gather_all`: W1 to W6 of the edge cases, compared with CPython 3.13 turn by turn.
//!
//! `wait_scripts` explains the programs. `join` uses the engine of `gather`, so only its own behaviour is tested.

mod unstarted;

use crate::wait_scripts::expect;

use crate::support::clock::test_loop;
use crate::wait_scripts::in_task;
use innermost::wait::{Gather, gather, gather_all, join, shield};
use innermost::{Await, CoroutineExt, Exception, Future, Kind, LoopHandle, Step, ready};
use std::cell::Cell;
use std::rc::Rc;

// W1
#[test]
fn gathering_nothing_is_done_at_once() {
    in_task(&test_loop(), || {
        let none = gather(Vec::<Future<i32>>::new());
        assert!(none.done());
        assert_eq!(none.take_result()?, Vec::<i32>::new());
        Ok(())
    });
}

// W1
#[test]
fn gathering_finished_futures_is_done_at_once() {
    let event_loop = test_loop();
    let done = event_loop.create_future();
    done.set_result(1).unwrap();
    in_task(&event_loop, move || {
        let all = gather([done.clone(), done.clone()]);
        assert!(all.done());
        assert_eq!(all.take_result()?, [1, 1]);
        assert_eq!(done.result()?, 1);
        Ok(())
    });
}

// W2
#[test]
fn a_future_gathered_twice_has_its_result_in_both_places() {
    let event_loop = test_loop();
    let future = event_loop.create_future();
    let setter = future.clone();
    event_loop.call_soon(move || setter.set_result(7).unwrap()).unwrap();
    let all = in_task(&event_loop, move || Ok(gather([future.clone(), future])));
    assert_eq!(event_loop.run_until_complete(all).unwrap(), [7, 7]);
}

// Recorded from CPython 3.13: run_until_complete(gather(f, f)), shield(f) and f, where a callback of the first turn sets f.
#[test]
fn a_gather_and_a_shield_can_be_run_as_futures() {
    fn count(event_loop: &LoopHandle, turn: &Rc<Cell<u32>>) {
        let (handle, turn) = (event_loop.clone(), Rc::clone(turn));
        event_loop
            .call_soon(move || {
                turn.set(turn.get() + 1);
                count(&handle, &turn);
            })
            .unwrap();
    }
    let run = |make: &dyn Fn(&LoopHandle, Future<i32>)| {
        let (event_loop, turn) = (test_loop(), Rc::new(Cell::new(0)));
        count(&event_loop, &turn);
        let future = event_loop.create_future();
        let setter = future.clone();
        event_loop.call_soon(move || setter.set_result(7).unwrap()).unwrap();
        make(&event_loop, future);
        turn.get()
    };
    let gathered = run(&|event_loop, future| {
        let all = gather([future.clone(), future]);
        assert!(event_loop.ensure_future(all.clone()).unwrap().is(&all.future().unwrap()));
        assert_eq!(event_loop.run_until_complete(all).unwrap(), [7, 7]);
    });
    let shielded = run(&|event_loop, future| {
        assert_eq!(event_loop.run_until_complete(shield(future)).unwrap(), 7);
    });
    let joined = run(&|event_loop, future| assert_eq!(event_loop.run_until_complete(future.join()).unwrap(), 7));
    let alone = run(&|event_loop, future| assert_eq!(event_loop.run_until_complete(future).unwrap(), 7));
    assert_eq!([gathered, shielded, joined, alone], [3, 3, 2, 2]);
}

// As in CPython 3.13: the first future says in which loop.
#[test]
fn without_a_running_loop_futures_are_gathered_in_their_own_loop() {
    let (event_loop, other) = (test_loop(), test_loop());
    let done = event_loop.create_future();
    done.set_result(1).unwrap();
    let all = join((done, ready(2)));
    assert_eq!(event_loop.run_until_complete(all).unwrap(), (1, 2));
    let mixed = gather([event_loop.create_future::<i32>(), other.create_future()]);
    assert_eq!(mixed.exception().unwrap().unwrap().kind(), Kind::ValueError);
    assert_eq!(event_loop.run_until_complete(mixed).unwrap_err().kind(), Kind::ValueError);
    let foreign = gather([other.create_future::<i32>()]);
    assert_eq!(event_loop.run_until_complete(foreign).unwrap_err().kind(), Kind::ValueError);
}

// W3
#[test]
fn later_failures_are_not_reported() {
    let event_loop = test_loop();
    event_loop.set_exception_handler(|context| panic!("{context}"));
    let futures = [event_loop.create_future::<i32>(), event_loop.create_future()];
    let all = in_task(&event_loop, {
        let futures = futures.clone();
        move || Ok(gather(futures))
    });
    futures.iter().for_each(|future| future.set_exception(Exception::timeout()).unwrap());
    drop(futures);
    assert_eq!(event_loop.run_until_complete(all).unwrap_err().kind(), Kind::TimeoutError);
}

// W5
#[test]
fn a_cancelled_child_does_not_cancel_the_gather() {
    let event_loop = test_loop();
    let futures = [event_loop.create_future::<i32>(), event_loop.create_future()];
    let all = in_task(&event_loop, {
        let futures = futures.clone();
        move || Ok(gather(futures))
    });
    futures[0].cancel();
    event_loop.run_once().unwrap();
    assert!(all.done() && !all.cancelled());
    assert!(all.take_result().unwrap_err().is_cancelled());
    assert!(!futures[1].done());
}

// W6
#[test]
fn cancel_returns_false_if_no_child_can_be_cancelled() {
    let event_loop = test_loop();
    let future = event_loop.create_future::<i32>();
    let all = in_task(&event_loop, {
        let future = future.clone();
        move || Ok(gather_all([future]))
    });
    future.set_result(1).unwrap();
    assert!(!all.done() && !all.cancel());
    event_loop.run_once().unwrap();
    assert_eq!(all.take_result().unwrap().remove(0).unwrap(), 1);
}

// W6
#[test]
fn a_chain_of_gathers_is_cancelled_to_its_end_however_long() {
    let event_loop = test_loop();
    let innermost = event_loop.create_future::<()>();
    let handle = event_loop.handle();
    let mut task = event_loop.create_task(innermost.clone()).unwrap();
    let outermost = in_task(&event_loop, move || {
        let length = if cfg!(miri) { 30 } else { 20_000 };
        for _ in 0..length {
            task = handle.create_task(gather([task]).map(|_: Vec<()>| ()))?;
        }
        Ok(task)
    });
    event_loop.run_once().unwrap();
    assert!(outermost.cancel());
    assert!(innermost.cancelled());
    assert!(event_loop.run_until_complete(outermost).unwrap_err().is_cancelled());
    assert!(event_loop.all_tasks().is_empty());
}

#[test]
fn results_that_cannot_be_cloned_are_moved() {
    struct Unique(u32);
    let event_loop = test_loop();
    let all = in_task(&event_loop, || Ok(gather([1, 2].map(|n| ready(Unique(n))))));
    let numbers: Vec<_> = event_loop.run_until_complete(all).unwrap().into_iter().map(|unique| unique.0).collect();
    assert_eq!(numbers, [1, 2]);
}

#[test]
fn a_tuple_gives_a_tuple_and_its_first_failure() {
    let event_loop = test_loop();
    let future = event_loop.create_future::<u8>();
    let (both, failing): (Gather<(u8, &str)>, Gather<(u8,)>) = in_task(&event_loop, {
        let future = future.clone();
        move || Ok((join((future.clone(), ready("text"))), join((future,))))
    });
    future.set_result(3).unwrap();
    assert_eq!(event_loop.run_until_complete(both).unwrap(), (3, "text"));
    assert_eq!(event_loop.run_until_complete(failing).unwrap(), (3,));
}

// W1
#[test]
fn results_come_in_the_order_of_the_arguments() {
    expect(
        r#"
            [["gather", [1, 2, 3], false], ["log", 9]]
            [["sleep", 2], ["return", 1]]
            [["sleep", 0], ["return", 2]]
            [["sleep", 1], ["log", 3], ["return", 3]]
        "#,
        r#"
            [1, "t3", "log", 3]
            [2, "t0", "gathered", [1, 2, 3]]
            [2, "t0", "log", 9]
            ["returned", null]
        "#,
    );
}

// W3
#[test]
fn the_first_failure_fails_the_gather_at_once_and_siblings_go_on() {
    expect(
        r#"
            [["try", [["gather", [1, 2, 3], false]], [["ValueError", [["log", 9], ["sleep", 3]]]], null]]
            [["sleep", 2], ["log", 1]]
            [["sleep", 1], ["raise", "ValueError", 2]]
            [["sleep", 3], ["log", 3]]
        "#,
        r#"
            [1, "t0", "caught", ["ValueError", 2]]
            [1, "t0", "log", 9]
            [2, "t1", "log", 1]
            [3, "t3", "log", 3]
            ["returned", null]
        "#,
    );
}

// W3
#[test]
fn a_later_failure_is_ignored() {
    expect(
        r#"
            [["try", [["gather", [1, 2], false]], [["ValueError", [["sleep", 3]]]], null], ["return", 1]]
            [["sleep", 1], ["raise", "ValueError", 1]]
            [["sleep", 2], ["raise", "KeyError", 2]]
        "#,
        r#"
            [1, "t0", "caught", ["ValueError", 1]]
            ["returned", 1]
        "#,
    );
}

// W3
#[test]
fn of_two_failures_in_a_turn_the_first_counts() {
    expect(
        r#"
            [["try", [["gather", [1, 2], false]], [["Exception", []]], null]]
            [["sleep", 0], ["raise", "ValueError", 1]]
            [["sleep", 0], ["raise", "KeyError", 2]]
        "#,
        r#"
            [0, "t0", "caught", ["ValueError", 1]]
            ["returned", null]
        "#,
    );
}

// W4
#[test]
fn gather_all_returns_failures_as_results_and_waits_for_all() {
    expect(
        r#"
            [["gather", [1, 2, 3], true]]
            [["sleep", 2], ["raise", "ValueError", 1]]
            [["fut_wait", 0], ["log", 1]]
            [["fut_cancel", 0], ["return", 3]]
        "#,
        r#"
            [0, "t3", "fut_cancel", true]
            [2, "t0", "gathered", [["ValueError", 1], ["CancelledError", null], 3]]
            ["returned", null]
        "#,
    );
}

// W5
#[test]
fn a_cancelled_child_fails_the_gather_and_siblings_go_on() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 1], ["try", [["join", 0]], [["BaseException", []]], null],
             ["sleep", 3]]
            [["try", [["gather", [2, 3], false]], [["CancelledError", [["log", 5]]]], null], ["uncancel"]]
            [["spawn", 1, 4], ["join", 1]]
            [["sleep", 2], ["log", 3]]
            [["sleep", 3]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t2", "spawned", "t4"]
            [1, "t0", "cancel", true]
            [1, "t1", "caught", ["CancelledError", null]]
            [1, "t1", "log", 5]
            [1, "t1", "uncancel", 0]
            [1, "t0", "joined", null]
            [2, "t3", "log", 3]
            ["returned", null]
        "#,
    );
}

// W5, W4
#[test]
fn gather_all_returns_a_cancelled_child_as_a_result() {
    expect(
        r#"
            [["gather", [1, 2], true]]
            [["fut_cancel", 0], ["fut_wait", 0]]
            [["sleep", 1], ["return", 2]]
        "#,
        r#"
            [0, "t1", "fut_cancel", true]
            [1, "t0", "gathered", [["CancelledError", null], 2]]
            ["returned", null]
        "#,
    );
}

// W6
#[test]
fn cancelling_a_gather_cancels_every_child_and_raises_cancelled() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["try", [["join", 0]], [["CancelledError", []]], null]]
            [["gather", [2, 3], false]]
            [["try", [["sleep", 5]], [], [["log", 2], ["sleep", 0], ["log", 22]]]]
            [["try", [["sleep", 5]], [], [["log", 3]]]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [1, "t2", "log", 2]
            [1, "t3", "log", 3]
            [1, "t2", "log", 22]
            [1, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// W6
#[test]
fn cancelling_gather_all_raises_cancelled() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["try", [["join", 0]], [["CancelledError", []]], null]]
            [["gather", [2, 3], true]]
            [["try", [["sleep", 5]], [["CancelledError", [["return", 2]]]], null]]
            [["sleep", 5]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [1, "t2", "caught", ["CancelledError", null]]
            [1, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// W6
#[test]
fn a_child_that_ignores_the_cancel_is_waited_for() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["try", [["join", 0]], [["BaseException", []]], null]]
            [["gather", [2, 3], true]]
            [["try", [["sleep", 5]], [["CancelledError", [["sleep", 2], ["log", 2]]]], null]]
            [["sleep", 1], ["log", 3]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [1, "t2", "caught", ["CancelledError", null]]
            [3, "t2", "log", 2]
            [3, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// W6
#[test]
fn a_cancel_after_the_last_child_has_ended_cancels_the_waiting_task() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 0], ["sleep", 0], ["cancel", 0],
             ["try", [["join", 0]], [["CancelledError", []]], null]]
            [["gather", [2], false]]
            [["log", 2]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t2", "log", 2]
            [0, "t0", "cancel", true]
            [0, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// W6
#[test]
fn cancelling_reaches_a_gather_inside_a_gathered_task() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["try", [["join", 0]], [["CancelledError", []]], null]]
            [["try", [["gather", [2, 3], false]], [], [["log", 1]]]]
            [["try", [["gather", [3, 3], true]], [], [["log", 2]]]]
            [["try", [["sleep", 5]], [], [["log", 3]]]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [1, "t4", "log", 3]
            [1, "t5", "log", 3]
            [1, "t3", "log", 3]
            [1, "t2", "log", 2]
            [1, "t1", "log", 1]
            [1, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

#[test]
fn an_untyped_gather_is_done_when_its_children_are() {
    let event_loop = test_loop();
    let child = event_loop.create_future::<i32>();
    let all = gather([child.clone()]).future().unwrap().any_future();
    assert!(!all.done());
    child.set_result(1).unwrap();
    event_loop.run_once().unwrap();
    assert!(all.done());
}

// CPython's gathering is not `cancelled` either: that is the exception it ends with.
#[test]
fn a_cancelled_gather_ends_with_the_exception_but_not_as_cancelled() {
    let event_loop = test_loop();
    let gathered = gather([event_loop.create_future::<i32>()]);
    let all = gathered.future().unwrap().any_future();
    assert!(all.cancel());
    event_loop.run_once().unwrap();
    event_loop.run_once().unwrap();
    assert_eq!((all.done(), all.cancelled(), gathered.cancelled()), (true, false, false));
    assert!(gathered.result().unwrap_err().is_cancelled());
}

#[test]
fn a_gather_of_a_stopped_run_does_not_stop_the_next_run() {
    let event_loop = test_loop();
    let child = event_loop.create_future();
    let gathered = gather([child.clone()]);
    let handle = event_loop.handle();
    event_loop.call_soon(move || handle.stop()).unwrap();
    let stopped = event_loop.run_until_complete(gathered.clone()).unwrap_err();
    assert_eq!(stopped.to_string(), "Event loop stopped before Future completed.");
    child.set_result(1).unwrap();
    // The gathering is done in the middle of it.
    let mut turns = 0;
    let counting = innermost::from_fn(move |sent| {
        sent?;
        turns += 1;
        Ok(if turns == 9 { Step::Return(turns) } else { Step::Yield(Await::next_turn()) })
    });
    assert_eq!(event_loop.run_until_complete(counting).unwrap(), 9);
    assert_eq!(gathered.result().unwrap(), [1]);
}
