//! `shutdown_default_executor`: shutting down the loop's default executor without blocking the loop.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::super::{LoopHandle, TimerHandle};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::executor::{Executor, Job, Pending, ShutdownWait};
use crate::sys::NotInherited;
use crate::task::{Await, ErrorContext, Future};
use crate::yield_from;

impl LoopHandle {
    /// Returns an awaitable that shuts down the loop's default executor, and waits until its functions have run and its
    /// threads have ended. asyncio's `shutdown_default_executor`.
    ///
    /// As soon as the awaitable is first resumed, [`run_in_executor`](Self::run_in_executor) without an executor fails.
    ///
    /// If `timeout` passes first, the awaitable reports a warning to the exception handler and returns. The threads
    /// keep running.
    ///
    /// ```
    /// use innermost::EventLoop;
    /// use std::time::Duration;
    ///
    /// let event_loop = EventLoop::new()?;
    /// event_loop.run_in_executor(None, || Ok(6 * 7))?;
    /// event_loop.run_until_complete(event_loop.shutdown_default_executor(Some(Duration::from_secs(300))))?;
    /// assert!(event_loop.run_in_executor(None, || Ok(())).is_err());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Awaiting raises any exception of the executor's `shutdown`. It raises `RuntimeError` if the loop is closed, and
    /// the system's error if it cannot start the thread that waits.
    pub fn shutdown_default_executor(&self, timeout: Option<Duration>) -> ShutdownExecutor {
        ShutdownExecutor { event_loop: self.clone(), timeout, phase: Phase::Created }
    }

    /// Waits until an executor is shut down, in a thread if that may block.
    ///
    /// # Errors
    ///
    /// The system's error if it cannot start a thread. `RuntimeError` if the loop is closed. Any exception of the
    /// executor.
    fn join_executor(&self, executor: Arc<dyn Executor>, timeout: Option<Duration>) -> Result<Joining, Exception> {
        self.0.scheduler.check_open()?;
        // Shut down from here, so that it happens even if the thread cannot be started.
        executor.shutdown(Pending::Run, ShutdownWait::No)?;
        let blocks = executor.shutdown_blocks();
        let (job, future) = Job::new(move || executor.shutdown(Pending::Run, ShutdownWait::ForThreads));
        let thread = if blocks {
            Some(thread::Builder::new().name("innermost_shutdown".into()).spawn(move || job.run())?)
        } else {
            job.run();
            None
        };
        let joined = self.follow_thread(&future, |future| future.result(None));
        let timed_out = Rc::new(Cell::new(false));
        let timer = match timeout {
            Some(timeout) => {
                let (joined, timed_out) = (joined.clone(), Rc::clone(&timed_out));
                let time_is_up = move || timed_out.set(joined.set_result(()).is_ok());
                Some(self.call_later(timeout, time_is_up)?)
            }
            None => None,
        };
        Ok(Joining { joined, timer, timed_out, thread: thread.map(Into::into) })
    }
}

/// An awaitable that waits until the default executor has shut down. Returned by
/// [`LoopHandle::shutdown_default_executor`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct ShutdownExecutor {
    event_loop: LoopHandle,
    timeout: Option<Duration>,
    phase: Phase,
}

enum Phase {
    Created,
    Joining(Joining),
    Over,
}

struct Joining {
    joined: Future<()>,
    timer: Option<TimerHandle>,
    timed_out: Rc<Cell<bool>>,
    thread: Option<NotInherited<JoinHandle<()>>>,
}

impl Drop for Joining {
    fn drop(&mut self) {
        if let Some(timer) = &self.timer {
            timer.cancel();
        }
    }
}

impl Coroutine for ShutdownExecutor {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created = self.phase {
            self.phase = Phase::Over;
            core::mem::replace(&mut sent, Ok(()))?;
            let Some(executor) = self.event_loop.0.threads.default_executor.refuse() else {
                return Ok(Step::Return(()));
            };
            self.phase = Phase::Joining(self.event_loop.join_executor(executor, self.timeout)?);
        }
        let Phase::Joining(joining) = &mut self.phase else { return Ok(Step::Return(())) };
        let joined = yield_from!(joining.joined, sent);
        if joined.is_ok() && joining.timed_out.get() {
            let seconds = self.timeout.unwrap_or_default().as_secs_f64();
            let text = format!("The executor did not finish joining its threads within {seconds} seconds.");
            self.event_loop.call_exception_handler(ErrorContext::new(text));
        } else if joined.is_ok()
            && let Some(thread) = joining.thread.take().and_then(NotInherited::into_inner)
        {
            // The thread is at its end, so this does not block. It has not panicked, since a job catches panics.
            let _ = thread.join();
        }
        self.phase = Phase::Over;
        joined.map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        State::new("shutdown_default_executor", self)
    }
}

impl fmt::Debug for ShutdownExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.phase {
            Phase::Created => "ShutdownExecutor(created)",
            Phase::Joining(_) => "ShutdownExecutor(joining)",
            Phase::Over => "ShutdownExecutor(over)",
        })
    }
}
