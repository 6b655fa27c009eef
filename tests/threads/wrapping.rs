//! A thread's future in the loop, and a loop's future in threads.

use std::thread;

use innermost::event_loop::LoopClosed;
use innermost::executor::promise;
use innermost::{EventLoop, Kind};

use crate::jobs::must_end;
use crate::support::clock::test_loop;
use crate::support::events::{Log, Oops, run};

#[test]
fn a_threads_result_or_exception_reaches_the_loop() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let (gives, given) = promise();
        let (fails, failed) = promise::<i32>();
        let (in_loop, failed) = (event_loop.wrap_future(&given).unwrap(), event_loop.wrap_future(&failed).unwrap());
        let thread = thread::spawn(move || {
            gives.set_result(5).unwrap();
            fails.set_exception(Oops(5)).unwrap();
        });
        assert_eq!(event_loop.run_until_complete(in_loop).unwrap(), 5);
        assert_eq!(event_loop.run_until_complete(failed).unwrap_err().downcast_ref(), Some(&Oops(5)));
        thread.join().unwrap();
        // It is cloned: the thread's is as it was, and can be wrapped once more.
        assert_eq!(given.result(None).unwrap(), 5);
        assert_eq!(event_loop.run_until_complete(event_loop.wrap_future(&given).unwrap()).unwrap(), 5);
    });
}

// F9
#[test]
fn cancelling_either_side_cancels_the_other() {
    let event_loop = test_loop();
    let (promise_of_first, first) = promise::<()>();
    let in_loop = event_loop.wrap_future(&first).unwrap();
    assert!(in_loop.cancel());
    run(&event_loop, 1);
    assert!(first.cancelled() && promise_of_first.cancelled());
    let (_held, second) = promise::<()>();
    let in_loop = event_loop.wrap_future(&second).unwrap();
    assert!(second.cancel());
    run(&event_loop, 1);
    assert!(in_loop.cancelled());
    // And where the loop's leads.
    let led = event_loop.create_future::<()>();
    let in_thread = event_loop.thread_future(&led).unwrap();
    assert!(led.cancel_message("enough"));
    run(&event_loop, 1);
    assert!(in_thread.cancelled());
    assert_eq!(in_thread.result(None).unwrap_err().to_string(), "enough");
    let led = event_loop.create_future::<()>();
    assert!(event_loop.thread_future(&led).unwrap().cancel());
    run(&event_loop, 1);
    assert!(led.cancelled());
}

// F9
#[test]
fn completing_the_threads_future_after_the_loops_was_cancelled_is_ignored() {
    for fails in [false, true] {
        let (event_loop, log) = (test_loop(), Log::default());
        log.reports(&event_loop);
        let (promise, in_thread) = promise();
        let in_loop = event_loop.wrap_future(&in_thread).unwrap();
        // It runs, so that it cannot be cancelled.
        assert!(promise.start() && in_loop.cancel());
        run(&event_loop, 1);
        let completed = if fails { promise.set_exception(Oops(1)).is_ok() } else { promise.set_result(5).is_ok() };
        assert!(completed);
        run(&event_loop, 1);
        assert!(in_loop.cancelled() && log.take().is_empty());
    }
}

#[test]
fn if_both_complete_in_one_turn_the_first_counts() {
    let event_loop = test_loop();
    let (promise, in_thread) = promise();
    let in_loop = event_loop.wrap_future(&in_thread).unwrap();
    promise.set_result(5).unwrap();
    in_loop.set_result(6).unwrap();
    run(&event_loop, 2);
    assert_eq!((in_thread.result(None).unwrap(), in_loop.result().unwrap()), (5, 6));
}

#[test]
fn a_completion_for_a_dropped_loop_is_ignored() {
    let event_loop = test_loop();
    let (promise, in_thread) = promise();
    let in_loop = event_loop.wrap_future(&in_thread).unwrap();
    drop(event_loop);
    thread::spawn(move || promise.set_result(5)).join().unwrap().unwrap();
    assert!(!in_loop.done() && in_thread.done());
    assert!(in_loop.cancel());
}

#[test]
fn a_loops_result_or_exception_reaches_a_thread() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let (gives, fails) = (event_loop.create_future(), event_loop.create_future::<i32>());
        let (given, failed) = (event_loop.thread_future(&gives).unwrap(), event_loop.thread_future(&fails).unwrap());
        let remote = event_loop.remote();
        let thread = thread::spawn(move || {
            assert_eq!(given.result(None).unwrap(), 5);
            assert_eq!(failed.result(None).unwrap_err().downcast_ref(), Some(&Oops(5)));
            remote.call_soon_threadsafe(|| EventLoop::running().unwrap().stop()).unwrap();
        });
        event_loop.call_soon(move || gives.set_result(5).unwrap()).unwrap();
        event_loop.call_soon(move || fails.set_exception(Oops(5)).unwrap()).unwrap();
        event_loop.run_forever().unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn dropping_the_loop_wakes_a_thread_that_waits_for_its_future() {
    must_end(|| {
        let event_loop = test_loop();
        let future = event_loop.create_future::<()>();
        let in_thread = event_loop.thread_future(&future).unwrap();
        let thread = thread::spawn(move || in_thread.result(None));
        drop(event_loop);
        let raised = thread.join().unwrap().unwrap_err();
        assert_eq!((raised.kind(), raised.downcast_ref()), (Kind::RuntimeError, Some(&gone())));
        // Even though it was kept, and is completed later.
        future.set_result(()).unwrap();
    });
}

fn gone() -> LoopClosed {
    let remote = test_loop().remote();
    remote.call_soon_threadsafe(|| {}).unwrap_err()
}

#[test]
fn the_loops_own_thread_cannot_wait_for_it() {
    let event_loop = test_loop();
    let future = event_loop.create_future();
    let in_thread = event_loop.thread_future(&future).unwrap();
    assert_eq!(in_thread.result(None).unwrap_err().kind(), Kind::RuntimeError);
    // To look is no wait.
    assert_eq!(in_thread.result(Some(std::time::Duration::ZERO)).unwrap_err().kind(), Kind::TimeoutError);
    future.set_result(5).unwrap();
    run(&event_loop, 1);
    assert_eq!(in_thread.result(None).unwrap(), 5);
}

#[test]
fn a_future_of_another_loop_is_refused_and_so_is_a_closed_loop() {
    let (event_loop, other) = (test_loop(), test_loop());
    assert_eq!(event_loop.thread_future(&other.create_future::<()>()).unwrap_err().kind(), Kind::ValueError);
    event_loop.close().unwrap();
    assert_eq!(event_loop.thread_future(&event_loop.create_future::<()>()).unwrap_err().kind(), Kind::RuntimeError);
    assert_eq!(event_loop.wrap_future(&promise::<()>().1).unwrap_err().kind(), Kind::RuntimeError);
}

#[test]
fn a_failure_that_no_thread_retrieves_is_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let future = event_loop.create_future::<()>();
    let in_thread = event_loop.thread_future(&future).unwrap();
    future.set_exception(Oops(4)).unwrap();
    run(&event_loop, 1);
    thread::spawn(move || drop(in_thread)).join().unwrap();
    run(&event_loop, 1);
    assert_eq!(log.take(), ["Future exception was never retrieved: oops 4"]);
}

/// A result whose `clone` panics.
#[derive(Debug)]
struct NoCopies;

impl Clone for NoCopies {
    fn clone(&self) -> Self {
        panic!("on purpose")
    }
}

#[test]
fn a_panicking_clone_fails_one_side_and_leaves_the_others_result() {
    let event_loop = test_loop();
    let (gives, in_thread) = promise();
    let in_loop = event_loop.wrap_future(&in_thread).unwrap();
    gives.set_result(NoCopies).unwrap();
    run(&event_loop, 1);
    let raised = in_loop.exception().unwrap().expect("it has failed");
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::Panic, "on purpose"));
    assert!(in_thread.take_result(None).is_ok());
    // And where the loop's leads.
    let in_loop = event_loop.create_future();
    let in_thread = event_loop.thread_future(&in_loop).unwrap();
    in_loop.set_result(NoCopies).unwrap();
    run(&event_loop, 1);
    let raised = in_thread.exception(None).unwrap().expect("it has failed");
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::Panic, "on purpose"));
    assert!(in_loop.take_result().is_ok());
}
