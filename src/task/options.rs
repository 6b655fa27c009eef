//! [`TaskOptions`], [`TaskBuilder`] and [`TaskFactory`]: the name, the context and the start of a new task.

use std::rc::Rc;

use crate::context::Context;
use crate::coroutine::Exception;

/// Options for creating a task: its name, context and start. The equivalent of the keyword arguments of asyncio's
/// `create_task`.
///
/// [`LoopHandle::task`](crate::LoopHandle::task) returns a builder that sets these options. A [`TaskFactory`] can
/// change them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TaskOptions {
    /// The task's name. `None` for `Task-1`, `Task-2` and so on.
    pub name: Option<Rc<str>>,
    /// The context the task runs in. `None` for a copy of the current one.
    pub context: Option<Context>,
    /// When the task takes its first step. With `None`, the task factory decides; without a factory, the task starts
    /// [soon](Start::Soon).
    pub start: Option<Start>,
}

/// When a task takes its first step. asyncio's `eager_start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Start {
    /// In the next turn, after everything that is already queued.
    Soon,
    /// At once, inside `spawn`, if the loop is running. Otherwise in the loop's first turn.
    Eager,
}

/// A function that may change the options of each new task of a loop. Installed by
/// [`LoopHandle::set_task_factory`](crate::LoopHandle::set_task_factory). If it returns an exception, no task is
/// created, and the call that was to create it fails with the exception.
pub type TaskFactory = Rc<dyn Fn(&mut TaskOptions) -> Result<(), Exception>>;

/// A [`TaskFactory`] that starts every task at once, unless the task was given [`Start::Soon`]. asyncio's
/// `eager_task_factory`.
///
/// ```
/// use innermost::task::eager_task_factory;
/// use innermost::{EventLoop, lazy, ready};
/// use std::rc::Rc;
///
/// let event_loop = EventLoop::new()?;
/// event_loop.set_task_factory(Some(Rc::new(eager_task_factory)));
/// let main = lazy(|| {
///     let event_loop = EventLoop::running().expect("it runs");
///     assert!(event_loop.create_task(ready(7)).expect("it is open").done());
///     ready(())
/// });
/// event_loop.run_until_complete(main)?;
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Never fails. Returns a `Result` because every task factory does.
pub fn eager_task_factory(options: &mut TaskOptions) -> Result<(), Exception> {
    options.start.get_or_insert(Start::Eager);
    Ok(())
}

/// A builder that sets the options of a task and then spawns it in a loop or a group. Returned by
/// [`LoopHandle::task`](crate::LoopHandle::task) and [`TaskGroup::task`](crate::wait::TaskGroup::task).
///
/// ```
/// use innermost::{EventLoop, ready};
///
/// let event_loop = EventLoop::new()?;
/// let task = event_loop.task().name("reader").spawn(ready(7))?;
/// assert_eq!(task.name(), "reader");
/// assert_eq!(event_loop.run_until_complete(task)?, 7);
/// # Ok::<(), innermost::Exception>(())
/// ```
#[derive(Debug)]
#[must_use = "no task is created until `spawn` is called"]
pub struct TaskBuilder<'a, S> {
    pub(crate) spawner: &'a S,
    pub(crate) options: TaskOptions,
}

impl<'a, S> TaskBuilder<'a, S> {
    pub(crate) fn new(spawner: &'a S) -> Self {
        Self { spawner, options: TaskOptions::default() }
    }

    /// Sets the task's name.
    pub fn name(mut self, name: impl Into<Rc<str>>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Runs the task in `context` itself rather than in a copy of the current context. Values that the task sets are
    /// then visible in `context`.
    pub fn context(mut self, context: &Context) -> Self {
        self.options.context = Some(context.clone());
        self
    }

    /// Has the task take its first step inside [`spawn`](TaskBuilder::spawn), if the loop is running. A task that does
    /// not have to wait is then done when `spawn` returns. asyncio's `eager_start`.
    ///
    /// ```
    /// use innermost::{EventLoop, lazy, ready};
    ///
    /// let event_loop = EventLoop::new()?;
    /// event_loop.run_until_complete(lazy(|| {
    ///     let event_loop = EventLoop::running().expect("it runs");
    ///     let cached = event_loop.task().eager().spawn(ready(7)).expect("it is open");
    ///     assert!(cached.done() && event_loop.all_tasks().len() == 1);
    ///     cached
    /// }))?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn eager(self) -> Self {
        self.start(Start::Eager)
    }

    /// Sets when the task takes its first step.
    pub fn start(mut self, start: Start) -> Self {
        self.options.start = Some(start);
        self
    }

    /// Sets all options at once, replacing those set so far.
    pub fn options(mut self, options: TaskOptions) -> Self {
        self.options = options;
        self
    }
}
