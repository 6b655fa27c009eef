//! The handles to a task.

use core::fmt;
use std::borrow::Cow;
use std::io;
use std::rc::{Rc, Weak};

use super::cancel::cancel;
use super::contracts::{ErasedTask, Way};
use super::view::view_of_future;
use super::waiting::Shareable;
use super::{AnyFuture, Await, CallbackId, CallbackResult, Future, Join};
use crate::context::{self, Context};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, StackTrace, State, Step};

/// A coroutine that runs in an event loop, and the [`Future`] of what it returns. asyncio's `Task`.
///
/// A handle: clones stand for the same task, and dropping all of them lets it run on. The loop keeps every task until it
/// has ended. It is awaited as every future is.
///
/// # Cancellation
///
/// [`cancel`](Self::cancel) has a `CancelledError` thrown in where the coroutine waits. It may let that pass (`sent?`), or
/// catch it, clean up, and wait while it does so:
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

/// A task whatever it returns. Awaiting it gives nothing, and raises nothing of the task's: it waits for the end. Who is
/// cancelled meanwhile leaves the task as it is, as asyncio's `wait` does.
#[derive(Clone)]
pub struct AnyTask(Rc<dyn ErasedTask>);

/// A task that is not kept by this. For what the task may hold itself, or return.
#[derive(Clone)]
pub(crate) struct WeakTask(Weak<dyn ErasedTask>);

impl WeakTask {
    /// `None` once the task has ended and nobody has a handle.
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

    /// The future of its result. Public methods give it to nobody: setting it always fails.
    pub(crate) fn future(&self) -> &Future<T> {
        &self.0
    }

    /// Waits for the task and moves its result out, for results that are not `Clone`. A waiter that is cancelled
    /// cancels the task, as one that awaits the task itself does.
    pub fn join(&self) -> Join<T> {
        self.0.join()
    }

    /// Has a `CancelledError` thrown in where the coroutine waits, at its next step: it may catch that, clean up, wait
    /// again, or go on. What it waits for is cancelled; where that is another task, that one too. `false` where the task
    /// is done already.
    ///
    /// A cancel that comes after what the task waits for is done, and before the task has run, goes first, as in asyncio:
    /// the task gets the `CancelledError` and not the result. Nothing is lost by that. A future keeps its result, and
    /// what a lock, a semaphore or a queue had given to the task goes to the next who waits.
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// The same, with a message for whoever sees the `CancelledError`.
    pub fn cancel_message(&self, message: impl Into<Cow<'static, str>>) -> bool {
        self.0.cancel_message(message)
    }

    /// As [`AnyTask::name`].
    pub fn name(&self) -> String {
        self.any().name()
    }

    /// As [`AnyTask::set_name`].
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        self.any().set_name(name);
    }

    /// As [`AnyTask::cancelling`].
    pub fn cancelling(&self) -> u32 {
        self.any().cancelling()
    }

    /// As [`AnyTask::uncancel`].
    pub fn uncancel(&self) -> u32 {
        self.any().uncancel()
    }

    /// As [`AnyTask::context`].
    pub fn context(&self) -> Context {
        self.any().context()
    }

    /// As [`AnyTask::stack_trace`].
    pub fn stack_trace(&self) -> StackTrace {
        self.any().stack_trace()
    }

    /// As [`AnyTask::print_stack`].
    ///
    /// # Errors
    ///
    /// What writing raises.
    pub fn print_stack(&self, to: &mut dyn io::Write) -> io::Result<()> {
        self.any().print_stack(to)
    }

    /// The task without its type.
    pub fn any(&self) -> AnyTask {
        AnyTask(self.0.task().expect("a task's future is a task"))
    }
}

impl AnyTask {
    pub(crate) fn new(task: Rc<dyn ErasedTask>) -> Self {
        Self(task)
    }

    pub(crate) fn downgrade(&self) -> WeakTask {
        WeakTask(Rc::downgrade(&self.0))
    }

    /// As [`Task::cancel`].
    pub fn cancel(&self) -> bool {
        cancel(Rc::clone(&self.0) as Rc<_>, Exception::cancelled())
    }

    /// As [`Task::cancel_message`].
    pub fn cancel_message(&self, message: impl Into<Cow<'static, str>>) -> bool {
        cancel(Rc::clone(&self.0) as Rc<_>, Exception::message(Kind::CancelledError, message))
    }

    /// How often its cancellation was asked for, less [`uncancel`](Self::uncancel).
    pub fn cancelling(&self) -> u32 {
        self.0.state().cancels()
    }

    /// Takes one request for cancellation back, and gives how many are left. At none, one that was not delivered yet
    /// will not be.
    pub fn uncancel(&self) -> u32 {
        self.0.state().uncancel()
    }

    /// The task as one of several futures.
    pub fn any_future(&self) -> AnyFuture {
        AnyFuture::new(Rc::clone(&self.0) as Rc<_>)
    }

    /// Whether it was cancelled.
    pub fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Whether it has ended.
    pub fn done(&self) -> bool {
        self.0.done()
    }

    /// What it is called: `Task-1` and so on, if nobody has named it.
    pub fn name(&self) -> String {
        self.0.state().name()
    }

    /// Names it.
    pub fn set_name(&self, name: impl Into<Rc<str>>) {
        let name = name.into();
        self.0.state().with_rare(|rare| rare.name = Some(name));
    }

    /// The context in which it runs: what is set there, it sees. asyncio's `get_context`.
    pub fn context(&self) -> Context {
        let state = self.0.state();
        state.context().unwrap_or_else(|| {
            let runs = self.0.scheduler().current().is_some_and(|current| Rc::ptr_eq(&current, &self.0));
            let own = if runs { context::make_own() } else { Context::new() };
            state.set_context(Some(own.clone()));
            own
        })
    }

    /// Writes that down: a line that says whose it is, and a line for each frame. What a task has failed with stands in
    /// the place of the frames. asyncio's `print_stack`.
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
    /// What writing raises.
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

    /// Its coroutine's frames, outermost first, and what the innermost waits for. asyncio's `get_stack`.
    pub fn stack_trace(&self) -> StackTrace {
        Rc::clone(&self.0).stack_trace()
    }

    /// Whether both stand for the same task.
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

impl fmt::Debug for AnyTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Waiting for it: the result, cloned.
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

/// Waiting for its end, however it ends.
impl Coroutine for AnyTask {
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.done() {
            return Ok(Step::Return(()));
        }
        Ok(Step::Yield(Await::on(Way::End, Rc::clone(&self.0) as Rc<_>)))
    }

    fn state(&self) -> State<'_> {
        State::new("Task", self)
    }
}
