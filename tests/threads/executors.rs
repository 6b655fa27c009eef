//! `run_in_executor` and `to_thread`.

use std::thread;
use std::time::Duration;

use innermost::executor::{Executor, Pending, ShutdownWait, ThreadPool};
use innermost::wait::wait_for;
use innermost::{EventLoop, Exception, Kind, sleep, to_thread};

use crate::jobs::{ByHand, adds, gate, must_end};
use crate::support::clock::test_loop;
use crate::support::events::{self, Log, Oops, run};

#[test]
fn a_function_runs_in_a_thread_and_its_result_is_moved() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let here = thread::current().id();
        let call = event_loop.run_in_executor(None, || Ok((Box::new(5), thread::current().id()))).unwrap();
        let (result, there) = event_loop.run_until_complete(call.clone()).unwrap();
        assert_eq!(result, Box::new(5));
        assert_ne!(here, there);
        // Awaited once.
        assert_eq!(event_loop.run_until_complete(call).unwrap_err().kind(), Kind::InvalidStateError);
    });
}

// Z11
#[test]
fn exceptions_and_panics_of_a_job_are_raised_in_the_awaiting_task() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let raised = event_loop.run_until_complete(to_thread(|| -> Result<(), _> { Err(Oops(3).into()) }));
        assert_eq!(raised.unwrap_err().downcast_ref(), Some(&Oops(3)));
        let panicked = event_loop.run_until_complete(to_thread(|| -> Result<(), _> { panic!("on purpose") }));
        let panicked = panicked.unwrap_err();
        assert_eq!((panicked.kind(), panicked.to_string().as_str()), (Kind::Panic, "on purpose"));
    });
}

#[test]
fn the_loop_keeps_running_while_a_thread_works() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let (gate, pass) = gate();
        let call = event_loop.run_in_executor(None, pass).unwrap();
        gate.wait_until_entered();
        run(&event_loop, 10);
        assert!(!call.done());
        gate.open();
        event_loop.run_until_complete(call).unwrap();
    });
}

#[test]
fn a_given_executor_is_used_and_a_refusing_one_raises() {
    let (event_loop, by_hand) = (test_loop(), ByHand::default());
    let call = event_loop.run_in_executor(Some(&by_hand), || Ok(5)).unwrap();
    run(&event_loop, 3);
    assert!(!call.done());
    by_hand.run_next();
    assert_eq!(event_loop.run_until_complete(call).unwrap(), 5);
    let pool = ThreadPool::new();
    pool.shutdown(Pending::Run, ShutdownWait::No).unwrap();
    let refused = event_loop.run_in_executor(Some(&pool), || Ok(())).unwrap_err();
    assert_eq!(refused.to_string(), "cannot schedule new futures after shutdown");
}

// Z9
#[test]
fn a_job_cancelled_before_it_starts_never_runs_and_is_dropped() {
    let (event_loop, by_hand, log) = (test_loop(), ByHand::default(), Log::default());
    let (ran, entries) = (log.clone(), log.clone());
    let dropped = events::on_drop(move || entries.add("dropped"));
    let call = event_loop
        .run_in_executor(Some(&by_hand), move || {
            dropped.keep();
            ran.add("ran");
            Ok(())
        })
        .unwrap();
    let waits = event_loop.create_task(call.clone()).unwrap();
    run(&event_loop, 1);
    assert!(waits.cancel());
    run(&event_loop, 3);
    assert!(call.cancelled() && waits.cancelled());
    assert_eq!(log.take(), ["dropped"]);
    by_hand.run_next();
    assert!(log.take().is_empty());
}

// Z9, F9
#[test]
fn a_job_cancelled_while_running_continues_and_its_result_is_dropped() {
    must_end(|| {
        let (event_loop, log) = (EventLoop::new().unwrap(), Log::default());
        let reports = Log::default();
        reports.reports(&event_loop);
        for fails in [false, true] {
            let ((gate, pass), entries) = (gate(), log.clone());
            let result = events::on_drop(move || entries.add("dropped"));
            let call = event_loop.run_in_executor(None, move || {
                pass()?;
                if fails { Err(Exception::new(Oops(1))) } else { Ok(std::sync::Mutex::new(result)) }
            });
            let call = call.unwrap();
            gate.wait_until_entered();
            assert!(call.cancel());
            run(&event_loop, 2);
            gate.open();
            while log.take().is_empty() {
                thread::yield_now();
            }
            run(&event_loop, 3);
            assert!(call.cancelled());
        }
        assert!(reports.take().is_empty());
    });
}

#[test]
fn a_function_that_exceeds_its_timeout_does_not_delay_the_task() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let (gate, pass) = gate();
        let raised = event_loop.run_until_complete(wait_for(to_thread(pass), Duration::from_millis(1)));
        assert_eq!(raised.unwrap_err().kind(), Kind::TimeoutError);
        gate.open();
    });
}

#[test]
fn to_thread_submits_once_when_awaited() {
    let (event_loop, by_hand, log) = (test_loop(), ByHand::default(), Log::default());
    assert!(event_loop.set_default_executor(by_hand.clone()).is_none());
    let task = event_loop.create_task(to_thread(adds(&log, "ran"))).unwrap();
    assert!(log.take().is_empty());
    run(&event_loop, 1);
    by_hand.run_next();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(log.take(), ["ran"]);
    // Cancelled before its first step: the function is dropped.
    let task = event_loop.create_task(to_thread(adds(&log, "ran"))).unwrap();
    task.cancel();
    run(&event_loop, 1);
    assert!(task.cancelled() && log.take().is_empty());
}

#[test]
fn to_thread_needs_a_running_loop() {
    use innermost::Coroutine as _;
    let raised = to_thread(|| Ok(())).resume(Ok(())).unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::RuntimeError, "no running event loop"));
}

#[test]
fn the_result_arrives_two_turns_after_the_threads_notification() {
    let (event_loop, by_hand, log) = (test_loop(), ByHand::default(), Log::default());
    let call = event_loop.run_in_executor(Some(&by_hand), || Ok(5)).unwrap();
    let (future, entries) = (call.clone(), log.clone());
    let watched = events::body(move |n, got| {
        if n == 0 {
            use innermost::CoroutineExt as _;
            return events::awaits(future.clone().map(|n: i32| n));
        }
        entries.note(format_args!("awaited {got:?}"));
        events::returns(0)
    });
    let task = event_loop.create_task(watched).unwrap();
    run(&event_loop, 1);
    log.count_turns(&event_loop);
    // In the first turn; what it sends is in the second, in which the task is queued.
    event_loop.call_soon(move || by_hand.run_next()).unwrap();
    event_loop.run_until_complete(task).unwrap();
    assert_eq!(log.take(), ["3 awaited Ok(5)"]);
}

#[test]
fn an_unawaited_failure_is_reported() {
    let (event_loop, by_hand, log) = (test_loop(), ByHand::default(), Log::default());
    log.reports(&event_loop);
    drop(event_loop.run_in_executor(Some(&by_hand), || -> Result<(), _> { Err(Oops(2).into()) }).unwrap());
    by_hand.run_next();
    run(&event_loop, 2);
    assert_eq!(log.take(), ["Future exception was never retrieved: oops 2"]);
}

#[test]
fn an_executor_that_drops_its_job_cancels_the_call() {
    let (event_loop, by_hand) = (test_loop(), ByHand::default());
    let call = event_loop.run_in_executor(Some(&by_hand), || Ok(())).unwrap();
    drop(by_hand.next());
    assert!(event_loop.run_until_complete(call).unwrap_err().is_cancelled());
}

#[test]
fn a_completion_after_the_loop_is_closed_is_ignored() {
    let (event_loop, by_hand, log) = (test_loop(), ByHand::default(), Log::default());
    let calls: Vec<_> =
        (0..2).map(|_| event_loop.run_in_executor(Some(&by_hand), adds(&log, "ran")).unwrap()).collect();
    event_loop.close().unwrap();
    by_hand.run_next();
    drop(event_loop);
    by_hand.run_next();
    assert_eq!(log.take(), ["ran", "ran"]);
    assert!(calls.iter().all(|call| !call.done()));
}

#[test]
fn a_closed_loop_refuses_functions() {
    let event_loop = test_loop();
    event_loop.close().unwrap();
    let refused = event_loop.run_in_executor(None, || Ok(())).unwrap_err();
    assert_eq!((refused.kind(), refused.to_string().as_str()), (Kind::RuntimeError, "Event loop is closed"));
}

#[test]
fn many_concurrent_calls_get_their_own_results() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        let calls: Vec<_> = (0..500).map(|n| event_loop.run_in_executor(None, move || Ok(n)).unwrap()).collect();
        for (n, call) in calls.into_iter().enumerate() {
            assert_eq!(event_loop.run_until_complete(call).unwrap(), n);
        }
        event_loop.run_until_complete(sleep(Duration::ZERO)).unwrap();
    });
}
