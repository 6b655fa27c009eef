//! Which of several futures are done, and which are not.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::collections::HashSet;
use std::rc::Rc;

use super::{Gather, Shield};
use crate::coroutine::{Coroutine, Exception, Kind, Resumed, State, Step};
use crate::event_loop::{TimerHandle, running};
use crate::task::{AnyFuture, AnyTask, Await, CallbackId, Future, Task};
use crate::yield_from;

/// Waits until some of these are done, or `timeout` has passed, and gives those that are done and those that are not,
/// each in the order in which they were given. asyncio's `wait`.
///
/// Nothing is cancelled, and nothing that they fail with is raised: not on a timeout, nor when the wait is cancelled.
///
/// ```
/// use innermost::wait::{ReturnWhen, wait};
/// use innermost::{EventLoop, sleep};
/// use std::time::Duration;
///
/// let event_loop = EventLoop::new()?;
/// let quick = event_loop.create_task(sleep(Duration::ZERO))?;
/// let slow = event_loop.create_task(sleep(Duration::from_secs(3600)))?;
/// let first = wait([quick.clone(), slow.clone()], None, ReturnWhen::FirstCompleted);
/// let (done, pending) = event_loop.run_until_complete(first)?;
/// assert!(done[0].is(&quick) && pending[0].is(&slow));
/// # event_loop.set_exception_handler(|_| ());
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// When it is resumed: `ValueError` where there is nothing to wait for; `RuntimeError` where no loop runs.
pub fn wait<W: Waitable>(
    tasks: impl IntoIterator<Item = W>,
    timeout: Option<Duration>,
    return_when: ReturnWhen,
) -> Wait<W> {
    let mut seen = HashSet::new();
    let tasks = tasks.into_iter().filter(|task| seen.insert(task.waited_for().address())).collect();
    Wait { tasks, timeout, return_when, phase: Phase::Created }
}

/// When [`wait`](fn@wait) is over, its timeout aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReturnWhen {
    /// One is done.
    FirstCompleted,
    /// One has failed, where being cancelled is no failure; or all are done.
    FirstException,
    /// All are done.
    AllCompleted,
}

/// What [`wait`](fn@wait) takes: a [`Future`], [`Task`], [`AnyFuture`], [`AnyTask`], [`Gather`] or [`Shield`]. Sealed.
pub trait Waitable: Clone + fmt::Debug + sealed::Sealed {
    /// The future, without its type.
    fn waited_for(&self) -> AnyFuture;
}

/// What [`wait`](fn@wait) makes.
pub struct Wait<W> {
    tasks: Vec<W>,
    timeout: Option<Duration>,
    return_when: ReturnWhen,
    phase: Phase,
}

enum Phase {
    Created,
    Waiting(Waiting),
    Over,
}

/// The waiting itself. Nothing of it is left behind when it is dropped.
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
        // Done already: somebody else was first.
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
                    // Done already: somebody else was first.
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
                    crate::coroutine::take_sent(&mut sent)?;
                    if self.tasks.is_empty() {
                        return Err(Exception::message(Kind::ValueError, "Set of Tasks/Futures is empty."));
                    }
                    let futures = self.tasks.iter().map(Waitable::waited_for).collect();
                    self.phase = Phase::Waiting(Waiting::start(futures, self.timeout, self.return_when)?);
                }
                Phase::Waiting(waiting) => {
                    let over = yield_from!(waiting.over, sent);
                    self.phase = Phase::Over;
                    over?;
                    let tasks = core::mem::take(&mut self.tasks);
                    return Ok(Step::Return(tasks.into_iter().partition(|task| task.waited_for().done())));
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
    pub trait Sealed {}
}

macro_rules! waitable {
    ($([$($param:ident)?] $future:ty;)+) => {$(
        impl$(<$param: 'static>)? sealed::Sealed for $future {}

        impl$(<$param: 'static>)? Waitable for $future {
            fn waited_for(&self) -> AnyFuture {
                self.any_future()
            }
        }
    )+};
}

waitable! {
    [T] Future<T>;
    [T] Task<T>;
    [T] Gather<T>;
    [T] Shield<T>;
    [] AnyTask;
}

impl sealed::Sealed for AnyFuture {}

impl Waitable for AnyFuture {
    fn waited_for(&self) -> AnyFuture {
        self.clone()
    }
}
