//! [`Work`]: a job in a thread, whose input comes back if it does not begin.
//!
//! A [`ThreadCall`] alone does not suffice. Cancelling the task that awaits it cancels the call, and then nobody learns
//! whether the function has begun, nor gets back what was moved into it.
//!
//! ```text
//!            start                 a thread takes the input           it returns
//!   input ----------> queued --------------------------> begun -----------------> ended
//!                       |                                  |
//!                       | thrown in                        | thrown in: `stop` is set
//!                       v                                  v
//!               withdrawn: the input               a change: wait for its end, then raise
//!               comes back, it never runs          anything else: raise at once
//! ```

use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::coroutine::{Coroutine as _, Exception, Step};
use crate::event_loop::{ThreadCall, running};
use crate::executor::Executor;
use crate::task::Await;

/// A job that may have begun.
pub(super) struct Work<I, O: 'static> {
    call: ThreadCall<O>,
    handover: Arc<Handover<I>>,
    /// The exception to raise once the job has ended.
    thrown: Option<Exception>,
}

struct Handover<I> {
    /// Taken by whoever comes first: the thread that begins the job, or the task that withdraws it.
    input: Mutex<Option<I>>,
    stop: Stop,
}

/// Says that nobody wants the result of a job any more.
pub(super) struct Stop(AtomicBool);

impl Stop {
    /// Called by a long job between two steps.
    ///
    /// # Errors
    ///
    /// If the job is to end now. Nobody sees the error.
    pub(super) fn check(&self) -> io::Result<()> {
        match self.0.load(Ordering::Relaxed) {
            true => Err(io::Error::other("cancelled")),
            false => Ok(()),
        }
    }
}

/// Whether an exception that is thrown in waits for a job that has begun.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// The job changes something. Nobody may find it half done, and go on.
    WaitsForEnd,
    /// The job only looks, so it may be left alone.
    Leaves,
}

/// What resuming has brought.
pub(super) enum Resumed<I, O> {
    Waits(Await),
    /// With the exception that was thrown in meanwhile.
    Ended(Result<O, Exception>, Option<Exception>),
    /// The job will never begin.
    Withdrawn(I, Exception),
    /// The job has begun, and goes on.
    Left(Exception),
}

impl<I: Send + 'static, O: Send + 'static> Work<I, O> {
    /// Submits a job.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if no loop is running, and the executor's exceptions. The input comes back.
    pub(super) fn start(
        executor: &dyn Executor,
        input: I,
        function: impl FnOnce(I, &Stop) -> O + Send + 'static,
    ) -> Result<Self, (Exception, Option<I>)> {
        let event_loop = match running() {
            Ok(event_loop) => event_loop,
            Err(raised) => return Err((raised, Some(input))),
        };
        let handover = Arc::new(Handover { input: Mutex::new(Some(input)), stop: Stop(AtomicBool::new(false)) });
        let taken = Arc::clone(&handover);
        let job = move || match taken.take() {
            Some(input) => Ok(function(input, &taken.stop)),
            None => Err(Exception::cancelled()),
        };
        match event_loop.run_in_executor(Some(executor), job) {
            Ok(call) => Ok(Self { call, handover, thrown: None }),
            Err(raised) => Err((raised, handover.take())),
        }
    }

    pub(super) fn resume(&mut self, sent: Result<(), Exception>, patience: Patience) -> Resumed<I, O> {
        if let Err(thrown) = sent {
            if let Some(input) = self.handover.take() {
                self.call.cancel();
                return Resumed::Withdrawn(input, thrown);
            }
            if patience == Patience::Leaves || thrown.is_generator_exit() {
                return Resumed::Left(thrown);
            }
            self.handover.stop.0.store(true, Ordering::Relaxed);
            self.thrown.get_or_insert(thrown);
        }
        // Not the call itself: cancelling the task would cancel it.
        match self.call.any_future().resume(Ok(())) {
            Ok(Step::Yield(wanted)) => Resumed::Waits(wanted),
            _ => Resumed::Ended(self.call.take_result(), self.thrown.take()),
        }
    }
}

impl<I> Handover<I> {
    fn take(&self) -> Option<I> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A job that has not begun never runs.
impl<I, O: 'static> Drop for Work<I, O> {
    fn drop(&mut self) {
        self.handover.stop.0.store(true, Ordering::Relaxed);
        drop(self.handover.take());
        self.call.cancel();
    }
}
