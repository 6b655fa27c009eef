//! `call_soon`, `call_later` and `call_at`: scheduling callbacks. Also `time` and `create_future`.

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
    /// Runs `function` in the next turn, after everything that is already queued. It runs in a copy of the current
    /// context.
    ///
    /// If `function` panics or returns an exception, the loop's [exception handler](Self::set_exception_handler) is
    /// told and the loop goes on. A [`KeyboardInterrupt`](crate::Kind::KeyboardInterrupt) stops the loop instead, which
    /// raises it.
    ///
    /// ```
    /// use innermost::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let stopper = event_loop.handle();
    /// event_loop.call_soon(|| println!("hello"))?;
    /// event_loop.call_soon(move || stopper.stop())?;
    /// event_loop.run_forever()?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
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

    /// Runs `function` once `delay` has passed, in a copy of the current context. Timers with equal deadlines run in
    /// the order they were set.
    ///
    /// A failure of `function` is handled as in [`call_soon`](Self::call_soon).
    ///
    /// ```
    /// use innermost::EventLoop;
    /// use std::time::Duration;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let stopper = event_loop.handle();
    /// let timer = event_loop.call_later(Duration::from_millis(1), move || stopper.stop())?;
    /// event_loop.run_forever()?;
    /// assert!(event_loop.time() >= timer.when());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
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

    /// Runs `function` once the loop's [`time`](Self::time) has reached `deadline`, in a copy of the current context.
    /// Timers with equal deadlines run in the order they were set.
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

    /// Runs `function` once the loop's [`time`](Self::time) has reached `deadline`, in `context` itself rather than in
    /// a copy of the current context.
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

    /// Creates a future of this loop that is finished once `delay` has passed.
    pub(crate) fn finish_later(&self, delay: Duration) -> Result<Future<()>, Exception> {
        // The clock is read before the check, since it may be a user's clock that closes the loop.
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

    /// Returns the time on the loop's clock. After the loop is closed, this is the time at which it was closed.
    pub fn time(&self) -> Instant {
        self.0.clock.now()
    }

    /// Creates a pending future of this loop. asyncio's `create_future`. [`Future`] has an example.
    pub fn create_future<T: 'static>(&self) -> Future<T> {
        Future::new(Rc::clone(&self.0.scheduler))
    }
}
