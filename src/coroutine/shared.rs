//! A generator that several may hold: what a reference to a generator object is in Python.

use alloc::rc::Rc;
use core::cell::{RefCell, RefMut};
use core::fmt;

use super::deep::replace_flat;
use super::{Coroutine, Exception, Generator, GeneratorState, Kind, Resumed, StackTrace, State, Stop};

/// A [`Generator`] behind a handle that can be cloned, kept by the body itself, and asked while it runs.
///
/// Only here can a generator be found running: whoever resumes, throws into or closes one that is, gets the `ValueError`
/// "generator already executing", and the run goes on unharmed. So a generator that delegates to itself, on whatever
/// detour, raises instead of hanging.
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
/// generator is dropped once those before it are gone. This needs the `event_loop` feature. Without it, and for generators
/// made by [`borrowing`](Self::borrowing), each drop calls the next, and a very long chain overflows the stack.
#[must_use = "a generator does nothing until it is driven"]
pub struct SharedGenerator<C: Coroutine>(Rc<Shared<C>>);

struct Shared<C: Coroutine> {
    generator: RefCell<Generator<C>>,
    /// How the generator is dropped: whether that can wait is known only where the handle is made.
    clear: fn(&mut Generator<C>),
}

impl<C: Coroutine> Drop for Shared<C> {
    fn drop(&mut self) {
        (self.clear)(self.generator.get_mut());
    }
}

impl<C: Coroutine> SharedGenerator<C> {
    /// A generator whose body has not started.
    pub fn new(coroutine: C) -> Self
    where
        C: 'static,
    {
        Self::cleared_by(coroutine, |generator| replace_flat(generator, Generator::ended()))
    }

    /// A generator whose body has not started and whose coroutine may borrow. A long chain of these is dropped by
    /// recursion.
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

    /// As [`Generator::next`].
    ///
    /// # Errors
    ///
    /// The same, and `ValueError` while it runs.
    pub fn next(&self) -> Result<C::Yield, Stop<C::Return>> {
        self.get()?.next()
    }

    /// As [`Generator::send`].
    ///
    /// # Errors
    ///
    /// The same, and `ValueError` while it runs.
    pub fn send(&self, value: C::Input) -> Result<C::Yield, Stop<C::Return>> {
        self.get()?.send(value)
    }

    /// As [`Generator::throw`].
    ///
    /// # Errors
    ///
    /// The same, and `ValueError` while it runs.
    pub fn throw(&self, exception: impl Into<Exception>) -> Result<C::Yield, Stop<C::Return>> {
        self.get()?.throw(exception)
    }

    /// As [`Generator::close`].
    ///
    /// # Errors
    ///
    /// The same, and `ValueError` while it runs.
    pub fn close(&self) -> Result<Option<C::Return>, Exception> {
        self.get()?.close()
    }

    /// Where it stands.
    pub fn state(&self) -> GeneratorState {
        self.0.generator.try_borrow().map_or(GeneratorState::Running, |generator| generator.state())
    }

    /// As [`Generator::stack_trace`]; `None` while it runs.
    pub fn stack_trace(&self) -> Option<StackTrace> {
        self.0.generator.try_borrow().ok().map(|generator| generator.stack_trace())
    }
}

/// Delegating to a handle: the generator goes on from where it stands, whoever resumed it before.
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
