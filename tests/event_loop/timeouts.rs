//! `wait_for` and `timeout`: W15 to W19, O1 to O8 and T12 of the edge cases, compared with CPython 3.13.
//!
//! Negative times cannot arise: a `Duration` has no sign. Exceptions have a cause here, but no context (O2). An exception
//! raised at the deadline gets a `TimeoutError` as its cause, unless it already has one.

use crate::wait_scripts::expect;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::support::events::{Next, awaits_end, body, sleeps};

use crate::support::clock::{test_loop, virtual_loop};
use crate::wait_scripts::in_task;
use innermost::wait::{Timeout, timeout, timeout_at, wait, wait_for};
use innermost::{CoroutineExt, EventLoop, Exception, Kind, lazy, ready, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn text_of<T: std::fmt::Debug>(result: Result<T, Exception>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_timeout_of_none_never_expires() {
    let (event_loop, _) = virtual_loop();
    let naps = [
        event_loop.create_task(timeout(sleep(9 * SECOND), None)).unwrap(),
        event_loop.create_task(timeout_at(sleep(9 * SECOND), None)).unwrap(),
        event_loop.create_task(wait_for(sleep(9 * SECOND), None)).unwrap(),
    ];
    let all = wait(naps).timeout(SECOND).timeout(None);
    assert_eq!(event_loop.run_until_complete(all).unwrap().0.len(), 3);
    assert_eq!(event_loop.time().since_zero(), 9 * SECOND);
}

// W15
#[test]
fn with_a_zero_timeout_a_finished_future_returns_its_result() {
    let event_loop = test_loop();
    let future = event_loop.create_future();
    future.set_result(1).unwrap();
    assert_eq!(event_loop.run_until_complete(wait_for(future.clone(), Duration::ZERO)).unwrap(), 1);
    assert_eq!(future.result().unwrap(), 1);
}

// O1
#[test]
fn the_timeout_error_is_caused_by_the_cancel() {
    let raised = test_loop().run_until_complete(timeout(sleep(2 * SECOND), SECOND)).unwrap_err();
    assert!(raised.kind() == Kind::TimeoutError && raised.cause().unwrap().is_cancelled());
}

// O2
#[test]
fn an_exception_raised_at_the_deadline_has_the_timeout_as_its_cause() {
    let angry = sleep(2 * SECOND).catch(|_| Err(Exception::message(Kind::ValueError, "no")));
    let raised = test_loop().run_until_complete(timeout(angry, SECOND)).unwrap_err();
    assert!(raised.kind() == Kind::ValueError && raised.cause().unwrap().kind() == Kind::TimeoutError);
}

// O5
#[test]
fn a_deadline_can_be_moved_only_while_active() {
    let (event_loop, clock) = virtual_loop();
    let limit = Timeout::never();
    assert_eq!(text_of(limit.reschedule(None)), "Timeout has not been entered");
    let mover = limit.clone();
    let moving = lazy(move || {
        mover.reschedule(Some(innermost::Instant::from_zero(3 * SECOND))).unwrap();
        sleep(5 * SECOND)
    });
    let raised = event_loop.run_until_complete(limit.scope(moving)).unwrap_err();
    assert!(raised.kind() == Kind::TimeoutError && limit.expired());
    assert_eq!(
        (limit.when(), innermost::selector::Clock::now(&clock).since_zero()),
        (Some(innermost::Instant::from_zero(3 * SECOND)), 3 * SECOND)
    );
    assert_eq!(text_of(limit.reschedule(None)), "Cannot change state of expired Timeout");
    let limit = Timeout::after(SECOND);
    event_loop.run_until_complete(limit.scope(ready(()))).unwrap();
    assert_eq!(text_of(limit.reschedule(None)), "Cannot change state of finished Timeout");
}

// O5
#[test]
fn a_removed_deadline_does_not_expire() {
    let (event_loop, clock) = virtual_loop();
    let limit = Timeout::after(SECOND);
    let taken = limit.clone();
    let long = ready(()).then(move |()| taken.reschedule(None).map(|()| sleep(5 * SECOND)));
    event_loop.run_until_complete(limit.scope(long)).unwrap();
    assert_eq!(
        (limit.expired(), limit.when(), innermost::selector::Clock::now(&clock).since_zero()),
        (false, None, 5 * SECOND)
    );
}

// O6
#[test]
fn it_is_entered_once_and_in_a_task() {
    let event_loop = test_loop();
    let limit = Timeout::after(SECOND);
    let entered = limit.clone();
    in_task(&event_loop, move || {
        entered.enter()?;
        assert_eq!(text_of(entered.enter()), "Timeout has already been entered");
        entered.exit(Ok(()))?;
        assert_eq!(text_of(entered.enter()), "Timeout has already been entered");
        Ok(())
    });
    let outside = |event_loop: &EventLoop| {
        let entering = event_loop.create_future();
        let result = entering.clone();
        event_loop.call_soon(move || result.set_result(text_of(Timeout::never().enter())).unwrap()).unwrap();
        event_loop.run_until_complete(entering).unwrap()
    };
    assert_eq!(outside(&event_loop), "Timeout should be used inside a task");
}

#[test]
fn dropping_a_scope_leaves_no_deadline() {
    let (event_loop, _) = virtual_loop();
    let dropping = Dropping(Some(timeout(sleep(5 * SECOND), SECOND)));
    event_loop.run_until_complete(dropping).unwrap();
}

#[test]
fn dropping_a_scope_leaves_no_deadline_even_if_its_timeout_is_kept() {
    let (event_loop, _) = virtual_loop();
    let scope = timeout(sleep(5 * SECOND), SECOND);
    let kept = scope.timeout().clone();
    event_loop.run_until_complete(Dropping(Some(scope)).then(|()| sleep(2 * SECOND))).unwrap();
    assert_eq!(format!("{kept:?}"), "Timeout(finished)");
}

/// Enters a scope, drops it, and returns in the next turn.
struct Dropping(Option<innermost::wait::TimeoutScope<innermost::Sleep>>);

impl innermost::Coroutine for Dropping {
    type Yield = innermost::Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> innermost::Resumed<Self> {
        sent?;
        match self.0.take() {
            Some(mut scope) => {
                innermost::Coroutine::resume(&mut scope, Ok(()))?;
                Ok(innermost::Step::Yield(innermost::Await::next_turn()))
            }
            None => Ok(innermost::Step::Return(())),
        }
    }
}

// W15
#[test]
fn with_a_zero_timeout_a_coroutine_is_not_started() {
    expect(
        r#"
            [["try", [["wait_for", 0, 1]], [["TimeoutError", [["log", 1]]]], null]]
            [["log", 2]]
        "#,
        r#"
            [0, "t0", "caught", ["TimeoutError", null]]
            [0, "t0", "log", 1]
            ["returned", null]
        "#,
    );
}

// W15
#[test]
fn wait_for_returns_a_result_that_comes_in_time() {
    expect(
        r#"
            [["wait_for", 2, 1], ["wait_for", 2, 2], ["soon", 1]]
            [["sleep", 1], ["return", 1]]
            [["return", 2]]
        "#,
        r#"
            [1, "t0", "got", 1]
            [1, "t0", "got", 2]
            [1, "loop", "callback", 1]
            ["returned", null]
        "#,
    );
}

// W16
#[test]
fn wait_for_waits_for_the_childs_cleanup() {
    expect(
        r#"
            [["try", [["wait_for", 1, 1]], [["TimeoutError", [["log", 9]]]], null]]
            [["try", [["sleep", 5]], [], [["sleep", 2], ["log", 1]]]]
        "#,
        r#"
            [3, "t0", "log", 1]
            [3, "t0", "caught", ["TimeoutError", null]]
            [3, "t0", "log", 9]
            ["returned", null]
        "#,
    );
}

// W17
#[test]
fn an_outcome_of_cleanup_takes_precedence_over_the_timeout() {
    expect(
        r#"
            [["try", [["wait_for", 1, 1]], [["ValueError", []]], null], ["wait_for", 1, 2]]
            [["try", [["sleep", 5]], [["CancelledError", [["raise", "ValueError", 1]]]], null]]
            [["try", [["sleep", 5]], [["CancelledError", [["return", 2]]]], null]]
        "#,
        r#"
            [1, "t0", "caught", ["CancelledError", null]]
            [1, "t0", "caught", ["ValueError", 1]]
            [2, "t0", "caught", ["CancelledError", null]]
            [2, "t0", "got", 2]
            ["returned", null]
        "#,
    );
}

// W18
#[test]
fn a_cancel_in_the_turn_of_the_result_is_not_lost() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 0], ["fut_set", 0, 7], ["cancel", 0],
             ["try", [["join", 0]], [["CancelledError", []]], null]]
            [["wait_for", 5, 2]]
            [["fut_wait", 0]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [0, "t0", "cancel", true]
            [0, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// W18, O1
#[test]
fn a_cancel_in_the_turn_of_the_deadline_raises_cancelled() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["try", [["join", 0]], [["BaseException", []]], null]]
            [["try", [["wait_for", 1, 2]], [["BaseException", [["uncancel"], ["reraise"]]]], null]]
            [["sleep", 5]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [1, "t1", "caught", ["CancelledError", null]]
            [1, "t1", "uncancel", 0]
            [1, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// W19
#[test]
fn the_deadline_does_not_cancel_a_shielded_task() {
    expect(
        r#"
            [["spawn", 0, 1], ["try", [["wait_for", 1, 2]], [["TimeoutError", []]], null], ["join", 0]]
            [["sleep", 3], ["return", 1]]
            [["shield", 0]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "caught", ["TimeoutError", null]]
            [3, "t0", "joined", 1]
            ["returned", null]
        "#,
    );
}

// O1, T12
#[test]
fn a_cancel_from_outside_propagates_through_a_timeout() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["try", [["join", 0]], [["BaseException", []]], null]]
            [["timeout", 3, [["sleep", 5]]]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [1, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// O2
#[test]
fn another_exception_raised_at_the_deadline_propagates() {
    expect(
        r#"
            [["try", [["timeout", 1, [["try", [["sleep", 5]], [["CancelledError", [["raise", "KeyError", 1]]]],
             null]]]], [["KeyError", [["uncancel"]]]], null]]
        "#,
        r#"
            [1, "t0", "caught", ["CancelledError", null]]
            [1, "t0", "caught", ["KeyError", 1]]
            [1, "t0", "uncancel", 0]
            ["returned", null]
        "#,
    );
}

// O3
#[test]
fn an_inner_timeout_is_converted_and_the_outer_one_still_expires() {
    expect(
        r#"
            [["try", [["timeout", 2, [["try", [["timeout", 1, [["sleep", 5]]]], [["TimeoutError", [["sleep", 5]]]],
             null]]]], [["TimeoutError", [["uncancel"]]]], null]]
        "#,
        r#"
            [1, "t0", "caught", ["TimeoutError", null]]
            [2, "t0", "caught", ["TimeoutError", null]]
            [2, "t0", "uncancel", 0]
            ["returned", null]
        "#,
    );
}

// O3, T12
#[test]
fn two_simultaneous_timeouts_each_convert_one_cancel() {
    expect(
        r#"
            [["try", [["timeout", 1, [["try", [["timeout", 1, [["sleep", 5]]]], [["TimeoutError", [["log", 1]]]],
             null], ["sleep", 0], ["log", 2]]]], [["TimeoutError", [["uncancel"]]]], null]]
        "#,
        r#"
            [1, "t0", "caught", ["TimeoutError", null]]
            [1, "t0", "uncancel", 0]
            ["returned", null]
        "#,
    );
}

// O4
#[test]
fn a_past_deadline_expires_at_the_first_real_wait() {
    expect(
        r#"
            [["try", [["timeout", 0, [["log", 1], ["sleep", 0], ["log", 2], ["sleep", 0], ["log", 3]]]],
             [["TimeoutError", []]], null]]
        "#,
        r#"
            [0, "t0", "log", 1]
            [0, "t0", "caught", ["TimeoutError", null]]
            ["returned", null]
        "#,
    );
}

// O4
#[test]
fn without_a_wait_the_deadline_does_not_expire() {
    expect(
        r#"
            [["timeout", 0, [["log", 1]]], ["sleep", 0], ["log", 2]]
        "#,
        r#"
            [0, "t0", "log", 1]
            [0, "t0", "log", 2]
            ["returned", null]
        "#,
    );
}

// O7
#[test]
fn a_timeout_works_in_the_handler_of_a_cancel() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["join", 0]]
            [["try", [["sleep", 5]], [["CancelledError", [["try", [["timeout", 1, [["sleep", 5]]]],
             [["TimeoutError", [["uncancel"]]]], null]]]], null],
             ["return", 1]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [1, "t1", "caught", ["CancelledError", null]]
            [2, "t1", "caught", ["TimeoutError", null]]
            [2, "t1", "uncancel", 0]
            [2, "t0", "joined", 1]
            ["returned", null]
        "#,
    );
}

// O8
#[test]
fn a_body_that_catches_the_timeouts_cancel_may_return() {
    expect(
        r#"
            [["timeout", 1, [["try", [["sleep", 5]], [["CancelledError", [["log", 1]]]], null], ["sleep", 2],
             ["log", 2]]],
             ["uncancel"]]
        "#,
        r#"
            [1, "t0", "caught", ["CancelledError", null]]
            [1, "t0", "log", 1]
            [3, "t0", "log", 2]
            [3, "t0", "uncancel", 0]
            ["returned", null]
        "#,
    );
}

// O7
#[test]
fn a_timeout_works_inside_a_finally() {
    expect(
        r#"
            [["try", [["timeout", 1, [["try", [["sleep", 5]], [], [["try", [["timeout", 1, [["sleep", 5]]]],
             [["TimeoutError", [["log", 1]]]], null]]]]]], [["TimeoutError", []]], null]]
        "#,
        r#"
            [2, "t0", "caught", ["TimeoutError", null]]
            [2, "t0", "log", 1]
            [2, "t0", "caught", ["TimeoutError", null]]
            ["returned", null]
        "#,
    );
}

// T12
/// ```python
/// async def main():
///     async with asyncio.timeout(3):
///         try:
///             async with asyncio.timeout(1): await asyncio.sleep(5)
///         except TimeoutError: note(asyncio.current_task().cancelling())      # 0: the inner one's own
///         asyncio.current_task().cancel()
///         try: await asyncio.sleep(5)
///         except CancelledError: note(asyncio.current_task().cancelling())    # 1: not theirs
///         try:
///             async with asyncio.timeout(1): await asyncio.sleep(5)
///         except TimeoutError: note(asyncio.current_task().cancelling())      # 1
///         await asyncio.sleep(5)                                              # the outer one: CancelledError
/// ```
#[test]
fn nested_timeouts_tell_their_own_cancels_by_the_count() {
    let event_loop = test_loop();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (counts, limit) = (Rc::clone(&seen), Timeout::after(3 * SECOND));
    let note = move |raised: Result<i32, Exception>| {
        let counted = EventLoop::running()?.current_task().expect("a task runs").cancelling();
        counts.borrow_mut().push((raised.map_err(|raised| raised.kind()).expect_err("it is raised"), counted));
        Ok::<(), Exception>(())
    };
    let nested = body(move |n, got| match n {
        0 => awaits_end(timeout(sleep(5 * SECOND), SECOND)),
        1 => {
            note(got)?;
            EventLoop::running()?.current_task().expect("a task runs").cancel();
            sleeps(5)
        }
        2 => {
            note(got)?;
            awaits_end(timeout(sleep(5 * SECOND), SECOND))
        }
        3 => {
            note(got)?;
            sleeps(5)
        }
        _ => got.map(Next::Return),
    });
    let task = event_loop.create_task(limit.scope(nested)).unwrap();
    let raised = event_loop.run_until_complete(task.clone()).unwrap_err();
    assert_eq!(seen.take(), [(Kind::TimeoutError, 0), (Kind::CancelledError, 1), (Kind::TimeoutError, 1)]);
    assert_eq!((raised.kind(), task.cancelling(), limit.expired()), (Kind::CancelledError, 1, true));
}
