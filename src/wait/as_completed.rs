//! Results in the order in which they arrive.
//!
//! Children that are done go into a queue, and each wait takes one out. A `None` in the queue stands for a child that
//! was not done in time. Each waiter has a future that wakes it, one turn after the child's callback, as in asyncio's
//! queues.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::iter::FusedIterator;
use core::time::Duration;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::rc::{Rc, Weak};

use super::{ListOf, OrNone};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, drop_flat, take_sent};
use crate::event_loop::{LoopHandle, TimerHandle, find_running, running};
use crate::task::{Await, Awaitable, CallbackId, Child, Future, Known, Scheduler};
use crate::yield_from;

/// Runs several coroutines at once, and returns their results in the order in which they arrive. asyncio's
/// `as_completed`.
///
/// Coroutines become tasks, in order. Futures and tasks are used as they are, and one that is given twice is waited for
/// once. Each [`next`](AsCompleted::next) is a coroutine that waits for the next result.
/// [`timeout`](AsCompleted::timeout) limits the time for all of them together.
///
/// If an event loop is running, the children start at once. Otherwise they start when the first `next` is awaited.
///
/// # Errors
///
/// Awaiting a result raises whatever its child raises, `TimeoutError` if the time is over, `ValueError` for a future of
/// another loop, and `RuntimeError` if no loop is running.
///
/// # Examples
///
/// ```
/// use innermost::wait::{AsCompleted, NextCompleted, as_completed};
/// use innermost::coroutine::Map;
/// use innermost::{Await, Coroutine, Exception, Resumed, Sleep, Step, run, yield_from};
/// use innermost::{CoroutineExt, sleep};
/// use std::time::Duration;
///
/// type Runner = Map<Sleep, fn(()) -> &'static str>;
///
/// /// Prints the runners as they finish.
/// struct Finish {
///     race: AsCompleted<&'static str>,
///     next: Option<NextCompleted<&'static str>>,
/// }
///
/// impl Coroutine for Finish {
///     type Yield = Await;
///     type Input = ();
///     type Return = ();
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         while let Some(next) = &mut self.next {
///             println!("{}", yield_from!(next, sent)?);
///             self.next = self.race.next();
///         }
///         Ok(Step::Return(()))
///     }
/// }
///
/// let slow: Runner = sleep(Duration::from_millis(2)).map(|()| "tortoise");
/// let fast: Runner = sleep(Duration::ZERO).map(|()| "hare");
/// let mut race = as_completed([slow, fast]);
/// run(Finish { next: race.next(), race })?;
/// # Ok::<(), Exception>(())
/// ```
pub fn as_completed<C>(coroutines: impl ListOf<C>) -> AsCompleted<C::Return>
where
    C: Awaitable + 'static,
{
    let mut seen = HashSet::new();
    let mut is_new = |coroutine: &C| Known::of(coroutine).address.is_none_or(|address| seen.insert(address));
    let all: Vec<_> = coroutines.iterate().filter(|coroutine| is_new(coroutine)).collect();
    let left = all.len();
    let start = move |home: &_| all.into_iter().map(|coroutine| Child::start(home, coroutine)).collect();
    let race = Rc::new(Race::new(Box::new(start)));
    if let Some(event_loop) = find_running() {
        race.start(&event_loop);
    }
    AsCompleted { race, left }
}

/// An iterator of coroutines, each of which waits for the next result. Created by [`as_completed`](fn@as_completed).
///
/// The first result goes to the coroutine that is awaited first. To get completed futures instead of their results,
/// call [`next_future`](Self::next_future).
#[must_use = "the results are lost, and where no loop runs, the coroutines never start"]
pub struct AsCompleted<T: 'static> {
    race: Rc<Race<T>>,
    left: usize,
}

impl<T: 'static> AsCompleted<T> {
    /// Limits the time for all children together. `None` removes the limit.
    ///
    /// After `timeout`, awaiting a result that is still missing raises `TimeoutError`. The children keep running. The
    /// time counts from now, or from the start of the children, whichever is later.
    pub fn timeout(self, timeout: impl OrNone<Duration>) -> Self {
        self.race.cancel_timer();
        self.race.timeout.set(timeout.or_none());
        if let Some(event_loop) = find_running() {
            self.race.set_timer(&event_loop);
        }
        self
    }

    /// Returns a coroutine that waits for the next child that is done and returns its future, or `None` after the last
    /// one. asyncio's `async for` over `as_completed`.
    ///
    /// The future is the one that was passed in. For a coroutine, it is that of the task that was created.
    ///
    /// ```
    /// use innermost::testing::virtual_loop;
    /// use innermost::{Exception, as_completed, sleep};
    /// use std::time::Duration;
    ///
    /// let event_loop = virtual_loop()?;
    /// let [slow, fast] = [2, 1].map(|seconds| event_loop.create_task(sleep(Duration::from_secs(seconds))));
    /// let (slow, fast) = (slow?, fast?);
    /// let mut race = as_completed([slow, fast.clone()]);
    /// let first = event_loop.run_until_complete(race.next_future().expect("there are two"))?;
    /// assert_eq!(first.any_future(), fast.any_future());
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn next_future(&mut self) -> Option<NextFuture<T>> {
        self.left = self.left.checked_sub(1)?;
        Some(NextFuture { race: Rc::clone(&self.race), getter: None })
    }
}

/// Produces one coroutine for each result.
impl<T: 'static> Iterator for AsCompleted<T> {
    type Item = NextCompleted<T>;

    fn next(&mut self) -> Option<NextCompleted<T>> {
        self.next_future().map(NextCompleted)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T: 'static> ExactSizeIterator for AsCompleted<T> {}

impl<T: 'static> FusedIterator for AsCompleted<T> {}

struct Race<T: 'static> {
    /// Starts the children. `None` once they have been started.
    start: Cell<Option<Start<T>>>,
    /// The reason why the children could not start.
    failed: RefCell<Option<Exception>>,
    todo: RefCell<BTreeMap<usize, (Child<T>, CallbackId)>>,
    /// `None` for a child that was not done in time.
    done: RefCell<VecDeque<Option<Child<T>>>>,
    getters: RefCell<VecDeque<Future<()>>>,
    /// The time limit, until its timer is set.
    timeout: Cell<Option<Duration>>,
    timer: RefCell<Option<TimerHandle>>,
}

type Start<T> = Box<dyn FnOnce(&Rc<Scheduler>) -> Result<Vec<Child<T>>, Exception>>;

impl<T: 'static> Race<T> {
    fn new(start: Start<T>) -> Self {
        Self {
            start: Cell::new(Some(start)),
            failed: RefCell::default(),
            todo: RefCell::default(),
            done: RefCell::default(),
            getters: RefCell::default(),
            timeout: Cell::default(),
            timer: RefCell::default(),
        }
    }

    /// Starts the children and the timer, unless that was done before.
    fn start(self: &Rc<Self>, event_loop: &LoopHandle) {
        if let Some(start) = self.start.take() {
            match start(event_loop.scheduler()) {
                Ok(children) => self.watch(children),
                Err(raised) => self.fail(raised),
            }
        }
        self.set_timer(event_loop);
    }

    /// Starts the children, if they have not started.
    ///
    /// # Errors
    ///
    /// Returns a `RuntimeError` if the children have not started and no loop is running.
    fn ensure_started(self: &Rc<Self>) -> Result<(), Exception> {
        let start = self.start.take();
        let is_started = start.is_none() && self.timeout.get().is_none();
        self.start.set(start);
        if !is_started {
            self.start(&running()?);
        }
        Ok(())
    }

    fn watch(self: &Rc<Self>, children: Vec<Child<T>>) {
        for (number, child) in children.into_iter().enumerate() {
            let weak = Rc::downgrade(self);
            let callback = child.any().notify(move |_| Self::with(&weak, |race| race.child_is_done(number)));
            self.todo.borrow_mut().insert(number, (child, callback));
        }
    }

    fn set_timer(self: &Rc<Self>, event_loop: &LoopHandle) {
        if self.timeout.get().is_none() || self.todo.borrow().is_empty() {
            return;
        }
        let Some(timeout) = self.timeout.take() else { return };
        let weak = Rc::downgrade(self);
        match event_loop.call_later(timeout, move || Self::with(&weak, Self::time_is_up)) {
            Ok(timer) => drop(self.timer.replace(Some(timer))),
            Err(raised) => self.fail(raised),
        }
    }

    /// Raises `raised` in every waiter, now and later.
    fn fail(&self, raised: Exception) {
        self.failed.replace(Some(raised));
        let getters = self.getters.take();
        for getter in getters {
            // Refused for a waiter that was cancelled.
            let _ = getter.set_result(());
        }
    }

    fn with(race: &Weak<Self>, run: impl FnOnce(&Self)) {
        if let Some(race) = race.upgrade() {
            run(&race);
        }
    }

    fn child_is_done(&self, number: usize) {
        let child = self.todo.borrow_mut().remove(&number);
        // The time was over before.
        let Some((child, _)) = child else { return };
        self.put(Some(child));
        if self.todo.borrow().is_empty() {
            self.cancel_timer();
        }
    }

    fn time_is_up(&self) {
        let late = self.todo.take();
        for (child, callback) in late.values() {
            child.future.remove_done_callback(*callback);
            self.put(None);
        }
    }

    fn put(&self, child: Option<Child<T>>) {
        self.done.borrow_mut().push_back(child);
        self.wake_next();
    }

    /// Wakes the first waiter that was not cancelled.
    fn wake_next(&self) {
        loop {
            let getter = self.getters.borrow_mut().pop_front();
            if getter.is_none_or(|getter| getter.set_result(()).is_ok()) {
                return;
            }
        }
    }

    /// Handles a waiter that was cancelled or dropped. If it had been woken, the next one is woken in its place.
    fn give_up(&self, getter: &Future<()>) {
        let woken = getter.done() && !getter.cancelled();
        getter.cancel();
        if woken && !self.done.borrow().is_empty() {
            self.wake_next();
        }
    }

    fn cancel_timer(&self) {
        self.timeout.set(None);
        let timer = self.timer.take();
        if let Some(timer) = timer {
            timer.cancel();
        }
    }
}

impl<T: 'static> Drop for Race<T> {
    fn drop(&mut self) {
        drop_flat(self.start.take());
        self.cancel_timer();
        for (child, callback) in self.todo.take().into_values() {
            child.future.remove_done_callback(callback);
        }
    }
}

/// A coroutine that waits for the next result. Created by the iterator [`AsCompleted`].
///
/// It moves the result out of a task that was created for a coroutine, and clones the result of a future or a task that
/// was passed in.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct NextCompleted<T: 'static>(NextFuture<T>);

/// A coroutine that waits for the next child that is done, and returns its future. Created by
/// [`AsCompleted::next_future`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct NextFuture<T: 'static> {
    race: Rc<Race<T>>,
    getter: Option<Future<()>>,
}

impl<T: 'static> NextFuture<T> {
    /// Waits for the next child that is done.
    fn wait(&mut self, mut sent: Result<(), Exception>) -> Result<Step<Await, (), Child<T>>, Exception> {
        loop {
            if let Some(getter) = &mut self.getter {
                let woken = yield_from!(getter, sent);
                let getter = self.getter.take();
                if let (Err(raised), Some(getter)) = (woken, getter) {
                    self.race.give_up(&getter);
                    return Err(raised);
                }
            }
            take_sent(&mut sent)?;
            self.race.ensure_started()?;
            let next = self.race.done.borrow_mut().pop_front();
            match next {
                Some(Some(child)) => return Ok(Step::Return(child)),
                Some(None) => return Err(Exception::timeout()),
                None => {
                    let failed = self.race.failed.borrow().clone();
                    failed.map_or(Ok(()), Err)?;
                    let getter = running()?.create_future();
                    self.race.getters.borrow_mut().push_back(getter.clone());
                    self.getter = Some(getter);
                }
            }
        }
    }
}

impl<T: 'static> Drop for NextFuture<T> {
    fn drop(&mut self) {
        if let Some(getter) = &self.getter {
            self.race.give_up(getter);
        }
    }
}

impl<T: 'static> Coroutine for NextFuture<T> {
    type Yield = Await;
    type Input = ();
    type Return = Future<T>;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        Ok(match self.wait(sent)? {
            Step::Return(child) => Step::Return(child.future),
            Step::Yield(wanted) => Step::Yield(wanted),
            Step::Delegate(frame) => Step::Delegate(frame),
        })
    }

    fn state(&self) -> State<'_> {
        State::new("as_completed", self)
    }
}

impl<T: 'static> Coroutine for NextCompleted<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        Ok(match self.0.wait(sent)? {
            Step::Return(child) => Step::Return(child.outcome()?),
            Step::Yield(wanted) => Step::Yield(wanted),
            Step::Delegate(frame) => Step::Delegate(frame),
        })
    }

    fn state(&self) -> State<'_> {
        State::new("as_completed", self)
    }
}

impl<T> fmt::Debug for Race<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counted first: nothing may be borrowed while `f` calls user code.
        let start = self.start.take();
        let is_started = start.is_none();
        self.start.set(start);
        let (todo, done) = (self.todo.borrow().len(), self.done.borrow().len());
        match is_started {
            true => write!(f, "todo: {todo}, done: {done}"),
            false => f.write_str("unstarted"),
        }
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsCompleted({:?})", self.race)
    }
}

impl<T> fmt::Debug for NextFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NextFuture({:?})", self.race)
    }
}

impl<T> fmt::Debug for NextCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NextCompleted({:?})", self.0.race)
    }
}
