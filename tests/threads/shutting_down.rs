//! Shutting the default executor down.

use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use innermost::executor::{Executor, Job, Pending, ShutdownWait};
use innermost::{EventLoop, Exception, Kind, to_thread};

use crate::jobs::{ByHand, adds, gate, must_end};
use crate::support::clock::test_loop;
use crate::support::events::{Log, Oops, run};

// Z5, Z12
#[test]
fn shutdown_waits_for_the_threads_and_refuses_later_jobs() {
    must_end(|| {
        let (event_loop, log, (gate, pass)) = (EventLoop::new().unwrap(), Log::default(), gate());
        let entries = log.clone();
        let job = move || {
            pass()?;
            entries.add("job");
            Ok(())
        };
        let call = event_loop.run_in_executor(None, job).unwrap();
        gate.wait_until_entered();
        let down = event_loop.create_task(event_loop.shutdown_default_executor(None)).unwrap();
        run(&event_loop, 5);
        assert!(!down.done());
        let refused = event_loop.run_in_executor(None, || Ok(())).unwrap_err();
        let expected = (Kind::RuntimeError, "Executor shutdown has been called");
        assert_eq!((refused.kind(), refused.to_string().as_str()), expected);
        let refused = event_loop.run_until_complete(to_thread(|| Ok(()))).unwrap_err();
        assert_eq!((refused.kind(), refused.to_string().as_str()), expected);
        gate.open();
        event_loop.run_until_complete(down).unwrap();
        assert_eq!(log.take(), ["job"]);
        event_loop.run_until_complete(call).unwrap();
        // A second time it is there at once.
        event_loop.run_until_complete(event_loop.shutdown_default_executor(None)).unwrap();
    });
}

// Z12
#[test]
fn shutdown_warns_after_its_timeout_and_continues() {
    must_end(|| {
        let (event_loop, log, (gate, pass)) = (EventLoop::new().unwrap(), Log::default(), gate());
        log.reports(&event_loop);
        let call = event_loop.run_in_executor(None, pass).unwrap();
        gate.wait_until_entered();
        let timeout = Some(Duration::from_millis(1));
        event_loop.run_until_complete(event_loop.shutdown_default_executor(timeout)).unwrap();
        assert_eq!(log.take(), ["The executor did not finish joining its threads within 0.001 seconds.: nothing"]);
        assert!(event_loop.run_in_executor(None, || Ok(())).is_err());
        gate.open();
        event_loop.run_until_complete(call).unwrap();
        assert!(log.take().is_empty());
    });
}

#[test]
fn shutdown_without_a_used_executor_ends_at_once() {
    let event_loop = test_loop();
    // No thread is started, and nothing is waited for.
    event_loop.run_until_complete(event_loop.shutdown_default_executor(None)).unwrap();
    assert!(event_loop.run_in_executor(None, || Ok(())).is_err());
}

#[test]
fn a_shutdown_that_is_not_awaited_changes_nothing() {
    let event_loop = EventLoop::new().unwrap();
    drop(event_loop.shutdown_default_executor(None));
    let call = event_loop.run_in_executor(None, || Ok(5)).unwrap();
    assert_eq!(event_loop.run_until_complete(call).unwrap(), 5);
}

#[test]
fn a_cancelled_shutdown_lets_the_threads_end_by_themselves() {
    must_end(|| {
        let (event_loop, (gate, pass)) = (EventLoop::new().unwrap(), gate());
        let call = event_loop.run_in_executor(None, pass).unwrap();
        gate.wait_until_entered();
        let down = event_loop.create_task(event_loop.shutdown_default_executor(None)).unwrap();
        run(&event_loop, 1);
        down.cancel();
        run(&event_loop, 2);
        assert!(down.cancelled());
        gate.open();
        event_loop.run_until_complete(call).unwrap();
    });
}

#[test]
fn closing_the_loop_shuts_the_executor_down_without_waiting() {
    must_end(|| {
        let (event_loop, by_hand) = (test_loop(), ByHand::default());
        event_loop.set_default_executor(by_hand.clone());
        drop(event_loop);
        assert_eq!(by_hand.log.take(), ["shutdown(Run, No)"]);
        let (event_loop, log, (gate, pass)) = (EventLoop::new().unwrap(), Log::default(), gate());
        drop(event_loop.run_in_executor(None, pass).unwrap());
        gate.wait_until_entered();
        drop(event_loop.run_in_executor(None, adds(&log, "ran")).unwrap());
        drop(event_loop);
        gate.open();
        // Submitted jobs still run.
        while log.take().is_empty() {
            thread::yield_now();
        }
    });
}

/// Fails to be shut down, one way or the other.
struct Stubborn;

impl Executor for Stubborn {
    fn execute(&self, job: Job) -> Result<(), Exception> {
        job.run();
        Ok(())
    }

    fn shutdown(&self, _: Pending, wait: ShutdownWait) -> Result<(), Exception> {
        match wait {
            ShutdownWait::No => Ok(()),
            _ => Err(Oops(9).into()),
        }
    }
}

/// Notes in which thread its jobs are waited for.
struct Watched {
    waited_in: Arc<Mutex<Option<ThreadId>>>,
    blocks: bool,
}

impl Executor for Watched {
    fn execute(&self, job: Job) -> Result<(), Exception> {
        job.run();
        Ok(())
    }

    fn shutdown(&self, _: Pending, wait: ShutdownWait) -> Result<(), Exception> {
        if wait == ShutdownWait::ForThreads {
            *self.waited_in.lock().unwrap() = Some(thread::current().id());
        }
        Ok(())
    }

    fn shutdown_blocks(&self) -> bool {
        self.blocks
    }
}

#[test]
fn an_executor_that_does_not_block_is_waited_for_without_a_thread() {
    must_end(|| {
        for blocks in [false, true] {
            let (event_loop, waited_in) = (EventLoop::new().unwrap(), Arc::default());
            event_loop.set_default_executor(Watched { waited_in: Arc::clone(&waited_in), blocks });
            event_loop.run_until_complete(event_loop.shutdown_default_executor(None)).unwrap();
            let waited_in = waited_in.lock().unwrap().expect("somebody has waited");
            assert_eq!(waited_in == thread::current().id(), !blocks);
        }
    });
}

struct Panicky;

impl Executor for Panicky {
    fn execute(&self, _: Job) -> Result<(), Exception> {
        Ok(())
    }

    fn shutdown(&self, _: Pending, _: ShutdownWait) -> Result<(), Exception> {
        panic!("on purpose")
    }
}

#[test]
fn an_exception_of_the_executor_is_raised_by_the_shutdown() {
    must_end(|| {
        let event_loop = EventLoop::new().unwrap();
        event_loop.set_default_executor(Stubborn);
        assert_eq!(event_loop.run_until_complete(to_thread(|| Ok(5))).unwrap(), 5);
        let raised = event_loop.run_until_complete(event_loop.shutdown_default_executor(None)).unwrap_err();
        assert_eq!(raised.downcast_ref(), Some(&Oops(9)));
    });
}

#[test]
fn an_executor_that_panics_is_reported_when_the_loop_closes() {
    let (event_loop, log) = (test_loop(), Log::default());
    log.reports(&event_loop);
    event_loop.set_default_executor(Panicky);
    let call = event_loop.run_in_executor(None, || Ok(())).unwrap();
    assert!(event_loop.run_until_complete(call).unwrap_err().is_cancelled());
    event_loop.close().unwrap();
    assert_eq!(log.take(), ["Exception ignored while the default executor was shut down: on purpose"]);
}

#[test]
fn set_default_executor_returns_the_previous_one() {
    let (event_loop, first) = (test_loop(), ByHand::default());
    assert!(event_loop.set_default_executor(first.clone()).is_none());
    let call = event_loop.run_in_executor(None, || Ok(1)).unwrap();
    let former = event_loop.set_default_executor(ByHand::default()).unwrap();
    former.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
    assert_eq!(first.log.take(), ["shutdown(Run, ForThreads)"]);
    first.run_next();
    assert_eq!(event_loop.run_until_complete(call).unwrap(), 1);
}
