//! F7: failures that were never retrieved.

use innermost::Future;

use crate::support::clock::test_loop;
use crate::support::events::{Log, Oops, awaits, body, returns, run};

// F7
#[test]
fn a_failed_future_dropped_unread_is_reported_once() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let future = event_loop.create_future::<i32>();
    let other = future.clone();
    future.set_exception(Oops(1)).unwrap();
    drop(future);
    assert_eq!(log.take(), [""; 0]);
    drop(other);
    assert_eq!(log.take(), ["Future exception was never retrieved: oops 1"]);
    run(&event_loop, 1);
    assert_eq!(log.take(), [""; 0]);
}

// F7
#[test]
fn a_failed_future_whose_exception_was_read_is_not_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let asks: [fn(&Future<i32>); 3] =
        [|future| drop(future.result()), |future| drop(future.take_result()), |future| drop(future.exception())];
    for ask in asks {
        let future = event_loop.create_future::<i32>();
        future.set_exception(Oops(1)).unwrap();
        ask(&future);
    }
    assert_eq!(log.take(), [""; 0]);
}

// F7
#[test]
fn a_failed_future_read_before_it_failed_is_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let future = event_loop.create_future::<i32>();
    assert!(future.result().is_err());
    future.set_exception(Oops(1)).unwrap();
    drop(future);
    assert_eq!(log.take(), ["Future exception was never retrieved: oops 1"]);
}

// F7
#[test]
fn a_failed_future_that_was_awaited_is_not_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let future = event_loop.create_future::<i32>();
    future.set_exception(Oops(1)).unwrap();
    let caught = body(move |n, got| match n {
        0 => awaits(future.clone()),
        _ => returns(got.unwrap_err().downcast_ref::<Oops>().expect("it is that one").0),
    });
    assert_eq!(event_loop.run_until_complete(caught).unwrap(), 1);
    assert_eq!(log.take(), [""; 0]);
}

// F7
#[test]
fn a_cancelled_future_and_one_never_done_are_not_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    assert!(event_loop.create_future::<i32>().cancel());
    drop(event_loop.create_future::<i32>());
    assert_eq!(log.take(), [""; 0]);
}

// F7
#[test]
fn a_failed_future_is_reported_after_its_loop_was_closed() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let future = event_loop.create_future::<i32>();
    future.set_exception(Oops(1)).unwrap();
    drop(event_loop);
    drop(future);
    assert_eq!(log.take(), ["Future exception was never retrieved: oops 1"]);
}
