//! [`TaskGroup`]: tasks that end together. Exiting the group waits until all of them have ended.
//!
//! If a task or the body fails, the group cancels the other tasks. If the body is still running, it also cancels its
//! parent, the task that runs the body. In the end, the group raises all failures together. It takes back its own
//! cancellation of the parent. A cancellation from elsewhere goes on.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::{GroupExit, GroupScope};
use crate::coroutine::{Exception, Kind};
use crate::event_loop::{LoopHandle, running};
use crate::task::{AnyTask, Awaitable, ErrorContext, Future, ScopeOwner, Task, TaskBuilder, WeakScopeOwner};

/// Runs a coroutine inside a new task group, and waits until the coroutine and every task of the group have ended.
/// asyncio's `async with TaskGroup()`.
///
/// `body` is called now, and the group is entered when the scope is first awaited. So create tasks in the coroutine that
/// `body` returns. In the closure itself, `create_task` returns `RuntimeError`. For a closure that can create tasks, write
/// [`with`](fn@crate::scope::with)`(`[`grouped`](crate::scope::grouped)`(TaskGroup::new()), |group| ..)`.
///
/// # Errors
///
/// Awaiting it raises an [`ExceptionGroup`](super::ExceptionGroup) if the coroutine or any task fails, even if there is
/// only one failure. It raises a `KeyboardInterrupt` alone, and `RuntimeError` outside of a task. [`GroupExit`] has the
/// details.
///
/// # Examples
///
/// ```
/// use innermost::wait::{TaskGroup, task_group};
/// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step, sleep};
/// use std::time::Duration;
///
/// struct Body(TaskGroup);
///
/// impl Coroutine for Body {
///     type Yield = Await;
///     type Input = ();
///     type Return = usize;
///
///     fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
///         sent?;
///         for _ in 0..3 {
///             self.0.create_task(sleep(Duration::from_millis(1)))?;
///         }
///         Ok(Step::Return(self.0.len()))
///     }
/// }
///
/// let event_loop = EventLoop::new()?;
/// assert_eq!(event_loop.run_until_complete(task_group(Body))?, 3);
/// assert!(event_loop.all_tasks().is_empty());
/// # Ok::<(), Exception>(())
/// ```
pub fn task_group<C>(body: impl FnOnce(TaskGroup) -> C) -> GroupScope<C>
where
    C: Awaitable,
{
    let group = TaskGroup::new();
    group.scope(body(group.clone()))
}

/// A group of tasks that end together: exiting the group waits until all of them have ended. asyncio's `TaskGroup`.
///
/// A group is a handle: clones refer to the same group, and its own tasks can add more. [`scope`](Self::scope) enters
/// the group, runs a coroutine, and exits. A machine can instead call [`enter`](Self::enter), and later await
/// [`exit`](Self::exit) with the outcome of its own code.
///
/// ```
/// use innermost::wait::{ExceptionGroup, TaskGroup, timeout};
/// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Step, sleep};
/// use std::time::Duration;
///
/// struct Body(TaskGroup);
///
/// impl Coroutine for Body {
///     type Yield = Await;
///     type Input = ();
///     type Return = ();
///
///     fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
///         sent?;
///         self.0.create_task(timeout(sleep(Duration::from_secs(3600)), Duration::ZERO))?; // fails
///         self.0.create_task(sleep(Duration::from_secs(3600)))?; // is cancelled
///         Ok(Step::Return(()))
///     }
/// }
///
/// let group = TaskGroup::new();
/// let raised = EventLoop::new()?.run_until_complete(group.scope(Body(group.clone()))).unwrap_err();
/// let failures = raised.downcast_ref::<ExceptionGroup>().expect("what a group raises");
/// assert_eq!(failures.exceptions().len(), 1);
/// # Ok::<(), Exception>(())
/// ```
#[derive(Clone)]
pub struct TaskGroup(pub(super) Rc<Inner>);

pub(super) struct Inner {
    /// The loop and the task in which it was entered. The handle is weak, because the task may return the
    /// group.
    entered: RefCell<Option<(LoopHandle, WeakScopeOwner)>>,
    pub(super) exiting: Cell<bool>,
    /// Whether the group was cancelled as a whole.
    pub(super) is_cancelled: Cell<bool>,
    pub(super) aborting: Cell<bool>,
    pub(super) parent_cancel_requested: Cell<bool>,
    /// The pending tasks, in the order of their creation.
    tasks: RefCell<BTreeMap<u64, AnyTask>>,
    made: Cell<u64>,
    pub(super) errors: RefCell<Vec<Exception>>,
    pub(super) all_done: RefCell<Option<Future<()>>>,
}

impl TaskGroup {
    /// Creates an empty group, which has not been entered.
    pub fn new() -> Self {
        Self(Rc::new(Inner {
            entered: RefCell::new(None),
            exiting: Cell::new(false),
            is_cancelled: Cell::new(false),
            aborting: Cell::new(false),
            parent_cancel_requested: Cell::new(false),
            tasks: RefCell::default(),
            made: Cell::new(0),
            errors: RefCell::default(),
            all_done: RefCell::new(None),
        }))
    }

    /// Enters the group, runs `child`, and exits when the child has ended. Returns the child's value.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the errors of [`enter`](Self::enter) and of [`exit`](Self::exit).
    pub fn scope<C>(&self, child: C) -> GroupScope<C>
    where
        C: Awaitable,
    {
        GroupScope::new(self.clone(), child)
    }

    /// Enters the group. The running task becomes its parent, which is cancelled when a task of the group fails.
    ///
    /// # Errors
    ///
    /// Returns a `RuntimeError` if the group has been entered before, or outside of a task.
    pub fn enter(&self) -> Result<(), Exception> {
        if self.0.entered.borrow().is_some() {
            return Err(runtime(format!("TaskGroup {self:?} has already been entered")));
        }
        let event_loop = running()?;
        let parent = event_loop
            .scope_owner()
            .ok_or_else(|| runtime(format!("TaskGroup {self:?} cannot determine the parent task")))?;
        self.0.entered.replace(Some((event_loop, parent.downgrade())));
        if self.0.is_cancelled.get() {
            self.cancel_members();
        }
        Ok(())
    }

    /// Ends the group early, because its goal is met. asyncio's `TaskGroup.cancel`, new in Python 3.15.
    ///
    /// Cancels every task of the group, and the body if it is still running. The group takes the cancellation of the body
    /// back. The scope then returns the value that [`GroupScope::when_cancelled`] has set, or what a body that catches the
    /// `CancelledError` returns. With neither, it raises that `CancelledError`. Failures of tasks, and a cancellation from
    /// elsewhere, are raised as always.
    ///
    /// A task of the group that calls this is cancelled too, where it waits next. From now on,
    /// [`create_task`](Self::create_task) returns a `RuntimeError`.
    ///
    /// A group that has not been entered yet is cancelled when it is entered. Cancelling a group again, or one that has
    /// ended, does nothing.
    ///
    /// ```
    /// use innermost::testing::virtual_loop;
    /// use innermost::wait::TaskGroup;
    /// use innermost::{CoroutineExt, lazy, sleep};
    /// use std::time::Duration;
    ///
    /// let group = TaskGroup::new();
    /// let inner = group.clone();
    /// let body = lazy(move || {
    ///     for seconds in [30, 10, 20] {
    ///         let group = inner.clone();
    ///         // The first one that is found ends the search.
    ///         inner.create_task(sleep(Duration::from_secs(seconds)).map(move |()| group.cancel()))?;
    ///     }
    ///     Ok(sleep(Duration::from_secs(3600)))
    /// });
    /// let event_loop = virtual_loop()?;
    /// event_loop.run_until_complete(group.scope(body).when_cancelled(()))?;
    /// assert_eq!(event_loop.time().since_zero(), Duration::from_secs(10));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn cancel(&self) {
        let is_over = self.0.exiting.get() && self.is_empty();
        if !is_over && !self.0.is_cancelled.replace(true) && self.0.entered.borrow().is_some() {
            self.cancel_members();
        }
    }

    /// Cancels the tasks, and the body if it is still running.
    fn cancel_members(&self) {
        if !self.0.aborting.get() {
            self.abort();
        }
        if !self.0.exiting.get()
            && !self.0.parent_cancel_requested.get()
            && let Some(parent) = self.parent()
        {
            self.0.parent_cancel_requested.set(true);
            parent.cancel();
        }
    }

    /// Creates a task that runs `coroutine`, and adds it to the group.
    ///
    /// # Errors
    ///
    /// Returns a `RuntimeError` if the group has not been entered, is cancelling its tasks after a failure, or has
    /// ended, or if the loop is closed. Returns whatever the loop's [task factory](crate::LoopHandle::set_task_factory)
    /// raises. In each case, the coroutine is dropped.
    pub fn create_task<C>(&self, coroutine: C) -> Result<Task<C::Return>, Exception>
    where
        C: Awaitable + 'static,
    {
        self.start(|event_loop| event_loop.create_task(coroutine))
    }

    /// Returns a builder for a task of the group with a name, a context, or an eager start.
    ///
    /// A task that fails in its eager step cancels the others at once.
    ///
    /// ```
    /// use innermost::wait::task_group;
    /// use innermost::{CoroutineExt, EventLoop, ready};
    ///
    /// let event_loop = EventLoop::new()?;
    /// event_loop.run_until_complete(task_group(|group| {
    ///     ready(()).map(move |()| {
    ///         let cached = group.task().name("lookup").eager().spawn(ready(7)).expect("it is entered");
    ///         assert!(cached.done() && group.is_empty());
    ///     })
    /// }))?;
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn task(&self) -> TaskBuilder<'_, Self> {
        TaskBuilder::new(self)
    }

    /// Adds the task that `make` creates. Returns a `RuntimeError` if the group accepts no tasks.
    fn start<T: 'static>(
        &self,
        make: impl FnOnce(&LoopHandle) -> Result<Task<T>, Exception>,
    ) -> Result<Task<T>, Exception> {
        let refused = |why| Err(runtime(format!("TaskGroup {self:?} {why}")));
        let entered = self.0.entered.borrow().clone();
        let Some((event_loop, _)) = entered else { return refused("has not been entered") };
        if self.0.exiting.get() && self.is_empty() {
            return refused("is finished");
        }
        if self.0.aborting.get() {
            return refused("is shutting down");
        }
        let task = make(&event_loop)?;
        let number = self.0.made.get();
        self.0.made.set(number + 1);
        if task.done() {
            self.task_is_done(number, &task);
            return Ok(task);
        }
        self.0.tasks.borrow_mut().insert(number, task.any());
        let group = self.clone();
        task.add_done_callback(move |task| group.task_is_done(number, &task));
        if self.0.aborting.get() {
            // Its eager step has aborted the group before it was among the tasks.
            task.cancel();
        }
        Ok(task)
    }

    /// Returns the number of tasks that have not ended.
    pub fn len(&self) -> usize {
        self.0.tasks.borrow().len()
    }

    /// Returns `true` if all tasks have ended, or none was created.
    pub fn is_empty(&self) -> bool {
        self.0.tasks.borrow().is_empty()
    }

    /// Returns a coroutine that exits the group: it waits until every task has ended.
    ///
    /// `outcome` is the outcome of the code that ran inside the group. If it is an exception, the tasks are cancelled
    /// first.
    ///
    /// # Errors
    ///
    /// Awaiting it raises an [`ExceptionGroup`](super::ExceptionGroup) if the code or any task has failed.
    /// [`GroupExit`] has the details.
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::wait::TaskGroup;
    /// use innermost::{Exception, lazy, run, sleep};
    /// use std::time::Duration;
    ///
    /// let group = TaskGroup::new();
    /// let tasks = group.clone();
    /// let body = lazy(move || {
    ///     tasks.enter()?;
    ///     tasks.create_task(sleep(Duration::from_millis(1)))?;
    ///     Ok(tasks.exit(Ok("done")))
    /// });
    /// assert_eq!(run(body)?, "done");
    /// assert!(group.is_empty());
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn exit<T>(&self, outcome: Result<T, Exception>) -> GroupExit<T> {
        GroupExit::new(self.clone(), outcome)
    }

    pub(super) fn abort(&self) {
        self.0.aborting.set(true);
        let tasks: Vec<_> = self.0.tasks.borrow().values().cloned().collect();
        for task in tasks {
            task.cancel();
        }
    }

    /// Takes the first `KeyboardInterrupt` of the body or a task, which is raised alone. Other failures are reported
    /// when the group is dropped.
    pub(super) fn take_interrupt(&self, body: Option<&Exception>) -> Option<Exception> {
        let is_interrupt = |raised: &Exception| raised.kind() == Kind::KeyboardInterrupt;
        let mut errors = self.0.errors.borrow_mut();
        let position = errors.iter().position(is_interrupt);
        let of_body = body.filter(|raised| is_interrupt(raised)).cloned();
        of_body.or_else(|| position.map(|position| errors.remove(position)))
    }

    pub(super) fn parent(&self) -> Option<ScopeOwner> {
        self.0.entered.borrow().as_ref().and_then(|(_, parent)| parent.upgrade())
    }

    fn task_is_done<T: 'static>(&self, number: u64, task: &Task<T>) {
        let ended = self.0.tasks.borrow_mut().remove(&number);
        if self.is_empty() {
            let all_done = self.0.all_done.borrow().clone();
            // Refused if the waiter was cancelled. The waiter then checks by itself.
            let _ = all_done.map(|all_done| all_done.set_result(()));
        }
        if task.cancelled() {
            return;
        }
        let Some(raised) = task.any_future().raised() else { return };
        drop(ended);
        self.0.errors.borrow_mut().push(raised.clone());
        let entered = self.0.entered.borrow().clone();
        let Some((event_loop, parent)) = entered else { return };
        let parent = parent.upgrade();
        let Some(parent) = parent.as_ref().filter(|parent| !parent.done()) else {
            let parent = parent.map_or_else(|| "that is gone".into(), |parent| format!("{parent:?}"));
            let text = format!("Task {task:?} has errored out but its parent task {parent} is already completed");
            return event_loop.call_exception_handler(ErrorContext::new(text).caused_by(raised).about(task));
        };
        if !self.0.aborting.get() && !self.0.parent_cancel_requested.get() {
            self.abort();
            self.0.parent_cancel_requested.set(true);
            parent.cancel();
        }
    }
}

impl TaskBuilder<'_, TaskGroup> {
    /// Creates the task, and adds it to the group.
    ///
    /// # Errors
    ///
    /// Returns a `RuntimeError` if the group has not been entered, is cancelling its tasks after a failure, or has
    /// ended, or if the loop is closed. Returns whatever the loop's [task factory](crate::LoopHandle::set_task_factory)
    /// raises. In each case, the coroutine is dropped.
    pub fn spawn<C>(self, coroutine: C) -> Result<Task<C::Return>, Exception>
    where
        C: Awaitable + 'static,
    {
        let Self { spawner, options } = self;
        spawner.start(|event_loop| event_loop.task().options(options).spawn(coroutine))
    }
}

/// Reports the failures that nothing can raise any more, because the scope was dropped.
impl Drop for Inner {
    fn drop(&mut self) {
        if let Some((event_loop, _)) = self.entered.take() {
            for raised in self.errors.take() {
                let context = ErrorContext::new("Task of a dropped TaskGroup has errored out");
                event_loop.call_exception_handler(context.caused_by(raised));
            }
        }
    }
}

impl Default for TaskGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TaskGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<TaskGroup")?;
        if !self.is_empty() {
            write!(f, " tasks={}", self.len())?;
        }
        let errors = self.0.errors.borrow().len();
        if errors > 0 {
            write!(f, " errors={errors}")?;
        }
        if self.0.aborting.get() {
            f.write_str(" cancelling")?;
        } else if self.0.entered.borrow().is_some() {
            f.write_str(" entered")?;
        }
        f.write_str(">")
    }
}

fn runtime(text: impl Into<std::borrow::Cow<'static, str>>) -> Exception {
    Exception::message(Kind::RuntimeError, text)
}
