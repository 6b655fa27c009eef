//! What can be said of a task before it is made.

use std::rc::Rc;

use crate::context::Context;
use crate::coroutine::Exception;

/// How a task is to be made: asyncio's keyword arguments of `create_task`.
///
/// What the builder that [`LoopHandle::task`](crate::LoopHandle::task) gives collects, and what a [`TaskFactory`] may
/// change.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TaskOptions {
    /// What it is called; otherwise by its number.
    pub name: Option<Rc<str>>,
    /// The context in which it runs; otherwise a copy of the current one.
    pub context: Option<Context>,
    /// When its first step is taken, where somebody has said so.
    pub start: Option<Start>,
}

/// When a task takes its first step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// In the next turn, after what was queued before.
    Soon,
    /// While it is made, if the loop runs; otherwise in the first turn.
    Eager,
}

/// Decides how tasks are made: see [`LoopHandle::set_task_factory`](crate::LoopHandle::set_task_factory).
pub type TaskFactory = Rc<dyn Fn(&mut TaskOptions) -> Result<(), Exception>>;

/// A [`TaskFactory`] that has every task take its first step while it is made, unless it is said of it that it starts
/// soon. asyncio's `eager_task_factory`.
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
/// None.
pub fn eager_task_factory(options: &mut TaskOptions) -> Result<(), Exception> {
    options.start.get_or_insert(Start::Eager);
    Ok(())
}

/// A task that is about to be made, in a loop or a group: what [`LoopHandle::task`](crate::LoopHandle::task) and
/// [`TaskGroup::task`](crate::wait::TaskGroup::task) give.
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
#[must_use = "nothing is made before `spawn`"]
pub struct TaskBuilder<'a, S> {
    pub(crate) spawner: &'a S,
    pub(crate) options: TaskOptions,
}

impl<'a, S> TaskBuilder<'a, S> {
    pub(crate) fn new(spawner: &'a S) -> Self {
        Self { spawner, options: TaskOptions::default() }
    }

    /// Names it.
    pub fn name(mut self, name: impl Into<Rc<str>>) -> Self {
        self.options.name = Some(name.into());
        self
    }

    /// Has it run in this very context, and not in a copy of the current one: what it sets is seen there.
    pub fn context(mut self, context: &Context) -> Self {
        self.options.context = Some(context.clone());
        self
    }

    /// Has it take its first step inside [`spawn`](TaskBuilder::spawn), if the loop runs: one that need not wait is
    /// done when that returns. asyncio's `eager_start`.
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

    /// Says when it takes its first step.
    pub fn start(mut self, start: Start) -> Self {
        self.options.start = Some(start);
        self
    }

    /// The same with all options at once.
    pub fn options(mut self, options: TaskOptions) -> Self {
        self.options = options;
        self
    }
}
