//! `run_forever`, `run_until_complete`, `stop` and `close`: running a loop and closing it.

use std::rc::Rc;

use super::forked::check_process;
use super::running::find_running;
use super::{Core, LoopHandle};
use crate::coroutine::{Exception, Kind};
use crate::task::{AnyFuture, Awaitable, Child, Scheduler};

/// Methods that run and close the loop.
impl LoopHandle {
    /// Runs the loop until [`stop`](Self::stop) is called.
    ///
    /// If a task or a callback ends with a [`KeyboardInterrupt`](Kind::KeyboardInterrupt), the run ends too, at the end
    /// of the turn, and raises it. [`call_soon`](Self::call_soon) has an example.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed or running, or if another loop runs in this thread. The selector's errors.
    /// The `KeyboardInterrupt` of a task or a callback.
    pub fn run_forever(&self) -> Result<(), Exception> {
        self.run_turns(|_| false)
    }

    /// Runs turns until the loop is stopped, or `is_over` returns `true` after a turn.
    pub(super) fn run_turns(&self, is_over: impl Fn(&Core) -> bool) -> Result<(), Exception> {
        self.check_can_run()?;
        let _running = self.enter()?;
        let mut scratch = self.0.scratch.take();
        #[cfg(feature = "testing")]
        let steering = self.0.scheduler.steering();
        let result = loop {
            #[cfg(not(feature = "testing"))]
            let turn = self.0.turn(&mut scratch);
            #[cfg(feature = "testing")]
            let turn = match &steering {
                None => self.0.turn(&mut scratch),
                Some(steering) => self.0.steered_turn(&mut scratch, &**steering),
            };
            if turn.is_err() || self.0.scheduler.is_stopping() || is_over(&self.0) {
                break turn;
            }
        };
        self.0.scratch.set(scratch);
        result?;
        self.0.scheduler.take_leaving().map_or(Ok(()), Err)
    }

    /// Runs the loop until an awaitable is done, and returns its result.
    ///
    /// The awaitable can be a future of this loop: a [`Future`](crate::Future), [`Task`](crate::Task),
    /// [`Join`](crate::task::Join), [`Gather`](crate::wait::Gather) or [`Shield`](crate::wait::Shield). Any other
    /// coroutine runs as a new task. A gather or a shield that has not started starts in this loop.
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
    /// - The exception that the awaitable raises.
    /// - `RuntimeError` if the loop is closed or running, if another loop runs in this thread, or if the loop is
    ///   stopped before the awaitable is done.
    /// - `ValueError` for a future of another loop.
    /// - Any exception of the [task factory](Self::set_task_factory), if a task is created.
    /// - The selector's errors, and the `KeyboardInterrupt` of any other task or callback.
    pub fn run_until_complete<C>(&self, awaitable: C) -> Result<C::Return, Exception>
    where
        C: Awaitable + 'static,
    {
        self.check_can_run()?;
        let child = Child::start(&self.0.scheduler, awaitable)?;
        self.run_until_done(&child.any())?;
        child.outcome()
    }

    /// Runs until `future`, which belongs to this loop, is done.
    ///
    /// # Errors
    ///
    /// Those of [`run_forever`](Self::run_forever). `RuntimeError` if the loop was stopped first.
    pub(crate) fn run_until_done(&self, future: &AnyFuture) -> Result<(), Exception> {
        // If something else stops the loop first, this callback may still be in the queue. It must not stop a later
        // run.
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

    /// The part of the loop that futures and tasks use.
    pub(crate) fn scheduler(&self) -> &Rc<Scheduler> {
        &self.0.scheduler
    }

    /// Stops the loop: [`run_forever`](Self::run_forever) returns at the end of the current turn. If the loop is not
    /// running, its next run ends after one turn.
    pub fn stop(&self) {
        self.0.scheduler.set_stopping(true);
    }

    /// Returns `true` while the loop is running.
    pub fn is_running(&self) -> bool {
        self.0.scheduler.is_running()
    }

    /// Returns `true` if the loop is closed.
    pub fn is_closed(&self) -> bool {
        self.0.scheduler.is_closed()
    }

    /// Closes the loop. Closing it again has no effect.
    ///
    /// - Queued callbacks and timers are dropped.
    /// - The coroutines of pending tasks are closed, oldest first. Each such task is reported to the exception handler.
    /// - Suspended async generators are closed.
    /// - Every descriptor is deregistered.
    /// - The default executor is shut down. Its threads are not waited for.
    ///
    /// A closed loop drops everything that the program gave it: callbacks (even if handles to them are kept), signal
    /// handlers, the resolver, the executor, the task factory, the clock. So each of these may hold a handle to its
    /// loop without creating a leak. Only the exception handler stays. It is dropped once the [`EventLoop`] is gone and
    /// every failed future has been retrieved or reported.
    ///
    /// The loop's own descriptors are closed, even if handles to the loop are kept. A descriptor that another thread is
    /// using at that moment is closed when that thread has finished. The descriptors that signal handlers write to stay
    /// open, for the next loop.
    ///
    /// [`EventLoop`]: crate::EventLoop
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is running.
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
        // Destructors may set context variables, which must not reach the caller's context.
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
    /// `RuntimeError` if the loop is closed or running, or if another loop runs in this thread.
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
