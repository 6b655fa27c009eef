//! The rules of futures, one test each: F1 to F11, as CPython 3.13 implements them.
//!
//! A comment above a test cites its rule. F9 is tested in `threads/`, and F11 in `context.rs`. These cannot arise here:
//!
//! | rule | in Python | why not here |
//! |---|---|---|
//! | F4 | equal callbacks are removed together, and counted | a callback is removed by what `add_done_callback` gave |
//! | F5 | comparing callbacks changes the list | they are not compared: see F4 |
//! | F6 | an exception's class is instantiated | an exception is a value |
//! | F7 | debug mode adds where the future was made | there is no debug mode |
//! | F8 | a future resumed while it is pending raises | it is asked for its result each time: it yields itself again |
//! | F10 | the exception's traceback is a fresh one each time | there are no tracebacks |

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use innermost::task::InvalidState;
use innermost::{Await, Coroutine, CoroutineExt, Exception, Future, Kind, Step, ready};

mod reporting;

use crate::support::clock::test_loop;
use crate::support::events::{Log, Oops, awaits, body, on_drop, pauses, returns, run};

/// A value without `Clone`.
#[derive(Debug, PartialEq, Eq)]
struct Only(i32);

fn kind_of<T: std::fmt::Debug>(result: Result<T, Exception>) -> (Kind, String) {
    let raised = result.unwrap_err();
    (raised.kind(), raised.to_string())
}

// F1
#[test]
fn setting_a_finished_future_returns_the_refused_value() {
    let future = test_loop().create_future();
    assert!(!future.done());
    assert_eq!(future.set_result(Only(1)), Ok(()));
    assert_eq!(future.set_result(Only(2)), Err(InvalidState(Only(2))));
    let InvalidState(refused) = future.set_exception(Oops(3)).unwrap_err();
    assert_eq!(refused.downcast_ref(), Some(&Oops(3)));
    assert!(future.done() && !future.cancelled());
    assert_eq!(future.take_result().unwrap(), Only(1));
}

// F1
#[test]
fn a_cancelled_future_refuses_results_and_cancels() {
    let future = test_loop().create_future();
    assert!(future.cancel_message("first"));
    assert!(future.done() && future.cancelled());
    assert_eq!(future.set_result(Only(1)), Err(InvalidState(Only(1))));
    assert!(future.set_exception(Oops(1)).is_err());
    assert!(!future.cancel() && !future.cancel_message("second"));
    assert_eq!(future.take_result().unwrap_err().to_string(), "first");
}

// F1
#[test]
fn cancelling_a_finished_future_is_refused() {
    let event_loop = test_loop();
    let (finished, failed) = (event_loop.create_future(), event_loop.create_future::<i32>());
    finished.set_result(1).unwrap();
    failed.set_exception(Oops(2)).unwrap();
    assert!(!finished.cancel() && !failed.cancel());
    assert!(!finished.cancelled() && !failed.cancelled());
    assert_eq!(finished.result().unwrap(), 1);
    assert_eq!(failed.result().unwrap_err().downcast_ref(), Some(&Oops(2)));
}

// F2
#[test]
fn result_and_exception_of_a_pending_future_raise_invalid_state() {
    let future = test_loop().create_future::<i32>();
    let not_set = (Kind::InvalidStateError, "Result is not set.".to_string());
    assert_eq!(kind_of(future.result()), not_set);
    assert_eq!(kind_of(future.take_result()), not_set);
    assert_eq!(future.exception().unwrap_err().kind(), Kind::InvalidStateError);
    future.set_result(1).unwrap();
    assert_eq!(future.result().unwrap(), 1);
}

// F2
#[test]
fn result_and_exception_of_a_cancelled_future_raise_the_cancellation() {
    let event_loop = test_loop();
    let (bare, told) = (event_loop.create_future::<i32>(), event_loop.create_future::<i32>());
    assert!(bare.cancel() && told.cancel_message("no longer needed"));
    let cancelled = (Kind::CancelledError, "no longer needed".to_string());
    assert_eq!(kind_of(told.result()), cancelled);
    assert_eq!(kind_of(told.take_result()), cancelled);
    assert_eq!(kind_of(told.exception()), cancelled);
    assert_eq!(bare.result().unwrap_err().kind(), Kind::CancelledError);
}

// F2
#[test]
fn exception_is_none_if_there_is_a_result() {
    let event_loop = test_loop();
    let (finished, failed) = (event_loop.create_future(), event_loop.create_future::<i32>());
    finished.set_result(1).unwrap();
    failed.set_exception(Oops(2)).unwrap();
    assert!(finished.exception().unwrap().is_none());
    assert_eq!(failed.exception().unwrap().unwrap().downcast_ref(), Some(&Oops(2)));
}

// F3, F4
/// Recorded from CPython 3.13, where a callback that queues itself again counts the turns:
///
/// ```python
/// async def waiter(name):
///     note(f"{name} starts"); note(f"{name} got {await future}")
/// async def setter():
///     await asyncio.sleep(0)
///     future.set_result(7); note("set")
///     future.add_done_callback(lambda f: note("late callback"))
///     await future; note("no turn for what is done")
/// loop.create_task(waiter("a"))
/// future.add_done_callback(lambda f: note("first callback"))
/// b = loop.create_task(waiter("b"))
/// loop.create_task(setter())
/// future.add_done_callback(lambda f: note("second callback"))
/// loop.run_until_complete(b); note("end")
/// ```
#[test]
fn waiters_and_callbacks_run_in_registration_order_in_the_next_turn() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.count_turns(&event_loop);
    let future = event_loop.create_future();
    let waiter = |name: &'static str| {
        let (log, future) = (log.clone(), future.clone());
        body(move |n, got| {
            if n == 0 {
                log.note(format_args!("{name} starts"));
                return awaits(future.clone());
            }
            log.note(format_args!("{name} got {}", got?));
            returns(0)
        })
    };
    let setter = {
        let (log, future) = (log.clone(), future.clone());
        body(move |n, got| match (n, got?) {
            (0, _) => pauses(),
            (1, _) => {
                future.set_result(7).expect("nobody else sets it");
                log.note("set");
                let late = log.notes("late callback");
                future.add_done_callback(move |_| late());
                awaits(future.clone())
            }
            _ => {
                log.note("no turn for what is done");
                returns(0)
            }
        })
    };
    let callback = |name| {
        let note = log.notes(name);
        move |_: Future<i32>| note()
    };
    event_loop.create_task(waiter("a")).unwrap();
    future.add_done_callback(callback("first callback"));
    let b = event_loop.create_task(waiter("b")).unwrap();
    event_loop.create_task(setter).unwrap();
    future.add_done_callback(callback("second callback"));
    event_loop.run_until_complete(b).unwrap();
    log.note("end");
    assert_eq!(
        log.take(),
        [
            "1 a starts",
            "1 b starts",
            "2 set",
            "2 no turn for what is done",
            "3 first callback",
            "3 second callback",
            "3 a got 7",
            "3 b got 7",
            "3 late callback",
            "4 end"
        ]
    );
}

// F4
#[test]
fn a_removed_callback_does_not_run_and_is_dropped_at_once() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future::<i32>();
    let (first, second, third) = (log.adds("first"), log.adds("second"), log.adds("third"));
    let held = log.on_drop("second dropped");
    future.add_done_callback(move |_| first());
    let removed = future.add_done_callback(move |_| {
        held.keep();
        second();
    });
    future.add_done_callback(move |_| third());
    assert!(future.remove_done_callback(removed));
    assert_eq!(log.take(), ["second dropped"]);
    assert!(!future.remove_done_callback(removed));
    future.set_result(1).unwrap();
    run(&event_loop, 1);
    assert_eq!(log.take(), ["first", "third"]);
}

// F4
#[test]
fn a_queued_callback_cannot_be_removed() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future();
    let (before, after) = (log.adds("before"), log.adds("after"));
    let before = future.add_done_callback(move |_| before());
    future.set_result(1).unwrap();
    let after = future.add_done_callback(move |_| after());
    assert!(!future.remove_done_callback(before) && !future.remove_done_callback(after));
    run(&event_loop, 1);
    assert_eq!(log.take(), ["before", "after"]);
}

// F4
#[test]
fn a_callback_receives_its_own_future() {
    let event_loop = test_loop();
    let (future, other) = (event_loop.create_future(), event_loop.create_future());
    let got = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&got);
    future.add_done_callback(move |future| drop(slot.borrow_mut().replace(future)));
    future.set_result(1).unwrap();
    run(&event_loop, 1);
    let got: Future<i32> = got.take().unwrap();
    assert!(got.is(&future) && !got.is(&other));
}

// F5
#[test]
fn callbacks_that_add_and_remove_callbacks_of_their_future_are_safe() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future::<i32>();
    let last = Rc::new(Cell::new(None));
    let meddle = {
        let (log, last) = (log.clone(), Rc::clone(&last));
        move |future: Future<i32>| {
            let removed = future.remove_done_callback(last.get().expect("it was added before the loop ran"));
            log.add(format_args!("removed: {removed}"));
            let added = log.adds("added");
            future.add_done_callback(move |_| added());
        }
    };
    future.add_done_callback(meddle.clone());
    future.add_done_callback(meddle);
    let kept = log.adds("last");
    last.set(Some(future.add_done_callback(move |_| kept())));
    future.set_result(1).unwrap();
    run(&event_loop, 2);
    assert_eq!(log.take(), ["removed: false", "removed: false", "last", "added", "added"]);
}

// F5
#[test]
fn a_removed_callback_whose_drop_changes_the_list_is_safe() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future::<i32>();
    let (first, second) = (log.adds("first"), log.adds("second"));
    let first = future.add_done_callback(move |_| first());
    let adds = {
        let (future, log) = (future.clone(), log.clone());
        on_drop(move || {
            assert!(future.remove_done_callback(first));
            let added = log.adds("added by a drop");
            future.add_done_callback(move |_| added());
        })
    };
    let meddling = future.add_done_callback(move |_| adds.keep());
    future.add_done_callback(move |_| second());
    assert!(future.remove_done_callback(meddling));
    future.set_result(1).unwrap();
    run(&event_loop, 1);
    assert_eq!(log.take(), ["second", "added by a drop"]);
}

// F6
#[test]
fn a_stop_iteration_is_stored_as_a_runtime_error() {
    let future = test_loop().create_future::<i32>();
    future.set_exception(Exception::stop_iteration()).unwrap();
    let raised = future.result().unwrap_err();
    assert_eq!(raised.kind(), Kind::RuntimeError);
    assert_eq!(raised.to_string(), "StopIteration interacts badly with generators and cannot be raised into a Future");
    assert_eq!(raised.cause().map(Exception::kind), Some(Kind::StopIteration));
}

// F8
#[test]
fn resuming_a_pending_future_keeps_waiting() {
    let event_loop = test_loop();
    let mut future = event_loop.create_future();
    let first = future.resume(Ok(())).unwrap();
    let second = future.resume(Ok(())).unwrap();
    let (Step::Yield(first), Step::Yield(second)) = (first, second) else { panic!("it is pending") };
    assert_eq!(first, second);
    assert_ne!(first, Await::next_turn());
    future.set_result(1).unwrap();
    assert!(matches!(future.resume(Ok(())), Ok(Step::Return(1))));
    assert!(matches!(future.resume(Ok(())), Ok(Step::Return(1))));
}

// F8
#[test]
fn a_throw_into_a_wait_for_a_future_comes_out_and_leaves_the_future_pending() {
    let mut future = test_loop().create_future::<i32>();
    assert!(matches!(future.resume(Ok(())), Ok(Step::Yield(_))));
    assert_eq!(future.resume(Err(Oops(1).into())).unwrap_err().downcast_ref(), Some(&Oops(1)));
    assert!(!future.done());
}

// F10
#[test]
fn a_failed_future_raises_the_same_exception_each_time() {
    let mut future = test_loop().create_future::<i32>();
    future.set_exception(Oops(1)).unwrap();
    let (first, second) = (future.resume(Ok(())).unwrap_err(), future.resume(Ok(())).unwrap_err());
    let (first, second) = (first.downcast_ref::<Oops>().unwrap(), second.downcast_ref::<Oops>().unwrap());
    assert!(std::ptr::eq(first, second));
}

#[test]
fn a_result_without_clone_can_be_taken_once() {
    let future = test_loop().create_future();
    future.set_result(Only(1)).unwrap();
    assert_eq!(future.take_result().unwrap(), Only(1));
    let taken = (Kind::InvalidStateError, "Result was taken before.".to_string());
    assert_eq!(kind_of(future.take_result()), taken);
    assert!(future.done() && !future.cancelled() && !future.cancel());
    assert_eq!(future.set_result(Only(2)), Err(InvalidState(Only(2))));
}

#[test]
fn taking_an_exception_leaves_it_in_place() {
    let future = test_loop().create_future::<Only>();
    future.set_exception(Oops(1)).unwrap();
    for _ in 0..2 {
        assert_eq!(future.take_result().unwrap_err().downcast_ref(), Some(&Oops(1)));
    }
}

#[test]
fn join_awaits_a_result_without_clone() {
    let event_loop = test_loop();
    let future = event_loop.create_future();
    let setter = future.clone();
    event_loop.call_soon(move || setter.set_result(Only(1)).expect("nobody else sets it")).unwrap();
    assert_eq!(event_loop.run_until_complete(future.join()).unwrap(), Only(1));
    let taken = event_loop.run_until_complete(future.join()).unwrap_err();
    assert_eq!(taken.kind(), Kind::InvalidStateError);
}

#[test]
fn a_second_join_raises_invalid_state() {
    let (event_loop, log) = (test_loop(), Log::default());
    let future = event_loop.create_future();
    for name in ["first", "second"] {
        let (log, mut joined) = (log.clone(), Some(future.join()));
        let joining = body(move |n, got| match n {
            0 => awaits(joined.take().expect("it is awaited once").map(|Only(number)| number)),
            _ => {
                log.add(format_args!("{name}: {got:?}"));
                returns(0)
            }
        });
        event_loop.create_task(joining).unwrap();
    }
    event_loop.call_soon(move || future.set_result(Only(1)).expect("nobody else sets it")).unwrap();
    run(&event_loop, 2);
    assert_eq!(log.take(), ["first: Ok(1)", "second: Err(InvalidStateError: Result was taken before.)"]);
}

#[test]
fn a_future_keeps_its_result_after_a_run_returned_it() {
    let event_loop = test_loop();
    let future = event_loop.create_future();
    future.set_result(1).unwrap();
    assert_eq!(event_loop.run_until_complete(future.clone()).unwrap(), 1);
    assert_eq!(event_loop.run_until_complete(future.clone()).unwrap(), 1);
    assert_eq!(future.result().unwrap(), 1);
    let task = event_loop.create_task(ready(2)).unwrap();
    assert_eq!(event_loop.run_until_complete(task.clone()).unwrap(), 2);
    assert_eq!(task.result().unwrap(), 2);
}

#[test]
fn debug_of_a_future_shows_its_state() {
    let event_loop = test_loop();
    let future = |set: fn(&Future<i32>)| {
        let future = event_loop.create_future();
        set(&future);
        let printed = format!("{future:?}");
        drop(future.exception());
        printed
    };
    assert_eq!(future(|_| {}), "Future(pending)");
    assert_eq!(future(|future| future.set_result(1).unwrap()), "Future(finished)");
    assert_eq!(future(|future| future.set_exception(Oops(1)).unwrap()), "Future(failed)");
    assert_eq!(future(|future| assert!(future.cancel())), "Future(cancelled)");
    let taken = |future: &Future<i32>| {
        future.set_result(1).unwrap();
        assert_eq!(future.take_result().unwrap(), 1);
    };
    assert_eq!(future(taken), "Future(finished)");
}

#[test]
fn debug_of_a_refused_result_omits_the_value() {
    struct Opaque;
    let future = test_loop().create_future();
    future.set_result(Opaque).unwrap();
    let Err(refused) = future.set_result(Opaque) else { panic!("it is done") };
    assert_eq!(format!("{refused:?}"), "InvalidState");
    assert_eq!(refused.to_string(), "invalid state: the future is done, or its result comes from a task or a gather");
}

#[test]
fn awaits_are_equal_if_they_are_for_the_same_future() {
    let event_loop = test_loop();
    let (future, other) = (event_loop.create_future::<i32>(), event_loop.create_future::<i32>());
    let wanted = |future: &Future<i32>| match future.clone().resume(Ok(())) {
        Ok(Step::Yield(wanted)) => wanted,
        _ => panic!("it is pending"),
    };
    assert_eq!(wanted(&future), wanted(&future));
    assert_ne!(wanted(&future), wanted(&other));
    assert_eq!(format!("{:?}", wanted(&future)), "Future(pending)");
}

#[test]
fn handles_and_untyped_futures_print_what_they_are() {
    let event_loop = innermost::testing::virtual_loop().unwrap();
    let handle = event_loop.call_soon(|| {}).unwrap();
    assert!(!handle.cancelled());
    handle.cancel();
    assert!(handle.cancelled());
    let (one, other) = (event_loop.create_future::<()>(), event_loop.create_future::<()>());
    assert!(one.any_future().is(&one.any_future()) && !one.any_future().is(&other.any_future()));
    assert_eq!(format!("{:?}", one.any_future()), "Future(pending)");
}
