//! Waits for several futures, and says which are done and which are pending.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::collections::HashSet;
use std::rc::Rc;

use super::{ListOf, OrNone};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step, take_sent};
use crate::event_loop::{TimerHandle, running};
use crate::task::{AnyFuture, AnyTask, Await, CallbackId, Future, Gather, Shield, Task};
use crate::yield_from;

/// Waits for several tasks or futures, and returns those that are done and those that are pending. asyncio's `wait`.
///
/// Waits for all of them, unless [`return_when`](Wait::return_when) or [`timeout`](Wait::timeout) says otherwise. Both
/// lists are in the order of the arguments. A task that is given twice appears once. `wait` never cancels a task, and
/// never raises a task's exception.
///
/// # Errors
///
/// Awaiting it raises `ValueError` for an empty list, and `RuntimeError` if no loop is running.
///
/// # Examples
///
/// ```
/// use innermost::wait::{ReturnWhen, wait};
/// use innermost::{EventLoop, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let quick = event_loop.create_task(sleep(Duration::ZERO))?;
/// let slow = event_loop.create_task(sleep(Duration::from_secs(3600)))?;
/// let first = wait([quick.clone(), slow.clone()]).return_when(ReturnWhen::FirstCompleted);
/// let (done, pending) = event_loop.run_until_complete(first)?;
/// assert!(done[0].is(&quick) && pending[0].is(&slow));
/// # event_loop.set_exception_handler(|_| ());
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// For tasks with results of different types, make handles without the type:
///
/// ```
/// use innermost::wait::{ReturnWhen, wait};
/// use innermost::{EventLoop, ready, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let number = event_loop.create_task(ready(5))?;
/// let pause = event_loop.create_task(sleep(Duration::from_secs(3600)))?;
/// let first = wait([number.any(), pause.any()]).return_when(ReturnWhen::FirstCompleted);
/// let (done, _pending) = event_loop.run_until_complete(first)?;
/// assert!(done[0].is(&number.any()));
/// assert_eq!(number.result()?, 5);
/// # event_loop.set_exception_handler(|_| ());
/// # Ok::<(), innermost::Exception>(())
/// ```
pub fn wait<W: Waitable>(tasks: impl ListOf<W>) -> Wait<W> {
    let mut seen = HashSet::new();
    let tasks = tasks.iterate().filter(|task| seen.insert(task.address())).collect();
    Wait { tasks, timeout: None, return_when: ReturnWhen::default(), phase: Phase::Created }
}

/// The condition that ends a [`wait`](fn@wait).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReturnWhen {
    /// One task is done.
    FirstCompleted,
    /// One task has failed, or all are done. A cancelled task has not failed.
    FirstException,
    /// All tasks are done.
    #[default]
    AllCompleted,
}

/// An awaitable that can be asked whether it is done, for [`wait`](fn@wait).
///
/// Implemented for [`Future`], [`Task`], [`AnyFuture`], [`AnyTask`], [`Gather`] and [`Shield`]. It is sealed. To wait
/// for a coroutine, make it a task first.
#[diagnostic::on_unimplemented(
    message = "`wait` takes tasks and futures, not `{Self}`",
    label = "not a task or a future",
    note = "make a coroutine a task first: `spawn(coroutine)?`",
    note = "for tasks with results of different types, use `task.any()`"
)]
pub trait Waitable: Clone + fmt::Debug + sealed::Sealed {}

/// A coroutine that waits for several tasks, and returns two lists: the done and the pending. Created by
/// [`wait`](fn@wait).
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Wait<W> {
    tasks: Vec<W>,
    timeout: Option<Duration>,
    return_when: ReturnWhen,
    phase: Phase,
}

impl<W> Wait<W> {
    /// Ends the wait after this time, which counts from the first resume. `None`, the default, means no limit.
    ///
    /// The end of the time is not an error: the tasks that are not done are in the second list.
    pub fn timeout(mut self, timeout: impl OrNone<Duration>) -> Self {
        self.timeout = timeout.or_none();
        self
    }

    /// Sets the condition that ends the wait. The default is [`ReturnWhen::AllCompleted`].
    pub const fn return_when(mut self, return_when: ReturnWhen) -> Self {
        self.return_when = return_when;
        self
    }
}

enum Phase {
    Created,
    Waiting(Waiting),
    Over,
}

/// A wait that has started. Dropping it removes the timer and all callbacks.
struct Waiting {
    over: Future<()>,
    timer: Option<TimerHandle>,
    callbacks: Vec<(AnyFuture, CallbackId)>,
}

impl Waiting {
    fn start(futures: Vec<AnyFuture>, timeout: Option<Duration>, return_when: ReturnWhen) -> Result<Self, Exception> {
        let event_loop = running()?;
        let over: Future<()> = event_loop.create_future();
        let release = over.clone();
        // Refused if a task ended in the same turn.
        let on_time = move || release.set_result(()).unwrap_or_default();
        let timer = timeout.map(|timeout| event_loop.call_later(timeout, on_time)).transpose()?;
        let left = Rc::new(Cell::new(futures.len()));
        let shared_timer = Rc::new(RefCell::new(timer.clone()));
        let callbacks = futures.into_iter().map(|future| {
            let (left, timer, over) = (Rc::clone(&left), Rc::clone(&shared_timer), over.clone());
            let id = future.notify(move |this| {
                left.set(left.get() - 1);
                let enough = match return_when {
                    ReturnWhen::FirstCompleted => true,
                    ReturnWhen::FirstException => !this.cancelled() && this.raised().is_some(),
                    ReturnWhen::AllCompleted => false,
                };
                if enough || left.get() == 0 {
                    if let Some(timer) = timer.take() {
                        timer.cancel();
                    }
                    // Refused if another task or the timer was first.
                    let _ = over.set_result(());
                }
            });
            (future, id)
        });
        Ok(Self { callbacks: callbacks.collect(), over, timer })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(timer) = &self.timer {
            timer.cancel();
        }
        for (future, id) in &self.callbacks {
            future.remove_callback(*id);
        }
    }
}

impl<W: Waitable> Coroutine for Wait<W> {
    type Yield = Await;
    type Input = ();
    type Return = (Vec<W>, Vec<W>);

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.phase {
                Phase::Created => {
                    take_sent(&mut sent)?;
                    if self.tasks.is_empty() {
                        return Err(Exception::message(Kind::ValueError, "Set of Tasks/Futures is empty."));
                    }
                    let futures = self.tasks.iter().map(W::start).collect::<Result<_, _>>()?;
                    self.phase = Phase::Waiting(Waiting::start(futures, self.timeout, self.return_when)?);
                }
                Phase::Waiting(waiting) => {
                    let over = yield_from!(waiting.over, sent);
                    self.phase = Phase::Over;
                    over?;
                    let tasks = core::mem::take(&mut self.tasks);
                    return Ok(Step::Return(tasks.into_iter().partition(W::is_done)));
                }
                Phase::Over => return Err(Exception::reused()),
            }
        }
    }

    fn state(&self) -> State<'_> {
        State::new("wait", &self.tasks)
    }
}

impl<W: fmt::Debug> fmt::Debug for Wait<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wait").field(&self.tasks).field(&self.return_when).finish()
    }
}

mod sealed {
    use super::{AnyFuture, Exception};

    pub trait Sealed {
        /// Identifies it as long as it lives.
        fn address(&self) -> *const ();

        fn start(&self) -> Result<AnyFuture, Exception>;

        fn is_done(&self) -> bool;
    }
}

macro_rules! waitable {
    ($([$($param:ident)?] $future:ty: $this:ident => $address:expr, $start:expr;)+) => {$(
        impl$(<$param: 'static>)? sealed::Sealed for $future {
            fn address(&self) -> *const () {
                let $this = self;
                $address
            }

            fn start(&self) -> Result<AnyFuture, Exception> {
                let $this = self;
                $start
            }

            fn is_done(&self) -> bool {
                self.done()
            }
        }

        impl$(<$param: 'static>)? Waitable for $future {}
    )+};
}

waitable! {
    [T] Future<T>: this => this.any_future().address(), Ok(this.any_future());
    [T] Task<T>: this => this.any_future().address(), Ok(this.any_future());
    [T] Gather<T>: this => this.0.address(), Ok(this.future()?.any_future());
    [T] Shield<T>: this => this.0.address(), Ok(this.future()?.any_future());
    [] AnyTask: this => this.any_future().address(), Ok(this.any_future());
    [] AnyFuture: this => AnyFuture::address(this), Ok(this.clone());
}
