//! The handles to a task: [`Task`], which knows the type of the result, and [`AnyTask`], which does not.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::borrow::Cow;
use std::io;
use std::rc::{Rc, Weak};

use super::any_future::awaits_end;
use super::cancel::cancel;
use super::contracts::ErasedTask;
use super::view::view_of_future;
use super::waiting::Shareable;
use super::{AnyFuture, Await, CallbackId, CallbackResult, Future, Join};
use crate::context::{self, Context};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, StackTrace, State};

/// A coroutine that runs in an event loop, and its result. asyncio's `Task`.
///
/// This is a handle. Clones refer to the same task. Dropping all handles does not stop the task: the loop keeps it
/// until it has ended. Awaiting a task gives a clone of its result; [`join`](Self::join) moves the result out.
///
/// # Cancellation
///
/// [`cancel`](Self::cancel) throws a `CancelledError` into the coroutine, at the place where it waits. The coroutine
/// can let it pass (`sent?`), or catch it and clean up. Cleanup can await:
///
/// ```
/// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Sleep, Step, sleep, yield_from};
/// use std::time::Duration;
///
/// /// Works for an hour. Cancelled, it says good-bye first, which takes a moment.
/// enum Worker {
///     Working(Sleep),
///     Leaving(Sleep, Exception),
/// }
///
/// impl Coroutine for Worker {
///     type Yield = Await;
///     type Input = ();
///     type Return = ();
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         loop {
///             *self = match self {
///                 Self::Working(work) => match yield_from!(work, sent) {
///                     Err(cancelled) if cancelled.is_cancelled() => {
///                         Self::Leaving(sleep(Duration::from_millis(1)), cancelled)
///                     }
///                     done => return done.map(Step::Return),
///                 },
///                 Self::Leaving(goodbye, cancelled) => {
///                     yield_from!(goodbye, sent)?;
///                     return Err(cancelled.clone());
///                 }
///             };
///         }
///     }
/// }
///
/// let event_loop = EventLoop::new()?;
/// let worker = event_loop.create_task(Worker::Working(sleep(Duration::from_secs(3600))))?;
/// let boss = worker.clone();
/// event_loop.call_later(Duration::from_millis(1), move || assert!(boss.cancel()))?;
/// assert!(event_loop.run_until_complete(worker.clone()).unwrap_err().is_cancelled());
/// assert!(worker.cancelled());
/// # Ok::<(), Exception>(())
/// ```
///
/// Cleanup that does not wait needs no machine: [`CoroutineExt::catch`](crate::CoroutineExt::catch) passes the exception
/// to a function, which returns it, or a result in its place.
///
/// ```
/// use innermost::testing::virtual_loop;
/// use innermost::{CoroutineExt, sleep};
/// use std::time::Duration;
///
/// let event_loop = virtual_loop()?;
/// let nap = sleep(Duration::from_secs(3600)).map(|()| "slept well");
/// let nap = nap.catch(|raised| if raised.is_cancelled() { Ok("woken early") } else { Err(raised) });
/// let task = event_loop.create_task(nap)?;
/// let alarm = task.clone();
/// event_loop.call_later(Duration::from_secs(60), move || assert!(alarm.cancel()))?;
/// assert_eq!(event_loop.run_until_complete(task)?, "woken early");
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Its result
///
/// The coroutine alone decides the result, so a task has the methods of a [`Future`] that look at the result, and none
/// that set it:
///
/// ```compile_fail
/// # let event_loop = innermost::EventLoop::new()?;
/// let task = event_loop.create_task(innermost::ready(1))?;
/// task.set_result(2);
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// ```
/// # let event_loop = innermost::EventLoop::new()?;
/// let task = event_loop.create_task(innermost::ready(1))?;
/// event_loop.run_until_complete(task.clone())?;
/// assert_eq!(task.result()?, 1);
/// # Ok::<(), innermost::Exception>(())
/// ```
pub struct Task<T>(Future<T>);

/// A task without the type of its result, for lists of tasks.
///
/// Awaiting it waits until the task has ended, and gives `()` even if the task failed. Cancelling the waiter does not
/// cancel the task, as with asyncio's `wait`.
///
/// ```
/// use innermost::testing::virtual_loop;
/// use innermost::{ready, sleep};
/// use std::time::Duration;
///
/// let event_loop = virtual_loop()?;
/// let number = event_loop.create_task(ready(42))?;
/// let nap = event_loop.create_task(sleep(Duration::from_secs(3600)))?;
/// let tasks = [number.any(), nap.any()];
///
/// event_loop.run_until_complete(tasks[0].clone())?;
/// for task in &tasks {
///     task.cancel();
///     event_loop.run_until_complete(task.clone())?;
/// }
/// assert_eq!(tasks.map(|task| task.cancelled()), [false, true]);
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Clone)]
pub struct AnyTask(Rc<dyn ErasedTask>);

/// A handle that does not keep the task alive, for objects that the task itself may hold or return.
#[derive(Clone)]
pub(crate) struct WeakTask(Weak<dyn ErasedTask>);

impl WeakTask {
    /// A handle to the task, or `None` once the task has ended and nobody holds a handle.
    pub(crate) fn upgrade(&self) -> Option<AnyTask> {
        self.0.upgrade().map(AnyTask)
    }
}

view_of_future!(Task);
super::dropped!(Task<T>, T);
super::dropped!(AnyTask);

impl<T: 'static> Task<T> {
    pub(crate) fn of(future: Future<T>) -> Self {
        Self(future)
    }

    /// The future of the task's result. Kept private, because setting its result always fails.
    /// [`ensure_future`](crate::LoopHandle::ensure_future) gives it out.
    pub(crate) fn future(&self) -> &Future<T> {
        &self.0
    }

    /// Returns an awaitable that waits for the task and moves its result out. Results that are not `Clone` need it.
    ///
    /// Cancelling the waiter cancels the task, as when the task itself is awaited. [`Future::join`] has an example.
    ///
    /// # Errors
    ///
    /// Awaiting raises the exception the task failed with, and `CancelledError` if it was cancelled. It raises
    /// `InvalidStateError` if the result was moved out before.
    pub fn join(&self) -> Join<T> {
        self.0.join()
    }

    /// Requests cancellation: at its next step, the task gets a `CancelledError` at the place where it waits. It can
    /// catch the exception, clean up, wait again, or go on. A task that has not started never runs. Returns `false` if
    /// the task is done.
    ///
    /// The future or task that it waits for is cancelled too. A wait that does not pass a cancellation on, such as
    /// [`shield`](fn@crate::wait::shield), [`wait`](fn@crate::wait::wait) or an [`AnyTask`], leaves its children alone.
    ///
    /// If the event has already come but the task has not run yet, the cancellation wins, as in asyncio. The task gets
    /// the `CancelledError` instead of the result. Nothing is lost: a future keeps its result, a lock or a semaphore
    /// that was granted to this task is passed on to the next waiter, and a queue wakes its next waiter.
    ///
    /// A task that cancels itself gets the `CancelledError` where it waits next. A second request before the task has run
    /// raises no second exception, but is counted: see [`cancelling`](Self::cancelling).
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// Requests cancellation, with a message in the `CancelledError`. Returns `false` if the task is done.
    /// [`cancel`](Self::cancel) describes the details.
    pub fn cancel_message(&self, message: impl Into<Cow<'static, str>>) -> bool {
        self.0.cancel_message(message)
    }

    /// Returns the task's name. A task that nobody has named is called `Task-1`, `Task-2` and so on.
    pub fn name(&self) -> String {
        self.any().name()
    }

    /// Sets the task's name.
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        self.any().set_name(name);
    }

    /// Returns the number of cancellation requests that [`uncancel`](Self::uncancel) has not taken back.
    pub fn cancelling(&self) -> u32 {
        self.any().cancelling()
    }

    /// Takes one cancellation request back and returns how many are left. When none is left, a `CancelledError` that
    /// was not delivered yet is dropped. If the request has already cancelled the future that the task waits for, the
    /// task still gets that future's `CancelledError`, as in asyncio.
    ///
    /// A scope that cancels its own task, as a timeout does, takes its request back in the end. A request that is left
    /// is someone else's, and the scope raises the `CancelledError` again.
    ///
    /// ```
    /// use innermost::{EventLoop, ready};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let task = event_loop.create_task(ready(42))?;
    /// assert!(task.cancel());
    /// assert_eq!(task.cancelling(), 1);
    /// assert_eq!(task.uncancel(), 0);
    /// assert_eq!(event_loop.run_until_complete(task)?, 42);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn uncancel(&self) -> u32 {
        self.any().uncancel()
    }

    /// Returns the context the task runs in. Values set there are visible to the task. asyncio's `get_context`.
    pub fn context(&self) -> Context {
        self.any().context()
    }

    /// Returns the coroutine's frames, outermost first, and the event that the innermost is waiting for. asyncio's
    /// `get_stack`.
    pub fn stack_trace(&self) -> StackTrace {
        self.any().stack_trace()
    }

    /// Writes the stack to `to`: a heading, then a line for each frame. For a task that failed, it writes the exception
    /// instead of frames. asyncio's `print_stack`.
    ///
    /// # Errors
    ///
    /// Errors from writing.
    pub fn print_stack(&self, to: &mut dyn io::Write) -> io::Result<()> {
        self.any().print_stack(to)
    }

    /// Returns a handle without the type of the result.
    pub fn any(&self) -> AnyTask {
        AnyTask(self.0.task().expect("a task's future is a task"))
    }
}

impl AnyTask {
    pub(crate) fn new(task: Rc<dyn ErasedTask>) -> Self {
        Self(task)
    }

    #[cfg(feature = "testing")]
    pub(super) fn erased(&self) -> &Rc<dyn ErasedTask> {
        &self.0
    }

    pub(crate) fn downgrade(&self) -> WeakTask {
        WeakTask(Rc::downgrade(&self.0))
    }

    /// Requests cancellation: at its next step, the task gets a `CancelledError` at the place where it waits. Returns
    /// `false` if the task is done. [`Task::cancel`] describes the details.
    pub fn cancel(&self) -> bool {
        cancel(Rc::clone(&self.0) as Rc<_>, Exception::cancelled())
    }

    /// Requests cancellation, with a message in the `CancelledError`. Returns `false` if the task is done.
    pub fn cancel_message(&self, message: impl Into<Cow<'static, str>>) -> bool {
        cancel(Rc::clone(&self.0) as Rc<_>, Exception::message(Kind::CancelledError, message))
    }

    /// Returns the number of cancellation requests that [`uncancel`](Self::uncancel) has not taken back.
    pub fn cancelling(&self) -> u32 {
        self.0.state().cancels()
    }

    /// Takes one cancellation request back and returns how many are left. When none is left, a `CancelledError` that
    /// was not delivered yet is dropped. If the request has already cancelled the future that the task waits for, the
    /// task still gets that future's `CancelledError`, as in asyncio.
    pub fn uncancel(&self) -> u32 {
        self.0.state().uncancel()
    }

    /// Returns the task as a future without a type, for lists that hold futures and tasks.
    pub fn any_future(&self) -> AnyFuture {
        AnyFuture::new(Rc::clone(&self.0) as Rc<_>)
    }

    /// Returns `true` if the task was cancelled.
    pub fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns `true` once the task has ended.
    pub fn done(&self) -> bool {
        self.0.done()
    }

    /// Returns the task's name. A task that nobody has named is called `Task-1`, `Task-2` and so on.
    pub fn name(&self) -> String {
        self.0.state().name()
    }

    /// Sets the task's name.
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        let name = name.into();
        self.0.state().with_rare(|rare| rare.name = Some(name));
    }

    /// Returns the context the task runs in. Values set there are visible to the task. asyncio's `get_context`.
    pub fn context(&self) -> Context {
        let state = self.0.state();
        state.context().unwrap_or_else(|| {
            let runs = self.0.scheduler().current().is_some_and(|current| Rc::ptr_eq(&current, &self.0));
            let own = if runs { context::make_own() } else { Context::new() };
            state.set_context(Some(own.clone()));
            own
        })
    }

    /// Writes the stack to `to`: a heading, then a line for each frame. For a task that failed, it writes the exception
    /// instead of frames. asyncio's `print_stack`.
    ///
    /// ```
    /// use innermost::{EventLoop, sleep};
    /// use std::time::Duration;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let task = event_loop.create_task(sleep(Duration::ZERO))?;
    /// let mut text = Vec::new();
    /// task.print_stack(&mut text)?;
    /// assert!(text.starts_with(b"Stack for Task(Task-1, pending) (innermost last):\n  sleep: "));
    /// # event_loop.run_until_complete(task)?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Errors from writing.
    pub fn print_stack(&self, to: &mut dyn io::Write) -> io::Result<()> {
        let trace = self.stack_trace();
        if !trace.frames().is_empty() {
            writeln!(to, "Stack for {self:?} (innermost last):")?;
            return trace.to_string().lines().try_for_each(|line| writeln!(to, "  {line}"));
        }
        match self.0.failure() {
            Some(raised) => writeln!(to, "No stack for {self:?}: {raised:?}"),
            None => writeln!(to, "No stack for {self:?}"),
        }
    }

    /// Returns the coroutine's frames, outermost first, and the event that the innermost is waiting for. asyncio's
    /// `get_stack`.
    pub fn stack_trace(&self) -> StackTrace {
        Rc::clone(&self.0).stack_trace()
    }

    /// Returns `true` if both handles refer to the same task.
    pub fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Clone for Task<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Two handles are equal if they refer to the same task.
impl<T> PartialEq for Task<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for Task<T> {}

impl<T> Hash for Task<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Two handles are equal if they refer to the same task.
impl PartialEq for AnyTask {
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
    }
}

impl Eq for AnyTask {}

impl Hash for AnyTask {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.0).cast::<()>().hash(state);
    }
}

impl fmt::Debug for AnyTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Awaiting a task gives a clone of its result. Cancelling the waiter cancels the task.
impl<T: Shareable + 'static> Coroutine for Task<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        Coroutine::resume(&mut self.0, sent)
    }

    fn state(&self) -> State<'_> {
        State::new("Task", self)
    }
}

awaits_end!(
    /// Awaiting an `AnyTask` waits until the task has ended, whatever its outcome.
    AnyTask,
    "Task"
);
