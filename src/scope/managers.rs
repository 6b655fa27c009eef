//! Locks, semaphores, timeouts and task groups as managers, for [`with`](fn@super::with) and
//! [`ExitStack`](super::ExitStack).

use core::fmt;

use super::{AsyncContextManager, Exited, Progress};
use crate::coroutine::{Coroutine, Exception, Step};
use crate::task::Awaitable;
use crate::wait::{GroupExit, TaskGroup, Timeout};
use crate::yield_from;

/// Creates a manager that awaits `acquire` on entry, and drops the result on exit.
///
/// Use it for guards, such as those of a lock or a semaphore, and for anything else that is released when it is
/// dropped.
///
/// # Errors
///
/// Entering raises whatever `acquire` raises.
///
/// # Examples
///
/// ```
/// use innermost::scope::{ExitStack, holding, with};
/// use innermost::sync::{Lock, Semaphore};
/// use innermost::{CoroutineExt, EventLoop, Exception};
///
/// let (lock, semaphore) = (Lock::new(), Semaphore::new(3));
/// let (acquire, permit) = (lock.acquire(), semaphore.acquire());
/// let both = with(ExitStack::new(), |stack| {
///     stack.enter(holding(acquire)).then(move |()| stack.enter(holding(permit)))
/// });
/// EventLoop::new()?.run_until_complete(both)?;
/// assert!(!lock.locked());
/// assert_eq!(semaphore.value(), 3);
/// # Ok::<(), Exception>(())
/// ```
pub const fn holding<A>(acquire: A) -> Holding<A>
where
    A: Awaitable,
{
    Holding(Stage::Acquiring(acquire))
}

/// A manager that holds what it has acquired until it exits. Created by [`holding`].
#[derive(Debug)]
#[must_use = "nothing is acquired until this is entered"]
pub struct Holding<A: Coroutine>(Stage<A, A::Return>);

#[derive(Debug)]
enum Stage<A, G> {
    Acquiring(A),
    Held(#[allow(dead_code, reason = "kept to be dropped")] G),
    Over,
}

impl<A: Awaitable> AsyncContextManager for Holding<A> {
    type Value = ();

    fn resume_enter(&mut self, mut sent: Result<(), Exception>) -> Progress<()> {
        let Stage::Acquiring(acquire) = &mut self.0 else { return Err(Exception::reused()) };
        let acquired = yield_from!(acquire, sent);
        self.0 = Stage::Over;
        self.0 = Stage::Held(acquired?);
        Ok(Step::Return(()))
    }

    fn resume_exit(&mut self, _raised: Option<&Exception>, sent: Result<(), Exception>) -> Progress<Exited> {
        self.0 = Stage::Over;
        sent.map(|()| Step::Return(Exited::Propagate))
    }
}

/// At the deadline, cancels the task that entered it. The body gets a handle, with which it can move the deadline.
impl AsyncContextManager for Timeout {
    type Value = Self;

    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<Self> {
        sent?;
        Self::enter(self)?;
        Ok(Step::Return(self.clone()))
    }

    fn resume_exit(&mut self, raised: Option<&Exception>, sent: Result<(), Exception>) -> Progress<Exited> {
        // Raises the outcome even if that is `raised` itself, which is then replaced by itself.
        let left = Self::exit(self, raised.cloned().map_or(Ok(()), Err));
        sent.and(left).map(|()| Step::Return(Exited::Propagate))
    }
}

/// Creates a manager around a task group, which exits when all tasks have ended.
///
/// The body gets a handle to the group, with which it can create tasks.
///
/// # Errors
///
/// Entering raises the errors of [`TaskGroup::enter`]. Exiting raises those of [`TaskGroup::exit`].
///
/// # Examples
///
/// ```
/// use innermost::scope::{grouped, with};
/// use innermost::wait::TaskGroup;
/// use innermost::{EventLoop, Exception, ready, sleep};
/// use std::time::Duration;
///
/// let two = with(grouped(TaskGroup::new()), |group| {
///     let naps = [1, 2].map(|ms| group.create_task(sleep(Duration::from_millis(ms))));
///     ready(naps)
/// });
/// let naps = EventLoop::new()?.run_until_complete(two)?.expect("a group suppresses nothing");
/// for nap in naps {
///     assert!(nap?.done());
/// }
/// # Ok::<(), Exception>(())
/// ```
pub const fn grouped(group: TaskGroup) -> Grouped {
    Grouped { group, exit: None }
}

/// A manager around a task group. Created by [`grouped`].
#[must_use = "a group accepts no tasks until it is entered"]
pub struct Grouped {
    group: TaskGroup,
    exit: Option<GroupExit<()>>,
}

impl AsyncContextManager for Grouped {
    type Value = TaskGroup;

    fn resume_enter(&mut self, sent: Result<(), Exception>) -> Progress<TaskGroup> {
        sent?;
        self.group.enter()?;
        Ok(Step::Return(self.group.clone()))
    }

    fn resume_exit(&mut self, raised: Option<&Exception>, mut sent: Result<(), Exception>) -> Progress<Exited> {
        let group = &self.group;
        let exit = self.exit.get_or_insert_with(|| group.exit(raised.cloned().map_or(Ok(()), Err)));
        yield_from!(exit, sent)?;
        Ok(Step::Return(Exited::Propagate))
    }
}

impl fmt::Debug for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)
    }
}
