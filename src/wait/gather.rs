//! Runs several coroutines at once, and collects their results in order.
//!
//! When a child is done, a callback in the ready queue notifies the gathering. The last child, or the first that fails,
//! ends the gathering, which queues its waiters. So the result arrives two turns after that of the last child, as in
//! asyncio.
//!
//! `task/gathering.rs` holds the gathering itself, and `task/cancel.rs` cancels its children.

use core::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;

use super::ListOf;
use super::deferred::home_of;
use crate::coroutine::Exception;
use crate::task::{
    AnyFuture, Awaitable, Child, Circle, Deferred, Eventual as _, Future, Gather, Gathering, Known, Scheduler,
    failing_on_panic,
};

/// Runs several coroutines at once, and returns their results in the order of the arguments. asyncio's `gather`.
///
/// Coroutines become tasks, in order. Futures and tasks are used as they are. One that is given twice is waited for
/// once, and its result appears twice. If a child raises an exception or is cancelled, the gather raises that exception
/// without waiting for the others, which go on. Their exceptions count as retrieved.
///
/// Cancelling the gather, or a task that waits for it, cancels every child that is not done. The gather ends when its
/// children have ended, and raises `CancelledError` even if they caught theirs.
///
/// `gather` can be called without a running loop. [`Gather`] says when the children start.
///
/// # Errors
///
/// Awaiting it raises the first exception of a child, `ValueError` for futures of different loops, and `RuntimeError`
/// if no loop is running or the loop is closed.
///
/// # Examples
///
/// ```
/// use innermost::wait::gather;
/// use innermost::{CoroutineExt, Exception, run, sleep};
/// use std::time::Duration;
///
/// let runner = |n: u64| sleep(Duration::from_micros(50 - n)).map(move |()| n);
/// assert_eq!(run(gather([runner(10), runner(20)]))?, [10, 20]);
/// # Ok::<(), Exception>(())
/// ```
pub fn gather<C>(coroutines: impl ListOf<C>) -> Gather<Vec<C::Return>>
where
    C: Awaitable + 'static,
{
    gather_with(coroutines.iterate(), Failures::Raised, |children| children.iter().map(Child::outcome).collect())
}

/// Runs several coroutines at once, and returns all their results and exceptions in the order of the arguments.
/// asyncio's `gather` with `return_exceptions=True`.
///
/// A child that raises or is cancelled does not end the gather early. Its exception is in the list, as an `Err`.
///
/// Cancelling the gather, or a task that waits for it, cancels every child that is not done. The gather ends when its
/// children have ended, and raises `CancelledError` even if they caught theirs.
///
/// # Errors
///
/// Awaiting it raises `CancelledError` if the gather was cancelled, `ValueError` for futures of different loops, and
/// `RuntimeError` if no loop is running or the loop is closed.
///
/// # Examples
///
/// ```
/// use innermost::wait::gather_all;
/// use innermost::{EventLoop, Exception, Kind};
///
/// let event_loop = EventLoop::new()?;
/// let good = event_loop.create_future();
/// let bad = event_loop.create_future();
/// good.set_result(1).expect("it is pending");
/// bad.set_exception(Exception::timeout()).expect("it is pending");
/// let results = event_loop.run_until_complete(gather_all([good, bad]))?;
/// assert_eq!(results[0].as_ref().ok(), Some(&1));
/// assert_eq!(results[1].as_ref().map_err(Exception::kind), Err(Kind::TimeoutError));
/// # Ok::<(), Exception>(())
/// ```
pub fn gather_all<C>(coroutines: impl ListOf<C>) -> GatherAll<C::Return>
where
    C: Awaitable + 'static,
{
    gather_with(coroutines.iterate(), Failures::Kept, |children| Ok(children.iter().map(Child::outcome).collect()))
}

/// A gather whose result is a list of results and exceptions. Created by [`gather_all`].
pub type GatherAll<T> = Gather<Vec<Result<T, Exception>>>;

/// What the failure of a child does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Failures {
    /// The first failure ends the gathering.
    Raised,
    /// A failure is one of the results.
    Kept,
}

fn gather_with<C, R>(
    mut coroutines: impl Iterator<Item = C>,
    failures: Failures,
    collect: impl FnOnce(&[Child<C::Return>]) -> Result<R, Exception> + 'static,
) -> Gather<R>
where
    C: Awaitable + 'static,
    R: 'static,
{
    let first = coroutines.next();
    let home = home_of(first.as_ref().and_then(|first| Known::of(first).home));
    let all = first.into_iter().chain(coroutines);
    Gather(match home {
        Some(home) => Deferred::now(&home, |home| start(home, all, failures, collect)),
        None => {
            let all: Vec<_> = all.collect();
            Deferred::later(Vec::new(), move |home| start(home, all, failures, collect))
        }
    })
}

fn start<C, R>(
    home: &Rc<Scheduler>,
    coroutines: impl IntoIterator<Item = C>,
    failures: Failures,
    collect: impl FnOnce(&[Child<C::Return>]) -> Result<R, Exception> + 'static,
) -> Result<Child<R>, Exception>
where
    C: Awaitable + 'static,
    R: 'static,
{
    let children = coroutines.into_iter().map(|coroutine| Child::start(home, coroutine));
    let children: Vec<_> = children.collect::<Result<_, _>>()?;
    let futures = children.iter().map(Child::any).collect();
    gather_futures(home, futures, failures, move || collect(&children))
}

/// The state that the children of a gathering share.
///
/// Children that are not done keep this alive, and it keeps them alive until the gathering is done. Children that never
/// end would keep this circle alive for ever. So the loop keeps a list of such circles, and breaks them open when it
/// closes.
struct Progress<R: 'static> {
    gathering: Rc<Gathering<R>>,
    failures: Failures,
    left: Cell<usize>,
    collect: Cell<Option<Collect<R>>>,
    /// The key of this in the loop's list.
    key: Cell<u32>,
}

type Collect<R> = Box<dyn FnOnce() -> Result<R, Exception>>;

/// Gathers futures of one loop. `collect` takes their results.
///
/// # Errors
///
/// Returns what `collect` raises if there are no futures.
pub(super) fn gather_futures<R: 'static>(
    home: &Rc<Scheduler>,
    children: Vec<AnyFuture>,
    failures: Failures,
    collect: impl FnOnce() -> Result<R, Exception> + 'static,
) -> Result<Child<R>, Exception> {
    if children.is_empty() {
        let empty = Future::new(Rc::clone(home));
        let _ = empty.set_result(collect()?);
        return Ok(Child::moving(empty));
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
    // Children that are done already are counted last, because they may end the gathering at once.
    let (done, pending): (Vec<_>, Vec<_>) = unique.into_iter().partition(AnyFuture::done);
    let scheduler = progress.gathering.scheduler();
    // A closed loop would never notify the gathering, and never break the circle open.
    if !pending.is_empty() && !scheduler.is_closed() {
        let weak = Rc::downgrade(&progress);
        progress.key.set(scheduler.remember_circle(weak));
        for child in pending {
            let progress = Rc::clone(&progress);
            child.notify(move |child| progress.child_is_done(&child));
        }
    }
    done.iter().for_each(|child| progress.child_is_done(child));
    Ok(Child::moving(progress.gathering.future()))
}

impl<R: 'static> Progress<R> {
    fn child_is_done(&self, child: &AnyFuture) {
        self.left.set(self.left.get() - 1);
        if self.gathering.is_done() {
            // Retrieves the failure, so that it is not reported. Nobody can see it any more.
            drop(child.raised());
        } else if self.failures == Failures::Raised
            && let Some(raised) = child.raised()
        {
            self.gathering.finish(Err(raised));
            // After the end, because this drops results, which may run user code.
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
