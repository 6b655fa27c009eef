//! Random interleavings: no job is lost, none runs twice, nothing hangs.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use innermost::EventLoop;
use innermost::executor::{Executor, Pending, ShutdownWait, ThreadFuture, ThreadPool};
use quickcheck::{Arbitrary, Gen, quickcheck};

use crate::jobs::must_end;
use crate::support::events::run;

#[derive(Clone, Copy, Debug)]
enum Move {
    /// A job, which may wait until it is released.
    Submit {
        held: bool,
    },
    Cancel(usize),
    /// Lets a job go that waits.
    LetGo(usize),
    Yield,
    Shutdown {
        cancel: bool,
    },
}

impl Arbitrary for Move {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 16 {
            0..6 => Self::Submit { held: bool::arbitrary(g) },
            6..9 => Self::Cancel(usize::arbitrary(g)),
            9..13 => Self::LetGo(usize::arbitrary(g)),
            13..15 => Self::Yield,
            _ => Self::Shutdown { cancel: bool::arbitrary(g) },
        }
    }
}

/// A job as the test sees it.
struct Submitted {
    future: ThreadFuture<usize>,
    runs: Arc<AtomicU32>,
    hold: Option<mpsc::Sender<()>>,
    cancelled: bool,
}

fn submit(pool: &ThreadPool, number: usize, held: bool) -> Option<Submitted> {
    let (hold, held_by) = mpsc::channel();
    let runs = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&runs);
    let job = move || {
        counts.fetch_add(1, Ordering::Relaxed);
        let _ = held_by.recv();
        Ok(number)
    };
    let future = pool.submit(job).ok()?;
    Some(Submitted { future, runs, hold: held.then_some(hold), cancelled: false })
}

fn play(threads: usize, moves: Vec<Move>) -> bool {
    let pool = ThreadPool::with(threads, "worker").unwrap();
    let (mut jobs, mut shut_down, mut may_cancel) = (Vec::<Submitted>::new(), false, false);
    for step in moves {
        match step {
            Move::Submit { held } => match submit(&pool, jobs.len(), held) {
                Some(job) if !shut_down => jobs.push(job),
                None if shut_down => {}
                _ => return false,
            },
            Move::Cancel(at) if !jobs.is_empty() => {
                let job = at % jobs.len();
                jobs[job].cancelled |= jobs[job].future.cancel();
            }
            Move::LetGo(at) if !jobs.is_empty() => {
                let job = at % jobs.len();
                jobs[job].hold = None;
            }
            Move::Shutdown { cancel } => {
                shut_down = true;
                may_cancel |= cancel;
                pool.shutdown(if cancel { Pending::Cancel } else { Pending::Run }, ShutdownWait::No).unwrap();
            }
            _ => thread::yield_now(),
        }
    }
    jobs.iter_mut().for_each(|job| job.hold = None);
    pool.shutdown(Pending::Run, ShutdownWait::ForThreads).unwrap();
    jobs.iter().enumerate().all(|(number, job)| match job.runs.load(Ordering::Relaxed) {
        // Exactly the cancelled jobs do not run.
        0 => job.future.cancelled() && (job.cancelled || may_cancel),
        1 => !job.cancelled && job.future.result(None).is_ok_and(|result| result == number),
        _ => false,
    })
}

/// Random moves on calls of a loop.
fn play_in_loop(threads: usize, moves: Vec<Move>) -> bool {
    let event_loop = EventLoop::new().unwrap();
    let pool = Arc::new(ThreadPool::with(threads, "worker").unwrap());
    event_loop.set_default_executor(Arc::clone(&pool));
    let (mut calls, mut holds) = (Vec::new(), Vec::new());
    for step in moves {
        match step {
            Move::Submit { held } => {
                let (hold, held_by) = mpsc::channel::<()>();
                let (runs, number) = (Arc::new(AtomicU32::new(0)), calls.len());
                let counts = Arc::clone(&runs);
                let job = move || {
                    counts.fetch_add(1, Ordering::Relaxed);
                    let _ = held_by.recv();
                    Ok(number)
                };
                calls.push((event_loop.run_in_executor(None, job).unwrap(), runs));
                holds.push(held.then_some(hold));
            }
            Move::Cancel(at) if !calls.is_empty() => drop(calls[at % calls.len()].0.cancel()),
            Move::LetGo(at) if !calls.is_empty() => {
                let job = at % calls.len();
                holds[job] = None;
            }
            _ => run(&event_loop, 0),
        }
    }
    drop(holds);
    event_loop.run_until_complete(event_loop.shutdown_default_executor(None)).unwrap();
    calls.into_iter().enumerate().all(|(number, (call, runs))| {
        let (cancelled, runs) = (call.cancelled(), runs.load(Ordering::Relaxed));
        // A call that is cancelled may have begun, or have ended.
        if cancelled { runs <= 1 } else { runs == 1 && event_loop.run_until_complete(call).unwrap() == number }
    })
}

quickcheck! {
    fn no_job_is_lost_and_none_runs_twice(threads: u8, moves: Vec<Move>) -> bool {
        must_end(move || play(usize::from(threads % 4) + 1, moves))
    }

    fn no_call_is_lost_and_none_runs_twice(threads: u8, moves: Vec<Move>) -> bool {
        must_end(move || play_in_loop(usize::from(threads % 4) + 1, moves))
    }
}
