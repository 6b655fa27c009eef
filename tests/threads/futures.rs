//! A future for threads, and its promise: the rules of `concurrent.futures.Future`.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use innermost::Kind;
use innermost::executor::{Promise, ThreadFuture, promise};

use crate::jobs::must_end;
use crate::support::events::{Log, Oops};

#[test]
fn a_thread_future_is_send_and_sync() {
    fn anywhere<T: Send + Sync + Clone + 'static>() {}
    fn sent<T: Send + 'static>() {}
    // It is `Sync` even though only one thread at a time can look at the result.
    anywhere::<ThreadFuture<std::cell::Cell<u32>>>();
    sent::<Promise<std::cell::Cell<u32>>>();
    // An exception crosses as it is.
    anywhere::<innermost::Exception>();
}

#[test]
fn a_thread_future_goes_from_pending_to_running_to_finished() {
    let (promise, future) = promise();
    assert!(!future.running() && !future.done());
    assert_eq!(format!("{promise:?} {future:?}"), "Promise(ThreadFuture(pending)) ThreadFuture(pending)");
    assert!(promise.start() && future.running() && promise.start());
    assert!(!future.cancel(), "it runs");
    assert!(promise.set_result(5).is_ok());
    assert!(future.done() && !future.running() && !future.cancelled() && !future.cancel());
    assert_eq!(future.result(None).unwrap(), 5);
    assert!(future.exception(None).unwrap().is_none());
    assert_eq!(format!("{future:?}"), "ThreadFuture(finished)");
}

#[test]
fn a_cancelled_future_takes_no_result() {
    let (promise, future) = promise();
    assert!(future.cancel() && future.cancel() && future.cancelled());
    assert!(!promise.start() && promise.cancelled());
    assert_eq!(promise.set_result(5).unwrap_err().0, 5);
    assert!(future.result(None).unwrap_err().is_cancelled());
    assert!(future.exception(None).unwrap_err().is_cancelled());
}

#[test]
fn a_failure_is_available_to_all_waiters() {
    let (promise, future) = promise::<i32>();
    assert!(promise.set_exception(Oops(3)).is_ok());
    for _ in 0..2 {
        assert_eq!(future.result(None).unwrap_err().downcast_ref(), Some(&Oops(3)));
        assert_eq!(future.take_result(None).unwrap_err().downcast_ref(), Some(&Oops(3)));
        assert_eq!(future.exception(None).unwrap().unwrap().downcast_ref(), Some(&Oops(3)));
    }
    assert_eq!(format!("{future:?}"), "ThreadFuture(failed)");
}

#[test]
fn a_result_can_be_moved_out_once() {
    let (promise, future) = promise();
    promise.set_result(Box::new(5)).unwrap();
    assert_eq!(future.take_result(None).unwrap(), Box::new(5));
    assert_eq!(future.result(None).unwrap_err().kind(), Kind::InvalidStateError);
    assert_eq!(future.take_result(None).unwrap_err().kind(), Kind::InvalidStateError);
    assert!(future.done());
}

#[test]
fn a_timed_out_wait_raises_and_can_be_repeated() {
    let (promise, future) = promise();
    for short in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1)] {
        assert_eq!(future.result(Some(short)).unwrap_err().kind(), Kind::TimeoutError);
        assert_eq!(future.exception(Some(short)).unwrap_err().kind(), Kind::TimeoutError);
    }
    promise.set_result(5).unwrap();
    assert_eq!(future.result(Some(Duration::ZERO)).unwrap(), 5);
}

#[test]
fn dropping_a_promise_or_a_panic_of_its_thread_cancels_the_future() {
    let (dropped, future) = promise::<i32>();
    assert!(dropped.start());
    drop(dropped);
    assert!(future.cancelled());
    assert_eq!(future.result(None).unwrap_err().to_string(), "the promise was dropped");
    let (held, future) = promise::<i32>();
    let thread = thread::spawn(move || {
        let _held = held;
        panic!("on purpose");
    });
    assert!(future.result(None).unwrap_err().is_cancelled());
    assert!(thread.join().is_err());
}

#[test]
fn all_waiters_are_woken() {
    must_end(|| {
        let (promise, future) = promise();
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let future = future.clone();
                // Some with a time that the clock does not reach.
                thread::spawn(move || future.result((n % 2 == 0).then_some(Duration::MAX)))
            })
            .collect();
        promise.set_result(5).unwrap();
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap().unwrap(), 5));
    });
}

#[test]
fn callbacks_run_in_order_in_the_completing_thread_despite_panics() {
    let (promise, future) = promise();
    let log = Log::default();
    let here = thread::current().id();
    for n in 0..3 {
        let log = log.clone();
        future.add_done_callback(move |future| {
            log.add(format_args!("{n}: {:?}, here: {}", future.result(None), thread::current().id() == here));
            assert!(n != 1, "on purpose");
        });
    }
    thread::spawn(move || promise.set_result(5)).join().unwrap().unwrap();
    let expected = [0, 1, 2].map(|n| format!("{n}: Ok(5), here: false"));
    assert_eq!(log.take(), expected);
    let entries = log.clone();
    future.add_done_callback(move |_| entries.add(format_args!("late, here: {}", thread::current().id() == here)));
    assert_eq!(log.take(), ["late, here: true"]);
}

#[test]
fn a_callback_may_add_another_wait_and_cancel() {
    let (promise, future) = promise();
    let log = Log::default();
    let outer = log.clone();
    future.add_done_callback(move |future| {
        let inner = outer.clone();
        future.add_done_callback(move |_| inner.add("inner"));
        assert!(!future.cancel());
        outer.add(format_args!("outer {:?}", future.take_result(None)));
    });
    promise.set_result(5).unwrap();
    assert_eq!(log.take(), ["inner", "outer Ok(5)"]);
}

/// A value that calls a function when it is cloned.
struct Clones(i32, Arc<dyn Fn() + Send + Sync>);

impl Clone for Clones {
    fn clone(&self) -> Self {
        self.1();
        Self(self.0, Arc::clone(&self.1))
    }
}

// F1
#[test]
fn cloning_a_result_lets_the_same_thread_use_the_future_while_others_wait() {
    must_end(|| {
        let (promise, future) = promise::<Clones>();
        let (own, log) = (future.clone(), Log::default());
        let entries = log.clone();
        let look = move || {
            let again = own.result(None).map(|_| ()).unwrap_err();
            entries.add(format_args!("{:?}, done: {}, cancel: {}", again.kind(), own.done(), own.cancel()));
        };
        assert!(promise.set_result(Clones(5, Arc::new(look))).is_ok());
        assert_eq!(future.result(None).unwrap().0, 5);
        assert_eq!(log.take(), ["InvalidStateError, done: true, cancel: false"]);
        // The result holds the future that it lies in.
        assert!(future.take_result(None).is_ok());
    });
    must_end(|| {
        let (promise, future) = promise::<Clones>();
        let (enters, entered) = mpsc::sync_channel(2);
        // The first to clone waits until the other one is about to ask.
        let (asks, asked) = mpsc::channel::<()>();
        let asked = std::sync::Mutex::new(asked);
        let look = move || {
            enters.send(()).unwrap();
            let _ = asked.lock().unwrap().recv();
        };
        assert!(promise.set_result(Clones(5, Arc::new(look))).is_ok());
        let other = future.clone();
        let first = thread::spawn(move || other.result(None).unwrap().0);
        entered.recv().unwrap();
        let second = thread::spawn(move || {
            drop(asks);
            // A zero timeout is enough for a finished future.
            future.result(Some(Duration::ZERO)).unwrap().0
        });
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (5, 5));
    });
}

#[test]
fn a_clone_that_panics_leaves_the_result_in_place() {
    let (promise, future) = promise::<Clones>();
    assert!(promise.set_result(Clones(5, Arc::new(|| panic!("on purpose")))).is_ok());
    let other = future.clone();
    assert!(thread::spawn(move || other.result(None).map(|result| result.0)).join().is_err());
    assert_eq!(future.take_result(None).unwrap().0, 5);
}
