//! Coroutines that run together in one task, until all of them have ended.

use core::fmt;
use std::rc::Rc;

use super::racing::sealed::Member;
use super::{Pass, Racing, Won, nothing_to_race};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::event_loop::running;
use crate::task::{AnyOf, Await, Awaitable, ErrorContext};

/// Runs several coroutines in this task until the first of them returns or raises, and then cancels the others.
///
/// Returns the first outcome, but only after the cancelled coroutines have ended: each may clean up for as long as it
/// likes. A coroutine that has not started when another wins is dropped. The result is a [`Won`] for a tuple of two to eight
/// coroutines, and the winner's index with its result for a `Vec`.
///
/// Makes no tasks. The coroutines are resumed in the order described at [`Race`](super::Race).
///
/// ```
/// use innermost::testing::virtual_loop;
/// use innermost::wait::{Won, race};
/// use innermost::{CoroutineExt, ready, sleep};
/// use std::time::Duration;
///
/// let answer = sleep(Duration::from_secs(1)).then(|()| ready("answer"));
/// let first = virtual_loop()?.run_until_complete(race((answer, sleep(Duration::from_secs(5)))))?;
/// assert_eq!(first, Won::A("answer"));
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Exceptions
///
/// It raises what the winner raises. An exception that is thrown in, such as a `CancelledError`, is thrown into each of
/// them, and is raised when they have ended. Exceptions that the race does not raise go to the loop's exception handler:
/// what a loser raises (except for a `CancelledError`), and the winner's exception if another one was thrown in later. An
/// empty `Vec` raises a `RuntimeError`.
pub fn race<T: Children>(children: T) -> FirstOf<T> {
    FirstOf { together: Together::new(children), outcome: None }
}

/// Runs several coroutines in this task, and returns the results of all, in order.
///
/// [`join`](fn@crate::wait::join) and [`gather`](fn@crate::wait::gather) make a task of each coroutine. This makes none,
/// so a coroutine may borrow from its surroundings, and starting it costs no more than resuming it. Takes a tuple of two
/// to eight coroutines, or a `Vec`.
///
/// When one of them raises, the others are cancelled, and `all` raises that exception once they have ended. An exception
/// that is thrown in, such as a `CancelledError`, is thrown into each of them, and is raised when they have ended. Any other
/// exception goes to the loop's exception handler, except for a `CancelledError`. An empty `Vec` gives an empty `Vec`.
///
/// ```
/// use innermost::testing::virtual_loop;
/// use innermost::wait::all;
/// use innermost::{CoroutineExt, ready, sleep};
/// use std::time::Duration;
///
/// let after = |seconds| sleep(Duration::from_secs(seconds)).then(move |()| ready(seconds));
/// let event_loop = virtual_loop()?;
/// assert_eq!(event_loop.run_until_complete(all((after(2), after(1))))?, (2, 1));
/// assert_eq!(event_loop.run_until_complete(all(vec![after(3), after(1), after(2)]))?, [3, 1, 2]);
/// # Ok::<(), innermost::Exception>(())
/// ```
pub fn all<T: Children>(children: T) -> All<T> {
    All { together: Together::new(children), results: T::Results::default(), failure: None }
}

/// Coroutines to run together: a tuple of two to eight, or a `Vec`. Sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a tuple of two to eight coroutines nor a `Vec` of them",
    label = "not such a tuple, and not a `Vec`",
    note = "coroutines of different types go into a tuple: `race((first, second))`, `all((first, second))`",
    note = "any number of coroutines of one type go into a `Vec`: `race(vec![first, second])`, `all(vec![first, second])`"
)]
pub trait Children: sealed::Children {}

impl<T: sealed::Children> Children for T {}

mod sealed {
    use super::{Exception, Member, Pass};

    #[diagnostic::on_unimplemented(
        message = "`{Self}` is neither a tuple of two to eight coroutines nor a `Vec` of them",
        label = "not such a tuple, and not a `Vec`",
        note = "coroutines of different types go into a tuple: `race((first, second))`, `all((first, second))`",
        note = "any number of coroutines of one type go into a `Vec`: `race(vec![first, second])`, `all(vec![first, second])`"
    )]
    pub trait Children {
        /// Each coroutine in a [`Racing`](super::Racing).
        type Members;
        /// What a coroutine has returned, and which.
        type Won;
        /// What is there of the results of all.
        type Results: Default;
        /// The results of all.
        type All;

        fn members(self) -> Self::Members;

        fn count(members: &Self::Members) -> usize;

        fn member(members: &mut Self::Members, index: usize) -> &mut dyn Member;

        fn ask(members: &mut Self::Members, index: usize, pass: &mut Pass<'_>) -> Option<Result<Self::Won, Exception>>;

        fn keep(results: &mut Self::Results, won: Self::Won);

        fn all(results: Self::Results) -> Option<Self::All>;
    }
}

/// Coroutines and where their task waits.
struct Together<T: sealed::Children> {
    members: T::Members,
    any_of: Option<Rc<AnyOf>>,
    /// Raised when all have ended, whatever they have done.
    thrown: Option<Exception>,
    has_ended: bool,
}

impl<T: sealed::Children> Together<T> {
    fn new(children: T) -> Self {
        Self { members: children.members(), any_of: None, thrown: None, has_ended: false }
    }

    /// Cancels every coroutine that has not ended.
    #[cold]
    fn cancel(&mut self, cancelled: &Exception) {
        for index in 0..T::count(&self.members) {
            T::member(&mut self.members, index).cancel(cancelled);
        }
    }

    #[cold]
    fn close(&mut self, exit: Exception) -> Exception {
        let mut raised = None;
        for index in 0..T::count(&self.members) {
            let closed = T::member(&mut self.members, index).close();
            raised = raised.or(closed);
        }
        raised.unwrap_or(exit)
    }

    /// Takes a step. Gives each coroutine that ends to `ended`, which says whether the others are to be cancelled. Returns
    /// what to wait for, or `None` when all have ended.
    fn step(
        &mut self,
        sent: Result<(), Exception>,
        mut ended: impl FnMut(Result<T::Won, Exception>) -> bool,
    ) -> Result<Option<Await>, Exception> {
        if self.has_ended {
            return Err(Exception::reused());
        }
        let any_of = Rc::clone(self.any_of.get_or_insert_with(AnyOf::new));
        let resumption = any_of.resumed();
        match sent {
            Err(exit) if exit.is_generator_exit() => {
                self.has_ended = true;
                return Err(self.close(exit));
            }
            Err(thrown) => {
                self.cancel(&thrown);
                if let Some(replaced) = self.thrown.replace(thrown) {
                    report(replaced);
                }
            }
            Ok(()) => {}
        }
        let mut seats = Vec::new();
        let mut pass = Pass { any_of: &any_of, seats: &mut seats, resumption };
        let mut is_pending = false;
        for index in 0..T::count(&self.members) {
            if T::member(&mut self.members, index).has_ended() {
                continue;
            }
            match T::ask(&mut self.members, index, &mut pass) {
                None => is_pending = true,
                Some(outcome) => {
                    if ended(outcome) {
                        self.cancel(&Exception::cancelled());
                    }
                }
            }
        }
        if is_pending {
            return Ok(Some(any_of.wanted()));
        }
        self.has_ended = true;
        self.thrown.take().map_or(Ok(None), Err)
    }
}

/// Nobody is left to raise this to (rule 6).
#[cold]
fn report(raised: Exception) {
    if !raised.is_cancelled()
        && let Ok(event_loop) = running()
    {
        let context = ErrorContext::new("an exception of a coroutine that ran with others was not raised");
        event_loop.call_exception_handler(context.caused_by(raised));
    }
}

/// The coroutine returned by [`race`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct FirstOf<T: Children> {
    together: Together<T>,
    outcome: Option<Result<T::Won, Exception>>,
}

impl<T: Children> Coroutine for FirstOf<T> {
    type Yield = Await;
    type Input = ();
    type Return = T::Won;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let Self { together, outcome } = self;
        let is_cancelled = together.thrown.is_some() || sent.is_err();
        let wanted = together.step(sent, |ended| {
            if !is_cancelled && outcome.is_none() {
                *outcome = Some(ended);
                return true;
            }
            if let Err(raised) = ended {
                report(raised);
            }
            false
        });
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(raised) => {
                // What is thrown in is raised instead of the winner's exception.
                if let Some(Err(replaced)) = outcome.take() {
                    report(replaced);
                }
                return Err(raised);
            }
        };
        match wanted {
            Some(wanted) => Ok(Step::Yield(wanted)),
            None => outcome.take().unwrap_or_else(|| Err(nothing_to_race())).map(Step::Return),
        }
    }

    fn state(&self) -> State<'_> {
        State::new("race", self)
    }
}

impl<T: Children> fmt::Debug for FirstOf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.together.fmt(f)
    }
}

/// The coroutine returned by [`all`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct All<T: Children> {
    together: Together<T>,
    results: T::Results,
    failure: Option<Exception>,
}

impl<T: Children> Coroutine for All<T> {
    type Yield = Await;
    type Input = ();
    type Return = T::All;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        let Self { together, results, failure } = self;
        let is_cancelled = together.thrown.is_some() || sent.is_err();
        let wanted = together.step(sent, |ended| match ended {
            Ok(returned) => {
                T::keep(results, returned);
                false
            }
            Err(raised) if !is_cancelled && failure.is_none() => {
                *failure = Some(raised);
                true
            }
            Err(raised) => {
                report(raised);
                false
            }
        });
        match wanted {
            Ok(Some(wanted)) => return Ok(Step::Yield(wanted)),
            Ok(None) => {}
            Err(raised) => {
                // What is thrown in is raised instead of the first failure.
                failure.take().into_iter().for_each(report);
                return Err(raised);
            }
        }
        if let Some(raised) = failure.take() {
            return Err(raised);
        }
        T::all(core::mem::take(results)).map(Step::Return).ok_or_else(Exception::reused)
    }

    fn state(&self) -> State<'_> {
        State::new("all", self)
    }
}

impl<T: Children> fmt::Debug for All<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.together.fmt(f)
    }
}

impl<T: sealed::Children> fmt::Debug for Together<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.any_of {
            Some(any_of) => any_of.fmt(f),
            None => f.write_str("any of []"),
        }
    }
}

impl<T: sealed::Children> Drop for Together<T> {
    fn drop(&mut self) {
        if let Some(any_of) = &self.any_of {
            any_of.end();
        }
    }
}

impl<C: Awaitable> sealed::Children for Vec<C> {
    type Members = Vec<Racing<C>>;
    type Won = (usize, C::Return);
    type Results = Vec<(usize, C::Return)>;
    type All = Vec<C::Return>;

    fn members(self) -> Self::Members {
        self.into_iter().map(Racing::new).collect()
    }

    fn count(members: &Self::Members) -> usize {
        members.len()
    }

    fn member(members: &mut Self::Members, index: usize) -> &mut dyn Member {
        &mut members[index]
    }

    fn ask(members: &mut Self::Members, index: usize, pass: &mut Pass<'_>) -> Option<Result<Self::Won, Exception>> {
        Some(members[index].ask(pass)?.map(|returned| (index, returned)))
    }

    fn keep(results: &mut Self::Results, won: Self::Won) {
        results.push(won);
    }

    fn all(mut results: Self::Results) -> Option<Self::All> {
        results.sort_unstable_by_key(|(index, _)| *index);
        Some(results.into_iter().map(|(_, returned)| returned).collect())
    }
}

macro_rules! tuple_of_children {
    ($count:literal: $($child:ident $index:tt),+) => {
        impl<$($child: Awaitable),+> sealed::Children for ($($child,)+) {
            type Members = ($(Racing<$child>,)+);
            type Won = Won<$($child::Return),+>;
            type Results = ($(Option<$child::Return>,)+);
            type All = ($($child::Return,)+);

            fn members(self) -> Self::Members {
                ($(Racing::new(self.$index),)+)
            }

            fn count(_: &Self::Members) -> usize {
                $count
            }

            fn member(members: &mut Self::Members, index: usize) -> &mut dyn Member {
                let members: [&mut dyn Member; $count] = [$(&mut members.$index),+];
                members.into_iter().nth(index).expect("the index is less than the count")
            }

            fn ask(
                members: &mut Self::Members,
                index: usize,
                pass: &mut Pass<'_>,
            ) -> Option<Result<Self::Won, Exception>> {
                match index {
                    $($index => Some(members.$index.ask(pass)?.map(Won::$child)),)+
                    _ => None,
                }
            }

            fn keep(results: &mut Self::Results, won: Self::Won) {
                match won {
                    $(Won::$child(returned) => results.$index = Some(returned),)+
                }
            }

            fn all(results: Self::Results) -> Option<Self::All> {
                Some(($(results.$index?,)+))
            }
        }
    };
}

tuple_of_children!(2: A 0, B 1);
tuple_of_children!(3: A 0, B 1, C 2);
tuple_of_children!(4: A 0, B 1, C 2, D 3);
tuple_of_children!(5: A 0, B 1, C 2, D 3, E 4);
tuple_of_children!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple_of_children!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple_of_children!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
