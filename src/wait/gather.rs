//! All results of several coroutines, in order.
//!
//! Every child tells the gathering when it is done, from the ready queue; the last one, or the first that fails, makes
//! the gathering done, which queues who waits for it. So a result comes two turns after the last child's, as in
//! asyncio.

use core::cell::Cell;
use core::fmt;
use core::ops::Deref;
use std::collections::HashSet;
use std::rc::Rc;

use super::child::{Child, Home, failing_on_panic};
use crate::coroutine::{Coroutine, Exception, Resumed, State};
use crate::task::{AnyFuture, Await, Awaitable, Circle, Eventual as _, Future, Gathering, Join};

/// Runs several coroutines at once, and gives their results in the order in which they were given. asyncio's `gather`.
///
/// They are made tasks now, in order; futures and tasks are taken as they are, each once if it comes twice. The first
/// failure, or the first child that is cancelled, fails the gathering at once. The others go on; what they fail with
/// later counts as retrieved. Cancelling the gathering, or a task that waits for it, cancels every child that is not
/// done.
///
/// ```
/// use innermost::wait::{Gather, gather};
/// use innermost::{Await, Coroutine, CoroutineExt, EventLoop, Exception, Resumed, Step, sleep, yield_from};
/// use std::time::Duration;
///
/// enum Race {
///     Start,
///     Running(Gather<Vec<u32>>),
/// }
///
/// impl Coroutine for Race {
///     type Yield = Await;
///     type Input = ();
///     type Return = Vec<u32>;
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         loop {
///             match self {
///                 Self::Start => {
///                     let runner = |n: u32| sleep(Duration::from_micros((50 - n).into())).map(move |()| n);
///                     *self = Self::Running(gather([runner(10), runner(20)])?);
///                 }
///                 Self::Running(all) => return Ok(Step::Return(yield_from!(all, sent)?)),
///             }
///         }
///     }
/// }
///
/// assert_eq!(EventLoop::new()?.run_until_complete(Race::Start)?, [10, 20]);
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
///
/// `RuntimeError` where the loop is closed; `ValueError` for futures of different loops. The loop is that of the first
/// future; where no future comes first, the one that runs, and `RuntimeError` where none does.
pub fn gather<C>(coroutines: impl IntoIterator<Item = C>) -> Result<Gather<Vec<C::Return>>, Exception>
where
    C: Awaitable + 'static,
{
    let mut home = Home::default();
    let children = start(&mut home, coroutines)?;
    let futures = children.iter().map(Child::any).collect();
    let collect = move || children.iter().map(Child::outcome).collect();
    Gather::new(home, futures, Failures::Raised, collect)
}

/// The same, but failures are results too: none ends it early. asyncio's `gather` with `return_exceptions=True`.
///
/// A child's `CancelledError` is in the list as well. A cancel of the gathering itself ends in a `CancelledError`.
///
/// ```
/// use innermost::wait::gather_all;
/// use innermost::{EventLoop, Exception, Kind, lazy};
///
/// let event_loop = EventLoop::new()?;
/// let good = event_loop.create_future();
/// let bad = event_loop.create_future();
/// good.set_result(1).expect("it is pending");
/// bad.set_exception(Exception::timeout()).expect("it is pending");
/// let main = lazy(move || gather_all([good, bad]).expect("the loop runs"));
/// let results = event_loop.run_until_complete(main)?;
/// assert_eq!(results[0].as_ref().ok(), Some(&1));
/// assert_eq!(results[1].as_ref().map_err(Exception::kind), Err(Kind::TimeoutError));
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
///
/// As [`gather`].
pub fn gather_all<C>(coroutines: impl IntoIterator<Item = C>) -> Result<GatherAll<C::Return>, Exception>
where
    C: Awaitable + 'static,
{
    let mut home = Home::default();
    let children = start(&mut home, coroutines)?;
    let futures = children.iter().map(Child::any).collect();
    let collect = move || Ok(children.iter().map(Child::outcome).collect());
    Gather::new(home, futures, Failures::Kept, collect)
}

/// What [`gather`], [`gather_all`] and [`join`](fn@super::join) make: the future of all results together.
///
/// A handle to a [`Future`] that only its children make done. To wait for it moves the results out, so that it is
/// awaited once. It is `cancelled` never: its cancel is that of its children, and `false` where none could be
/// cancelled.
pub struct Gather<R>(Join<R>);

/// What [`gather_all`] makes.
pub type GatherAll<T> = Gather<Vec<Result<T, Exception>>>;

/// What becomes of a child's failure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failures {
    /// The first fails the gathering.
    Raised,
    /// They are results.
    Kept,
}

fn start<C>(home: &mut Home, coroutines: impl IntoIterator<Item = C>) -> Result<Vec<Child<C::Return>>, Exception>
where
    C: Awaitable + 'static,
{
    coroutines.into_iter().map(|coroutine| Child::start(home, coroutine)).collect()
}

/// What the children of a gathering share.
///
/// The children that are not done keep it, and it keeps them until it is done: those that never will be, and it, would
/// outlive their loop. So the loop knows of it meanwhile.
struct Progress<R: 'static> {
    gathering: Rc<Gathering<R>>,
    failures: Failures,
    left: Cell<usize>,
    collect: Cell<Option<Collect<R>>>,
    /// By which the loop knows it.
    key: Cell<u32>,
}

type Collect<R> = Box<dyn FnOnce() -> Result<R, Exception>>;

impl<R: 'static> Gather<R> {
    pub(super) fn new(
        mut home: Home,
        children: Vec<AnyFuture>,
        failures: Failures,
        collect: impl FnOnce() -> Result<R, Exception> + 'static,
    ) -> Result<Self, Exception> {
        if children.is_empty() {
            let empty = home.create_future()?;
            let _ = empty.set_result(collect()?);
            return Ok(Self(empty.join()));
        }
        let mut seen = HashSet::new();
        let unique: Vec<_> = children.iter().filter(|child| seen.insert(child.address())).cloned().collect();
        let progress = Rc::new(Progress {
            gathering: Gathering::new(children),
            failures,
            left: Cell::new(unique.len()),
            collect: Cell::new(Some(Box::new(collect))),
            key: Cell::new(u32::MAX),
        });
        // Those that are done already count when the gathering is whole, and may make it done at once.
        let (done, pending): (Vec<_>, Vec<_>) = unique.into_iter().partition(AnyFuture::done);
        let scheduler = progress.gathering.scheduler();
        // A closed loop would never tell it, and never have it let go of them.
        if !pending.is_empty() && !scheduler.is_closed() {
            let weak = Rc::downgrade(&progress);
            progress.key.set(scheduler.remember_circle(weak));
            for child in pending {
                let progress = Rc::clone(&progress);
                child.notify(move |child| progress.child_is_done(&child));
            }
        }
        done.iter().for_each(|child| progress.child_is_done(child));
        Ok(Self(progress.gathering.future().join()))
    }
}

impl<R: 'static> Progress<R> {
    fn child_is_done(&self, child: &AnyFuture) {
        self.left.set(self.left.get() - 1);
        if self.gathering.is_done() {
            // Too late for anybody to see what it failed with, which is no reason to report it.
            drop(child.raised());
        } else if self.failures == Failures::Raised
            && let Some(raised) = child.raised()
        {
            self.gathering.finish(Err(raised));
            // After that: results are dropped with it.
            drop(self.collect.take());
        } else if self.left.get() == 0 {
            self.finish();
        }
    }

    fn finish(&self) {
        let Some(collect) = self.collect.take() else { return };
        let collected = failing_on_panic(collect, |panic| self.gathering.finish(Err(panic)));
        let outcome = if self.gathering.is_cancel_requested() {
            let last = self.gathering.last_child().filter(AnyFuture::cancelled);
            Err(last.and_then(|last| last.raised()).unwrap_or_else(Exception::cancelled))
        } else {
            collected
        };
        self.gathering.finish(outcome);
    }
}

impl<R> Circle for Progress<R> {
    fn break_open(&self) {
        let scheduler = self.gathering.scheduler();
        scheduler.drop_guarded(self.collect.take());
        self.gathering.take_children().into_iter().for_each(|child| scheduler.drop_guarded(child));
    }
}

impl<R> Drop for Progress<R> {
    fn drop(&mut self) {
        self.gathering.scheduler().forget_circle(self.key.get());
    }
}

impl<R> Deref for Gather<R> {
    type Target = Future<R>;

    fn deref(&self) -> &Future<R> {
        self.0.future()
    }
}

impl<R: 'static> Clone for Gather<R> {
    fn clone(&self) -> Self {
        Self(self.join())
    }
}

impl<R> fmt::Debug for Gather<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.future().fmt(f)
    }
}

/// Waiting for it: the results, moved out.
impl<R: 'static> Coroutine for Gather<R> {
    type Yield = Await;
    type Input = ();
    type Return = R;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.0.resume(sent)
    }

    fn state(&self) -> State<'_> {
        State::new("gather", self)
    }
}
