//! Exceptions: the values that coroutines raise and that drivers throw into them.
//!
//! An [`Exception`] is to a coroutine what a Python exception is to a generator. It passes through a whole chain of
//! delegations at every throw, so it is two words long and moves in registers. The kinds that the library raises all the
//! time carry nothing and need no allocation. Everything else lives behind one `Arc`, or an `Rc` on targets without
//! atomic compare-and-swap, where exceptions stay in their thread.
//!
//! `Exception` is not an [`Error`] itself, so that `?` can convert any error into one, as it does for `Box<dyn Error>`.
//!
//! One file because everything here takes the private parts of an exception apart.

use alloc::borrow::Cow;
use alloc::boxed::Box;
#[cfg(not(target_has_atomic = "ptr"))]
use alloc::rc::Rc as Arc;
use alloc::string::{String, ToString};
#[cfg(target_has_atomic = "ptr")]
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::error::Error;
use core::fmt;
use core::mem;

use super::deep::{Printing, drop_flat};

type AnyError = dyn Error + Send + Sync;

/// An exception that is thrown into a coroutine or raised by one.
///
/// The `?` operator converts any error that is `Send + Sync + 'static` into an exception. To get the error back, use
/// [`downcast_ref`](Self::downcast_ref). Exceptions are cheap to move and to clone: clones share the error. They are
/// `Send` and `Sync`, except on targets without atomic compare-and-swap.
///
/// ```
/// use innermost::{Exception, Kind};
///
/// fn port(text: &str) -> Result<u16, Exception> {
///     Ok(text.parse::<u16>()?)
/// }
///
/// let raised = port("https").unwrap_err();
/// assert_eq!(raised.kind(), Kind::Error);
/// assert!(raised.downcast_ref::<core::num::ParseIntError>().is_some());
/// assert_eq!(raised.to_string(), "invalid digit found in string");
/// ```
#[derive(Clone)]
pub struct Exception(Repr);

/// A tag and a pointer. `Result<(), Exception>` must stay two words long, because every resume takes one.
#[derive(Clone)]
enum Repr {
    GeneratorExit,
    StopIteration,
    CancelledError,
    TimeoutError,
    Raised(Arc<Raised>),
}

const _: () = assert!(size_of::<Result<(), Exception>>() == 2 * size_of::<usize>());

struct Raised {
    kind: Kind,
    payload: Payload,
    cause: Cause,
    notes: Notes,
}

/// The exception that caused another one. A chain of causes may have any length, so it is dropped in a loop.
struct Cause(Option<Exception>);

impl Cause {
    /// Takes the original out of an exception that has the payload [`Payload::Shared`].
    fn take_original(&mut self) -> Exception {
        self.0.take().expect("an exception with a shared payload keeps the original as its cause")
    }
}

impl Drop for Cause {
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(Exception(Repr::Raised(shared))) = next {
            next = Arc::into_inner(shared).and_then(|mut raised| raised.cause.0.take());
        }
    }
}

enum Payload {
    Message(Cow<'static, str>),
    Error(UsersError),
    /// The payload of the exception in `cause`: this is the same exception with more notes.
    Shared,
}

/// An error, which may hold exceptions itself. `None` once it has been moved out.
struct UsersError(Option<Box<AnyError>>);

impl UsersError {
    fn get(&self) -> &AnyError {
        self.0.as_deref().expect("it is moved out with its exception")
    }

    fn into_inner(mut self) -> Box<AnyError> {
        self.0.take().expect("it is moved out with its exception")
    }
}

impl Drop for UsersError {
    fn drop(&mut self) {
        if let Some(error) = self.0.take() {
            drop_flat(error);
        }
    }
}

/// Notes, which may hold exceptions too. Each is shared with the exceptions that were made by adding further notes.
struct Notes(Vec<Arc<dyn fmt::Display + Send + Sync>>);

impl Drop for Notes {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            drop_flat(mem::take(&mut self.0));
        }
    }
}

/// The kind of an [`Exception`], named as in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The coroutine is being closed.
    GeneratorExit,
    /// The generator has already ended.
    StopIteration,
    /// The task was cancelled.
    CancelledError,
    /// A deadline has passed.
    TimeoutError,
    /// A rule of coroutines or of the event loop was broken.
    RuntimeError,
    /// A value has the wrong type.
    TypeError,
    /// A value is out of range, or an object is already in use.
    ValueError,
    /// A context variable has no value.
    LookupError,
    /// A future was asked for a result it does not have.
    InvalidStateError,
    /// The user pressed Ctrl-C. A task that ends with this exception ends the run of its event loop too.
    KeyboardInterrupt,
    /// A task, a callback or the `Clone` of a result panicked.
    Panic,
    /// Any other error, converted by `?` or by [`Exception::new`].
    Error,
}

impl Exception {
    /// Creates an exception of the kind [`Kind::Error`] from an error. The `?` operator does the same.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self::of(Kind::Error, error)
    }

    /// Creates an exception of the given kind that carries an error.
    ///
    /// ```
    /// use innermost::{Exception, Kind};
    ///
    /// let bye = Exception::of(Kind::GeneratorExit, std::io::Error::other("shutting down"));
    /// assert_eq!(bye.kind(), Kind::GeneratorExit);
    /// assert!(bye.downcast_ref::<std::io::Error>().is_some());
    /// ```
    pub fn of(kind: Kind, error: impl Error + Send + Sync + 'static) -> Self {
        Self::raised(kind, Payload::Error(UsersError(Some(Box::new(error)))), None)
    }

    /// Creates an exception of the given kind with a message.
    ///
    /// ```
    /// use innermost::{Exception, Kind};
    ///
    /// let raised = Exception::message(Kind::ValueError, "no such page");
    /// assert_eq!(raised.kind(), Kind::ValueError);
    /// assert_eq!(raised.to_string(), "no such page");
    /// ```
    pub fn message(kind: Kind, text: impl Into<Cow<'static, str>>) -> Self {
        Self::raised(kind, Payload::Message(text.into()), None)
    }

    /// Creates a `GeneratorExit`, which closing throws into a coroutine. Does not allocate.
    pub const fn generator_exit() -> Self {
        Self(Repr::GeneratorExit)
    }

    /// Creates a `StopIteration`, which an ended generator raises. Does not allocate.
    pub const fn stop_iteration() -> Self {
        Self(Repr::StopIteration)
    }

    /// Creates a `CancelledError`, which cancelling throws into a task. Does not allocate.
    pub const fn cancelled() -> Self {
        Self(Repr::CancelledError)
    }

    /// Creates a `TimeoutError`, which is raised once a deadline has passed. Does not allocate.
    pub const fn timeout() -> Self {
        Self(Repr::TimeoutError)
    }

    /// Creates a `RuntimeError` with the words in which CPython reports the broken rule.
    pub(crate) fn runtime(text: impl Into<Cow<'static, str>>) -> Self {
        Self::message(Kind::RuntimeError, text)
    }

    /// Creates the exception that a coroutine raises if it is resumed after its end.
    #[cold]
    #[inline(never)]
    pub(crate) fn reused() -> Self {
        Self::runtime("cannot reuse already awaited coroutine")
    }

    /// Creates an exception with a message and a [`cause`](Self::cause). Python's `raise .. from cause`.
    ///
    /// ```
    /// use innermost::{Exception, Kind};
    ///
    /// let raised = Exception::caused_by(Kind::RuntimeError, "cannot print", Exception::timeout());
    /// assert_eq!(raised.cause().map(Exception::kind), Some(Kind::TimeoutError));
    /// assert_eq!(format!("{raised:?}"), "RuntimeError: cannot print\n  caused by TimeoutError");
    /// ```
    pub fn caused_by(kind: Kind, text: impl Into<Cow<'static, str>>, cause: Self) -> Self {
        Self::raised(kind, Payload::Message(text.into()), Some(cause))
    }

    /// Adds `context` as the cause, if the exception has no cause yet and is neither bare nor shared.
    pub(crate) fn raised_during(mut self, context: impl FnOnce() -> Self) -> Self {
        if let Repr::Raised(shared) = &mut self.0
            && let Some(raised) = Arc::get_mut(shared)
            && raised.cause.0.is_none()
        {
            raised.cause.0 = Some(context());
        }
        self
    }

    /// Adds a note that says what the program was doing, and where. `Debug` prints the notes. Python's `add_note`.
    ///
    /// Kind, message, error and cause stay the same. Existing clones do not get the note. A note is formatted each time
    /// that it is read.
    ///
    /// ```
    /// use innermost::Exception;
    /// use std::io;
    ///
    /// let raised = Exception::from(io::Error::other("no paper")).with_note("printing page 7");
    /// assert!(raised.downcast_ref::<io::Error>().is_some());
    /// assert!(raised.notes().eq(["printing page 7"]));
    /// assert_eq!(raised.to_string(), "no paper");
    /// ```
    #[must_use]
    pub fn with_note(mut self, note: impl fmt::Display + Send + Sync + 'static) -> Self {
        if let Repr::Raised(shared) = &mut self.0
            && let Some(raised) = Arc::get_mut(shared)
        {
            raised.notes.0.push(Arc::new(note));
            return self;
        }
        let mut notes = match &self.0 {
            Repr::Raised(shared) => shared.notes.0.clone(),
            _ => Vec::new(),
        };
        notes.push(Arc::new(note));
        // Shares the original, not `self`, so that adding many notes does not build a long chain.
        let cause = Cause(Some(self.original().clone()));
        Self(Repr::Raised(Arc::new(Raised { kind: self.kind(), payload: Payload::Shared, cause, notes: Notes(notes) })))
    }

    /// The exception that holds the payload and the cause: this one, or the one it was made from by adding a note.
    fn original(&self) -> &Self {
        match &self.0 {
            Repr::Raised(raised) => match &**raised {
                Raised { payload: Payload::Shared, cause: Cause(Some(original)), .. } => original,
                _ => self,
            },
            _ => self,
        }
    }

    /// Returns the notes in the order in which they were added. Python's `__notes__`.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let notes = match &self.0 {
            Repr::Raised(raised) => &*raised.notes.0,
            _ => &[],
        };
        notes.iter().map(|note| note.to_string())
    }

    fn raised(kind: Kind, payload: Payload, cause: Option<Self>) -> Self {
        Self(Repr::Raised(Arc::new(Raised { kind, payload, cause: Cause(cause), notes: Notes(Vec::new()) })))
    }

    /// Returns the kind of the exception.
    pub fn kind(&self) -> Kind {
        match &self.0 {
            Repr::GeneratorExit => Kind::GeneratorExit,
            Repr::StopIteration => Kind::StopIteration,
            Repr::CancelledError => Kind::CancelledError,
            Repr::TimeoutError => Kind::TimeoutError,
            Repr::Raised(raised) => raised.kind,
        }
    }

    /// Returns `true` if this is a `GeneratorExit`, which closes the coroutine it is thrown into.
    pub fn is_generator_exit(&self) -> bool {
        self.kind() == Kind::GeneratorExit
    }

    /// Returns `true` if this is a `CancelledError`, which reports a cancelled task.
    pub fn is_cancelled(&self) -> bool {
        self.kind() == Kind::CancelledError
    }

    /// Returns the exception that caused this one, if any. Python's `__cause__`.
    pub fn cause(&self) -> Option<&Self> {
        match &self.original().0 {
            Repr::Raised(raised) => raised.cause.0.as_ref(),
            _ => None,
        }
    }

    /// Returns a reference to the error that the exception was made from, if that error is a `T`.
    pub fn downcast_ref<T: Error + 'static>(&self) -> Option<&T> {
        self.error()?.downcast_ref()
    }

    /// Returns the error that the exception was made from.
    fn error(&self) -> Option<&AnyError> {
        match &self.original().0 {
            Repr::Raised(raised) => match &raised.payload {
                Payload::Error(error) => Some(error.get()),
                Payload::Message(_) | Payload::Shared => None,
            },
            _ => None,
        }
    }

    /// Moves out the error that the exception was made from.
    ///
    /// # Errors
    ///
    /// Returns the exception unchanged if it was not made from a `T`, or if clones of it still exist.
    ///
    /// # Examples
    ///
    /// ```
    /// use innermost::Exception;
    /// use std::io;
    ///
    /// let error: io::Error = Exception::new(io::Error::other("no paper")).downcast()?;
    /// assert_eq!(error.to_string(), "no paper");
    /// assert!(Exception::timeout().downcast::<io::Error>().is_err());
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn downcast<T: Error + 'static>(self) -> Result<T, Self> {
        if self.downcast_ref::<T>().is_none() {
            return Err(self);
        }
        let Repr::Raised(shared) = self.0 else { unreachable!("only a raised exception carries an error") };
        match Arc::try_unwrap(shared) {
            Ok(Raised { payload: Payload::Error(error), kind, mut cause, .. }) => error
                .into_inner()
                .downcast()
                .map(|error| *error)
                .map_err(|error| Self::raised(kind, Payload::Error(UsersError(Some(error))), cause.0.take())),
            Ok(Raised { kind, mut cause, notes, .. }) => cause.take_original().downcast().map_err(|original| {
                let cause = Cause(Some(original));
                Self(Repr::Raised(Arc::new(Raised { kind, payload: Payload::Shared, cause, notes })))
            }),
            Err(shared) => Err(Self(Repr::Raised(shared))),
        }
    }

    /// Converts the exception into an ordinary error, for code that knows nothing of coroutines.
    ///
    /// Returns the error that the exception was made from, if there is one and no clone of the exception exists. Its
    /// kind, cause and notes are then lost. Otherwise returns an error with the same message and source, whose `Debug`
    /// output is that of the exception.
    ///
    /// ```
    /// use innermost::Exception;
    /// use std::io;
    ///
    /// let error = Exception::new(io::Error::other("no paper")).with_note("printing page 7").into_error();
    /// assert!(error.is::<io::Error>());
    /// assert_eq!(Exception::timeout().into_error().to_string(), "timed out");
    /// ```
    pub fn into_error(self) -> Box<AnyError> {
        match self.0 {
            Repr::Raised(shared) => match Arc::try_unwrap(shared) {
                Ok(Raised { payload: Payload::Error(error), .. }) => error.into_inner(),
                Ok(Raised { payload: Payload::Shared, mut cause, .. }) => cause.take_original().into_error(),
                Ok(raised) => Self(Repr::Raised(Arc::new(raised))).wrapped(),
                Err(shared) => Self(Repr::Raised(shared)).wrapped(),
            },
            bare => Self(bare).wrapped(),
        }
    }

    #[cfg(target_has_atomic = "ptr")]
    fn wrapped(self) -> Box<AnyError> {
        Box::new(AsError(self))
    }

    /// Keeps only the message, because the exception cannot be sent to another thread.
    #[cfg(not(target_has_atomic = "ptr"))]
    fn wrapped(self) -> Box<AnyError> {
        self.to_string().into()
    }

    fn text(&self) -> &'static str {
        match self.kind() {
            Kind::GeneratorExit => "generator exit",
            Kind::StopIteration => "stop iteration",
            Kind::CancelledError => "cancelled",
            Kind::TimeoutError => "timed out",
            _ => "",
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Exception {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl From<Exception> for Box<AnyError> {
    fn from(exception: Exception) -> Self {
        exception.into_error()
    }
}

impl From<Exception> for Box<dyn Error> {
    fn from(exception: Exception) -> Self {
        exception.into_error()
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.original().0 {
            Repr::Raised(raised) => match &raised.payload {
                Payload::Message(text) => f.write_str(text),
                Payload::Error(error) => match Printing::begin() {
                    Some(_printing) => fmt::Display::fmt(error.get(), f),
                    None => f.write_str(LEFT_OUT),
                },
                Payload::Shared => unreachable!("an original has a payload of its own"),
            },
            _ => f.write_str(self.text()),
        }
    }
}

/// Prints a report for people: the kind and the message, then the notes and the causes, each on a line of its own.
///
/// A program whose `main` returns an exception prints this. Long chains are shortened in the middle.
impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(_printing) = Printing::begin() else { return f.write_str(LEFT_OUT) };
        let causes = || core::iter::successors(Some(self), |exception| exception.cause());
        let count = causes().count();
        for (number, exception) in causes().enumerate() {
            let is_left_out = number >= SHOWN && number + SHOWN < count;
            if !is_left_out {
                f.write_str(if number == 0 { "" } else { CAUSED_BY })?;
                exception.write_alone(f)?;
            } else if number == SHOWN {
                write!(f, "{CAUSED_BY}{LEFT_OUT} {} more {LEFT_OUT}", count - 2 * SHOWN)?;
            }
        }
        Ok(())
    }
}

/// The number of causes shown at each end of a long chain.
const SHOWN: usize = 20;

const CAUSED_BY: &str = "\n  caused by ";

/// Shown in place of what is left out.
const LEFT_OUT: &str = "...";

impl Exception {
    fn write_alone(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let original = self.original();
        // `Kind::Error` would tell the reader nothing.
        if self.kind() != Kind::Error {
            write!(f, "{:?}", self.kind())?;
            f.write_str(if matches!(original.0, Repr::Raised(_)) { ": " } else { "" })?;
        }
        match (original.error(), &original.0) {
            // A group of exceptions prints its members in the alternate form.
            (Some(error), _) => write!(f, "{error:#}")?,
            (None, Repr::Raised(_)) => write!(f, "{original}")?,
            (None, _) => {}
        }
        self.notes().try_for_each(|note| write!(f, "\n  note: {note}"))
    }
}

/// An exception as an [`Error`]. Its message is the exception's, and its source is that of the error inside.
#[cfg(target_has_atomic = "ptr")]
struct AsError(Exception);

#[cfg(target_has_atomic = "ptr")]
impl Error for AsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.error()?.source()
    }
}

#[cfg(target_has_atomic = "ptr")]
impl fmt::Display for AsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(target_has_atomic = "ptr")]
impl fmt::Debug for AsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
