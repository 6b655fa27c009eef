//! Scheduling callbacks, reading the loop's clock, making futures.

use core::time::Duration;
use std::rc::Rc;

use super::LoopHandle;
use super::timers::TimerHandle;
use crate::context::Context;
use crate::coroutine::Exception;
use crate::sys::Instant;
use crate::task::{Callback, CallbackResult, Future, Handle, Run, callback, callback_in};

/// Methods that schedule callbacks.
impl LoopHandle {
    /// Runs `function` in the next turn, after everything that is queued already. It runs in a copy of the current context.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed.
    pub fn call_soon<R: CallbackResult>(&self, function: impl FnOnce() -> R + 'static) -> Result<Handle, Exception> {
        self.0.scheduler.check_open()?;
        Ok(self.push(callback(function)))
    }

    /// Runs `function` in the next turn, in `context` itself rather than in a copy of the current context.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed.
    pub fn call_soon_in<R: CallbackResult>(
        &self,
        context: &Context,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<Handle, Exception> {
        self.0.scheduler.check_open()?;
        Ok(self.push(callback_in(Some(context.clone()), function)))
    }

    fn push(&self, callback: Rc<dyn Callback>) -> Handle {
        self.0.scheduler.push(Rc::clone(&callback) as Rc<dyn Run>);
        Handle::new(callback)
    }

    /// Runs `function` once `delay` has passed. Timers with equal deadlines run in the order they were set.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed.
    pub fn call_later<R: CallbackResult>(
        &self,
        delay: Duration,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<TimerHandle, Exception> {
        self.call_at(self.time() + delay, function)
    }

    /// Runs `function` once the loop's [`time`](Self::time) has reached `deadline`. Timers with equal deadlines run in the
    /// order they were set.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed.
    pub fn call_at<R: CallbackResult>(
        &self,
        deadline: Instant,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<TimerHandle, Exception> {
        self.0.scheduler.check_open()?;
        Ok(self.set_timer(deadline, callback(function)))
    }

    /// Runs `function` once `delay` has passed, in `context` itself rather than in a copy of the current context.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed.
    pub fn call_later_in<R: CallbackResult>(
        &self,
        context: &Context,
        delay: Duration,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<TimerHandle, Exception> {
        self.call_at_in(context, self.time() + delay, function)
    }

    /// Runs `function` once the loop's [`time`](Self::time) has reached `deadline`, in `context` itself rather than in a
    /// copy of the current context.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed.
    pub fn call_at_in<R: CallbackResult>(
        &self,
        context: &Context,
        deadline: Instant,
        function: impl FnOnce() -> R + 'static,
    ) -> Result<TimerHandle, Exception> {
        self.0.scheduler.check_open()?;
        Ok(self.set_timer(deadline, callback_in(Some(context.clone()), function)))
    }

    /// Makes a future of this loop that is finished once `delay` has passed.
    pub(crate) fn finish_later(&self, delay: Duration) -> Result<Future<()>, Exception> {
        // The clock is read first: it may be the user's, and close the loop.
        let deadline = self.time() + delay;
        self.0.scheduler.check_open()?;
        let (future, timed) = Future::timed(Rc::clone(&self.0.scheduler));
        self.0.with_timers(|timers| timers.push(deadline, timed));
        Ok(future)
    }

    fn set_timer(&self, deadline: Instant, callback: Rc<dyn Callback>) -> TimerHandle {
        let timed = Rc::clone(&callback) as Rc<_>;
        self.0.with_timers(|timers| timers.push(deadline, timed));
        TimerHandle::new(Handle::new(callback), deadline)
    }

    /// Reads the loop's clock.
    pub fn time(&self) -> Instant {
        self.0.clock.now()
    }

    /// Makes a pending future of this loop.
    pub fn create_future<T: 'static>(&self) -> Future<T> {
        Future::new(Rc::clone(&self.0.scheduler))
    }
}
