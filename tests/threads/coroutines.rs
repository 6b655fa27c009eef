//! Coroutines sent by threads: Z10, in every order relative to the end of the loop.

use std::rc::Rc;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use innermost::event_loop::LoopClosed;
use innermost::{CoroutineExt, EventLoop, Exception, Kind, ready, sleep};

use crate::jobs::{LoopThread, must_end};
use crate::support::clock::test_loop;
use crate::support::events::{self, Log, Oops, awaits_end, body, pausing, raises, returns, run};

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(3600);

fn is_gone(raised: &Exception) -> bool {
    raised.kind() == Kind::RuntimeError && raised.downcast_ref::<LoopClosed>().is_some()
}

// Z10
#[test]
fn a_thread_gets_the_coroutines_value_or_exception() {
    must_end(|| {
        let log = Log::default();
        let runs = LoopThread::start(&log);
        // A coroutine that is `Send`.
        assert_eq!(runs.remote.run_coroutine_threadsafe(ready(5)).unwrap().result(None).unwrap(), 5);
        // A coroutine that is not `Send`, with a result without `Clone`.
        let made = runs.remote.run_coroutine_threadsafe_with(|| pausing(3).map(Box::new)).unwrap();
        assert_eq!(made.take_result(None).unwrap(), Box::new(0));
        let fails = runs.remote.run_coroutine_threadsafe_with(|| body(|_, _| raises(Oops(6)))).unwrap();
        let raised = fails.exception(None).unwrap().unwrap();
        assert_eq!(raised.downcast_ref(), Some(&Oops(6)));
        let panics = runs.remote.run_coroutine_threadsafe_with(|| body(|_, _| panic!("on purpose"))).unwrap();
        assert_eq!(panics.result(None).unwrap_err().kind(), Kind::Panic);
        runs.end();
        assert!(log.take().is_empty());
    });
}

// Z10
#[test]
fn a_thread_can_cancel_the_task_after_a_timeout() {
    must_end(|| {
        let log = Log::default();
        let runs = LoopThread::start(&log);
        let entries = log.clone();
        let make = move || {
            body(move |n, got| {
                if n == 0 {
                    return awaits_end(sleep(FOR_EVER));
                }
                entries.add(format_args!("task: {}", got.unwrap_err()));
                raises(Exception::cancelled())
            })
        };
        let future = runs.remote.run_coroutine_threadsafe_with(make).unwrap();
        assert_eq!(future.result(Some(Duration::from_millis(1))).unwrap_err().kind(), Kind::TimeoutError);
        runs.settle();
        assert!(future.cancel());
        assert!(future.result(None).unwrap_err().is_cancelled());
        runs.settle();
        assert_eq!(log.take(), ["task: cancelled"]);
        runs.end();
        assert!(log.take().is_empty());
    });
}

// Z10
#[test]
fn cancelling_the_task_cancels_the_future() {
    must_end(|| {
        let runs = LoopThread::start(&Log::default());
        let cancels_itself = || {
            body(|n, got| {
                got?;
                assert_eq!(n, 0);
                EventLoop::running()?.current_task().expect("this one").cancel();
                awaits_end(sleep(FOR_EVER))
            })
        };
        let future = runs.remote.run_coroutine_threadsafe_with(cancels_itself).unwrap();
        assert!(future.result(None).unwrap_err().is_cancelled());
        assert!(future.cancelled());
        runs.end();
    });
}

// Z10
#[test]
fn a_failing_constructor_is_reported_to_both_sides() {
    must_end(|| {
        let log = Log::default();
        let runs = LoopThread::start(&log);
        let make = || -> events::Body { panic!("on purpose") };
        let future = runs.remote.run_coroutine_threadsafe_with(make).unwrap();
        let raised = future.result(None).unwrap_err();
        assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::Panic, "on purpose"));
        runs.settle();
        assert_eq!(log.take(), ["Exception in run_coroutine_threadsafe: on purpose"]);
        runs.end();
    });
}

// Z10
#[test]
fn a_refusing_task_factory_is_reported_to_both_sides() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    event_loop.set_task_factory(Some(Rc::new(|_| Err(Oops(4).into()))));
    let remote = event_loop.remote();
    let sent = thread::spawn(move || remote.run_coroutine_threadsafe_with(|| pausing(0)).unwrap());
    let future = sent.join().unwrap();
    event_loop.run_once().unwrap();
    assert_eq!(future.exception(None).unwrap().expect("it was refused").downcast_ref(), Some(&Oops(4)));
    assert_eq!(log.take(), ["Exception in run_coroutine_threadsafe: oops 4"]);
    assert!(event_loop.all_tasks().is_empty());
}

// Z10
#[test]
fn a_call_cancelled_before_the_loop_takes_it_is_never_made() {
    let (event_loop, log) = (test_loop(), Log::default());
    let (remote, entries) = (event_loop.remote(), log.clone());
    let sent = thread::spawn(move || {
        let make = move || {
            entries.add("made");
            pausing(0)
        };
        let future = remote.run_coroutine_threadsafe_with(make).unwrap();
        future.cancel().then_some(future)
    });
    let future = sent.join().unwrap().unwrap();
    run(&event_loop, 2);
    assert!(future.cancelled() && log.take().is_empty() && event_loop.all_tasks().is_empty());
}

#[test]
fn a_task_failing_after_its_future_was_cancelled_is_reported() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    let make = || body(|n, _| if n == 0 { awaits_end(sleep(FOR_EVER)) } else { raises(Oops(8)) });
    let future = event_loop.remote().run_coroutine_threadsafe_with(make).unwrap();
    run(&event_loop, 2);
    assert!(future.cancel());
    run(&event_loop, 4);
    assert_eq!(log.take(), ["Task exception was never retrieved: oops 8"]);
}

#[test]
fn a_failure_that_no_thread_retrieves_is_reported() {
    must_end(|| {
        let log = Log::default();
        let runs = LoopThread::start(&log);
        drop(runs.remote.run_coroutine_threadsafe_with(|| body(|_, _| raises(Oops(8)))).unwrap());
        runs.settle();
        runs.settle();
        assert_eq!(log.take(), ["Future exception was never retrieved: oops 8"]);
        runs.end();
    });
}

#[test]
fn a_closed_loop_refuses_coroutines() {
    let event_loop = test_loop();
    let remote = event_loop.remote();
    drop(event_loop);
    let log = Log::default();
    let entries = log.clone();
    let dropped = events::on_drop(move || entries.add("dropped"));
    let make = move || {
        dropped.keep();
        pausing(0)
    };
    let refused = remote.run_coroutine_threadsafe_with(make).unwrap_err();
    assert_eq!(refused.to_string(), "the event loop is closed");
    assert_eq!(log.take(), ["dropped"]);
}

#[test]
fn closing_the_loop_with_a_coroutine_in_the_inbox_fails_the_future() {
    must_end(|| {
        let event_loop = test_loop();
        let remote = event_loop.remote();
        let (sends, sent) = mpsc::channel();
        let thread = thread::spawn(move || {
            let future = remote.run_coroutine_threadsafe_with(|| pausing(0)).unwrap();
            sends.send(()).unwrap();
            future.result(None)
        });
        sent.recv().unwrap();
        drop(event_loop);
        assert!(is_gone(&thread.join().unwrap().unwrap_err()));
    });
}

#[test]
fn closing_the_loop_with_a_running_task_fails_the_future_and_closes_the_task() {
    must_end(|| {
        let log = Log::default();
        let runs = LoopThread::start(&log);
        let future = runs.remote.run_coroutine_threadsafe_with(|| sleep(FOR_EVER)).unwrap();
        runs.settle();
        let waits = thread::spawn(move || future.result(None));
        runs.end();
        assert!(is_gone(&waits.join().unwrap().unwrap_err()));
        assert_eq!(log.take(), ["Task was destroyed but it is pending!: nothing"]);
    });
}

#[test]
fn closing_the_loop_before_the_tasks_callback_runs_fails_the_future() {
    must_end(|| {
        let event_loop = test_loop();
        let future = event_loop.remote().run_coroutine_threadsafe_with(|| pausing(0)).unwrap();
        // In the first turn it is made, in the second it ends.
        event_loop.run_once().unwrap();
        event_loop.run_once().unwrap();
        assert!(event_loop.all_tasks().is_empty() && !future.done());
        drop(event_loop);
        assert!(is_gone(&future.result(None).unwrap_err()));
    });
}

#[test]
fn a_loop_dropped_by_a_panic_fails_the_future() {
    must_end(|| {
        let (handles, handle) = mpsc::channel();
        let (panics, panic) = mpsc::channel::<()>();
        let owner = thread::spawn(move || {
            let event_loop = EventLoop::new().unwrap();
            handles.send(event_loop.remote()).unwrap();
            panic.recv().unwrap_err();
            event_loop.run_once().unwrap();
            event_loop.run_once().unwrap();
            panic!("on purpose");
        });
        let future = handle.recv().unwrap().run_coroutine_threadsafe_with(|| sleep(FOR_EVER)).unwrap();
        let waits = thread::spawn(move || future.result(None));
        drop(panics);
        assert!(owner.join().is_err());
        assert!(is_gone(&waits.join().unwrap().unwrap_err()));
    });
}

#[test]
fn a_thread_that_waits_for_its_own_loop_gets_an_error() {
    let (event_loop, log) = (test_loop(), Log::default());
    // While the loop runs, and where it does not.
    let future = event_loop.remote().run_coroutine_threadsafe_with(|| pausing(1)).unwrap();
    assert_eq!(future.result(None).unwrap_err().kind(), Kind::RuntimeError);
    let (remote, entries) = (event_loop.remote(), log.clone());
    let waits = move || {
        let raised = remote.run_coroutine_threadsafe_with(|| sleep(Duration::ZERO)).unwrap().result(Some(FOR_EVER));
        entries.add(raised.unwrap_err());
    };
    event_loop.call_soon(waits).unwrap();
    run(&event_loop, 4);
    let text = "this thread runs the event loop that completes the future, so it cannot wait: await the future instead";
    assert_eq!(log.take(), [text]);
    assert_eq!(future.result(None).unwrap(), 0);
}

#[test]
fn two_loops_await_each_others_coroutines() {
    must_end(|| {
        let log = Log::default();
        let other = LoopThread::start(&log);
        let event_loop = EventLoop::new().unwrap();
        for _ in 0..100 {
            let there = other.remote.run_coroutine_threadsafe_with(|| pausing(2)).unwrap();
            assert_eq!(event_loop.run_until_complete(event_loop.wrap_future(&there).unwrap()).unwrap(), 0);
        }
        other.end();
    });
}

#[test]
fn no_thread_waits_for_ever_whatever_comes_first() {
    must_end(|| {
        for round in 0..30 {
            let runs = LoopThread::start(&Log::default());
            let outcomes = Arc::new(Mutex::new(Vec::new()));
            let senders: Vec<_> = (0..4)
                .map(|_| {
                    let (remote, outcomes) = (runs.remote.clone(), Arc::clone(&outcomes));
                    thread::spawn(move || {
                        for n in 0..1000 {
                            let make = move || body(move |m, _| if m < n % 3 { events::pauses() } else { returns(7) });
                            let Ok(future) = remote.run_coroutine_threadsafe_with(make) else { break };
                            if n % 5 == 0 {
                                future.cancel();
                            }
                            outcomes.lock().unwrap().push(future.result(None));
                        }
                    })
                })
                .collect();
            (0..round).for_each(|_| thread::yield_now());
            runs.end();
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            for outcome in outcomes.lock().unwrap().drain(..) {
                match outcome {
                    Ok(result) => assert_eq!(result, 7),
                    Err(raised) => assert!(raised.is_cancelled() || is_gone(&raised), "{raised:?}"),
                }
            }
        }
    });
}
