//! [`end`] and [`suspend!`](crate::suspend): short forms for machines written by hand.

use super::{Exception, Step};

/// The last step of a coroutine: `Ok(Step::Return(value))`.
///
/// It is for machines written by hand. A state of [`machine!`](crate::machine) ends the machine by a function of the same
/// name, which needs no import and hides this one there.
///
/// ```
/// use innermost::{Coroutine, Exception, Generator, Resumed, Stop, end};
///
/// struct Answer;
///
/// impl Coroutine for Answer {
///     type Yield = ();
///     type Input = ();
///     type Return = u32;
///
///     fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
///         sent?;
///         end(42)
///     }
/// }
///
/// assert!(matches!(Generator::new(Answer).next(), Err(Stop::Returned(42))));
/// ```
///
/// # Errors
///
/// Never. It is a `Result` so that `resume` can return it.
#[inline(always)]
pub const fn end<Yield, Input, Return>(value: Return) -> Result<Step<Yield, Input, Return>, Exception> {
    Ok(Step::Return(value))
}

/// Suspends: returns from the function and yields a value.
///
/// `suspend!(value)` yields `value`. `suspend!(value, change)` evaluates `value`, then does `change`, which says where the
/// machine goes on when it is resumed, and then yields. Use it in a function that returns [`Resumed`](crate::Resumed). In
/// a state of [`machine!`](crate::machine), write `yield_here(value)` or `yield_to(value, State)`.
///
/// ```
/// use innermost::{Coroutine, Exception, Generator, Resumed, end, suspend};
///
/// struct Twice {
///     phase: Phase,
/// }
///
/// enum Phase {
///     First,
///     Second,
///     Last,
/// }
///
/// impl Coroutine for Twice {
///     type Yield = &'static str;
///     type Input = ();
///     type Return = ();
///
///     fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
///         sent?;
///         match self.phase {
///             Phase::First => suspend!("once", self.phase = Phase::Second),
///             Phase::Second => suspend!("twice", self.phase = Phase::Last),
///             Phase::Last => end(()),
///         }
///     }
/// }
///
/// let said: Result<Vec<_>, _> = Generator::new(Twice { phase: Phase::First }).collect();
/// assert_eq!(said?, ["once", "twice"]);
/// # Ok::<(), Exception>(())
/// ```
#[macro_export]
macro_rules! suspend {
    ($value:expr $(,)?) => {
        return $crate::coroutine::Suspended::by_yield($value)
    };
    ($value:expr, $change:expr $(,)?) => {{
        let yielded = $value;
        $change;
        return $crate::coroutine::Suspended::by_yield(yielded);
    }};
}
