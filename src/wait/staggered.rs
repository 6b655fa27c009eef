//! A race of attempts that start one after the other.
//!
//! Each attempt is a task. When it starts, it creates the task of the next attempt, which waits until this one has failed
//! or the delay has passed. So one task is always waiting to start, until there are no attempts left or one has won:
//!
//! ```text
//!  attempt 0   |-------------- fails
//!  attempt 1      delay  |---------------------------- is cancelled
//!  attempt 2             :      | at once  |---- wins
//! ```
//!
//! The tasks form a group. So the race ends when all tasks have ended, and cancelling the race cancels all of them.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::rc::Rc;

use super::{GroupScope, OrNone, TaskGroup, WaitFor, wait_for};
use crate::coroutine::{Coroutine, CoroutineExt, Exception, Kind, Map, Resumed, State, Step, replace_ended, take_sent};
use crate::event_loop::running;
use crate::task::{AnyTask, Await, Awaitable, Future};
use crate::yield_from;

/// Starts attempts one after the other until one of them returns a value. asyncio's `staggered.staggered_race`.
///
/// Each attempt starts when the one before it has failed, or when the [`delay`](StaggeredRace::delay) has passed since
/// that one started. The first attempt that returns a value wins. The race then cancels the others, and waits until they
/// have ended.
///
/// Each attempt is taken from the iterator when it starts. Cancelling the race cancels every attempt, and the race
/// raises the `CancelledError` when all of them have ended. If a second attempt returns a value although it was
/// cancelled, that value is dropped.
///
/// # Errors
///
/// Awaiting it raises an attempt's `KeyboardInterrupt`, an [`ExceptionGroup`](super::ExceptionGroup) of panics of
/// attempts or of the iterator, and `RuntimeError` outside of a task. If every attempt fails, the race has no winner,
/// which is not an error.
///
/// # Examples
///
/// ```
/// use innermost::testing::virtual_loop;
/// use innermost::wait::staggered_race;
/// use innermost::{CoroutineExt, Exception, sleep};
/// use std::time::Duration;
///
/// let attempts = [50, 1, 20].map(|seconds| sleep(Duration::from_secs(seconds)).map(move |()| seconds));
/// let race = staggered_race(attempts).delay(Duration::from_secs(2));
/// let raced = virtual_loop()?.run_until_complete(race)?;
/// assert_eq!(raced.winner, Some((1, 1)));
/// assert!(raced.exceptions[0].as_ref().is_some_and(Exception::is_cancelled));
/// assert_eq!(raced.exceptions.len(), 2); // the third was not started
/// # Ok::<(), Exception>(())
/// ```
pub fn staggered_race<I>(attempts: I) -> StaggeredRace<I::IntoIter>
where
    I: IntoIterator<Item: Awaitable + 'static, IntoIter: 'static>,
{
    StaggeredRace(Phase::Created(attempts.into_iter(), None))
}

/// The outcome of a [`staggered_race`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Raced<T> {
    /// The index of the attempt that won, and the value it returned. `None` if all attempts have failed, or there were
    /// none.
    pub winner: Option<(usize, T)>,
    /// The exceptions of the attempts that have started, in order. An attempt that was too slow has a `CancelledError`,
    /// and the winner has `None`.
    pub exceptions: Vec<Option<Exception>>,
}

/// A coroutine that starts attempts one after the other until one succeeds. Created by [`staggered_race`].
///
/// Dropping it while it runs cancels the attempts, without waiting for them.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct StaggeredRace<I>(Phase<I>)
where
    I: Iterator<Item: Awaitable + 'static> + 'static;

enum Phase<I>
where
    I: Iterator<Item: Awaitable + 'static> + 'static,
{
    Created(I, Option<Duration>),
    Running(Rc<Race<I>>, GroupScope<First<I>>),
    Over,
}

impl<I> StaggeredRace<I>
where
    I: Iterator<Item: Awaitable + 'static> + 'static,
{
    /// Starts the next attempt after this time, even if the one before it is still running.
    ///
    /// With `None`, the default, the next attempt waits for a failure. Has no effect on a race that has started.
    pub fn delay(mut self, delay: impl OrNone<Duration>) -> Self {
        if let Phase::Created(_, set) = &mut self.0 {
            *set = delay.or_none();
        }
        self
    }
}

impl<I> Coroutine for StaggeredRace<I>
where
    I: Iterator<Item: Awaitable + 'static> + 'static,
{
    type Yield = Await;
    type Input = ();
    type Return = Raced<<I::Item as Coroutine>::Return>;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created(..) = self.0 {
            take_sent(&mut sent)?;
            if let Phase::Created(attempts, delay) = core::mem::replace(&mut self.0, Phase::Over) {
                let race = Rc::new(Race::new(attempts, delay));
                let scope = race.group.scope(First(Rc::clone(&race)));
                self.0 = Phase::Running(race, scope);
            }
        }
        let Phase::Running(race, scope) = &mut self.0 else { return Err(Exception::reused()) };
        let ended = yield_from!(scope, sent);
        let race = Rc::clone(race);
        self.0 = Phase::Over;
        drop(race.tasks.take());
        let (winner, exceptions) = (race.winner.take(), race.exceptions.take());
        // Drops the attempts that were not started. If a destructor panics here, the outcome is not lost.
        drop(race);
        ended?;
        Ok(Step::Return(Raced { winner, exceptions }))
    }

    fn state(&self) -> State<'_> {
        State::new("staggered_race", self)
    }
}

impl<I> fmt::Debug for StaggeredRace<I>
where
    I: Iterator<Item: Awaitable + 'static> + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Phase::Created(..) => f.write_str("StaggeredRace(created)"),
            Phase::Running(race, _) => write!(f, "StaggeredRace({} started)", race.exceptions.borrow().len()),
            Phase::Over => f.write_str("StaggeredRace(over)"),
        }
    }
}

/// The state that the attempts of a race share.
struct Race<I>
where
    I: Iterator<Item: Awaitable + 'static> + 'static,
{
    /// Taken out while it runs, because it is the user's code. `None` once it is exhausted.
    attempts: Cell<Option<I>>,
    delay: Option<Duration>,
    group: TaskGroup,
    /// The tasks of all attempts that have started, and of the next one.
    tasks: RefCell<Vec<AnyTask>>,
    winner: Cell<Option<(usize, Returned<I>)>>,
    exceptions: RefCell<Vec<Option<Exception>>>,
}

type Returned<I> = <<I as Iterator>::Item as Coroutine>::Return;

impl<I> Race<I>
where
    I: Iterator<Item: Awaitable + 'static> + 'static,
{
    fn new(attempts: I, delay: Option<Duration>) -> Self {
        Self {
            attempts: Cell::new(Some(attempts)),
            delay,
            group: TaskGroup::new(),
            tasks: RefCell::default(),
            winner: Cell::new(None),
            exceptions: RefCell::default(),
        }
    }

    fn add_task(self: &Rc<Self>, phase: AttemptPhase<I::Item>) -> Result<(), Exception> {
        let task = self.group.create_task(Attempt { race: Rc::clone(self), phase })?;
        self.tasks.borrow_mut().push(task.any());
        Ok(())
    }

    /// Starts the next attempt, and creates the task of the one after it.
    fn start(self: &Rc<Self>) -> Result<AttemptPhase<I::Item>, Exception> {
        let Some(mut attempts) = self.attempts.take() else { return Ok(AttemptPhase::Over) };
        let Some(coroutine) = attempts.next() else { return Ok(AttemptPhase::Over) };
        self.attempts.set(Some(attempts));
        let failed = running()?.create_future();
        let wait: Failed = failed.clone().map(|()| ());
        self.add_task(AttemptPhase::Waiting(wait_for(wait, self.delay)))?;
        let mut exceptions = self.exceptions.borrow_mut();
        exceptions.push(None);
        Ok(AttemptPhase::Running { coroutine, index: exceptions.len() - 1, failed })
    }

    /// Records the outcome of an attempt.
    ///
    /// # Errors
    ///
    /// Returns the attempt's `KeyboardInterrupt`, which ends the whole race.
    fn ended(
        &self,
        index: usize,
        outcome: Result<Returned<I>, Exception>,
        failed: &Future<()>,
    ) -> Result<(), Exception> {
        match outcome {
            Err(raised) if raised.kind() == Kind::KeyboardInterrupt => return Err(raised),
            Err(raised) => {
                self.exceptions.borrow_mut()[index] = Some(raised);
                // Refused if the delay has passed: the next attempt does not wait any more.
                let _ = failed.set_result(());
            }
            Ok(returned) => self.won(index, returned),
        }
        Ok(())
    }

    fn won(&self, index: usize, returned: Returned<I>) {
        let former = self.winner.take();
        if former.is_some() {
            self.winner.set(former);
            self.exceptions.borrow_mut()[index] = Some(Exception::cancelled());
            return;
        }
        self.winner.set(Some((index, returned)));
        let tasks = self.tasks.borrow().clone();
        for (_, task) in tasks.iter().enumerate().filter(|(place, _)| *place != index) {
            task.cancel();
        }
    }
}

/// The body of the race's group: creates the first task.
struct First<I>(Rc<Race<I>>)
where
    I: Iterator<Item: Awaitable + 'static> + 'static;

impl<I> Coroutine for First<I>
where
    I: Iterator<Item: Awaitable + 'static> + 'static,
{
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        self.0.add_task(AttemptPhase::First).map(Step::Return)
    }
}

struct Attempt<I>
where
    I: Iterator<Item: Awaitable + 'static> + 'static,
{
    race: Rc<Race<I>>,
    phase: AttemptPhase<I::Item>,
}

/// Waits until the previous attempt fails. A coroutine rather than a future, because a delay of zero then takes as many
/// turns as in asyncio.
type Failed = Map<Future<()>, fn(())>;

enum AttemptPhase<C> {
    First,
    Waiting(WaitFor<Failed>),
    Running {
        coroutine: C,
        index: usize,
        /// Notifies the next attempt.
        failed: Future<()>,
    },
    Over,
}

impl<I> Coroutine for Attempt<I>
where
    I: Iterator<Item: Awaitable + 'static> + 'static,
{
    type Yield = Await;
    type Input = ();
    type Return = ();

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.phase = match &mut self.phase {
                AttemptPhase::First => {
                    take_sent(&mut sent)?;
                    self.race.start()?
                }
                AttemptPhase::Waiting(failed) => match yield_from!(failed, sent) {
                    Err(raised) if raised.kind() != Kind::TimeoutError => return Err(raised),
                    _ => self.race.start()?,
                },
                AttemptPhase::Running { coroutine, index, failed } => {
                    let outcome = yield_from!(coroutine, sent);
                    let (index, failed) = (*index, failed.clone());
                    // Dropped before the next attempt learns that this one has ended.
                    replace_ended(&mut self.phase, AttemptPhase::Over);
                    return self.race.ended(index, outcome, &failed).map(Step::Return);
                }
                AttemptPhase::Over => return Ok(Step::Return(())),
            }
        }
    }

    fn state(&self) -> State<'_> {
        match &self.phase {
            AttemptPhase::First | AttemptPhase::Over => State::of::<Self>(),
            AttemptPhase::Waiting(_) => State::new("attempt", &"waiting for its start"),
            AttemptPhase::Running { coroutine, index, .. } => {
                State::new("attempt", index).delegating_to(coroutine.state())
            }
        }
    }
}
