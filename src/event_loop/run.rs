//! Running the loop, and closing it.

use std::rc::Rc;

use super::LoopHandle;
use super::forked::check_process;
use super::running::find_running;
use crate::coroutine::{Exception, Kind};
use crate::task::{AnyFuture, Awaitable, Child, Scheduler};

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
        let _running = self.enter()?;
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

    /// Runs the loop until an awaitable is done, and returns its result.
    ///
    /// A future of this loop ([`Future`](crate::Future), [`Task`](crate::Task), [`Join`](crate::task::Join),
    /// [`Gather`](crate::wait::Gather), [`Shield`](crate::wait::Shield)) is waited for. Any other coroutine becomes a task. A gather or a
    /// shield starts in this loop if it has not started.
    ///
    /// ```
    /// use innermost::{EventLoop, Exception, ready};
    ///
    /// assert_eq!(EventLoop::new()?.run_until_complete(ready(7))?, 7);
    /// # Ok::<(), Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What the awaitable raises; what [`run_forever`](Self::run_forever) raises; `RuntimeError` if the loop is stopped
    /// before the awaitable is done; `ValueError` for a future of another loop.
    pub fn run_until_complete<C>(&self, awaitable: C) -> Result<C::Return, Exception>
    where
        C: Awaitable + 'static,
    {
        self.check_can_run()?;
        let child = Child::start(&self.0.scheduler, awaitable)?;
        self.run_until_done(&child.any())?;
        child.outcome()
    }

    /// Runs until `future`, which is one of this loop, is done.
    ///
    /// # Errors
    ///
    /// As [`run_forever`](Self::run_forever), and where the loop was stopped before.
    pub(crate) fn run_until_done(&self, future: &AnyFuture) -> Result<(), Exception> {
        // Where something else stops the loop, the callback may be queued already: it is for this run alone.
        let (weak, run) = (self.downgrade(), self.0.runs.get());
        let stop = future.notify(move |_| {
            if let Some(this) = weak.upgrade().filter(|this| this.0.runs.get() == run) {
                this.stop();
            }
        });
        let ran = self.run_forever();
        future.remove_callback(stop);
        ran?;
        if !future.done() {
            return Err(Exception::message(Kind::RuntimeError, "Event loop stopped before Future completed."));
        }
        Ok(())
    }

    /// The part of it that futures know.
    pub(crate) fn scheduler(&self) -> &Rc<Scheduler> {
        &self.0.scheduler
    }

    /// Has the loop return at the end of this turn; if it does not run, at the end of the first one that it will.
    pub fn stop(&self) {
        self.0.scheduler.set_stopping(true);
    }

    /// Whether the loop runs.
    pub fn is_running(&self) -> bool {
        self.0.scheduler.is_running()
    }

    /// Whether the loop is closed.
    pub fn is_closed(&self) -> bool {
        self.0.scheduler.is_closed()
    }

    /// Closes the loop: drops what is queued and set, closes the coroutines of tasks that are still pending (oldest
    /// first, each reported to the exception handler) and of async generators that are suspended, forgets every
    /// descriptor, and shuts the default executor down without waiting for its threads. Nothing happens the second time.
    ///
    /// A closed loop keeps nothing of the program's: no callback (even where a handle to it is kept), no signal handler, no
    /// resolver, no executor, no task factory, no clock. The exception handler alone stays until the [`EventLoop`] itself is
    /// dropped, and until nobody has a future that failed and was not asked since. So each of them may hold a handle to its loop.
    /// Its own descriptors are closed, whatever handles to it are kept; those that other threads use in that moment, once
    /// they have. Only what signal handlers have known stays open, for the next loop.
    ///
    /// [`EventLoop`]: crate::EventLoop
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
        let handlers = self.take_signal_handlers();
        let jobs = self.0.received.close();
        let scheduler = &self.0.scheduler;
        // What a destructor sets is not for whoever closes the loop.
        let _outer = scheduler.enter_context(None);
        let _receiving = scheduler.receives();
        scheduler.guarded(|| self.0.clock.stop());
        scheduler.close();
        self.close_asyncgens();
        scheduler.discard_each(self.0.timers.take().into_callbacks());
        self.close_residents();
        self.0.registry.close();
        drop(self.0.fd_for_hosts.take());
        drop(self.0.waker.take());
        scheduler.drop_each(jobs);
        self.0.threads.close_links(scheduler);
        self.drop_handlers(handlers.map(|(_, handler)| handler));
        scheduler.drop_each(self.0.extensions.take());
        self.close_default_executor();
        scheduler.drop_guarded(self.0.clock.take());
        scheduler.forget_factory();
        Ok(())
    }

    /// # Errors
    ///
    /// As [`run_forever`](Self::run_forever).
    pub(crate) fn check_can_run(&self) -> Result<(), Exception> {
        self.0.scheduler.check_open()?;
        check_process(self.0.process)?;
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
