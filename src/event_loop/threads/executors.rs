//! `run_in_executor` and [`to_thread`]: functions that run in threads and are awaited in the loop.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::mem;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::super::{LoopHandle, running};
use crate::context::{self, Context};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};
use crate::executor::{Executor, Job, Pending, ShutdownWait, ThreadFuture, ThreadPool};
use crate::task::{AnyFuture, Await, CallbackId, CallbackResult, ErrorContext, Future, panicked, view_of_future};
use crate::yield_from;

/// The loop's default executor, for functions without an executor of their own.
#[derive(Default)]
pub(super) struct DefaultExecutor {
    /// `None` before it is first used, and once the loop is closed.
    executor: RefCell<Option<Arc<dyn Executor>>>,
    shut_down: Cell<bool>,
}

impl DefaultExecutor {
    /// # Errors
    ///
    /// `RuntimeError` once it is shut down.
    fn executor(&self) -> Result<Arc<dyn Executor>, Exception> {
        if self.shut_down.get() {
            return Err(Exception::message(Kind::RuntimeError, "Executor shutdown has been called"));
        }
        let mut executor = self.executor.borrow_mut();
        Ok(Arc::clone(executor.get_or_insert_with(|| Arc::new(ThreadPool::new()))))
    }

    #[cfg(feature = "testing")]
    pub(super) fn is_open(&self) -> bool {
        !self.shut_down.get()
    }

    /// Refuses functions from now on. Returns the executor, if one was used or set.
    pub(super) fn refuse(&self) -> Option<Arc<dyn Executor>> {
        self.shut_down.set(true);
        self.executor.borrow().clone()
    }
}

/// Methods that run functions in threads.
impl LoopHandle {
    /// Runs a blocking function in a thread of `executor`, or of the loop's default executor. asyncio's
    /// `run_in_executor`.
    ///
    /// The default executor is a [`ThreadPool`] that is created when it is first needed.
    ///
    /// The function is submitted at once, and runs whether or not the call is awaited. Cancelling the call before the
    /// function has begun drops the function. A function that has begun cannot be stopped, but its result is dropped. A
    /// panic becomes an exception of the kind [`Panic`](Kind::Panic).
    ///
    /// The function does not see context variables, whose values may not leave this thread. Let it capture the values
    /// it needs, or use [`to_thread`].
    ///
    /// ```
    /// use innermost::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let call = event_loop.run_in_executor(None, || Ok(std::fs::read_to_string("/proc/self/comm")?))?;
    /// assert!(!event_loop.run_until_complete(call)?.is_empty());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed, or if `executor` is `None` and the default executor was shut down. Any
    /// exception of the executor.
    pub fn run_in_executor<T, F>(
        &self,
        executor: Option<&dyn Executor>,
        function: F,
    ) -> Result<ThreadCall<T>, Exception>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, Exception> + Send + 'static,
    {
        self.0.scheduler.check_open()?;
        let (job, future) = Job::new(function);
        match executor {
            Some(executor) => executor.execute(job)?,
            None => self.0.threads.default_executor.executor()?.execute(job)?,
        }
        // A user's executor may have closed the loop.
        self.0.scheduler.check_open()?;
        Ok(ThreadCall(self.follow_thread(&future, take_result)))
    }

    /// Sets the default executor, and returns the previous one. asyncio's `set_default_executor`.
    ///
    /// The previous executor still runs the functions that were submitted to it. To wait for them, shut it down. A
    /// closed loop drops the new executor.
    pub fn set_default_executor(&self, executor: impl Executor + 'static) -> Option<Arc<dyn Executor>> {
        if self.is_closed() {
            return None;
        }
        self.0.threads.default_executor.executor.replace(Some(Arc::new(executor)))
    }

    pub(in crate::event_loop) fn close_default_executor(&self) {
        let Some(executor) = self.0.threads.default_executor.refuse() else { return };
        self.0.threads.default_executor.executor.take();
        // A user's executor may do anything here, and may panic.
        let closing = move || executor.shutdown(Pending::Run, ShutdownWait::No);
        let closed = catch_unwind(AssertUnwindSafe(closing)).unwrap_or_else(|panic| Err(panicked(panic)));
        if let Err(raised) = closed {
            let context = ErrorContext::new("Exception ignored while the default executor was shut down");
            self.call_exception_handler(context.caused_by(raised));
        }
    }
}

/// Moves the result of a function out of its future, which nobody else has.
fn take_result<T: Send + 'static>(future: &ThreadFuture<T>) -> Result<T, Exception> {
    future.take_result(None)
}

/// A handle to a function that runs in a thread. Returned by [`run_in_executor`](LoopHandle::run_in_executor).
///
/// Awaiting it moves the result out, so it can be awaited only once. Clones refer to the same call. Dropping the handle
/// does not cancel the call.
pub struct ThreadCall<T>(Future<T>);

view_of_future!(ThreadCall);

impl<T: 'static> ThreadCall<T> {
    /// Cancels the call. If the function has not begun, it never runs. If it has begun, it runs to its end, and its
    /// result is dropped. Returns `false` if the call is already done.
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// Cancels the call, with a message in the `CancelledError`. Returns `false` if the call is already done.
    pub fn cancel_message(&self, message: impl Into<Cow<'static, str>>) -> bool {
        self.0.cancel_message(message)
    }
}

impl<T> Clone for ThreadCall<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for ThreadCall<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadCall({:?})", self.0)
    }
}

/// Awaiting a call moves its result out.
impl<T: 'static> Coroutine for ThreadCall<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.0.join().resume(sent)
    }

    fn state(&self) -> State<'_> {
        State::new("ThreadCall", &self.0)
    }
}

/// Runs a blocking function in a thread of the running loop's default executor. asyncio's `to_thread`.
///
/// The function is submitted when the awaitable is first resumed. It sees the context variables that are [sent to
/// threads](crate::context::ContextVar::sent_to_threads). A panic becomes an exception of the kind
/// [`Panic`](Kind::Panic).
///
/// ```
/// use innermost::{EventLoop, to_thread};
///
/// let event_loop = EventLoop::new()?;
/// let name = event_loop.run_until_complete(to_thread(|| Ok(std::thread::current().name().map(String::from))))?;
/// assert_eq!(name.as_deref(), Some("innermost_0"));
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting raises the exception of the function. It raises `RuntimeError` if no loop is running, or if the loop's
/// default executor was shut down.
pub fn to_thread<T, F>(function: F) -> ToThread<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Exception> + Send + 'static,
{
    ToThread(Phase::Created(Box::new(function)))
}

/// An awaitable that runs a function in a thread and gives its result. Returned by [`to_thread`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct ToThread<T>(Phase<T>);

enum Phase<T> {
    Created(Box<dyn FnOnce() -> Result<T, Exception> + Send>),
    Called(ThreadCall<T>),
    Over,
}

impl<T: Send + 'static> Coroutine for ToThread<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created(_) = self.0 {
            let Phase::Created(function) = mem::replace(&mut self.0, Phase::Over) else { unreachable!("just checked") };
            mem::replace(&mut sent, Ok(()))?;
            let function = match context::current_for_thread() {
                None => function,
                Some(context) => Box::new(move || context.into_context().run(function)),
            };
            self.0 = Phase::Called(running()?.run_in_executor(None, function)?);
        }
        let Phase::Called(call) = &mut self.0 else {
            return Err(Exception::reused());
        };
        let called = yield_from!(call, sent);
        self.0 = Phase::Over;
        called.map(Step::Return)
    }

    fn state(&self) -> State<'_> {
        State::new("to_thread", self)
    }
}

impl<T> fmt::Debug for ToThread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Phase::Created(_) => "ToThread(created)",
            Phase::Called(_) => "ToThread(called)",
            Phase::Over => "ToThread(over)",
        })
    }
}
