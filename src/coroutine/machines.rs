//! Ready-made machines: coroutines from a value, a closure, an iterator.

use core::fmt;
use core::marker::PhantomData;

use super::{Coroutine, Exception, Resumed, State, Step};

/// Creates a coroutine that returns `value` at its first resume.
///
/// ```
/// use innermost::{Generator, Stop, ready};
///
/// let mut done = Generator::new(ready::<(), (), _>(7));
/// assert!(matches!(done.next(), Err(Stop::Returned(7))));
/// ```
pub const fn ready<Yield, Input, Return>(value: Return) -> Ready<Yield, Input, Return> {
    Ready { value: Some(value), marker: PhantomData }
}

/// A coroutine that returns a value at its first resume. Created by [`ready`].
#[derive(Clone)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Ready<Yield, Input, Return> {
    value: Option<Return>,
    marker: PhantomData<fn(Input) -> Yield>,
}

impl<Yield, Input: Default, Return> Coroutine for Ready<Yield, Input, Return> {
    type Yield = Yield;
    type Input = Input;
    type Return = Return;

    fn resume(&mut self, sent: Result<Input, Exception>) -> Resumed<Self> {
        sent?;
        self.value.take().map(Step::Return).ok_or_else(Exception::reused)
    }
}

/// Creates a coroutine that calls `make` when it starts, and then runs the coroutine that `make` returns.
///
/// Use it for a coroutine that cannot or should not be created earlier. `make` may return a `Result`, whose error is
/// raised. `make` is never called if an exception is thrown in before the start.
///
/// ```
/// use innermost::{Exception, Generator, from_iter, lazy};
///
/// let digits = |text: &'static str| lazy(move || Ok(from_iter(0..text.parse::<u32>()?)));
/// assert_eq!(Generator::new(digits("3")).collect::<Result<Vec<_>, _>>()?, [0, 1, 2]);
/// assert!(Generator::new(digits("three")).next().is_err());
/// # Ok::<(), Exception>(())
/// ```
pub const fn lazy<F, C>(make: F) -> Lazy<F, C>
where
    F: FnOnce() -> C,
    C: Coroutine,
{
    Lazy { make: Some(make), made: None }
}

/// A coroutine that creates its body when it starts. Created by [`lazy`].
#[derive(Clone)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Lazy<F, C> {
    make: Option<F>,
    made: Option<C>,
}

impl<F, C> Coroutine for Lazy<F, C>
where
    F: FnOnce() -> C,
    C: Coroutine,
{
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    #[inline]
    fn resume(&mut self, sent: Result<C::Input, Exception>) -> Resumed<Self> {
        if let Some(make) = self.make.take() {
            if let Err(raised) = sent {
                return Err(raised);
            }
            self.made = Some(make());
        }
        self.made.as_mut().ok_or_else(Exception::reused)?.resume(sent)
    }

    fn state(&self) -> State<'_> {
        match &self.made {
            Some(made) => made.state(),
            None => State::new("Lazy", if self.make.is_some() { &"created" } else { &"over" }),
        }
    }
}

/// Creates a coroutine that yields `value` and returns the value that it is sent. Python's `x = yield value`.
///
/// ```
/// use innermost::{Generator, Stop, yield_once};
///
/// let mut question = Generator::new(yield_once::<_, u32>("how many?"));
/// assert_eq!(question.next()?, "how many?");
/// assert!(matches!(question.send(42), Err(Stop::Returned(42))));
/// # Ok::<(), Stop<u32>>(())
/// ```
pub const fn yield_once<Yield, Input>(value: Yield) -> YieldOnce<Yield, Input> {
    YieldOnce { value: Some(value), marker: PhantomData }
}

/// A coroutine that yields one value and returns the answer. Created by [`yield_once`].
#[derive(Clone)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct YieldOnce<Yield, Input> {
    value: Option<Yield>,
    marker: PhantomData<fn(Input)>,
}

impl<Yield, Input: Default> Coroutine for YieldOnce<Yield, Input> {
    type Yield = Yield;
    type Input = Input;
    type Return = Input;

    fn resume(&mut self, sent: Result<Input, Exception>) -> Resumed<Self> {
        let sent = sent?;
        Ok(self.value.take().map_or_else(|| Step::Return(sent), Step::Yield))
    }
}

/// Creates a coroutine that yields the items of an iterator. Python's `yield from iterable`.
///
/// Throwing an exception in raises it again and yields no further item, as in Python for an iterator without a `throw`
/// method.
///
/// ```
/// use innermost::{Exception, Generator, from_iter};
///
/// let letters: Vec<_> = Generator::new(from_iter("abc".chars())).collect::<Result<_, _>>()?;
/// assert_eq!(letters, ['a', 'b', 'c']);
/// # Ok::<(), Exception>(())
/// ```
pub fn from_iter<I: IntoIterator>(items: I) -> FromIter<I::IntoIter> {
    FromIter(items.into_iter())
}

/// A coroutine that yields the items of an iterator. Created by [`from_iter`].
#[derive(Clone, Debug)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct FromIter<I>(I);

impl<I: Iterator> Coroutine for FromIter<I> {
    type Yield = I::Item;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        Ok(self.0.next().map_or(Step::Return(()), Step::Yield))
    }
}

/// Creates a coroutine from a closure, which is called at each resume.
///
/// The variables that the closure captures are the coroutine's state. An `Err` that it returns is raised.
///
/// ```
/// use innermost::{Exception, Generator, Step, from_fn};
///
/// let mut left = 3;
/// let countdown = from_fn(move |sent: Result<(), Exception>| {
///     sent?;
///     left -= 1;
///     Ok(if left > 0 { Step::Yield(left) } else { Step::Return("lift-off") })
/// });
/// assert_eq!(Generator::new(countdown).collect::<Result<Vec<_>, _>>()?, [2, 1]);
/// # Ok::<(), Exception>(())
/// ```
///
/// A closure that awaits a child captures it, so that the child is there at the next resume:
///
/// ```
/// use innermost::{Exception, Generator, end, from_fn, from_iter, yield_from};
///
/// let mut numbers = from_iter(1..4);
/// let counting = from_fn(move |mut sent: Result<(), Exception>| {
///     yield_from!(numbers, sent)?;
///     end("counted")
/// });
/// assert_eq!(Generator::new(counting).collect::<Result<Vec<_>, _>>()?, [1, 2, 3]);
/// # Ok::<(), Exception>(())
/// ```
///
/// # A closure that never returns
///
/// The compiler cannot infer the return type of a coroutine that yields for ever. Name it: `from_fn::<_, _, _, ()>`.
///
/// ```
/// use innermost::{Exception, Generator, Step, from_fn};
///
/// let mut number = 0;
/// let mut numbers = Generator::new(from_fn::<_, _, _, ()>(move |sent: Result<(), Exception>| {
///     sent?;
///     number += 1;
///     Ok(Step::Yield(number))
/// }));
/// assert_eq!((numbers.next()?, numbers.next()?), (1, 2));
/// # Ok::<(), innermost::Stop<()>>(())
/// ```
pub const fn from_fn<F, Yield, Input, Return>(resume: F) -> FromFn<F, Yield, Input, Return>
where
    F: FnMut(Result<Input, Exception>) -> Result<Step<Yield, Input, Return>, Exception>,
{
    FromFn { resume, marker: PhantomData }
}

/// A coroutine whose body is a closure. Created by [`from_fn`].
#[derive(Clone)]
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct FromFn<F, Yield, Input, Return> {
    resume: F,
    marker: PhantomData<fn(Input) -> (Yield, Return)>,
}

impl<F, Yield, Input: Default, Return> Coroutine for FromFn<F, Yield, Input, Return>
where
    F: FnMut(Result<Input, Exception>) -> Result<Step<Yield, Input, Return>, Exception>,
{
    type Yield = Yield;
    type Input = Input;
    type Return = Return;

    #[inline]
    fn resume(&mut self, sent: Result<Input, Exception>) -> Resumed<Self> {
        (self.resume)(sent)
    }
}

/// Runs the coroutine in an `Ok`, and raises the exception in an `Err` at the first resume.
///
/// So a closure that makes a coroutine, for example for [`then`](super::CoroutineExt::then), can use `?`.
///
/// ```
/// use innermost::{Coroutine, CoroutineExt, Exception, Generator, from_iter, ready};
///
/// fn up_to(limit: &str) -> impl Coroutine<Yield = u32, Input = (), Return = ()> {
///     ready(limit.to_owned()).then(|limit| Ok(from_iter(0..limit.parse()?)))
/// }
///
/// assert_eq!(Generator::new(up_to("3")).collect::<Result<Vec<_>, _>>()?, [0, 1, 2]);
/// assert!(Generator::new(up_to("three")).next().is_err());
/// # Ok::<(), Exception>(())
/// ```
impl<C: Coroutine> Coroutine for Result<C, Exception> {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    #[inline]
    fn resume(&mut self, sent: Result<C::Input, Exception>) -> Resumed<Self> {
        match self {
            Ok(coroutine) => coroutine.resume(sent),
            Err(raised) => Err(sent.err().unwrap_or_else(|| raised.clone())),
        }
    }

    fn state(&self) -> State<'_> {
        match self {
            Ok(coroutine) => coroutine.state(),
            Err(raised) => State::new("not made", raised),
        }
    }
}

impl<Yield, Input, Return> fmt::Debug for Ready<Yield, Input, Return> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.value.is_some() { "Ready(created)" } else { "Ready(over)" })
    }
}

impl<F, C> fmt::Debug for Lazy<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (&self.make, &self.made) {
            (Some(_), _) => "Lazy(created)",
            (None, Some(_)) => "Lazy(made)",
            (None, None) => "Lazy(over)",
        })
    }
}

impl<Yield, Input> fmt::Debug for YieldOnce<Yield, Input> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.value.is_some() { "YieldOnce(created)" } else { "YieldOnce(yielded)" })
    }
}

impl<F, Yield, Input, Return> fmt::Debug for FromFn<F, Yield, Input, Return> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}
