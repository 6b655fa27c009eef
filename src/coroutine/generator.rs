//! Driving a coroutine by hand, by the rules of Python's generator objects.
//!
//! `state()` of a `Generator` never returns `Running`, because the run borrows the generator mutably. That of a
//! [`SharedGenerator`](crate::SharedGenerator) can.
//!
//! Sources: PEP 342, 380, 479; `Objects/genobject.c` of CPython 3.13 for `close` giving the value of the `return`.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::any::type_name;
use core::error::Error;
use core::fmt;
use core::mem;

use super::rules::exit_ignored;
use super::{Coroutine, Driven, Exception, Kind, Resumed, Stack, StackTrace, State, Step, drop_unwinding};

/// Drives a coroutine by hand.
///
/// ```
/// use innermost::{Generator, Stop, from_fn};
///
/// let mut doubler = Generator::new(from_fn(|sent: Result<u32, _>| Ok(innermost::Step::Yield::<_, _, ()>(2 * sent?))));
/// assert_eq!(doubler.next()?, 0);
/// assert_eq!(doubler.send(21)?, 42);
/// doubler.close()?;
/// assert!(matches!(doubler.send(1), Err(Stop::Exhausted)));
/// # Ok::<(), Stop<()>>(())
/// ```
///
/// The body can catch an exception that is [thrown](Self::throw) in, and return a value when it is
/// [closed](Self::close):
///
/// ```
/// use innermost::{Coroutine, Exception, Generator, Kind, Resumed, Step, Stop};
///
/// /// Adds up the numbers it is sent. A `ValueError` sets the sum to zero. Closing returns the sum.
/// struct Adder {
///     sum: u32,
/// }
///
/// impl Coroutine for Adder {
///     type Yield = u32;
///     type Input = u32;
///     type Return = u32;
///
///     fn resume(&mut self, sent: Result<u32, Exception>) -> Resumed<Self> {
///         match sent {
///             Ok(number) => self.sum += number,
///             Err(raised) if raised.kind() == Kind::ValueError => self.sum = 0,
///             Err(raised) if raised.is_generator_exit() => return Ok(Step::Return(self.sum)),
///             Err(raised) => return Err(raised),
///         }
///         Ok(Step::Yield(self.sum))
///     }
/// }
///
/// let mut adder = Generator::new(Adder { sum: 0 });
/// assert_eq!(adder.next()?, 0);
/// assert_eq!(adder.send(7)?, 7);
/// assert_eq!(adder.throw(Exception::message(Kind::ValueError, "start again"))?, 0);
/// assert_eq!(adder.send(5)?, 5);
/// assert_eq!(adder.close()?, Some(5));
/// # Ok::<(), Stop<u32>>(())
/// ```
///
/// # Iterating
///
/// A generator whose input is `()` is an [`Iterator`]. It produces each yielded value as `Ok`, and an exception as a last
/// `Err`. The return value is lost.
///
/// ```
/// use innermost::{Exception, Generator, from_iter};
///
/// let mut sum = 0;
/// for number in Generator::new(from_iter(1..4)) {
///     sum += number?;
/// }
/// assert_eq!(sum, 6);
/// # Ok::<(), Exception>(())
/// ```
///
/// The generator's own [`next`](Self::next) hides [`Iterator::next`] in method calls: it returns a `Result`, whose error
/// is a [`Stop`] that holds the return value. Adapters such as `take`, and `for` loops, use the iterator's.
///
/// # States
///
/// | operation | created | suspended | closed |
/// |---|---|---|---|
/// | [`next`](Self::next)   | starts the body | resumes it | [`Stop::Exhausted`] |
/// | [`send`](Self::send)   | `TypeError`, stays created | resumes it with the value | [`Stop::Exhausted`] |
/// | [`resume`](Self::resume) | starts the body, or throws | resumes it with the value, or throws | [`Stop::Exhausted`], or throws |
/// | [`throw`](Self::throw) | returns the exception, closed | raises it at the yield | returns the exception |
/// | [`close`](Self::close) | closed, no code runs | throws `GeneratorExit` in | nothing |
/// | drop                   | dropped, no code runs | closes it, and drops the outcome | nothing |
///
/// A value of a type without size carries no information, so `send(())` starts the body as `next` does.
///
/// # Dropping
///
/// Dropping a suspended generator closes it, as in CPython, so that the machine can clean up. An exception that it raises
/// in response is dropped: call [`close`](Self::close) to see it. A temporary is dropped at the end of its statement, so
/// `Generator::new(machine).next()` resumes the machine twice: once for the value, and once to close it.
///
/// A generator that is dropped while a panic unwinds is closed too. With the `std` feature, a second panic out of that is
/// caught and ignored. Without it, the second panic aborts the program, as it does in any destructor.
///
/// A generator that owns another one through a box drops it by recursion, as nested boxes do. For a chain of any length,
/// hold the next generator in a [`SharedGenerator`](crate::SharedGenerator) or delegate to it with a
/// [`Call`](crate::Call).
#[must_use = "a generator does nothing until it is driven"]
pub struct Generator<C: Coroutine> {
    driver: Stack<C>,
    state: GeneratorState,
    trace: Option<Box<Trace<C::Yield>>>,
}

/// The state of a generator: one of the four that Python's `inspect.getgeneratorstate` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GeneratorState {
    /// The body has not started.
    Created,
    /// The body is running right now, further up the call stack.
    Running,
    /// The body is suspended at a yield.
    Suspended,
    /// The body has returned, raised or panicked, or the generator was closed.
    Closed,
}

/// The reason why a generator yielded no value: it has ended, or it raised an exception.
///
/// There is no fourth reason, so a `match` on these three is complete. `Stop` is not an [`Error`], because `?` in a
/// coroutine would then wrap it instead of raising the exception that it holds.
///
/// ```
/// use innermost::{Exception, Generator, Stop, from_iter};
///
/// let mut numbers = Generator::new(from_iter(1..3));
/// let end = loop {
///     match numbers.next() {
///         Ok(number) => println!("{number}"),
///         Err(Stop::Returned(())) => break "the body has returned",
///         Err(Stop::Exhausted) => break "it had ended before",
///         Err(Stop::Raised(raised)) => return Err(raised),
///     }
/// };
/// assert_eq!(end, "the body has returned");
/// # Ok::<(), Exception>(())
/// ```
#[derive(Clone, Debug)]
pub enum Stop<Return> {
    /// The body returned this value. Python's `StopIteration` with a value.
    Returned(Return),
    /// The generator had ended before.
    Exhausted,
    /// The body raised this exception.
    Raised(Exception),
}

struct Trace<Yield> {
    format: fn(&Yield) -> String,
    last: Option<String>,
}

impl<C: Coroutine> Generator<C> {
    /// Creates a generator. Its body does not start until it is first resumed.
    pub const fn new(coroutine: C) -> Self {
        Self { driver: Stack::new(coroutine), state: GeneratorState::Created, trace: None }
    }

    /// Creates a generator that has ended and holds nothing.
    pub(super) const fn ended() -> Self {
        Self { driver: Stack::ended(), state: GeneratorState::Closed, trace: None }
    }

    /// Creates a generator that records the last yielded value for [`stack_trace`](Self::stack_trace). Each yield then
    /// formats the value and allocates.
    pub fn traced(coroutine: C) -> Self
    where
        C::Yield: fmt::Debug,
    {
        let trace = Trace { format: |yielded| format!("{yielded:?}"), last: None };
        Self { driver: Stack::new(coroutine), state: GeneratorState::Created, trace: Some(Box::new(trace)) }
    }

    /// Resumes the body and returns the next value it yields. The yield at which the body is suspended evaluates to the
    /// default input. In method calls, this hides [`Iterator::next`].
    ///
    /// # Errors
    ///
    /// Returns a [`Stop`] if the body returns or raises, or if the generator had ended before.
    #[expect(clippy::should_implement_trait, reason = "Python's name; Iterator::next would lose the return value")]
    #[inline]
    pub fn next(&mut self) -> Result<C::Yield, Stop<C::Return>> {
        if self.state == GeneratorState::Closed {
            return Err(Stop::Exhausted);
        }
        self.resume_driver(Ok(C::Input::default()))
    }

    /// Resumes the body and returns the next value it yields. The yield at which the body is suspended evaluates to
    /// `value`.
    ///
    /// # Errors
    ///
    /// Returns a [`Stop`] if the body returns or raises, or if the generator had ended before. Returns a `TypeError` if
    /// the body has not started, because no yield could take the value; the generator can still be started then. (A
    /// value without information, such as `()`, starts the body.)
    #[inline]
    pub fn send(&mut self, value: C::Input) -> Result<C::Yield, Stop<C::Return>> {
        match self.state {
            GeneratorState::Closed => Err(Stop::Exhausted),
            GeneratorState::Created if size_of::<C::Input>() > 0 => Err(Stop::Raised(not_started())),
            _ => self.resume_driver(Ok(value)),
        }
    }

    /// Raises `exception` at the yield at which the innermost frame is suspended, and returns the next value that is
    /// yielded. [`Generator`] has an example.
    ///
    /// # Errors
    ///
    /// Returns a [`Stop`] if the body returns or raises. If the body has not started or has ended, no code runs, and the
    /// `Stop` holds `exception` itself.
    pub fn throw(&mut self, exception: impl Into<Exception>) -> Result<C::Yield, Stop<C::Return>> {
        let exception = exception.into();
        match self.state {
            GeneratorState::Suspended => self.resume_driver(Err(exception)),
            _ => {
                self.state = GeneratorState::Closed;
                self.driver.discard();
                Err(Stop::Raised(exception))
            }
        }
    }

    /// Sends a value or throws an exception, whichever `sent` is, and returns the next value that is yielded.
    ///
    /// Use it in a loop that has the result of an operation to pass on. A body that has not started is started, and
    /// ignores the value. `Coroutine::resume(&mut generator, sent)` does the same for a parent of the generator, and
    /// returns a [`Step`].
    ///
    /// ```
    /// use innermost::{Exception, Generator, Stop, yield_once};
    /// use std::io;
    ///
    /// let mut question = Generator::new(yield_once::<_, String>("name?"));
    /// assert_eq!(question.resume(Ok(String::new()))?, "name?");
    /// let line: io::Result<String> = Err(io::ErrorKind::UnexpectedEof.into());
    /// assert!(matches!(question.resume(line.map_err(Exception::from)), Err(Stop::Raised(_))));
    /// # Ok::<(), Stop<String>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns a [`Stop`] if the body returns or raises, or if the generator had ended before. If an exception is thrown
    /// into a body that has not started or has ended, no code runs, and the `Stop` holds that exception.
    #[inline]
    pub fn resume(&mut self, sent: Result<C::Input, Exception>) -> Result<C::Yield, Stop<C::Return>> {
        match sent {
            Ok(_) if self.state == GeneratorState::Closed => Err(Stop::Exhausted),
            Ok(value) => self.resume_driver(Ok(value)),
            Err(thrown) => self.throw(thrown),
        }
    }

    /// Closes the generator: raises `GeneratorExit` at the yield at which it is suspended, innermost frame first. Returns the
    /// value that the body returned in response, if any. [`Generator`] has an example.
    ///
    /// # Errors
    ///
    /// Returns the exception that the body raised instead of ending quietly. Returns a `RuntimeError` ("generator
    /// ignored GeneratorExit") if the body yields; it then stays suspended at that yield.
    pub fn close(&mut self) -> Result<Option<C::Return>, Exception> {
        match self.state {
            GeneratorState::Suspended => match self.resume_driver(Err(Exception::generator_exit())) {
                Ok(_) => Err(exit_ignored()),
                Err(Stop::Returned(returned)) => Ok(Some(returned)),
                Err(Stop::Exhausted) => Ok(None),
                Err(Stop::Raised(raised)) if raised.is_generator_exit() => Ok(None),
                Err(Stop::Raised(raised)) => Err(raised),
            },
            _ => {
                self.state = GeneratorState::Closed;
                self.driver.discard();
                Ok(None)
            }
        }
    }

    /// Returns the state of the generator. Never [`Running`](GeneratorState::Running), since a run borrows the
    /// generator.
    pub const fn state(&self) -> GeneratorState {
        self.state
    }

    /// Returns the coroutine, or `None` once it has ended.
    ///
    /// ```
    /// use innermost::{Generator, from_iter};
    ///
    /// let mut numbers = Generator::new(from_iter(1..2));
    /// numbers.next()?;
    /// assert_eq!(format!("{:?}", numbers.get_ref()), "Some(FromIter(2..2))");
    /// assert!(numbers.next().is_err());
    /// assert!(numbers.get_ref().is_none());
    /// # Ok::<(), innermost::Stop<()>>(())
    /// ```
    pub const fn get_ref(&self) -> Option<&C> {
        self.driver.get_ref()
    }

    /// Returns `true` if the body is suspended inside a [`Call`](crate::Call). Python's `gi_yieldfrom is not None`.
    pub fn is_delegating(&self) -> bool {
        self.driver.is_delegating()
    }

    /// Describes the frames, outermost first, and the last yielded value if the generator is [`traced`](Self::traced).
    ///
    /// ```
    /// use innermost::{Call, Generator, from_iter};
    ///
    /// let mut numbers = Generator::traced(Call::new(from_iter(7..9)));
    /// numbers.next()?;
    /// assert_eq!(
    ///     numbers.stack_trace().to_string(),
    ///     "Call<FromIter<Range<i32>>>: delegated\n  FromIter<Range<i32>>\n    yielded 7",
    /// );
    /// # Ok::<(), innermost::Stop<()>>(())
    /// ```
    pub fn stack_trace(&self) -> StackTrace {
        let yielded = self.trace.as_ref().and_then(|trace| trace.last.clone());
        StackTrace::new(self.driver.describe(), yielded)
    }

    #[inline(always)]
    fn resume_driver(&mut self, sent: Result<C::Input, Exception>) -> Result<C::Yield, Stop<C::Return>> {
        let unless_it_yields = Closing(&mut self.state);
        match self.driver.resume(sent) {
            Driven::Yield(yielded) => {
                *unless_it_yields.0 = GeneratorState::Suspended;
                mem::forget(unless_it_yields);
                Ok(match &mut self.trace {
                    None => yielded,
                    Some(trace) => trace.note(yielded),
                })
            }
            Driven::End(Ok(returned)) => Err(Stop::Returned(returned)),
            Driven::End(Err(raised)) => Err(Stop::Raised(raised)),
        }
    }
}

/// Marks a generator as closed when its body ends, also by a panic, so that it is never left half-open.
struct Closing<'a>(&'a mut GeneratorState);

impl Drop for Closing<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        *self.0 = GeneratorState::Closed;
    }
}

impl<Yield> Trace<Yield> {
    /// Takes and returns the value, so that without tracing it need not be in memory.
    #[cold]
    #[inline(never)]
    fn note(&mut self, yielded: Yield) -> Yield {
        self.last = Some((self.format)(&yielded));
        yielded
    }
}

impl<C: Coroutine> From<C> for Generator<C> {
    fn from(coroutine: C) -> Self {
        Self::new(coroutine)
    }
}

impl<C: Coroutine<Input = ()>> Iterator for Generator<C> {
    type Item = Result<C::Yield, Exception>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match Self::next(self) {
            Ok(yielded) => Some(Ok(yielded)),
            Err(Stop::Raised(raised)) => Some(Err(raised)),
            Err(Stop::Returned(_) | Stop::Exhausted) => None,
        }
    }
}

impl<C: Coroutine<Input = ()>> core::iter::FusedIterator for Generator<C> {}

impl<C: Coroutine<Input = ()>> Generator<C> {
    /// Applies `f` to each item, as [`Iterator::map`] does.
    ///
    /// [`CoroutineExt::map`](crate::CoroutineExt::map), which applies to the return value, has the same name. Without
    /// this method, a call of `map` would be ambiguous.
    pub fn map<F, R>(self, f: F) -> core::iter::Map<Self, F>
    where
        F: FnMut(Result<C::Yield, Exception>) -> R,
    {
        Iterator::map(self, f)
    }
}

/// Delegating to a generator runs the rest of it as part of the parent. The generator keeps its own frames, so each level
/// of generators costs a resume; a [`Call`](crate::Call) does not.
impl<C: Coroutine> Coroutine for Generator<C> {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    fn resume(&mut self, sent: Result<C::Input, Exception>) -> Resumed<Self> {
        match Self::resume(self, sent) {
            Ok(yielded) => Ok(Step::Yield(yielded)),
            Err(Stop::Returned(returned)) => Ok(Step::Return(returned)),
            Err(Stop::Exhausted) => Err(Exception::reused()),
            Err(Stop::Raised(raised)) => Err(raised),
        }
    }

    fn state(&self) -> State<'_> {
        State::new(type_name::<C>(), &self.state)
    }
}

impl<C: Coroutine> Drop for Generator<C> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.state == GeneratorState::Suspended {
            self.state = GeneratorState::Closed;
            let driver = mem::replace(&mut self.driver, Stack::ended());
            drop_unwinding(move || drop(driver.abandon()));
        }
    }
}

#[cold]
fn not_started() -> Exception {
    Exception::message(Kind::TypeError, "can't send non-None value to a just-started generator")
}

impl<C: Coroutine> fmt::Debug for Generator<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Generator");
        shown.field("state", &self.state);
        self.driver.show_frames(&mut shown)
    }
}

impl<Return> fmt::Display for Stop<Return> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned(_) => f.write_str("the generator has returned"),
            Self::Exhausted => f.write_str("the generator had ended before"),
            Self::Raised(raised) => fmt::Display::fmt(raised, f),
        }
    }
}

/// Lets `?` convert a `Stop` in a function that knows nothing of coroutines.
impl<Return> From<Stop<Return>> for Box<dyn Error> {
    fn from(stop: Stop<Return>) -> Self {
        match stop {
            Stop::Raised(raised) => raised.into_error(),
            stop => stop.to_string().into(),
        }
    }
}

/// Lets `?` convert a `Stop` in a function that knows nothing of coroutines and whose errors are sent to other threads.
impl<Return> From<Stop<Return>> for Box<dyn Error + Send + Sync> {
    fn from(stop: Stop<Return>) -> Self {
        match stop {
            Stop::Raised(raised) => raised.into_error(),
            stop => stop.to_string().into(),
        }
    }
}

impl<Return> From<Exception> for Stop<Return> {
    fn from(raised: Exception) -> Self {
        Self::Raised(raised)
    }
}

/// Lets `?` raise a `Stop` in a coroutine. An end becomes `StopIteration`, which Python's `next` raises too.
impl<Return> From<Stop<Return>> for Exception {
    fn from(stop: Stop<Return>) -> Self {
        match stop {
            Stop::Returned(_) | Stop::Exhausted => Self::stop_iteration(),
            Stop::Raised(raised) => raised,
        }
    }
}
