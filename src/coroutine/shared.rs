//! A generator behind a handle that can be cloned, like a reference to a generator object in Python.

use alloc::rc::Rc;
use core::cell::{RefCell, RefMut};
use core::fmt;

use super::deep::replace_flat;
use super::{Coroutine, Exception, Generator, GeneratorState, Kind, Resumed, StackTrace, State, Stop};

/// A [`Generator`] behind a handle that can be cloned, stored in the body itself, and used while the body runs.
///
/// Resuming, closing or throwing into a generator that is running raises a `ValueError` ("generator already executing").
/// The run itself is not disturbed. So a generator that delegates to itself, directly or indirectly, raises instead of
/// hanging.
///
/// ```
/// use innermost::coroutine::GeneratorState;
/// use innermost::{Exception, SharedGenerator, Step, Stop, from_fn};
/// use std::cell::OnceCell;
/// use std::rc::Rc;
///
/// let this = Rc::new(OnceCell::<SharedGenerator<Box<dyn innermost::Coroutine<Yield = String, Input = (), Return = ()>>>>::new());
/// let inside = Rc::clone(&this);
/// let body = from_fn(move |sent: Result<(), Exception>| {
///     sent?;
///     let this = inside.get().expect("set before the first resume");
///     assert_eq!(this.state(), GeneratorState::Running);
///     Ok(Step::Yield::<_, _, ()>(Exception::from(this.next().unwrap_err()).to_string()))
/// });
/// let generator = SharedGenerator::new(Box::new(body) as Box<dyn innermost::Coroutine<Yield = String, Input = (), Return = ()>>);
/// this.set(generator.clone()).expect("set once");
/// assert_eq!(generator.next()?, "generator already executing");
/// assert_eq!(generator.state(), GeneratorState::Suspended);
/// # Ok::<(), Stop<()>>(())
/// ```
///
/// # Dropping
///
/// The generator is dropped with its last handle, and closed first if it is suspended, as every [`Generator`] is. A long
/// chain, in which each generator holds the last handle of the next, is dropped in a loop: beyond the first few, a
/// generator is dropped once those before it are gone. This needs the `std` feature. Without it, and for generators
/// created by [`borrowing`](Self::borrowing), each drop calls the next one, and a very long chain overflows the stack.
#[must_use = "a generator does nothing until it is driven"]
pub struct SharedGenerator<C: Coroutine>(Rc<Shared<C>>);

struct Shared<C: Coroutine> {
    generator: RefCell<Generator<C>>,
    /// Drops the generator, perhaps later. A pointer, because only the constructor knows whether the coroutine borrows.
    clear: fn(&mut Generator<C>),
}

impl<C: Coroutine> Drop for Shared<C> {
    fn drop(&mut self) {
        (self.clear)(self.generator.get_mut());
    }
}

impl<C: Coroutine> SharedGenerator<C> {
    /// Creates a generator. Its body does not start until it is first resumed.
    pub fn new(coroutine: C) -> Self
    where
        C: 'static,
    {
        Self::cleared_by(coroutine, |generator| replace_flat(generator, Generator::ended()))
    }

    /// Creates a generator whose coroutine may borrow. A long chain of these is dropped by recursion.
    ///
    /// ```
    /// use innermost::{SharedGenerator, Stop, from_iter};
    ///
    /// let words = vec![String::from("one"), String::from("two")];
    /// let generator = SharedGenerator::borrowing(from_iter(words.iter()));
    /// let same = generator.clone();
    /// assert_eq!(generator.next()?, "one");
    /// assert_eq!(same.next()?, "two");
    /// # Ok::<(), Stop<()>>(())
    /// ```
    pub fn borrowing(coroutine: C) -> Self {
        Self::cleared_by(coroutine, |generator| *generator = Generator::ended())
    }

    fn cleared_by(coroutine: C, clear: fn(&mut Generator<C>)) -> Self {
        Self(Rc::new(Shared { generator: RefCell::new(Generator::new(coroutine)), clear }))
    }

    fn get(&self) -> Result<RefMut<'_, Generator<C>>, Exception> {
        self.0
            .generator
            .try_borrow_mut()
            .map_err(|_| Exception::message(Kind::ValueError, "generator already executing"))
    }

    /// Resumes the body and returns the next value it yields. See [`Generator::next`].
    ///
    /// # Errors
    ///
    /// Returns a [`Stop`] if the body returns or raises, or if the generator had ended before. Returns a `ValueError`
    /// if the generator is running.
    pub fn next(&self) -> Result<C::Yield, Stop<C::Return>> {
        self.get()?.next()
    }

    /// Sends `value` to the yield at which the body is suspended, and returns the next value it yields. See
    /// [`Generator::send`].
    ///
    /// # Errors
    ///
    /// Returns a [`Stop`] if the body returns or raises, or if the generator had ended before. Returns a `ValueError`
    /// if the generator is running. Returns a `TypeError` if the body has not started, because no yield could take the
    /// value; a value without information, such as `()`, starts the body instead.
    pub fn send(&self, value: C::Input) -> Result<C::Yield, Stop<C::Return>> {
        self.get()?.send(value)
    }

    /// Raises `exception` at the yield at which the body is suspended, and returns the next value it yields. See
    /// [`Generator::throw`].
    ///
    /// # Errors
    ///
    /// Returns a [`Stop`] if the body returns or raises. If the body has not started or has ended, no code runs, and
    /// the `Stop` holds `exception` itself; a generator that had not started is closed. Returns a `ValueError` if the
    /// generator is running.
    pub fn throw(&self, exception: impl Into<Exception>) -> Result<C::Yield, Stop<C::Return>> {
        self.get()?.throw(exception)
    }

    /// Sends a value or throws an exception, whichever `sent` is, and returns the next value that is yielded. See
    /// [`Generator::resume`].
    ///
    /// # Errors
    ///
    /// Returns a [`Stop`] if the body returns or raises, or if the generator had ended before. Returns a `ValueError`
    /// if the generator is running.
    pub fn resume(&self, sent: Result<C::Input, Exception>) -> Result<C::Yield, Stop<C::Return>> {
        self.get()?.resume(sent)
    }

    /// Closes the generator, and returns the value that the body returned in response, if any. See [`Generator::close`].
    ///
    /// # Errors
    ///
    /// Returns the exception that the body raised instead of ending quietly. Returns a `RuntimeError` if the body
    /// yields, and `ValueError` if the generator is running.
    pub fn close(&self) -> Result<Option<C::Return>, Exception> {
        self.get()?.close()
    }

    /// Returns the state of the generator.
    pub fn state(&self) -> GeneratorState {
        self.0.generator.try_borrow().map_or(GeneratorState::Running, |generator| generator.state())
    }

    /// Describes the frames, outermost first. Returns `None` while the generator is running.
    pub fn stack_trace(&self) -> Option<StackTrace> {
        self.0.generator.try_borrow().ok().map(|generator| generator.stack_trace())
    }
}

/// Delegating to a handle resumes the generator from its current yield, whoever resumed it before.
impl<C: Coroutine> Coroutine for SharedGenerator<C> {
    type Yield = C::Yield;
    type Input = C::Input;
    type Return = C::Return;

    fn resume(&mut self, sent: Result<C::Input, Exception>) -> Resumed<Self> {
        Coroutine::resume(&mut *self.get()?, sent)
    }

    fn state(&self) -> State<'_> {
        State::of::<C>()
    }
}

impl<C: Coroutine> Clone for SharedGenerator<C> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<C: Coroutine> fmt::Debug for SharedGenerator<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedGenerator").field("state", &self.state()).finish_non_exhaustive()
    }
}
