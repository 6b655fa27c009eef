//! `run_coroutine_threadsafe`: running a coroutine that another thread sends to the loop.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::{LoopClosed, RemoteHandle, running};
use crate::coroutine::{Exception, Kind};
use crate::executor::{Origin, Promise, ThreadFuture};
use crate::task::{Awaitable, ErrorContext, Future, panicked};

impl RemoteHandle {
    /// Runs a coroutine as a task of the loop, and returns a future that threads can wait for. asyncio's
    /// `run_coroutine_threadsafe`.
    ///
    /// For a coroutine that is not `Send`, use [`run_coroutine_threadsafe_with`](Self::run_coroutine_threadsafe_with).
    ///
    /// Cancelling the future cancels the task, and cancelling the task cancels the future. If the loop is closed before
    /// the task has ended, the future fails with a `RuntimeError` made from [`LoopClosed`].
    ///
    /// ```
    /// use innermost::{EventLoop, sleep};
    /// use std::time::Duration;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let remote = event_loop.remote();
    /// let thread = std::thread::spawn(move || {
    ///     remote.run_coroutine_threadsafe_with(|| sleep(Duration::from_millis(1)))?.result(None)?;
    ///     remote.call_soon_threadsafe(|| EventLoop::running().expect("run by the loop").stop())?;
    ///     Ok::<(), innermost::Exception>(())
    /// });
    /// event_loop.run_forever()?;
    /// thread.join().expect("it does not panic")?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`LoopClosed`] if the loop is closed, or if this is a forked child of the loop's process.
    pub fn run_coroutine_threadsafe<C>(&self, coroutine: C) -> Result<ThreadFuture<C::Return>, LoopClosed>
    where
        C: Awaitable + Send + 'static,
        C::Return: Send,
    {
        self.run_coroutine_threadsafe_with(move || coroutine)
    }

    /// Calls `make` in the loop's thread and runs the coroutine it returns as a task. Returns a future that threads can
    /// wait for. [`run_coroutine_threadsafe`](Self::run_coroutine_threadsafe) has an example.
    ///
    /// If `make` panics, the future fails with the panic, and the loop's exception handler gets it too. If the future
    /// is cancelled before the loop gets to it, `make` is not called.
    ///
    /// # Errors
    ///
    /// [`LoopClosed`] if the loop is closed, or if this is a forked child of the loop's process.
    pub fn run_coroutine_threadsafe_with<C>(
        &self,
        make: impl FnOnce() -> C + Send + 'static,
    ) -> Result<ThreadFuture<C::Return>, LoopClosed>
    where
        C: Awaitable + 'static,
        C::Return: Send,
    {
        let (promise, future) = Promise::new(Some(self.origin()));
        let in_thread = future.clone();
        self.call_soon_threadsafe(move || {
            // If the future was cancelled already, there is nothing to do.
            if promise.cancelled() {
                return;
            }
            if let Err(raised) = start(make, promise, &in_thread)
                && let Ok(event_loop) = running()
            {
                let context = ErrorContext::new("Exception in run_coroutine_threadsafe").caused_by(raised);
                event_loop.call_exception_handler(context);
            }
        })?;
        Ok(future)
    }

    /// Describes this loop to a future for threads that the loop will complete.
    pub(super) fn origin(&self) -> Origin {
        let remote = self.clone();
        let report = move |raised| {
            let report = move || {
                if let Ok(event_loop) = running() {
                    let context = ErrorContext::new("Future exception was never retrieved").caused_by(raised);
                    event_loop.call_exception_handler(context);
                }
            };
            // This fails if the loop is gone, which then has no handler to report to.
            let _ = remote.call_soon_threadsafe(report);
        };
        let broken = Exception::of(Kind::RuntimeError, LoopClosed);
        Origin { home: self.home(), report: Box::new(report), broken }
    }
}

/// Makes the coroutine and its task, in the loop's thread.
///
/// # Errors
///
/// The reason why there is no task. The promise fails with it too.
fn start<C>(
    make: impl FnOnce() -> C,
    promise: Promise<C::Return>,
    in_thread: &ThreadFuture<C::Return>,
) -> Result<(), Exception>
where
    C: Awaitable + 'static,
    C::Return: Send,
{
    let made = catch_unwind(AssertUnwindSafe(make)).map_err(panicked);
    let started = made.and_then(|coroutine| {
        let event_loop = running()?;
        let task = event_loop.create_task(coroutine)?;
        Ok((event_loop, task))
    });
    match started {
        Ok((event_loop, task)) => {
            event_loop.lead_thread(task.future(), promise, in_thread, Future::take_result);
            Ok(())
        }
        Err(raised) => {
            let _ = promise.set_exception(raised.clone());
            Err(raised)
        }
    }
}
