//! `yield from`: inline delegation, and how a child that is driven inline is closed (PEP 380).
//!
//! Values and exceptions go straight to the child, except for `GeneratorExit`. To close the parent, the child is closed
//! first, with an exit of its own, and then the original exit is raised in the parent. A child that yields instead breaks
//! the rule, which raises a `RuntimeError` in the parent. A `StopIteration` out of a child becomes a `RuntimeError` too
//! (PEP 479).

use core::mem;

use super::frames::{Frames, Progress};
use super::rules::exit_ignored;
use super::{Coroutine, Exception, Frame, Resumed, Step};

/// Delegates to a child until it has ended, and evaluates to its outcome. Python's `yield from`.
///
/// Use `yield_from!(child, sent)` in a function that returns [`Resumed`], or in a state of [`machine!`](crate::machine!) that
/// takes `sent`. The macro takes what was sent, leaving
/// `Ok(default)` behind, and resumes the child with it. If the child yields, the macro returns from the function with that
/// yield, and the next resume must reach the same place again. Once the child has ended, the expression evaluates to
/// `Ok(returned)` or `Err(raised)`. Write `?` after it to raise the child's exception in the parent.
///
/// # What `child` may be
///
/// - **A place**: a variable, or a path of fields and elements of one, such as `self.child` or `self.children[0]`. What
///   lives there is still there at the next resume. `self.child.get_or_insert_with(..)` counts as a place as well: it keeps
///   the child that is there. Set the `Option` to `None` once the child has ended.
/// - **An expression of a [`Stateless`](crate::coroutine::Stateless) type**, such as `self.stream.read(&mut self.buffer)`.
///   It is evaluated again at each resume.
///
/// Any other expression does not compile. `yield_from!(sleep(delay), sent)` would start a new sleep at each resume, and
/// never end. Store the sleep in a field, or in a state of the machine, and delegate to that. Where an expression only
/// leads to a stored child, bind it to a variable first: `let child = self.children.last_mut()..;`.
///
/// The compiler cannot tell a variable that lasts from one that is local to the function that suspends. With
/// `let mut nap = sleep(delay);`, the line `yield_from!(nap, sent)` compiles, and starts a new sleep at each resume. The
/// `RuntimeError` that a task then gets says so. A timeout or a `Limit` in a local variable gives no such error: its time
/// starts anew at each resume, and is never over. A task that is spawned into a local variable gives none either. A local
/// variable is right only if it borrows everything that must last. The same is true of what an operation borrows: each time
/// it is resumed, `self.stream.write_all(&mut Cursor::new(text))` sends `text` from its beginning.
///
/// `sent` is a mutable variable of the type `Result<Input, Exception>`, or `&mut Result<Input, Exception>` in a function
/// that `resume` calls.
///
/// # A child that has ended
///
/// A child has ended once this expression has given its outcome, even if that was an exception which the parent caught.
/// Most coroutines raise a `RuntimeError` ("cannot reuse already awaited coroutine") when they are awaited again. So a
/// parent that catches an exception, such as the `CancelledError` of a cancelled task, replaces the stored child before
/// it goes on. A future and a task differ: they can be awaited any number of times and give the same outcome each
/// time. Cancelling a task cancels the future that it awaits, so awaiting that future again raises a
/// second `CancelledError`.
///
/// # Examples
///
/// ```
/// use innermost::coroutine::FromIter;
/// use innermost::{Call, Coroutine, Exception, Generator, Resumed, Step, from_iter, yield_from};
///
/// /// Yields 1, 2, 3 from a child inline, then 4, 5 from a child that becomes a frame of the driver.
/// struct Five {
///     first: FromIter<std::ops::Range<u32>>,
///     second: Option<Call<FromIter<std::ops::Range<u32>>>>,
/// }
///
/// impl Coroutine for Five {
///     type Yield = u32;
///     type Input = ();
///     type Return = &'static str;
///
///     fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
///         loop {
///             match &mut self.second {
///                 None => {
///                     yield_from!(self.first, sent)?;
///                     self.second = Some(Call::new(from_iter(4..6)));
///                 }
///                 Some(second) => {
///                     yield_from!(second, sent)?;
///                     return Ok(Step::Return("five"));
///                 }
///             }
///         }
///     }
/// }
///
/// let five = Generator::new(Five { first: from_iter(1..4), second: None });
/// assert_eq!(five.collect::<Result<Vec<_>, _>>()?, [1, 2, 3, 4, 5]);
/// # Ok::<(), Exception>(())
/// ```
#[macro_export]
macro_rules! yield_from {
    (@child $child:expr, $sent:ident) => {
        {
            use $crate::coroutine::Delegate as _;
            // Two matches with the same arms, so that the result of `send_in` stays in registers. In a single match it
            // would meet the result of `throw_in` in memory.
            match $crate::coroutine::take_in(&mut $sent) {
                ::core::result::Result::Ok(value) => $crate::yield_from!(@resumed $child.send_in(value)),
                ::core::result::Result::Err(thrown) => $crate::yield_from!(@resumed $child.throw_in(thrown)),
            }
        }
    };
    (@resumed $resumed:expr) => {
        match $resumed {
            ::core::result::Result::Ok($crate::Step::Yield(yielded)) => return $crate::coroutine::Suspended::by_yield(yielded),
            ::core::result::Result::Ok($crate::Step::Delegate(frame)) => return $crate::coroutine::Suspended::by_delegate(frame),
            ::core::result::Result::Ok($crate::Step::Return(returned)) => ::core::result::Result::Ok(returned),
            ::core::result::Result::Err(raised) => ::core::result::Result::Err($crate::coroutine::without_stop_iteration(raised)),
        }
    };
    // A place: a variable, or fields and elements of one. (`self.0.1` has the token `0.1`, which is a `tt` too.)
    ($variable:ident $(. $field:tt)* $([$index:expr] $(. $deeper:tt)*)*, $sent:ident $(,)?) => {
        $crate::yield_from!(@child $variable $(. $field)* $([$index] $(. $deeper)*)*, $sent)
    };
    (&mut $variable:ident $(. $field:tt)* $([$index:expr] $(. $deeper:tt)*)*, $sent:ident $(,)?) => {
        $crate::yield_from!(@child $variable $(. $field)* $([$index] $(. $deeper)*)*, $sent)
    };
    (*$variable:ident $(. $field:tt)*, $sent:ident $(,)?) => {
        $crate::yield_from!(@child *$variable $(. $field)*, $sent)
    };
    (($($inside:tt)*), $sent:ident $(,)?) => {
        $crate::yield_from!($($inside)*, $sent)
    };
    // An `Option` in a place, filled where it is empty.
    ($variable:ident.get_or_insert_with($($make:tt)*), $sent:ident $(,)?) => {
        $crate::yield_from!(@child $variable.get_or_insert_with($($make)*), $sent)
    };
    ($variable:ident.$field:tt.get_or_insert_with($($make:tt)*), $sent:ident $(,)?) => {
        $crate::yield_from!(@child $variable.$field.get_or_insert_with($($make)*), $sent)
    };
    ($variable:ident.$field:tt.$inner:tt.get_or_insert_with($($make:tt)*), $sent:ident $(,)?) => {
        $crate::yield_from!(@child $variable.$field.$inner.get_or_insert_with($($make)*), $sent)
    };
    // A place, or a reference to one, in the body of an async generator.
    (awaiting($variable:ident $(. $field:tt)*), $sent:ident $(,)?) => {
        $crate::yield_from!(@child awaiting($variable $(. $field)*), $sent)
    };
    (awaiting(&mut $variable:ident $(. $field:tt)*), $sent:ident $(,)?) => {
        $crate::yield_from!(@child awaiting(&mut $variable $(. $field)*), $sent)
    };
    // Anything else is made again at each resume.
    ($child:expr, $sent:ident $(,)?) => {
        $crate::yield_from!(@child $crate::coroutine::stateless($child), $sent)
    };
}

/// Takes what was sent and leaves `Ok(default)` in its place.
///
/// Use it in a machine that has handled what it was sent and goes on in a loop: the next child then starts with the
/// default.
///
/// ```
/// use innermost::{Exception, take_sent};
///
/// let mut sent: Result<u32, Exception> = Ok(7);
/// assert_eq!(take_sent(&mut sent)?, 7);
/// assert_eq!(sent?, 0);
/// # Ok::<(), Exception>(())
/// ```
///
/// # Errors
///
/// Returns the exception that was thrown in.
#[inline(always)]
pub fn take_sent<Input: Default>(sent: &mut Result<Input, Exception>) -> Result<Input, Exception> {
    mem::replace(sent, Ok(Input::default()))
}

/// Takes what was sent, for [`yield_from!`](crate::yield_from).
#[doc(hidden)]
#[inline(always)]
pub fn take_in<S: SentIn>(sent: &mut S) -> Result<S::Input, Exception> {
    take_sent(sent.as_result())
}

/// The type of `sent` in [`yield_from!`](crate::yield_from). It is a trait for the sake of its message.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`yield_from!(child, sent)` needs a variable `sent` of type `Result<_, Exception>`, not `{Self}`",
    label = "`sent` is a `{Self}`",
    note = "it is what the enclosing coroutine was resumed with: the argument of `resume`"
)]
pub trait SentIn {
    type Input: Default;
    fn as_result(&mut self) -> &mut Result<Self::Input, Exception>;
}

impl<Input: Default> SentIn for Result<Input, Exception> {
    type Input = Input;

    #[inline(always)]
    fn as_result(&mut self) -> &mut Self {
        self
    }
}

/// For a helper function that `resume` calls with `&mut sent`.
impl<S: SentIn> SentIn for &mut S {
    type Input = S::Input;

    #[inline(always)]
    fn as_result(&mut self) -> &mut Result<Self::Input, Exception> {
        (**self).as_result()
    }
}

/// The return type of a function that contains [`yield_from!`](crate::yield_from). It is a trait for the sake of its
/// message.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`yield_from!` works only in a function that returns `Resumed`, not `{Self}`",
    label = "returns from the enclosing function each time the child suspends",
    note = "the enclosing function must return `Resumed<Self>`, which is a `Result<Step<_, _, _>, Exception>`"
)]
pub trait Suspended {
    type Yield;
    type Input;
    fn by_yield(yielded: Self::Yield) -> Self;
    fn by_delegate(frame: Frame<Self::Yield, Self::Input>) -> Self;
}

impl<Yield, Input, Return> Suspended for Result<Step<Yield, Input, Return>, Exception> {
    type Yield = Yield;
    type Input = Input;

    #[inline(always)]
    fn by_yield(yielded: Yield) -> Self {
        Ok(Step::Yield(yielded))
    }

    #[inline(always)]
    fn by_delegate(frame: Frame<Yield, Input>) -> Self {
        Ok(Step::Delegate(frame))
    }
}

/// Used in the expansion of [`yield_from!`](crate::yield_from). These are methods so that they borrow the child, whether it
/// is a place, a reference or a new value.
#[doc(hidden)]
pub trait Delegate: Coroutine {
    #[inline(always)]
    fn send_in(&mut self, value: Self::Input) -> Resumed<Self> {
        self.resume(Ok(value))
    }

    #[cold]
    #[inline(never)]
    fn throw_in(&mut self, thrown: Exception) -> Resumed<Self> {
        if thrown.is_generator_exit() { close(self, thrown) } else { self.resume(Err(thrown)) }
    }
}

impl<C: Coroutine + ?Sized> Delegate for C {}

/// Closes a child that is driven inline, and raises `exit` in the parent if the child ends.
#[cold]
fn close<C: Coroutine + ?Sized>(child: &mut C, exit: Exception) -> Resumed<C> {
    let mut step = child.resume(Err(Exception::generator_exit()));
    loop {
        match step {
            Ok(Step::Yield(_)) => return Err(exit_ignored()),
            Ok(Step::Return(_)) => return Err(exit),
            Err(raised) if raised.is_generator_exit() => return Err(exit),
            Err(raised) => return Err(raised),
            // The child cleans up through a `Call`. It must not yield now, so the frame runs to its end right here.
            Ok(Step::Delegate(frame)) => {
                let mut frames = Frames::starting_with(frame);
                match frames.resume(Ok(C::Input::default())) {
                    Progress::Ended => step = child.resume(Ok(C::Input::default())),
                    Progress::Yield(_) => {
                        frames.abandon_all();
                        return Err(exit_ignored());
                    }
                }
            }
        }
    }
}
