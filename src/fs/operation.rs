//! [`Operation`]: a function on paths, to be stored and awaited.

use core::fmt;
use core::mem;
use std::io;

use super::place::Place;
use super::pool::Threads;
use super::work::{self, Patience, Stop, Work};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step, take_sent};
use crate::task::Await;

/// A coroutine that does something with paths in a thread, and returns its result. Most functions of [`fs`](super) return it.
///
/// Nothing happens before it is first resumed. If it is dropped, or an exception is thrown in, before a thread has begun
/// with it, nothing ever happens. If an exception is thrown in later, it depends on what the operation does: one that only
/// looks is left alone, and the exception is raised at once; one that changes something first comes to its end, or to a
/// point where it can stop.
///
/// A dropped operation does not wait: the thread finishes or stops in its own time.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Operation<T: 'static> {
    phase: Phase<T>,
    patience: Patience,
    /// What it does, and to which path. `None` for a function of the user's.
    place: Option<Place>,
}

enum Phase<T: 'static> {
    Created(Function<T>),
    Working(Work<Function<T>, Result<T, Exception>>),
    Over,
}

type Function<T> = Box<dyn FnOnce(&Stop) -> Result<T, Exception> + Send>;

impl<T: Send + 'static> Operation<T> {
    /// An operation that changes nothing.
    pub(super) fn look<F>(place: Place, function: F) -> Self
    where
        F: FnOnce(&Stop) -> io::Result<T> + Send + 'static,
    {
        Self::at(place, Patience::Leaves, function)
    }

    /// An operation that changes something.
    pub(super) fn change<F>(place: Place, function: F) -> Self
    where
        F: FnOnce(&Stop) -> io::Result<T> + Send + 'static,
    {
        Self::at(place, Patience::WaitsForEnd, function)
    }

    fn at<F>(place: Place, patience: Patience, function: F) -> Self
    where
        F: FnOnce(&Stop) -> io::Result<T> + Send + 'static,
    {
        let failing = place.clone();
        let function = move |stop: &Stop| function(stop).map_err(|error| failing.raise(error));
        Self { phase: Phase::Created(Box::new(function)), patience, place: Some(place) }
    }
}

impl<T> Operation<T> {
    /// Raises what is thrown in at once, even if a thread has begun and the operation changes something. The thread is told to
    /// stop where it can, and its result is dropped.
    ///
    /// For functions passed to [`blocking`] that only look, and for changes that nobody has to wait for.
    ///
    /// ```
    /// use innermost::{fs, run};
    ///
    /// let count = run(fs::blocking(|| Ok(std::fs::read_dir("src")?.count())).abandon_on_cancel())?;
    /// assert!(count > 0);
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn abandon_on_cancel(mut self) -> Self {
        self.patience = Patience::Leaves;
        self
    }
}

/// Runs a function in a thread of the loop's files, for operations that have no function here, or several in one go.
///
/// A function that has begun runs to its end. An exception that is thrown in meanwhile is raised then, so that nothing goes
/// on behind the back of a task that was cancelled, unless [`abandon_on_cancel`](Operation::abandon_on_cancel) allows it. A
/// panic becomes an exception of the kind [`Panic`](crate::Kind::Panic).
///
/// ```
/// use innermost::{fs, run};
///
/// let is_there = run(fs::blocking(|| Ok(std::path::Path::new("Cargo.toml").exists())))?;
/// assert!(is_there);
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// Awaiting raises the exception of the function.
pub fn blocking<T, F>(function: F) -> Operation<T>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Exception> + Send + 'static,
{
    let function = Box::new(move |_: &Stop| function());
    Operation { phase: Phase::Created(function), patience: Patience::WaitsForEnd, place: None }
}

impl<T: Send + 'static> Coroutine for Operation<T> {
    type Yield = Await;
    type Input = ();
    type Return = T;

    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        if let Phase::Created(_) = self.phase
            && let Phase::Created(function) = mem::replace(&mut self.phase, Phase::Over)
        {
            take_sent(&mut sent)?;
            let threads = Threads::of_running_loop()?;
            let started = Work::start(&*threads.executor, function, |function, stop| function(stop));
            self.phase = Phase::Working(started.map_err(|(raised, _)| raised)?);
        }
        let Phase::Working(work) = &mut self.phase else { return Err(Exception::reused()) };
        let resumed = work.resume(sent, self.patience);
        if let work::Resumed::Waits(wanted) = resumed {
            return Ok(Step::Yield(wanted));
        }
        let over = mem::replace(&mut self.phase, Phase::Over);
        drop(over);
        match resumed {
            work::Resumed::Ended(outcome, None) => outcome.and_then(|outcome| outcome).map(Step::Return),
            work::Resumed::Ended(_, Some(thrown))
            | work::Resumed::Withdrawn(_, thrown)
            | work::Resumed::Left(thrown) => Err(thrown),
            work::Resumed::Waits(_) => unreachable!("returned above"),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("fs", self)
    }
}

impl<T> fmt::Debug for Operation<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match &self.phase {
            Phase::Created(_) => "created",
            Phase::Working(_) => "in a thread",
            Phase::Over => "over",
        };
        match &self.place {
            Some(place) => write!(f, "Operation({place}, {phase})"),
            None => write!(f, "Operation({phase})"),
        }
    }
}
