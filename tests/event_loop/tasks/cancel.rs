//! T2, T3, T5, T7, T8, T10, T11: a single cancel, from its delivery to the task's outcome.

use std::time::Duration;

use innermost::{Exception, Step, from_fn, ready, sleep};

use crate::support::clock::test_loop;
use crate::support::events::{Log, Next, awaits, body, pauses, returns, run};
use crate::tasks::bodies::{counting_loop, link, me};

// T2
/// ```python
/// async def body(): note("body")
/// t = loop.create_task(body())
/// t.add_done_callback(lambda t: note(f"done {t.cancelled()}"))
/// async def waiter():
///     try: await t
///     except CancelledError as e: note(f"waiter: {e.args[0]}")
/// w = loop.create_task(waiter())
/// note(f"{t.cancel('one')} {t.cancel('two')} {t.cancelling()} {t.cancelled()}")
/// loop.run_until_complete(w)
/// ```
#[test]
fn a_task_cancelled_before_its_first_step_never_runs_and_the_last_message_wins() {
    let (event_loop, log) = counting_loop();
    let (entries, held) = (log.clone(), log.on_drop("body dropped"));
    let task = event_loop.create_task(body(move |_, _| {
        held.keep();
        entries.note("body");
        returns(0)
    }));
    let task = task.unwrap();
    let entries = log.clone();
    task.add_done_callback(move |task| entries.note(format_args!("done {}", task.cancelled())));
    let (entries, awaited) = (log.clone(), task.clone());
    let waiter = event_loop.create_task(body(move |n, got| match n {
        0 => awaits(awaited.clone()),
        _ => {
            entries.note(format_args!("waiter: {}", got.unwrap_err()));
            returns(0)
        }
    }));
    let (one, two) = (task.cancel_message("one"), task.cancel_message("two"));
    log.note(format_args!("{one} {two} {} {}", task.any().cancelling(), task.cancelled()));
    event_loop.run_until_complete(waiter.unwrap()).unwrap();
    // CPython closes the body when the task ends too, and has nothing to show for it.
    assert_eq!(log.take(), ["0 true true 2 false", "body dropped", "1 waiter: two", "2 done true"]);
}

// T2
#[test]
fn a_task_cancelled_before_its_first_step_is_not_resumed_even_if_it_would_catch() {
    let (event_loop, log) = (test_loop(), Log::default());
    let entries = log.clone();
    let catches = from_fn(move |sent: Result<(), Exception>| {
        entries.add(format_args!("resumed with {sent:?}"));
        Ok(Step::Return(0))
    });
    let task = event_loop.create_task(catches).unwrap();
    assert!(task.cancel());
    run(&event_loop, 1);
    assert!(task.cancelled());
    assert_eq!(log.take(), [""; 0]);
}

// T2
#[test]
fn a_task_uncancelled_before_its_first_step_runs() {
    let event_loop = test_loop();
    let task = event_loop.create_task(ready(1)).unwrap();
    assert!(task.cancel());
    assert_eq!(task.any().uncancel(), 0);
    assert_eq!(event_loop.run_until_complete(task).unwrap(), 1);
}

// T3
#[test]
fn cancel_cancels_the_awaited_future_and_then_raises_in_the_task() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future();
    let (entries, awaited) = (log.clone(), future.clone());
    let task = event_loop.create_task(body(move |n, got| match n {
        0 => awaits(awaited.clone()),
        _ => {
            entries.add(format_args!("{got:?}, future cancelled: {}", awaited.cancelled()));
            got.map(Next::Return)
        }
    }));
    let task = task.unwrap();
    run(&event_loop, 1);
    assert!(task.cancel_message("enough"));
    assert!(future.cancelled() && !task.done());
    run(&event_loop, 1);
    assert!(task.cancelled());
    assert_eq!(log.take(), ["Err(CancelledError: enough), future cancelled: true"]);
}

// T5
/// ```python
/// async def waiter():
///     try: note(f"got {await future}")
///     except CancelledError: note("cancelled, the result is lost"); raise
/// t = loop.create_task(waiter())
/// async def main():
///     await asyncio.sleep(0)
///     future.set_result(1)
///     note(f"cancel {t.cancel()}")
///     try: await t
///     except CancelledError: note(f"t cancelled {t.cancelled()}, future {future.result()}")
/// loop.run_until_complete(main())
/// ```
#[test]
fn a_cancel_between_wakeup_and_step_replaces_the_result() {
    let (event_loop, log) = counting_loop();
    let future = event_loop.create_future();
    let task = event_loop.create_task(link(&log, "task", future.clone())).unwrap();
    let entries = log.clone();
    let main = body(move |n, got| match n {
        0 => pauses(),
        1 => {
            future.set_result(1).expect("nobody else sets it");
            entries.note(format_args!("cancel {}", task.cancel()));
            awaits(task.clone())
        }
        _ => {
            assert!(got.unwrap_err().is_cancelled());
            entries.note(format_args!("task cancelled {}, future {}", task.cancelled(), future.result()?));
            returns(0)
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(log.take(), ["1 task starts", "2 cancel true", "3 task: cancelled", "4 task cancelled true, future 1"]);
}

// T7, T8
/// ```python
/// async def stubborn():
///     try: await first
///     except CancelledError: note(f"caught, first cancelled {first.cancelled()}")
///     try: await second
///     except CancelledError: note("caught again")
///     await asyncio.sleep(0)
///     note("returns"); return 5
/// t = loop.create_task(stubborn())
/// async def main():
///     await asyncio.sleep(0)
///     note(f"cancel {t.cancel()} {t.cancelling()}")
///     await asyncio.sleep(0); await asyncio.sleep(0)
///     note(f"cancel {t.cancel()} {t.cancelling()}")
///     note(f"got {await t}, cancelled {t.cancelled()}, {t.cancelling()}, cancel {t.cancel()}")
/// loop.run_until_complete(main())
/// ```
#[test]
fn a_task_that_catches_a_cancel_may_await_again_and_return() {
    let (event_loop, log) = counting_loop();
    let (first, second) = (event_loop.create_future(), event_loop.create_future());
    let entries = log.clone();
    let task = event_loop.create_task(body(move |n, got| match n {
        0 => awaits(first.clone()),
        1 => {
            assert!(got.unwrap_err().is_cancelled());
            entries.note(format_args!("caught, first cancelled {}", first.cancelled()));
            awaits(second.clone())
        }
        2 => {
            assert!(got.unwrap_err().is_cancelled());
            entries.note("caught again");
            pauses()
        }
        _ => {
            got?;
            entries.note("returns");
            returns(5)
        }
    }));
    let (entries, task) = (log.clone(), task.unwrap());
    let main = body(move |n, got| match n {
        0 | 2 => pauses(),
        1 => {
            entries.note(format_args!("cancel {} {}", task.cancel(), task.any().cancelling()));
            pauses()
        }
        3 => {
            entries.note(format_args!("cancel {} {}", task.cancel(), task.any().cancelling()));
            awaits(task.clone())
        }
        _ => {
            let (cancelled, cancelling) = (task.cancelled(), task.any().cancelling());
            entries.note(format_args!("got {}, cancelled {cancelled}, {cancelling}, cancel {}", got?, task.cancel()));
            returns(0)
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(
        log.take(),
        [
            "2 cancel true 1",
            "3 caught, first cancelled true",
            "4 cancel true 2",
            "5 caught again",
            "6 returns",
            "7 got 5, cancelled false, 2, cancel false"
        ]
    );
}

// T10
#[test]
fn accepted_cancels_are_counted_and_a_finished_task_accepts_none() {
    let event_loop = test_loop();
    let task = event_loop.create_task(ready(1)).unwrap();
    assert_eq!((task.cancelling(), task.any().cancelling()), (0, 0));
    assert!(task.cancel() && task.any().cancel());
    assert_eq!((task.cancelling(), task.any().cancelling()), (2, 2));
    run(&event_loop, 1);
    assert!(!task.cancel() && !task.any().cancel() && !task.any_future().cancel());
    assert_eq!(task.any().cancelling(), 2);
}

// T11
/// ```python
/// async def body():
///     me = asyncio.current_task()
///     note(f"{me.cancel()} {me.cancelling()} {me.uncancel()} {me.uncancel()}")
///     await asyncio.sleep(0); note("not cancelled")
///     me.cancel(); me.cancel(); note(f"{me.uncancel()}")
///     try: await asyncio.sleep(0)
///     except CancelledError: note(f"cancelled {me.cancelling()} {me.uncancel()}")
///     note(f"got {await future}")
/// t = loop.create_task(body())
/// async def main():
///     for _ in range(4): await asyncio.sleep(0)
///     t.cancel(); note(f"{t.uncancel()} {future.cancelled()}")
///     try: await t
///     except CancelledError: note("what was delivered to the future is not withdrawn")
/// loop.run_until_complete(main())
/// ```
#[test]
fn uncancel_stops_at_zero_and_withdraws_an_undelivered_cancel() {
    let (event_loop, log) = counting_loop();
    let future = event_loop.create_future();
    let (entries, awaited) = (log.clone(), future.clone());
    let task = event_loop.create_task(body(move |n, got| match n {
        0 => {
            let me = me();
            let before = (me.cancel(), me.cancelling());
            entries.note(format_args!("{before:?} {} {}", me.uncancel(), me.uncancel()));
            pauses()
        }
        1 => {
            got?;
            entries.note("not cancelled");
            let me = me();
            assert!(me.cancel() && me.cancel());
            entries.note(me.uncancel());
            pauses()
        }
        2 => {
            assert!(got.unwrap_err().is_cancelled());
            entries.note(format_args!("cancelled {} {}", me().cancelling(), me().uncancel()));
            awaits(awaited.clone())
        }
        _ => got.map(Next::Return),
    }));
    let (entries, task) = (log.clone(), task.unwrap());
    let main = body(move |n, got| match n {
        0..4 => pauses(),
        4 => {
            task.cancel();
            entries.note(format_args!("{} {}", task.any().uncancel(), future.cancelled()));
            awaits(task.clone())
        }
        _ => {
            assert!(got.unwrap_err().is_cancelled());
            entries.note("what was delivered to the future is not withdrawn");
            returns(0)
        }
    });
    event_loop.run_until_complete(main).unwrap();
    assert_eq!(
        log.take(),
        [
            "1 (true, 1) 0 0",
            "2 not cancelled",
            "2 1",
            "3 cancelled 1 0",
            "5 0 true",
            "7 what was delivered to the future is not withdrawn"
        ]
    );
}

#[test]
fn cancelling_a_sleeping_task_leaves_no_timer() {
    let event_loop = test_loop();
    let sleeping = event_loop.create_task(sleep(Duration::from_secs(3600))).unwrap();
    run(&event_loop, 1);
    assert_eq!(event_loop.next_deadline(), Some(innermost::Instant::from_zero(Duration::from_secs(3600))));
    assert!(sleeping.cancel());
    run(&event_loop, 1);
    assert!(sleeping.cancelled());
    assert_eq!(event_loop.next_deadline(), None);
}
