//! E2 to E4: how a run starts and ends.

use std::rc::Rc;
use std::time::Duration;

use innermost::{Coroutine, CoroutineExt, EventLoop, Future, Kind, ready, sleep};

use crate::support::clock::test_loop;
use crate::support::events::{Log, Oops, body, pauses, pausing, raises, returns, run};
use crate::support::raised::assert_runtime_error;

// E2
#[test]
fn stop_before_a_run_allows_exactly_one_turn() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (entries, handle) = (log.clone(), event_loop.handle());
    let first = move || {
        entries.add("first");
        handle.call_soon(entries.adds("second")).expect("the loop is open");
    };
    event_loop.call_soon(first).unwrap();
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["first"]);
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["second"]);
}

// E2
/// ```python
/// async def body():
///     for n in range(4): note(f"body {n}"); await asyncio.sleep(0)
/// t = loop.create_task(body())
/// def stops():
///     note("stop"); loop.stop(); loop.call_soon(lambda: note("queued behind stop"))
/// loop.call_soon(stops); loop.call_soon(lambda: note("same turn as stop"))
/// loop.run_forever(); note("returned")
/// loop.stop(); loop.run_forever(); note("one turn")
/// loop.run_until_complete(t); note("end")
/// ```
#[test]
fn stop_in_a_run_lets_the_turn_end_and_keeps_the_rest_for_the_next_run() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.count_turns(&event_loop);
    let entries = log.clone();
    let task = event_loop.create_task(body(move |n, got| {
        got?;
        if n == 4 {
            return returns(0);
        }
        entries.note(format_args!("body {n}"));
        pauses()
    }));
    let (entries, handle) = (log.clone(), event_loop.handle());
    let stops = move || {
        entries.note("stop");
        handle.stop();
        handle.call_soon(entries.notes("queued behind stop")).expect("the loop is open");
    };
    event_loop.call_soon(stops).unwrap();
    event_loop.call_soon(log.notes("same turn as stop")).unwrap();
    event_loop.run_forever().unwrap();
    log.note("returned");
    event_loop.stop();
    event_loop.run_forever().unwrap();
    log.note("one turn");
    event_loop.run_until_complete(task.unwrap()).unwrap();
    log.note("end");
    assert_eq!(
        log.take(),
        [
            "1 body 0",
            "1 stop",
            "1 same turn as stop",
            "1 returned",
            "2 body 1",
            "2 queued behind stop",
            "2 one turn",
            "3 body 2",
            "4 body 3",
            "6 end"
        ]
    );
}

// E3
#[test]
fn a_run_inside_a_run_is_refused_and_changes_nothing() {
    let (event_loop, other) = (Rc::new(test_loop()), test_loop());
    let log = Log::default();
    other.call_soon(log.adds("other loop")).unwrap();
    let (entries, this) = (log.clone(), Rc::clone(&event_loop));
    let nested = move || {
        for (inner, text) in [
            (this.handle(), "This event loop is already running"),
            (other.handle(), "Cannot run the event loop while another loop is running"),
        ] {
            assert_runtime_error(inner.run_forever(), text);
            assert_runtime_error(inner.run_once(), text);
            let held = entries.on_drop("coroutine dropped");
            assert_runtime_error(inner.run_until_complete(ready(()).map(move |()| held.keep())), text);
            assert!(inner.all_tasks().is_empty());
        }
        assert!(this.is_running() && !other.is_running());
        assert_eq!(EventLoop::running().unwrap(), this.handle());
        entries.add("checked");
    };
    event_loop.call_soon(nested).unwrap();
    let (entries, this) = (log.clone(), Rc::clone(&event_loop));
    let later = move || {
        assert!(this.is_running() && EventLoop::running().is_ok());
        entries.add("later");
        this.stop();
    };
    event_loop.call_later(Duration::from_secs(1), later).unwrap();
    event_loop.run_forever().unwrap();
    assert_eq!(log.take(), ["coroutine dropped", "coroutine dropped", "checked", "later"]);
    assert!(!event_loop.is_running());
}

// E3
#[test]
fn loops_may_run_one_after_the_other_in_a_thread() {
    let (event_loop, other) = (test_loop(), test_loop());
    for event_loop in [&event_loop, &other, &event_loop] {
        let handle = event_loop.handle();
        let running = body(move |_, _| {
            assert_eq!(EventLoop::running()?, handle);
            returns(0)
        });
        event_loop.run_until_complete(running).unwrap();
        assert!(!event_loop.is_running());
    }
}

// E3
#[test]
fn no_loop_is_running_outside_a_run() {
    assert_runtime_error(EventLoop::running(), "no running event loop");
    let event_loop = test_loop();
    assert_runtime_error(EventLoop::running(), "no running event loop");
    run(&event_loop, 1);
    assert_runtime_error(EventLoop::running(), "no running event loop");
    // A coroutine that needs a loop says so when driven by hand.
    assert_runtime_error(sleep(Duration::from_secs(1)).resume(Ok(())), "no running event loop");
}

// E4
#[test]
fn stopping_a_run_early_raises_and_later_runs_continue_the_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let task = event_loop.create_task(pausing(2)).unwrap();
    for _ in 0..2 {
        event_loop.stop();
        let stopped = event_loop.run_until_complete(task.clone());
        assert_runtime_error(stopped, "Event loop stopped before Future completed.");
    }
    // The callbacks of the earlier runs are removed from the task, so they do not stop this run.
    let (entries, handle) = (log.clone(), event_loop.handle());
    let later = body(move |n, _| match n {
        0..5 => pauses(),
        _ => {
            entries.add("later");
            handle.stop();
            returns(0)
        }
    });
    event_loop.create_task(later).unwrap();
    event_loop.run_forever().unwrap();
    assert!(task.done());
    assert_eq!(log.take(), ["later"]);
}

// E4
#[test]
fn a_coroutine_of_a_stopped_run_continues_as_a_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let coroutine = body(move |n, _| {
        entries.add(n);
        if n < 2 { pauses() } else { returns(0) }
    });
    event_loop.stop();
    assert!(event_loop.run_until_complete(coroutine).is_err());
    assert_eq!(event_loop.all_tasks().len(), 1);
    run(&event_loop, 3);
    assert_eq!(log.take(), ["0", "1", "2"]);
}

// E4
#[test]
fn a_run_returns_the_value_or_exception_of_the_coroutine() {
    let event_loop = test_loop();
    assert_eq!(event_loop.run_until_complete(ready("done")).unwrap(), "done");
    let raised = event_loop.run_until_complete(body(|_, _| raises(Oops(1)))).unwrap_err();
    assert_eq!(raised.downcast_ref(), Some(&Oops(1)));
    let cancelled = event_loop.create_future::<i32>();
    assert!(cancelled.cancel_message("enough"));
    assert_eq!(event_loop.run_until_complete(cancelled).unwrap_err().to_string(), "enough");
}

#[test]
fn ensure_future_returns_futures_and_tasks_unchanged_and_spawns_coroutines() {
    let event_loop = test_loop();
    let future = event_loop.create_future::<i32>();
    assert!(event_loop.ensure_future(future.clone()).unwrap().is(&future));
    let task = event_loop.create_task(ready(1)).unwrap();
    assert!(event_loop.ensure_future(task.clone()).unwrap().any_future().is(&task.any_future()));
    assert_eq!(event_loop.all_tasks().len(), 1);
    let made: Future<i32> = event_loop.ensure_future(ready(2)).unwrap();
    assert_eq!(event_loop.all_tasks().len(), 2);
    assert_eq!(event_loop.run_until_complete(made).unwrap(), 2);
    let raised = test_loop().ensure_future(future).unwrap_err();
    assert_eq!(raised.kind(), Kind::ValueError);
}

#[test]
fn handles_of_the_same_loop_are_equal() {
    let (event_loop, other) = (test_loop(), test_loop());
    assert_eq!(event_loop.handle(), event_loop.handle());
    assert_ne!(event_loop.handle(), other.handle());
    let printed = format!("{:?}", event_loop.handle());
    assert!(printed.starts_with("EventLoop { running: false, closed: false,"), "{printed}");
}
