//! Running the loop, and closing it.

use core::any::Any;
use core::ops::Deref;

use super::LoopHandle;
use super::running::find_running;
use crate::coroutine::{Coroutine, Exception, Kind, Step};
use crate::sys::signal;
use crate::task::{Await, Future, Task};

/// Running.
impl LoopHandle {
    /// Runs until [`stop`](Self::stop), or until a task ends with a [`KeyboardInterrupt`](Kind::KeyboardInterrupt): that
    /// is the task's outcome, and raised here too at the end of the turn.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed or running, or another one runs in this thread; what the selector
    /// raises; a task's `KeyboardInterrupt`.
    pub fn run_forever(&self) -> Result<(), Exception> {
        self.check_can_run()?;
        let _running = self.enter();
        let mut scratch = self.0.scratch.take();
        let result = loop {
            let turn = self.0.turn(&mut scratch);
            if turn.is_err() || self.0.scheduler.is_stopping() {
                break turn;
            }
        };
        self.0.scratch.set(scratch);
        result?;
        self.0.scheduler.take_leaving().map_or(Ok(()), Err)
    }

    /// Runs until a coroutine has ended, and gives what it returned. A [`Future`] or [`Task`] of this loop is waited
    /// for; anything else is made a task.
    ///
    /// # Errors
    ///
    /// What the coroutine raised; `RuntimeError` as for [`run_forever`](Self::run_forever), and where the loop was
    /// stopped before.
    pub fn run_until_complete<C>(&self, coroutine: C) -> Result<C::Return, Exception>
    where
        C: Coroutine<Yield = Await, Input = ()> + 'static,
    {
        self.check_can_run()?;
        let (future, awaited) = match self.as_future(&coroutine)? {
            Some(future) => (future, Some(coroutine)),
            None => (Future::clone(&*self.create_task(coroutine)?), None),
        };
        self.run_until_done(&future)?;
        // Others may have handles to what was a future before: their result is cloned, as it is for all who await it.
        match awaited.map(|mut awaited| awaited.resume(Ok(()))) {
            Some(resumed) => match resumed? {
                Step::Return(result) => Ok(result),
                Step::Yield(_) | Step::Delegate(_) => unreachable!("it is done"),
            },
            None => future.take_result(),
        }
    }

    /// Runs until a future of this loop is done, however it ends.
    ///
    /// # Errors
    ///
    /// As [`run_until_complete`](Self::run_until_complete), but for what the coroutine raises.
    pub(crate) fn run_until_done<T: 'static>(&self, future: &Future<T>) -> Result<(), Exception> {
        // Where something else stops the loop, the callback may be queued already: it is for this run alone.
        let (this, run) = (self.clone(), self.0.runs.get());
        let stop = future.add_done_callback(move |_| {
            if this.0.runs.get() == run {
                this.stop();
            }
        });
        let ran = self.run_forever();
        future.remove_done_callback(stop);
        ran?;
        if !future.done() {
            return Err(Exception::message(Kind::RuntimeError, "Event loop stopped before Future completed."));
        }
        Ok(())
    }

    /// The future that a coroutine is, where it is one, or that its task is.
    ///
    /// # Errors
    ///
    /// `RuntimeError` where the loop is closed; `ValueError` for a future of another loop.
    pub fn ensure_future<C>(&self, coroutine: C) -> Result<Future<C::Return>, Exception>
    where
        C: Coroutine<Yield = Await, Input = ()> + 'static,
    {
        match self.as_future(&coroutine)? {
            Some(future) => Ok(future),
            None => Ok(Future::clone(&*self.create_task(coroutine)?)),
        }
    }

    /// # Errors
    ///
    /// `ValueError` for a future of another loop.
    fn as_future<C: Coroutine + 'static>(&self, coroutine: &C) -> Result<Option<Future<C::Return>>, Exception> {
        let any: &dyn Any = coroutine;
        let task = any.downcast_ref::<Task<C::Return>>().map(Deref::deref);
        let Some(future) = any.downcast_ref::<Future<C::Return>>().or(task) else { return Ok(None) };
        self.check_owns(future)?;
        Ok(Some(future.clone()))
    }

    /// # Errors
    ///
    /// `ValueError` for a future of another loop.
    pub(crate) fn check_owns<T: 'static>(&self, future: &Future<T>) -> Result<(), Exception> {
        if !future.is_of(&self.0.scheduler) {
            let text = "The future belongs to a different loop than the one specified as the loop argument";
            return Err(Exception::message(Kind::ValueError, text));
        }
        Ok(())
    }

    /// Has the loop return at the end of this turn; if it does not run, at the end of the first one that it will.
    pub fn stop(&self) {
        self.0.scheduler.set_stopping(true);
    }

    /// Whether the loop runs.
    pub fn is_running(&self) -> bool {
        self.0.running.get()
    }

    /// Whether the loop is closed.
    pub fn is_closed(&self) -> bool {
        self.0.scheduler.is_closed()
    }

    /// Closes the loop: drops what is queued and set, closes the coroutines of tasks that are still pending (oldest
    /// first, each reported to the exception handler), forgets every descriptor, and shuts the default executor down without
    /// waiting for its threads. Nothing happens the second time.
    ///
    /// # Errors
    ///
    /// `RuntimeError` while the loop runs.
    pub fn close(&self) -> Result<(), Exception> {
        if self.is_running() {
            return Err(Exception::message(Kind::RuntimeError, "Cannot close a running event loop"));
        }
        if self.is_closed() {
            return Ok(());
        }
        let handlers = self.0.signal_handlers.take();
        for signal in handlers.keys() {
            let _ = signal::restore(*signal);
        }
        signal::release(self.0.inbox.waker().raw_fd());
        let jobs = self.0.received.close();
        let scheduler = &self.0.scheduler;
        scheduler.close();
        scheduler.drop_each(self.0.timers.take().into_callbacks());
        self.close_residents();
        self.0.registry.close();
        scheduler.drop_each(jobs);
        scheduler.drop_each(self.0.links.close());
        scheduler.drop_each(handlers.into_values());
        self.close_default_executor();
        Ok(())
    }

    pub(super) fn check_can_run(&self) -> Result<(), Exception> {
        self.0.scheduler.check_open()?;
        if self.is_running() {
            return Err(Exception::message(Kind::RuntimeError, "This event loop is already running"));
        }
        if find_running().is_some() {
            let text = "Cannot run the event loop while another loop is running";
            return Err(Exception::message(Kind::RuntimeError, text));
        }
        Ok(())
    }
}
