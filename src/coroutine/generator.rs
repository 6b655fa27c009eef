//! Driving a coroutine by hand: what Python's generator object is, by its rules.
//!
//! | asked for | created | suspended | closed |
//! |---|---|---|---|
//! | [`next`](Generator::next)   | starts the body | resumes it | [`Stop::Exhausted`] |
//! | [`send`](Generator::send)   | `TypeError`, stays created | resumes it with the value | [`Stop::Exhausted`] |
//! | [`throw`](Generator::throw) | raises what is thrown, closed | raises it at the yield | raises what is thrown |
//! | [`close`](Generator::close) | closed, no code runs | throws `GeneratorExit` in | nothing |
//! | drop                        | dropped, no code runs | closes it, and drops the outcome | nothing |
//!
//! There is no state "running" to be seen here: whoever could ask would need the `&mut` that the driver has. Through a
//! [`SharedGenerator`](crate::SharedGenerator) it can be seen.
//!
//! Sources: PEP 342, 380, 479; `Objects/genobject.c` of CPython 3.13 for `close` giving the value of the `return`.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::any::type_name;
use core::fmt;
use core::mem;

use super::rules::exit_ignored;
use super::{Coroutine, Driven, Exception, Kind, Resumed, Stack, StackTrace, State, Step, drop_unwinding};

/// Drives a coroutine by hand.
///
/// As an [`Iterator`] it gives what is yielded, and what is raised as the last item; for what is returned, and to send
/// or throw, use its own methods.
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

/// Where a generator stands: `inspect.getgeneratorstate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GeneratorState {
    /// Its body has not started.
    Created,
    /// It is being resumed right now, further up the stack.
    Running,
    /// It stands at a yield.
    Suspended,
    /// It has ended: by returning, by raising, by being closed, or by a panic.
    Closed,
}

/// Why a generator gave no value: Python's `StopIteration`, or any other exception.
#[derive(Clone, Debug)]
pub enum Stop<Return> {
    /// It returned this, just now.
    Returned(Return),
    /// It had ended before.
    Exhausted,
    /// It raised this.
    Raised(Exception),
}

struct Trace<Yield> {
    format: fn(&Yield) -> String,
    last: Option<String>,
}

impl<C: Coroutine> Generator<C> {
    /// A generator whose body has not started.
    pub const fn new(coroutine: C) -> Self {
        Self { driver: Stack::new(coroutine), state: GeneratorState::Created, trace: None }
    }

    /// A generator that has ended, and holds nothing.
    pub(super) const fn ended() -> Self {
        Self { driver: Stack::ended(), state: GeneratorState::Closed, trace: None }
    }

    /// The same, but each value that is yielded is written down for [`stack_trace`](Self::stack_trace), which costs
    /// a formatting and an allocation a yield.
    pub fn traced(coroutine: C) -> Self
    where
        C::Yield: fmt::Debug,
    {
        let trace = Trace { format: |yielded| format!("{yielded:?}"), last: None };
        Self { driver: Stack::new(coroutine), state: GeneratorState::Created, trace: Some(Box::new(trace)) }
    }

    /// Resumes it: the yield at which it stands evaluates to the default.
    ///
    /// # Errors
    ///
    /// [`Stop`], which says whether it returned, had ended before, or raised.
    #[expect(clippy::should_implement_trait, reason = "Python's name; Iterator::next would lose the return value")]
    #[inline]
    pub fn next(&mut self) -> Result<C::Yield, Stop<C::Return>> {
        if self.state == GeneratorState::Closed {
            return Err(Stop::Exhausted);
        }
        self.resume_driver(Ok(C::Input::default()))
    }

    /// Resumes it: the yield at which it stands evaluates to `value`.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next); and a `TypeError` where the body has not started, since there is no yield to take the
    /// value. It can still be started then. (A value of a type that has only one, such as `()`, starts it.)
    #[inline]
    pub fn send(&mut self, value: C::Input) -> Result<C::Yield, Stop<C::Return>> {
        match self.state {
            GeneratorState::Closed => Err(Stop::Exhausted),
            GeneratorState::Created if size_of::<C::Input>() > 0 => Err(Stop::Raised(not_started())),
            _ => self.resume_driver(Ok(value)),
        }
    }

    /// Raises `exception` at the yield at which it stands, innermost first; gives what it yields next.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next). Where the body has not started or has ended, `exception` itself, and no code runs.
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

    /// Throws `GeneratorExit` in, innermost first, and gives what the body returned in answer, if it did.
    ///
    /// # Errors
    ///
    /// What the body raises instead of ending quietly; `RuntimeError` "generator ignored GeneratorExit" where it
    /// yields: it then remains suspended at that yield.
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

    /// Where it stands.
    pub const fn state(&self) -> GeneratorState {
        self.state
    }

    /// Whether it is suspended in a child that became a frame of its own ([`Call`](crate::Call)): Python's
    /// `gi_yieldfrom is not None`.
    pub fn is_delegating(&self) -> bool {
        self.driver.is_delegating()
    }

    /// Its frames, outermost first, and what the innermost yielded last if it is [`traced`](Self::traced).
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

/// Closes a generator whose body ends, be it by a panic: it is never found half-open.
struct Closing<'a>(&'a mut GeneratorState);

impl Drop for Closing<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        *self.0 = GeneratorState::Closed;
    }
}

impl<Yield> Trace<Yield> {
    /// By value, so that what nobody traces need not be in memory.
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
    /// [`Iterator::map`]: `f` of each item. It stands here so that this is what `map` means also where
    /// [`CoroutineExt`](crate::CoroutineExt) is imported, whose [`map`](crate::CoroutineExt::map) is of what is returned.
    pub fn map<F, R>(self, f: F) -> core::iter::Map<Self, F>
    where
        F: FnMut(Result<C::Yield, Exception>) -> R,
    {
        Iterator::map(self, f)
    }
}

/// A generator delegated to: what is left of it runs as part of the parent. Its frames remain its own, so delegating
/// from generator to generator costs a resume a level; [`Call`](crate::Call) does not.
impl<C: Coroutine> Coroutine for Generator<C> {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    fn resume(&mut self, sent: Result<C::Input, Exception>) -> Resumed<Self> {
        let resumed = match (self.state, sent) {
            (GeneratorState::Closed, Ok(_)) => Err(Stop::Exhausted),
            (_, Ok(value)) => self.resume_driver(Ok(value)),
            (_, Err(thrown)) => self.throw(thrown),
        };
        match resumed {
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

impl<Return> From<Exception> for Stop<Return> {
    fn from(raised: Exception) -> Self {
        Self::Raised(raised)
    }
}

/// As in Python, where `next` on an exhausted generator raises `StopIteration`: in a coroutine, `?` makes it leak out.
impl<Return> From<Stop<Return>> for Exception {
    fn from(stop: Stop<Return>) -> Self {
        match stop {
            Stop::Returned(_) | Stop::Exhausted => Self::stop_iteration(),
            Stop::Raised(raised) => raised,
        }
    }
}
