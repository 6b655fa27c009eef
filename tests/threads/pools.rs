//! The thread pool.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use innermost::executor::{Executor, Job, Pending, ShutdownWait, ThreadPool};
use innermost::{EventLoop, Exception, Kind};

use crate::jobs::{adds, gate, must_end};
use crate::support::events::{self, Log, Oops};

fn name() -> Result<String, Exception> {
    Ok(thread::current().name().unwrap_or_default().to_owned())
}

/// Waits until the pool prints itself with this in it.
fn wait_until(pool: &ThreadPool, state: &str) {
    while !format!("{pool:?}").contains(state) {
        thread::yield_now();
    }
}

#[test]
fn no_thread_is_started_before_there_is_work() {
    let pool = ThreadPool::with(3, "worker").unwrap();
    let expected = "ThreadPool { name: \"worker\", limit: 3, threads: 0, idle: 0, queued: 0, shut_down: false }";
    assert_eq!(format!("{pool:?}"), expected);
}

#[test]
fn a_thread_is_started_only_if_none_is_idle() {
    must_end(|| {
        let pool = ThreadPool::with(3, "worker").unwrap();
        for _ in 0..20 {
            assert_eq!(pool.submit(name).unwrap().result(None).unwrap(), "worker_0");
            wait_until(&pool, "threads: 1, idle: 1, queued: 0");
        }
    });
}

#[test]
fn more_threads_start_up_to_the_limit_while_all_are_busy() {
    must_end(|| {
        let pool = ThreadPool::with(3, "worker").unwrap();
        let together = Arc::new(Barrier::new(3));
        let calls: Vec<_> = (0..3)
            .map(|_| {
                let together = Arc::clone(&together);
                pool.submit(move || {
                    together.wait();
                    name()
                })
            })
            .collect();
        let names: BTreeSet<_> = calls.into_iter().map(|call| call.unwrap().result(None).unwrap()).collect();
        assert!(names.iter().eq(["worker_0", "worker_1", "worker_2"]));
        let (gates, passes): (Vec<_>, Vec<_>) = (0..3).map(|_| gate()).unzip();
        for pass in passes {
            drop(pool.submit(pass).unwrap());
        }
        gates.iter().for_each(|gate| gate.wait_until_entered());
        let waits = pool.submit(name).unwrap();
        wait_until(&pool, "threads: 3, idle: 0, queued: 1");
        assert!(!waits.done() && !waits.running());
        gates[1].open();
        assert!(waits.result(None).is_ok());
    });
}

#[test]
fn jobs_of_one_thread_run_in_order() {
    let (pool, log) = (ThreadPool::with(1, "worker").unwrap(), Log::default());
    for n in 0..100 {
        pool.submit(adds(&log, &n.to_string())).unwrap();
    }
    pool.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
    assert!(log.take().into_iter().eq((0..100).map(|n| n.to_string())));
}

#[test]
fn a_jobs_exception_keeps_its_kind_message_and_cause() {
    let pool = ThreadPool::new();
    let raises = || -> Result<(), Exception> {
        Err(Exception::caused_by(Kind::ValueError, "too large", Exception::new(Oops(7))))
    };
    let raised = pool.submit(raises).unwrap().result(None).unwrap_err();
    assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::ValueError, "too large"));
    assert_eq!(raised.cause().unwrap().downcast_ref(), Some(&Oops(7)));
}

#[test]
fn a_panic_becomes_the_jobs_exception_and_the_thread_continues() {
    must_end(|| {
        let pool = ThreadPool::with(1, "worker").unwrap();
        let panics = pool.submit(|| -> Result<(), _> { panic!("on purpose") }).unwrap();
        let raised = panics.exception(None).unwrap().unwrap();
        assert_eq!((raised.kind(), raised.to_string().as_str()), (Kind::Panic, "on purpose"));
        // So does one whose payload panics when it is dropped, and a callback that panics.
        let payload = || -> Result<(), _> { std::panic::panic_any(events::on_drop(|| panic!("in a destructor"))) };
        pool.submit(payload).unwrap().add_done_callback(|_| panic!("in a callback"));
        assert_eq!(pool.submit(name).unwrap().result(None).unwrap(), "worker_0");
    });
}

#[test]
fn zero_threads_and_invalid_thread_names_are_refused() {
    for refused in [ThreadPool::with(0, "worker"), ThreadPool::with(1, "wor\0ker")] {
        assert_eq!(refused.unwrap_err().kind(), Kind::ValueError);
    }
}

#[test]
fn after_shutdown_jobs_are_refused_and_earlier_ones_have_run() {
    must_end(|| {
        let (pool, (gate, pass)) = (ThreadPool::with(1, "worker").unwrap(), gate());
        let (runs, waits) = (pool.submit(pass).unwrap(), pool.submit(|| Ok(5)).unwrap());
        gate.wait_until_entered();
        pool.shutdown(Pending::Run, ShutdownWait::No).unwrap();
        let refused = pool.submit(|| Ok(())).unwrap_err();
        assert_eq!(refused.kind(), Kind::RuntimeError);
        assert_eq!(refused.to_string(), "cannot schedule new futures after shutdown");
        gate.open();
        pool.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
        assert!(runs.done());
        assert_eq!(waits.result(None).unwrap(), 5);
        // As often as one likes.
        pool.shutdown(Pending::Cancel, ShutdownWait::ForThreads).unwrap();
        assert!(format!("{pool:?}").contains("threads: 0"));
    });
}

#[test]
fn a_shutdown_can_cancel_pending_jobs() {
    must_end(|| {
        let (pool, (gate, pass)) = (ThreadPool::with(1, "worker").unwrap(), gate());
        let log = Log::default();
        let (runs, entries) = (pool.submit(pass).unwrap(), log.clone());
        let dropped = events::on_drop(move || entries.add("dropped"));
        let waits = pool
            .submit(move || {
                dropped.keep();
                Ok(())
            })
            .unwrap();
        gate.wait_until_entered();
        pool.shutdown(Pending::Cancel, ShutdownWait::No).unwrap();
        assert!(waits.cancelled() && waits.result(None).unwrap_err().is_cancelled());
        assert_eq!(log.take(), ["dropped"]);
        assert!(runs.running());
        gate.open();
        assert!(runs.result(None).is_ok());
    });
}

#[test]
fn a_dropped_pool_runs_its_accepted_jobs() {
    must_end(|| {
        let (pool, (gate, pass)) = (ThreadPool::with(1, "worker").unwrap(), gate());
        let (_, waits) = (pool.submit(pass).unwrap(), pool.submit(|| Ok(5)).unwrap());
        gate.wait_until_entered();
        drop(pool);
        gate.open();
        assert_eq!(waits.result(None).unwrap(), 5);
    });
}

#[test]
fn a_thread_of_the_pool_cannot_wait_for_the_pools_end() {
    must_end(|| {
        let pool = Arc::new(ThreadPool::new());
        let (own, (gate, pass)) = (Arc::clone(&pool), gate());
        let waits = pool.submit(move || {
            pass()?;
            own.shutdown(Pending::Run, ShutdownWait::ForThreads)
        });
        gate.open();
        assert_eq!(waits.unwrap().result(None).unwrap_err().kind(), Kind::RuntimeError);
        pool.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
    });
}

#[test]
fn a_job_may_submit_cancel_and_shut_down() {
    must_end(|| {
        let pool = Arc::new(ThreadPool::with(2, "worker").unwrap());
        let own = Arc::clone(&pool);
        let outer = pool.submit(move || {
            let inner = own.submit(|| Ok(1))?.result(None)?;
            let later = own.submit(|| Ok(2))?;
            later.cancel();
            own.shutdown(Pending::Cancel, ShutdownWait::No)?;
            Ok(inner)
        });
        assert_eq!(outer.unwrap().result(None).unwrap(), 1);
    });
}

#[test]
fn cancelled_jobs_do_not_fill_the_queue_of_a_busy_pool() {
    must_end(|| {
        let (pool, (gate, pass)) = (ThreadPool::with(1, "worker").unwrap(), gate());
        pool.submit(pass).unwrap();
        gate.wait_until_entered();
        let last = pool.submit(|| Ok(5)).unwrap();
        for _ in 0..10_000 {
            assert!(pool.submit(|| Ok(())).unwrap().cancel());
        }
        let printed = format!("{pool:?}");
        let queued = printed.split("queued: ").nth(1).unwrap().split(',').next().unwrap();
        assert!(queued.parse::<usize>().unwrap() <= 64, "{printed}");
        gate.open();
        assert_eq!(last.result(None).unwrap(), 5);
    });
}

/// Set in the environment of the process that a test starts, in which no thread can be started.
const NO_THREADS: &str = "INNERMOST_TEST_NO_THREADS";

/// A stack that no address space has room for: starting a thread fails.
const HUGE_STACK: &str = "140737488355328";

#[test]
fn a_thread_that_cannot_be_started_is_an_error_for_the_job() {
    if env::var_os(NO_THREADS).is_none() {
        // With one thread for tests, they run in the first one of the process.
        let arguments = ["--exact", "pools::a_thread_that_cannot_be_started_is_an_error_for_the_job"];
        let mut program = Command::new(env::current_exe().unwrap());
        program.args(arguments).args(["--test-threads=1", "--nocapture"]);
        let output = program.env("RUST_MIN_STACK", HUGE_STACK).env(NO_THREADS, "1").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("refused twice"));
        return;
    }
    let (pool, log) = (ThreadPool::new(), Log::default());
    let entries = log.clone();
    let dropped = events::on_drop(move || entries.add("dropped"));
    let job = move || {
        dropped.keep();
        Ok(())
    };
    let raised = pool.submit(job).unwrap_err();
    assert!(raised.downcast_ref::<std::io::Error>().is_some());
    assert_eq!(log.take(), ["dropped"]);
    // So it is for the loop, and nothing waits for a thread that is not there.
    let event_loop = EventLoop::new().unwrap();
    assert!(event_loop.run_in_executor(None, || Ok(())).is_err());
    assert!(event_loop.run_until_complete(event_loop.shutdown_default_executor(None)).is_err());
    pool.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
    println!("refused twice");
}

#[test]
fn a_dropped_job_is_cancelled_and_a_cancelled_job_does_not_run() {
    let log = Log::default();
    let (job, future) = Job::new(|| Ok(()));
    assert_eq!(format!("{job:?}"), "Job { cancelled: false }");
    drop(job);
    assert!(future.cancelled());
    let (job, future) = Job::new(adds(&log, "ran"));
    assert!(future.cancel() && job.is_cancelled());
    job.run();
    assert!(log.take().is_empty());
}

#[test]
fn a_panicking_destructor_harms_neither_the_pool_nor_the_canceller() {
    must_end(|| {
        let (pool, (gate, pass)) = (ThreadPool::with(1, "worker").unwrap(), gate());
        pool.submit(pass).unwrap();
        gate.wait_until_entered();
        let bombs: Vec<_> = (0..2)
            .map(|_| {
                let bomb = events::on_drop(|| panic!("in a destructor"));
                pool.submit(move || {
                    bomb.keep();
                    Ok(())
                })
                .unwrap()
            })
            .collect();
        assert!(bombs[0].cancel());
        gate.open();
        assert_eq!(bombs[1].result(None).unwrap_err().kind(), Kind::Panic);
        assert_eq!(pool.submit(name).unwrap().result(None).unwrap(), "worker_0");
    });
}

#[test]
fn results_may_come_back_through_channels_from_many_threads_at_once() {
    must_end(|| {
        let pool = Arc::new(ThreadPool::with(4, "worker").unwrap());
        let (results, sum) = mpsc::channel();
        let submitters: Vec<_> = (0..4)
            .map(|_| {
                let (pool, results) = (Arc::clone(&pool), results.clone());
                thread::spawn(move || {
                    for n in 0..500_u64 {
                        let results = results.clone();
                        pool.submit(move || Ok(results.send(n)?)).unwrap();
                    }
                })
            })
            .collect();
        drop(results);
        submitters.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(sum.iter().sum::<u64>(), 4 * (0..500).sum::<u64>());
    });
}
