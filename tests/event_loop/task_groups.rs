//! `TaskGroup`: N1 to N9 of the edge cases, compared with CPython 3.13.

mod interrupts;
mod thrown;

use crate::wait_scripts::expect;

use crate::support::clock::test_loop;
use crate::support::events::Log;
use crate::wait_scripts::in_task;
use innermost::scope::{grouped, with};
use innermost::wait::{ExceptionGroup, TaskGroup, task_group};
use innermost::{CoroutineExt, Exception, Kind, lazy, ready};
use std::rc::Rc;

fn text_of<T>(result: Result<T, Exception>) -> String {
    result.map(drop).unwrap_err().to_string()
}

// N8
#[test]
fn a_refused_task_is_dropped() {
    let event_loop = test_loop();
    let group = TaskGroup::new();
    let held = Rc::new(());
    let refused = || {
        let held = Rc::clone(&held);
        ready(()).map(move |()| drop(held))
    };
    assert_eq!(text_of(group.create_task(refused())), "TaskGroup <TaskGroup> has not been entered");
    event_loop.run_until_complete(group.scope(ready(()))).unwrap();
    assert_eq!(text_of(group.create_task(refused())), "TaskGroup <TaskGroup entered> is finished");
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn a_group_counts_its_unfinished_tasks() {
    let event_loop = test_loop();
    let counting = task_group(|group| {
        lazy(move || {
            assert_eq!((group.len(), group.is_empty()), (0, true));
            let (first, second) = (group.create_task(ready(()))?, group.create_task(innermost::sleep(SECOND))?);
            assert_eq!((group.len(), group.is_empty()), (2, false));
            Ok(first.map(move |()| {
                assert_eq!((group.len(), group.is_empty()), (1, false));
                second.cancel();
            }))
        })
    });
    event_loop.run_until_complete(counting).unwrap();
}

// N8
#[test]
fn a_group_refuses_tasks_after_a_failure() {
    let event_loop = test_loop();
    let failing = task_group(|group| {
        lazy(move || {
            let future = group.create_task(ready(())).unwrap();
            lazy(move || future).then(move |()| {
                let failing = lazy(|| innermost::wait::wait_for(innermost::sleep(SECOND), SECOND / 2));
                let failing = group.create_task(failing).unwrap();
                failing.any_future().map(move |()| group).then(|group| {
                    innermost::sleep(SECOND).catch(move |cancelled| {
                        let text = text_of(group.create_task(ready(())));
                        assert_eq!(text, "TaskGroup <TaskGroup errors=1 cancelling> is shutting down");
                        Err(cancelled)
                    })
                })
            })
        })
    });
    let raised = event_loop.run_until_complete(failing).unwrap_err();
    assert_eq!(raised.downcast_ref::<ExceptionGroup>().unwrap().exceptions()[0].kind(), Kind::TimeoutError);
}

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

// N9
#[test]
fn it_is_entered_once_and_in_a_task() {
    let event_loop = test_loop();
    let group = TaskGroup::new();
    let entered = group.clone();
    in_task(&event_loop, move || {
        entered.enter()?;
        assert_eq!(text_of(entered.enter()), "TaskGroup <TaskGroup entered> has already been entered");
        Ok(())
    });
    let future = event_loop.create_future();
    let result = future.clone();
    event_loop.call_soon(move || result.set_result(text_of(TaskGroup::new().enter())).unwrap()).unwrap();
    let text = event_loop.run_until_complete(future).unwrap();
    assert_eq!(text, "TaskGroup <TaskGroup> cannot determine the parent task");
}

#[test]
fn debug_of_a_group_shows_its_tasks() {
    let inner = Exception::new(ExceptionGroup::new("inner", [Exception::timeout()]));
    let group = ExceptionGroup::new("outer", [inner, Exception::cancelled()]);
    assert_eq!((group.message(), group.to_string().as_str()), ("outer", "outer (2 sub-exceptions)"));
    let text = r#"ExceptionGroup("outer", [inner (1 sub-exception): [TimeoutError], CancelledError])"#;
    assert_eq!(format!("{group:?}"), text);
}

// N1
#[test]
fn a_group_waits_for_all_its_tasks() {
    expect(
        r#"
            [["group", [1, 2], [["log", 1]]], ["log", 2]]
            [["sleep", 1], ["log", 3]]
            [["sleep", 2], ["log", 4]]
        "#,
        r#"
            [0, "t0", "log", 1]
            [1, "t1", "log", 3]
            [2, "t2", "log", 4]
            [2, "t0", "log", 2]
            ["returned", null]
        "#,
    );
}

// N1
#[test]
fn a_group_waits_for_tasks_added_while_it_waits() {
    let event_loop = test_loop();
    let ended = Log::default();
    let ends = |name| {
        let adds = ended.adds(name);
        move |()| adds()
    };
    let (child, grandchild, scope) = (ends("child"), ends("grandchild"), ends("group"));
    let whole = with(grouped(TaskGroup::new()), move |group| {
        let parent = group.clone();
        let child = innermost::sleep(SECOND).map(move |()| {
            parent.create_task(innermost::sleep(SECOND).map(grandchild)).expect("the group takes it while it waits");
            child(());
        });
        group.create_task(child).map(drop)?;
        Ok::<_, Exception>(ready(()))
    });
    event_loop.run_until_complete(whole.map(drop).map(scope)).unwrap();
    assert_eq!(ended.take(), ["child", "grandchild", "group"]);
}

// N1
#[test]
fn an_empty_group_does_not_wait() {
    expect(
        r#"
            [["soon", 1], ["group", [], [["log", 1]]], ["log", 2]]
        "#,
        r#"
            [0, "t0", "log", 1]
            [0, "t0", "log", 2]
            [0, "loop", "callback", 1]
            ["returned", null]
        "#,
    );
}

// N2
#[test]
fn a_failure_cancels_the_siblings_and_the_body() {
    expect(
        r#"
            [["try", [["group", [1, 2], [["try", [["sleep", 5]], [], [["log", 9]]]]]],
             [["ExceptionGroup", [["uncancel"]]]], null],
             ["sleep", 0], ["log", 8]]
            [["sleep", 1], ["raise", "ValueError", 1]]
            [["try", [["sleep", 5]], [], [["sleep", 1], ["log", 2]]]]
        "#,
        r#"
            [1, "t0", "log", 9]
            [2, "t2", "log", 2]
            [2, "t0", "caught", ["ExceptionGroup", [["ValueError", 1]]]]
            [2, "t0", "uncancel", 0]
            [2, "t0", "log", 8]
            ["returned", null]
        "#,
    );
}

// N2
#[test]
fn a_failure_while_the_group_waits_cancels_the_siblings() {
    expect(
        r#"
            [["try", [["group", [1, 2], []]], [["ExceptionGroup", [["uncancel"]]]], null]]
            [["sleep", 1], ["raise", "ValueError", 1]]
            [["try", [["sleep", 5]], [["CancelledError", [["raise", "KeyError", 2]]]], null]]
        "#,
        r#"
            [1, "t2", "caught", ["CancelledError", null]]
            [1, "t0", "caught", ["ExceptionGroup", [["ValueError", 1], ["KeyError", 2]]]]
            [1, "t0", "uncancel", 0]
            ["returned", null]
        "#,
    );
}

// N2
#[test]
fn failures_are_in_the_order_in_which_they_happened() {
    expect(
        r#"
            [["try", [["group", [1, 2, 3], []]], [["ExceptionGroup", []]], null]]
            [["try", [["sleep", 5]], [], [["sleep", 2], ["raise", "ValueError", 1]]]]
            [["try", [["sleep", 5]], [], [["sleep", 1], ["raise", "ValueError", 2]]]]
            [["sleep", 1], ["raise", "KeyError", 3]]
        "#,
        r#"
            [3, "t0", "caught", ["ExceptionGroup", [["KeyError", 3], ["ValueError", 2], ["ValueError", 1]]]]
            ["returned", null]
        "#,
    );
}

// N3
#[test]
fn a_failing_body_cancels_the_tasks_and_is_last_in_the_group() {
    expect(
        r#"
            [["try", [["group", [1, 2], [["sleep", 1], ["raise", "ValueError", 9]]]], [["ExceptionGroup", []]], null]]
            [["try", [["sleep", 5]], [], [["sleep", 1], ["log", 1]]]]
            [["try", [["sleep", 5]], [["CancelledError", [["raise", "KeyError", 2]]]], null]]
        "#,
        r#"
            [1, "t2", "caught", ["CancelledError", null]]
            [2, "t1", "log", 1]
            [2, "t0", "caught", ["ExceptionGroup", [["KeyError", 2], ["ValueError", 9]]]]
            ["returned", null]
        "#,
    );
}

// N4
#[test]
fn a_task_cancelled_from_outside_is_not_a_failure() {
    expect(
        r#"
            [["group", [1, 2], [["spawn", 0, 3], ["log", 1]]], ["log", 9]]
            [["sleep", 1], ["log", 2]]
            [["fut_cancel", 0], ["fut_wait", 0]]
            []
        "#,
        r#"
            [0, "t0", "spawned", "t3"]
            [0, "t0", "log", 1]
            [0, "t2", "fut_cancel", true]
            [1, "t1", "log", 2]
            [1, "t0", "log", 9]
            ["returned", null]
        "#,
    );
}

// N5
#[test]
fn a_cancel_from_outside_cancels_the_tasks_and_propagates() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["try", [["join", 0]], [["CancelledError", []]], null]]
            [["try", [["group", [2, 2], []]], [["CancelledError", [["uncancel"], ["reraise"]]]], null]]
            [["try", [["sleep", 5]], [], [["sleep", 1], ["log", 2]]]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [2, "t2", "log", 2]
            [2, "t3", "log", 2]
            [2, "t1", "caught", ["CancelledError", null]]
            [2, "t1", "uncancel", 0]
            [2, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// N5
#[test]
fn a_cancel_from_outside_interrupts_the_body() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["try", [["join", 0]], [["CancelledError", []]], null]]
            [["group", [2], [["try", [["sleep", 5]], [], [["log", 1]]]]]]
            [["try", [["sleep", 5]], [], [["sleep", 1], ["log", 2]]]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [1, "t1", "log", 1]
            [2, "t2", "log", 2]
            [2, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// N5
#[test]
fn failures_take_precedence_over_an_outside_cancel_which_comes_at_the_next_wait() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["try", [["join", 0]], [["CancelledError", []]], null]]
            [["try", [["group", [2], [["sleep", 5]]]], [["ExceptionGroup", [["log", 1], ["try", [["sleep", 0]],
             [["CancelledError", [["uncancel"], ["reraise"]]]], null]]]], null]]
            [["try", [["sleep", 5]], [["CancelledError", [["raise", "ValueError", 2]]]], null]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [1, "t2", "caught", ["CancelledError", null]]
            [1, "t1", "caught", ["ExceptionGroup", [["ValueError", 2]]]]
            [1, "t1", "log", 1]
            [1, "t1", "caught", ["CancelledError", null]]
            [1, "t1", "uncancel", 0]
            [1, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}

// N7
#[test]
fn an_inner_group_fails_alone() {
    expect(
        r#"
            [["group", [2], [["try", [["group", [1], [["sleep", 5]]]], [["ExceptionGroup", [["log", 1], ["sleep", 2],
             ["log", 2]]]], null]]],
             ["uncancel"], ["sleep", 0]]
            [["sleep", 1], ["raise", "ValueError", 1]]
            [["sleep", 2], ["log", 3]]
        "#,
        r#"
            [1, "t0", "caught", ["ExceptionGroup", [["ValueError", 1]]]]
            [1, "t0", "log", 1]
            [2, "t1", "log", 3]
            [3, "t0", "log", 2]
            [3, "t0", "uncancel", 0]
            ["returned", null]
        "#,
    );
}

// N7
#[test]
fn an_outer_failure_cancels_both() {
    expect(
        r#"
            [["try", [["group", [1], [["group", [2], [["try", [["sleep", 5]], [], [["log", 1]]]]]]]],
             [["ExceptionGroup", [["uncancel"]]]], null],
             ["sleep", 0], ["log", 9]]
            [["sleep", 1], ["raise", "ValueError", 1]]
            [["try", [["sleep", 5]], [], [["sleep", 1], ["log", 2]]]]
        "#,
        r#"
            [1, "t0", "log", 1]
            [2, "t2", "log", 2]
            [2, "t0", "caught", ["ExceptionGroup", [["ValueError", 1]]]]
            [2, "t0", "uncancel", 0]
            [2, "t0", "log", 9]
            ["returned", null]
        "#,
    );
}

// N7
#[test]
fn inner_and_outer_groups_can_both_fail() {
    expect(
        r#"
            [["try", [["group", [1], [["group", [2], [["sleep", 5]]]]]], [["ExceptionGroup", [["uncancel"]]]], null],
             ["sleep", 0], ["log", 9]]
            [["sleep", 1], ["raise", "ValueError", 1]]
            [["try", [["sleep", 5]], [["CancelledError", [["raise", "KeyError", 2]]]], null]]
        "#,
        r#"
            [1, "t2", "caught", ["CancelledError", null]]
            [1, "t0", "caught", ["ExceptionGroup", [["ValueError", 1], ["ExceptionGroup", [["KeyError", 2]]]]]]
            [1, "t0", "uncancel", 0]
            [1, "t0", "log", 9]
            ["returned", null]
        "#,
    );
}

// O1, N5
#[test]
fn a_deadline_around_a_group_cancels_it() {
    expect(
        r#"
            [["try", [["timeout", 1, [["group", [1, 1], []]]]], [["TimeoutError", [["uncancel"]]]], null],
             ["sleep", 0], ["log", 9]]
            [["try", [["sleep", 5]], [], [["sleep", 1], ["log", 1]]]]
        "#,
        r#"
            [2, "t1", "log", 1]
            [2, "t2", "log", 1]
            [2, "t0", "caught", ["TimeoutError", null]]
            [2, "t0", "uncancel", 0]
            [2, "t0", "log", 9]
            ["returned", null]
        "#,
    );
}

// N3
#[test]
fn a_deadline_inside_a_group_is_a_failure_of_its_body() {
    expect(
        r#"
            [["try", [["group", [1], [["timeout", 1, [["sleep", 5]]]]]], [["ExceptionGroup", [["uncancel"]]]], null]]
            [["try", [["sleep", 5]], [], [["log", 1]]]]
        "#,
        r#"
            [1, "t1", "log", 1]
            [1, "t0", "caught", ["ExceptionGroup", [["TimeoutError", null]]]]
            [1, "t0", "uncancel", 0]
            ["returned", null]
        "#,
    );
}

// N5
#[test]
fn a_second_cancel_while_the_group_waits_changes_nothing() {
    expect(
        r#"
            [["spawn", 0, 1], ["sleep", 1], ["cancel", 0], ["sleep", 0], ["cancel", 0], ["sleep", 0], ["cancel", 0],
             ["try", [["join", 0]], [["CancelledError", []]], null]]
            [["try", [["group", [2], []]], [["CancelledError", [["uncancel"], ["reraise"]]]], null]]
            [["try", [["sleep", 5]], [["CancelledError", [["sleep", 3], ["log", 2]]]], null]]
        "#,
        r#"
            [0, "t0", "spawned", "t1"]
            [1, "t0", "cancel", true]
            [1, "t0", "cancel", true]
            [1, "t2", "caught", ["CancelledError", null]]
            [1, "t0", "cancel", true]
            [4, "t2", "log", 2]
            [4, "t1", "caught", ["CancelledError", null]]
            [4, "t1", "uncancel", 2]
            [4, "t0", "caught", ["CancelledError", null]]
            ["returned", null]
        "#,
    );
}
