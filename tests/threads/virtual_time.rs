//! Threads and virtual time: the clock stands still while the loop awaits a thread's result.

use std::thread;
use std::time::Duration;

use innermost::executor::{Executor, Pending, ShutdownWait, ThreadPool, promise};
use innermost::testing::virtual_loop;
use innermost::wait::wait_for;
use innermost::{EventLoop, Exception, Kind, sleep, to_thread};

use crate::jobs::{Gate, gate, must_end};
use crate::support::events::run;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Opens it from a thread of its own, as soon as a job is inside.
fn open_later(gate: Gate) {
    thread::spawn(move || {
        gate.wait_until_entered();
        gate.open();
    });
}

#[test]
fn the_loop_waits_for_a_job_even_without_a_deadline() {
    must_end(|| {
        let (event_loop, (gate, pass)) = (virtual_loop().unwrap(), gate());
        open_later(gate);
        event_loop.run_until_complete(to_thread(pass)).unwrap();
        assert_eq!(event_loop.time().since_zero(), Duration::ZERO);
    });
}

#[test]
fn a_job_takes_no_virtual_time() {
    must_end(|| {
        let (event_loop, (gate, pass)) = (virtual_loop().unwrap(), gate());
        open_later(gate);
        event_loop.run_until_complete(wait_for(to_thread(pass), HOUR)).unwrap();
        assert_eq!(event_loop.time().since_zero(), Duration::ZERO);
        // With nothing to wait for, it jumps again, and reports a deadlock.
        event_loop.run_until_complete(sleep(HOUR)).unwrap();
        assert_eq!(event_loop.time().since_zero(), HOUR);
        let never = event_loop.create_future::<()>();
        assert_eq!(event_loop.run_until_complete(never).unwrap_err().kind(), Kind::RuntimeError);
    });
}

#[test]
fn the_loop_waits_for_a_future_promised_by_a_thread() {
    must_end(|| {
        let (event_loop, (gate, pass), (promise, future)) = (virtual_loop().unwrap(), gate(), promise());
        open_later(gate);
        let thread = thread::spawn(move || {
            pass().unwrap();
            promise.set_result(5).unwrap();
        });
        let wrapped = event_loop.wrap_future(&future).unwrap();
        assert_eq!(event_loop.run_until_complete(wait_for(wrapped, HOUR)).unwrap(), 5);
        assert_eq!(event_loop.time().since_zero(), Duration::ZERO);
        thread.join().unwrap();
    });
}

#[test]
fn a_job_that_waits_for_the_loop_lets_virtual_time_pass() {
    must_end(|| {
        let (event_loop, (gate, pass)) = (virtual_loop().unwrap(), gate());
        open_later(gate);
        let remote = event_loop.remote();
        let job = move || {
            remote.run_coroutine_threadsafe_with(|| sleep(HOUR))?.result(None)?;
            // Answered, it holds the time again, whether or not it has woken up already.
            pass()
        };
        event_loop.run_until_complete(wait_for(to_thread(job), DAY)).unwrap();
        assert_eq!(event_loop.time().since_zero(), HOUR);
    });
}

#[test]
fn a_job_that_stopped_waiting_for_the_loop_holds_virtual_time_again() {
    must_end(|| {
        let (event_loop, (gate, pass)) = (virtual_loop().unwrap(), gate());
        open_later(gate);
        let remote = event_loop.remote();
        let job = move || {
            let never = || EventLoop::running().expect("run by the loop").create_future::<()>();
            let never = remote.run_coroutine_threadsafe_with(never)?;
            let raised = never.result(Some(Duration::from_millis(1))).unwrap_err();
            assert_eq!(raised.kind(), Kind::TimeoutError);
            never.cancel();
            remote.run_coroutine_threadsafe_with(|| wait_for(sleep(Duration::ZERO), HOUR))?;
            pass()
        };
        event_loop.run_until_complete(to_thread(job)).unwrap();
        assert_eq!(event_loop.time().since_zero(), Duration::ZERO);
    });
}

#[test]
fn a_job_and_a_loop_that_wait_for_each_other_are_a_deadlock() {
    must_end(|| {
        let event_loop = virtual_loop().unwrap();
        event_loop.set_exception_handler(|_| {});
        let remote = event_loop.remote();
        let job = move || {
            let never = || EventLoop::running().expect("run by the loop").create_future::<()>();
            remote.run_coroutine_threadsafe_with(never)?.result(None)
        };
        let raised = event_loop.run_until_complete(to_thread(job)).unwrap_err();
        assert!(raised.to_string().starts_with("deadlock"), "{raised}");
    });
}

#[test]
fn a_future_completed_by_the_loop_is_not_waited_for_as_a_threads() {
    must_end(|| {
        let event_loop = virtual_loop().unwrap();
        let in_thread = event_loop.remote().run_coroutine_threadsafe_with(|| sleep(HOUR)).unwrap();
        let back = event_loop.wrap_future(&in_thread).unwrap();
        event_loop.run_until_complete(back).unwrap();
        assert_eq!(event_loop.time().since_zero(), HOUR);
    });
}

// Z9
#[test]
fn an_abandoned_job_does_not_hold_virtual_time() {
    must_end(|| {
        let (event_loop, (gate, pass)) = (virtual_loop().unwrap(), gate());
        let call = event_loop.run_in_executor(None, pass).unwrap();
        gate.wait_until_entered();
        call.cancel();
        run(&event_loop, 1);
        event_loop.run_until_complete(sleep(HOUR)).unwrap();
        assert_eq!(event_loop.time().since_zero(), HOUR);
        gate.open();
    });
}

#[test]
fn shutting_the_executor_down_waits_for_the_threads_not_the_timeout() {
    must_end(|| {
        let (event_loop, (gate, pass)) = (virtual_loop().unwrap(), gate());
        event_loop.set_exception_handler(|context| panic!("{}", context.message));
        event_loop.run_in_executor(None, pass).unwrap().cancel();
        open_later(gate);
        event_loop.run_until_complete(event_loop.shutdown_default_executor(Some(HOUR))).unwrap();
        assert_eq!(event_loop.time().since_zero(), Duration::ZERO);
    });
}

#[test]
fn a_job_may_wait_for_another_job() {
    must_end(|| {
        let (event_loop, pool) = (virtual_loop().unwrap(), ThreadPool::new());
        let remote = event_loop.remote();
        let inner = pool.submit(move || remote.run_coroutine_threadsafe_with(|| sleep(HOUR))?.result(None)).unwrap();
        let awaited = inner.clone();
        let outer = event_loop.run_in_executor(Some(&pool), move || awaited.result(None)).unwrap();
        let inner = event_loop.wrap_future(&inner).unwrap();
        event_loop.run_until_complete(outer).unwrap();
        event_loop.run_until_complete(inner).unwrap();
        assert_eq!(event_loop.time().since_zero(), HOUR);
        pool.shutdown(Pending::Run, ShutdownWait::ForThreads)?;
        Ok::<(), Exception>(())
    })
    .unwrap();
}
