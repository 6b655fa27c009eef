//! E5: closing a loop.

use std::time::Duration;

use crate::support::clock::test_loop;
use crate::support::events::{Log, body, pauses, returns, run};
use crate::support::raised::assert_runtime_error;

// E5
#[test]
fn a_running_loop_refuses_to_be_closed() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (handle, entries) = (event_loop.handle(), log.clone());
    let closing = move || {
        assert_runtime_error(handle.close(), "Cannot close a running event loop");
        assert!(!handle.is_closed());
        handle.call_soon(entries.adds("goes on")).expect("the loop is open");
    };
    event_loop.call_soon(closing).unwrap();
    run(&event_loop, 1);
    assert_eq!(log.take(), ["goes on"]);
}

// E5
#[test]
fn a_closed_loop_refuses_and_runs_nothing() {
    let (event_loop, log) = (test_loop(), Log::default());
    assert!(!event_loop.is_closed());
    event_loop.close().unwrap();
    event_loop.close().unwrap();
    assert!(event_loop.is_closed());
    let closed = "Event loop is closed";
    let held = |name| {
        let held = log.on_drop(name);
        move || held.keep()
    };
    assert_runtime_error(event_loop.call_soon(held("call_soon")), closed);
    assert_runtime_error(event_loop.call_later(Duration::ZERO, held("call_later")), closed);
    assert_runtime_error(event_loop.call_at(innermost::Instant::ZERO, held("call_at")), closed);
    let coroutine = |name| {
        let held = held(name);
        body(move |_, _| {
            held();
            returns(0)
        })
    };
    assert_runtime_error(event_loop.create_task(coroutine("create_task")), closed);
    assert_runtime_error(event_loop.ensure_future(coroutine("ensure_future")), closed);
    assert_runtime_error(event_loop.run_until_complete(coroutine("run_until_complete")), closed);
    assert_runtime_error(event_loop.run_forever(), closed);
    assert_runtime_error(event_loop.run_once(), closed);
    assert_runtime_error(event_loop.add_signal_handler(libc::SIGUSR2, held("add_signal_handler")), closed);
    assert!(!event_loop.remove_signal_handler(libc::SIGUSR2));
    assert!(event_loop.remote().call_soon_threadsafe(|| {}).is_err());
    assert_eq!(
        log.take(),
        [
            "call_soon",
            "call_later",
            "call_at",
            "create_task",
            "ensure_future",
            "run_until_complete",
            "add_signal_handler"
        ]
    );
    assert!(event_loop.all_tasks().is_empty() && event_loop.current_task().is_none());
    assert_eq!(event_loop.next_deadline(), None);
    event_loop.with_fd(|fd| assert!(fd.is_none()));
}

// E5
#[test]
fn futures_of_a_closed_loop_work_but_their_callbacks_never_run() {
    let (event_loop, log) = (test_loop(), Log::default());
    let before = event_loop.create_future();
    let held = log.on_drop("callback dropped");
    before.add_done_callback(move |_| held.keep());
    event_loop.close().unwrap();
    assert_eq!(log.take(), [""; 0]);
    before.set_result(1).unwrap();
    assert_eq!(log.take(), ["callback dropped"]);
    let after = event_loop.create_future();
    after.set_result(2).unwrap();
    assert_eq!((before.result().unwrap(), after.result().unwrap()), (1, 2));
}

// E5
#[test]
fn dropping_a_loop_closes_it_and_drops_callbacks_then_tasks_then_timers() {
    let (event_loop, log) = (test_loop(), Log::default());
    let held = |name| {
        let held = log.on_drop(name);
        move || held.keep()
    };
    event_loop.call_later(Duration::from_secs(1), held("timer")).unwrap();
    event_loop.remote().call_soon_threadsafe(|| {}).unwrap();
    let in_task = held("task");
    let task = event_loop.create_task(body(move |_, _| {
        in_task();
        pauses()
    }));
    event_loop.call_soon(held("first")).unwrap();
    event_loop.call_soon(held("second")).unwrap();
    let (handle, task) = (event_loop.handle(), task.unwrap());
    drop(event_loop);
    assert!(handle.is_closed() && task.cancelled());
    assert_eq!(log.take(), ["first", "second", "task", "timer"]);
}
