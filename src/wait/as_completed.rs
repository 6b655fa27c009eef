//! Results in the order in which they come.
//!
//! What is done goes into a queue, and each wait takes one out; a `None` in it stands for a child that was not done in
//! time. Who waits for the queue is woken by a future of its own, as with asyncio's queues: a turn after the child's
//! callback.

use core::cell::RefCell;
use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::rc::{Rc, Weak};

use super::child::{Child, Home};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::event_loop::{TimerHandle, running};
use crate::task::{Await, Awaitable, CallbackId, Future};
use crate::yield_from;

/// Runs several coroutines at once, and gives their results as they come. asyncio's `as_completed`.
///
/// They are made tasks now, in order; futures and tasks are taken as they are, each once. Each
/// [`next`](AsCompleted::next) is a coroutine that waits for the next result. After `timeout`, each that is left raises
/// `TimeoutError`; none is cancelled.
///
/// ```
/// use innermost::wait::{AsCompleted, NextCompleted, as_completed};
/// use innermost::coroutine::Map;
/// use innermost::{Await, Coroutine, EventLoop, Exception, Resumed, Sleep, Step, yield_from};
/// use innermost::{CoroutineExt, sleep};
/// use std::time::Duration;
///
/// type Runner = Map<Sleep, fn(()) -> &'static str>;
///
/// /// Prints who comes in.
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
/// let event_loop = EventLoop::new()?;
/// let main = innermost::lazy(|| {
///     let slow: Runner = sleep(Duration::from_millis(2)).map(|()| "tortoise");
///     let fast: Runner = sleep(Duration::ZERO).map(|()| "hare");
///     let mut race = as_completed([slow, fast], None).expect("the loop runs");
///     Finish { next: race.next(), race }
/// });
/// event_loop.run_until_complete(main)?;
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
///
/// `RuntimeError` where no loop runs or it is closed; `ValueError` for a future of another one.
pub fn as_completed<C>(
    coroutines: impl IntoIterator<Item = C>,
    timeout: Option<Duration>,
) -> Result<AsCompleted<C::Return>, Exception>
where
    C: Awaitable + 'static,
{
    let event_loop = running()?;
    let (mut home, mut seen) = (Home::of(&event_loop), HashSet::new());
    let children = coroutines.into_iter().map(|coroutine| Child::start(&mut home, coroutine));
    let mut children: Vec<_> = children.collect::<Result<_, _>>()?;
    children.retain(|child| seen.insert(child.any().address()));
    let left = children.len();
    let race = Rc::new(Race::default());
    for (number, child) in children.into_iter().enumerate() {
        let weak = Rc::downgrade(&race);
        let callback = child.any().notify(move |_| Race::with(&weak, |race| race.child_is_done(number)));
        race.todo.borrow_mut().insert(number, (child, callback));
    }
    if let Some(timeout) = timeout.filter(|_| left > 0) {
        let weak = Rc::downgrade(&race);
        let timer = event_loop.call_later(timeout, move || Race::with(&weak, Race::time_is_up))?;
        race.timer.replace(Some(timer));
    }
    Ok(AsCompleted { race, left })
}

/// What [`as_completed`] makes: the results that are still to come.
///
/// An iterator of coroutines, each for the next result, whatever the order in which they are awaited.
/// [`next_future`](Self::next_future) gives the future that is done in place of its result.
pub struct AsCompleted<T: 'static> {
    race: Rc<Race<T>>,
    left: usize,
}

impl<T: 'static> AsCompleted<T> {
    /// The next future that is done: that which was given, or the task that was made. `None` after the last. asyncio's
    /// `async for` over `as_completed`.
    pub fn next_future(&mut self) -> Option<NextFuture<T>> {
        self.left = self.left.checked_sub(1)?;
        Some(NextFuture { race: Rc::clone(&self.race), getter: None })
    }
}

/// The next result; `None` after the last.
impl<T: 'static> Iterator for AsCompleted<T> {
    type Item = NextCompleted<T>;

    fn next(&mut self) -> Option<NextCompleted<T>> {
        self.next_future().map(NextCompleted)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

struct Race<T: 'static> {
    todo: RefCell<BTreeMap<usize, (Child<T>, CallbackId)>>,
    /// `None` where one was not done in time.
    done: RefCell<VecDeque<Option<Child<T>>>>,
    getters: RefCell<VecDeque<Future<()>>>,
    timer: RefCell<Option<TimerHandle>>,
}

impl<T: 'static> Race<T> {
    fn with(race: &Weak<Self>, run: impl FnOnce(&Self)) {
        if let Some(race) = race.upgrade() {
            run(&race);
        }
    }

    fn child_is_done(&self, number: usize) {
        let child = self.todo.borrow_mut().remove(&number);
        // The time was up before.
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

    /// Wakes the first that waits and was not cancelled.
    fn wake_next(&self) {
        loop {
            let getter = self.getters.borrow_mut().pop_front();
            if getter.is_none_or(|getter| getter.set_result(()).is_ok()) {
                return;
            }
        }
    }

    /// One that waits was cancelled, or dropped. What it was woken for goes to the next.
    fn give_up(&self, getter: &Future<()>) {
        let woken = getter.done() && !getter.cancelled();
        getter.cancel();
        if woken && !self.done.borrow().is_empty() {
            self.wake_next();
        }
    }

    fn cancel_timer(&self) {
        let timer = self.timer.take();
        if let Some(timer) = timer {
            timer.cancel();
        }
    }
}

impl<T: 'static> Default for Race<T> {
    fn default() -> Self {
        Self {
            todo: RefCell::default(),
            done: RefCell::default(),
            getters: RefCell::default(),
            timer: RefCell::default(),
        }
    }
}

impl<T: 'static> Drop for Race<T> {
    fn drop(&mut self) {
        self.cancel_timer();
        for (child, callback) in self.todo.take().into_values() {
            child.future.remove_done_callback(callback);
        }
    }
}

/// What [`AsCompleted::next`] makes: waiting for the next result, moved out where nobody else has its future.
pub struct NextCompleted<T: 'static>(NextFuture<T>);

/// What [`AsCompleted::next_future`] makes: waiting for the next future that is done.
pub struct NextFuture<T: 'static> {
    race: Rc<Race<T>>,
    getter: Option<Future<()>>,
}

impl<T: 'static> NextFuture<T> {
    /// The wait for a child; it suspends with what to wait for.
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
            let next = self.race.done.borrow_mut().pop_front();
            match next {
                Some(Some(child)) => return Ok(Step::Return(child)),
                Some(None) => return Err(Exception::timeout()),
                None => {
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
        // First, since nothing is borrowed while the user's sink is written to.
        let (todo, done) = (self.todo.borrow().len(), self.done.borrow().len());
        write!(f, "todo: {todo}, done: {done}")
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
