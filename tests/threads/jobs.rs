//! Jobs that a test can block, and a guard against tests that never end.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use innermost::executor::{Executor, Job, Pending, ShutdownWait};
use innermost::{EventLoop, Exception, RemoteHandle};

use crate::support::events::Log;

/// A job that adds `entry`.
pub(crate) fn adds(log: &Log, entry: &str) -> impl FnOnce() -> Result<(), Exception> + Send + use<> + 'static {
    let adds = log.adds(entry);
    move || {
        adds();
        Ok(())
    }
}

/// The outside of a [`gate`].
pub(crate) struct Gate {
    entered: Receiver<()>,
    open: Sender<()>,
}

impl Gate {
    /// Waits until the job is inside.
    pub(crate) fn wait_until_entered(&self) {
        self.entered.recv().expect("the job runs");
    }

    pub(crate) fn open(&self) {
        // No thread may be inside any more.
        let _ = self.open.send(());
    }
}

/// A function that says that it runs, and then waits until it may go on.
pub(crate) fn gate() -> (Gate, impl FnOnce() -> Result<(), Exception> + Send + 'static) {
    let (enters, entered) = mpsc::channel();
    let (open, opened) = mpsc::channel();
    let pass = move || {
        let _ = enters.send(());
        // A test that failed has let go of the gate: then it is open.
        let _ = opened.recv();
        Ok(())
    };
    (Gate { entered, open }, pass)
}

/// Runs `test` in a thread of its own, and fails where it has not ended after a minute: it hangs.
pub(crate) fn must_end<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) -> R {
    let (ends, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = test();
        let _ = ends.send(());
        result
    });
    if ended.recv_timeout(Duration::from_secs(60)) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("it hangs");
    }
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A loop in a thread of its own, which runs until told to end.
pub(crate) struct LoopThread {
    pub(crate) remote: RemoteHandle,
    thread: thread::JoinHandle<()>,
}

impl LoopThread {
    /// Adds reports to its exception handler to `log`.
    pub(crate) fn start(log: &Log) -> Self {
        let (handles, handle) = mpsc::channel();
        let log = log.clone();
        let thread = thread::spawn(move || {
            let event_loop = EventLoop::new().unwrap();
            log.reports(&event_loop);
            handles.send(event_loop.remote()).unwrap();
            event_loop.run_forever().unwrap();
        });
        Self { remote: handle.recv().unwrap(), thread }
    }

    /// Stops the loop, closes it, and waits for that.
    pub(crate) fn end(self) {
        self.remote.call_soon_threadsafe(|| EventLoop::running().expect("it runs").stop()).unwrap();
        self.thread.join().unwrap();
    }

    /// Returns when the loop has taken all that was sent before, and has run a turn after that.
    pub(crate) fn settle(&self) {
        for _ in 0..3 {
            let (tells, told) = mpsc::channel();
            self.remote.call_soon_threadsafe(move || tells.send(()).expect("the test waits")).unwrap();
            told.recv().unwrap();
        }
    }
}

/// An executor that keeps its jobs until the test runs them, and notes how it is shut down.
#[derive(Clone, Default)]
pub(crate) struct ByHand {
    jobs: Arc<Mutex<Vec<Job>>>,
    pub(crate) log: Log,
}

impl ByHand {
    /// The job that came first.
    pub(crate) fn next(&self) -> Job {
        self.jobs.lock().unwrap().remove(0)
    }

    pub(crate) fn run_next(&self) {
        self.next().run();
    }
}

impl Executor for ByHand {
    fn execute(&self, job: Job) -> Result<(), Exception> {
        self.jobs.lock().unwrap().push(job);
        Ok(())
    }

    fn shutdown(&self, pending: Pending, wait: ShutdownWait) -> Result<(), Exception> {
        self.log.add(format_args!("shutdown({pending:?}, {wait:?})"));
        Ok(())
    }
}
