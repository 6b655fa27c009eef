//! The arguments of this room's functions: lists, and times that may be absent.
//!
//! They are the bounds `IntoIterator` and `Into<Option<T>>`, with compiler errors that say what to write.

/// A list of coroutines or of tasks: an array, a `Vec`, or anything else that can be iterated over.
///
/// It is the bound `IntoIterator<Item = T>`, and implemented for whatever meets it. All items have one type.
///
/// ```
/// use innermost::wait::{ListOf, gather};
/// use innermost::{Awaitable, Exception, ready, run};
///
/// fn total<C>(numbers: impl ListOf<C>) -> Result<u32, Exception>
/// where
///     C: Awaitable<Return = u32> + 'static,
/// {
///     Ok(run(gather(numbers))?.iter().sum())
/// }
///
/// assert_eq!(total([ready(1), ready(2)])?, 3);
/// assert_eq!(total((1..4).map(ready))?, 6);
/// # Ok::<(), Exception>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a list is expected here, and `{Self}` is not one",
    label = "not an array, a `Vec`, or anything else that can be iterated over",
    note = "write a list, even of one: `[first, second]`, or `vec![first]`",
    note = "coroutines of different types go into a tuple, for `join((first, second))` or `wait::all((first, second))`",
    note = "tasks of different types become one type by `any`: `[first.any(), second.any()]`"
)]
pub trait ListOf<T> {
    #[doc(hidden)]
    fn iterate(self) -> impl Iterator<Item = T>;
}

#[diagnostic::do_not_recommend]
impl<I: IntoIterator> ListOf<I::Item> for I {
    #[inline]
    fn iterate(self) -> impl Iterator<Item = I::Item> {
        self.into_iter()
    }
}

/// A `T`, or `None`: a delay or a deadline that may be absent.
///
/// It is the bound `Into<Option<T>>`, and implemented for whatever meets it.
///
/// ```
/// use innermost::wait::{OrNone, timeout};
/// use innermost::{Exception, ready, run};
/// use std::time::Duration;
///
/// fn answer(patience: impl OrNone<Duration>) -> Result<u32, Exception> {
///     run(timeout(ready(42), patience))
/// }
///
/// assert_eq!(answer(Duration::from_secs(5))?, 42);
/// assert_eq!(answer(None)?, 42);
/// # Ok::<(), Exception>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a `{T}` or `None` is expected here, and `{Self}` is neither",
    label = "expected `{T}` or `None`",
    note = "a delay is a `Duration`: `Duration::from_secs(5)`, `Duration::from_millis(50)`",
    note = "a deadline is an `innermost::Instant`, a point on the loop's clock: `event_loop.time() + delay`"
)]
pub trait OrNone<T> {
    #[doc(hidden)]
    fn or_none(self) -> Option<T>;
}

#[diagnostic::do_not_recommend]
impl<T, V: Into<Option<T>>> OrNone<T> for V {
    #[inline]
    fn or_none(self) -> Option<T> {
        self.into()
    }
}
