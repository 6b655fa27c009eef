//! `spawn`, `create_task` and `ensure_future`: creating tasks. Also task factories, and listing a loop's tasks.

use super::{LoopHandle, running};
use crate::coroutine::Exception;
#[cfg(feature = "wait")]
use crate::task::ScopeOwner;
use crate::task::{self, AnyTask, Awaitable, Child, Future, Task, TaskBuilder, TaskFactory, spawn_with};

/// Runs a coroutine as a task of the running loop. asyncio's `create_task`.
///
/// The task takes its first step in the next turn. The loop keeps the task until it has ended, whether or not anybody
/// keeps the handle.
///
/// If no loop is running in this thread, use [`LoopHandle::create_task`]. For a task with a name, a context or an eager
/// start, use [`LoopHandle::task`].
///
/// ```
/// use innermost::{Awaitable, CoroutineExt, Exception, lazy, ready, run, sleep, spawn};
/// use std::time::Duration;
///
/// /// Starts a second task and waits for it.
/// fn main_task() -> impl Awaitable<Return = u32> {
///     lazy(|| spawn(sleep(Duration::from_millis(1)).map(|()| 7)).expect("the loop runs").join())
/// }
///
/// assert_eq!(run(main_task())?, 7);
/// assert!(spawn(ready(())).is_err());
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
///
/// `RuntimeError` if no loop is running in this thread. Any exception of the [task
/// factory](LoopHandle::set_task_factory).
pub fn spawn<C>(coroutine: C) -> Result<Task<C::Return>, Exception>
where
    C: Awaitable + 'static,
{
    running()?.create_task(coroutine)
}

/// Methods that create and list tasks.
impl LoopHandle {
    /// Runs a coroutine as a task of this loop.
    ///
    /// The task takes its first step in the next turn. The loop keeps the task until it has ended, whether or not
    /// anybody keeps the handle.
    ///
    /// ```
    /// use innermost::{EventLoop, ready};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let task = event_loop.create_task(ready(7))?;
    /// assert_eq!(event_loop.run_until_complete(task)?, 7);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed. Any exception of the [task factory](Self::set_task_factory).
    pub fn create_task<C>(&self, coroutine: C) -> Result<Task<C::Return>, Exception>
    where
        C: Awaitable + 'static,
    {
        task::spawn(&self.0.scheduler, coroutine)
    }

    /// Turns an awaitable into a future of this loop. asyncio's `ensure_future`.
    ///
    /// - A [`Future`], [`Task`] or [`Join`](crate::task::Join) is used as it is.
    /// - A [`Gather`](crate::wait::Gather) or [`Shield`](crate::wait::Shield) is used as it is, and starts in this loop
    ///   if it has not started.
    /// - Any other coroutine becomes a task of this loop.
    ///
    /// ```
    /// use innermost::{EventLoop, ready};
    ///
    /// let event_loop = EventLoop::new()?;
    /// let future = event_loop.ensure_future(ready(7))?;
    /// assert!(event_loop.ensure_future(future.clone())?.is(&future));
    /// assert_eq!(event_loop.run_until_complete(future)?, 7);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed. `ValueError` for a future of another loop. Any exception of the [task
    /// factory](Self::set_task_factory), if a task is created.
    pub fn ensure_future<C>(&self, awaitable: C) -> Result<Future<C::Return>, Exception>
    where
        C: Awaitable + 'static,
    {
        Ok(Child::start(&self.0.scheduler, awaitable)?.future)
    }

    /// Returns a builder for a task with a name, a context or an eager start:
    /// `event_loop.task().name("reader").spawn(coroutine)`.
    pub fn task(&self) -> TaskBuilder<'_, Self> {
        TaskBuilder::new(self)
    }

    /// Sets a function that may change the options of each new task of this loop, or removes it. asyncio's
    /// `set_task_factory`.
    ///
    /// The function gets the options of each new task. It can change them, or refuse the task by returning an
    /// exception. It does not create the task itself, because a function cannot take coroutines of every type. Closing
    /// the loop drops the function; setting one on a closed loop has no effect.
    ///
    /// ```
    /// use innermost::{EventLoop, ready};
    /// use std::rc::Rc;
    ///
    /// let event_loop = EventLoop::new()?;
    /// event_loop.set_task_factory(Some(Rc::new(|options| {
    ///     options.name.get_or_insert("anonymous".into());
    ///     Ok(())
    /// })));
    /// let task = event_loop.create_task(ready(()))?;
    /// assert_eq!(task.name(), "anonymous");
    /// # event_loop.run_until_complete(task)?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn set_task_factory(&self, factory: Option<TaskFactory>) {
        self.0.scheduler.set_factory(factory);
    }

    /// Returns the function set by [`set_task_factory`](Self::set_task_factory). asyncio's `get_task_factory`.
    pub fn task_factory(&self) -> Option<TaskFactory> {
        self.0.scheduler.factory()
    }

    /// Returns every task that has not ended, oldest first.
    pub fn all_tasks(&self) -> Vec<AnyTask> {
        self.0.scheduler.live_tasks().into_iter().map(AnyTask::new).collect()
    }

    /// Returns the task that is running now. `None` outside of tasks, for example in a callback.
    pub fn current_task(&self) -> Option<AnyTask> {
        self.0.scheduler.current().map(AnyTask::new)
    }
}

impl LoopHandle {
    /// Returns the owner of a scope that is entered now: the running task, or the coroutine that it races. `None` outside of
    /// tasks.
    #[cfg(feature = "wait")]
    pub(crate) fn scope_owner(&self) -> Option<ScopeOwner> {
        self.current_task().map(ScopeOwner::current)
    }

    /// Counts an operation that was ready at once. Returns `false` if the running task has used up its budget for this
    /// turn.
    pub(crate) fn spend(&self) -> bool {
        self.0.scheduler.spend() || self.0.scheduler.current().is_none()
    }
}

impl TaskBuilder<'_, LoopHandle> {
    /// Creates the task. If the coroutine raises an exception in an eager first step, that is the task's outcome, and
    /// `spawn` succeeds.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if the loop is closed. Any exception of the [task factory](LoopHandle::set_task_factory).
    pub fn spawn<C>(self, coroutine: C) -> Result<Task<C::Return>, Exception>
    where
        C: Awaitable + 'static,
    {
        let Self { spawner, options } = self;
        spawn_with(&spawner.0.scheduler, coroutine, options)
    }
}
