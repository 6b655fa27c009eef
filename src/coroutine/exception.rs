//! What is raised: by a machine, by whoever throws into it, or by the engine itself.
//!
//! An [`Exception`] is to a coroutine what a Python exception is to a generator. It moves along a chain of delegations
//! at every throw, so it is two words and moves in registers; the kinds that the engine raises all the time carry
//! nothing and cost no allocation, everything else lives behind one `Arc`. Targets without atomic compare-and-swap have no
//! `Arc`: an `Rc` takes its place there, and exceptions stay in their thread.
//!
//! Not an [`Error`] itself, so that `?` can make one from any error, as it does for `Box<dyn Error>`.

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

/// Something raised in a coroutine: what `resume` takes as a throw and gives back as a raise.
///
/// Cheap to move and to clone. `Send` and `Sync`, except on targets without atomic compare-and-swap. Every error that is `Send + Sync + 'static` becomes one with `?`, and
/// comes back by [`downcast_ref`](Self::downcast_ref).
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

/// One tag and one pointer. `Result<(), Exception>` must stay two words: it is what every resume takes.
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
    /// Made into text when somebody reads them: most errors are handled by their kind.
    notes: Notes,
}

/// A chain of any length, so it is dropped in a loop.
struct Cause(Option<Exception>);

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
    /// That of another exception, which stands in `cause`: this is that exception with more notes.
    Shared,
}

/// An error, which may hold exceptions: `None` once it is moved out.
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

/// Notes, which may hold exceptions too. Shared by an exception and by what was made from it by adding another note.
struct Notes(Vec<Arc<dyn fmt::Display + Send + Sync>>);

impl Drop for Notes {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            drop_flat(mem::take(&mut self.0));
        }
    }
}

/// What sort of exception it is, named as in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Thrown in to close a coroutine.
    GeneratorExit,
    /// A generator has ended; only ever raised by asking one that has.
    StopIteration,
    /// A task was cancelled.
    CancelledError,
    /// A deadline passed.
    TimeoutError,
    /// A rule of coroutines or of the event loop was broken.
    RuntimeError,
    /// A value of the wrong sort was given.
    TypeError,
    /// A value out of range was given, or an object is in use.
    ValueError,
    /// A context variable was asked for that is not set.
    LookupError,
    /// A future was asked for, or given, a result at the wrong time.
    InvalidStateError,
    /// The user wants the program to end: Ctrl-C. Where a task ends with it, so does the run of its event loop.
    KeyboardInterrupt,
    /// A panic, caught by the task in which it happened.
    Panic,
    /// An error of the user's own.
    Error,
}

impl Exception {
    /// Raises an error of the user's own. `?` does the same.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self::of(Kind::Error, error)
    }

    /// An exception of the given kind that carries an error of the user's own.
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

    /// An exception of the given kind that carries a text.
    pub fn message(kind: Kind, text: impl Into<Cow<'static, str>>) -> Self {
        Self::raised(kind, Payload::Message(text.into()), None)
    }

    /// What `close` throws in.
    pub const fn generator_exit() -> Self {
        Self(Repr::GeneratorExit)
    }

    /// What asking an ended generator raises.
    pub const fn stop_iteration() -> Self {
        Self(Repr::StopIteration)
    }

    /// What cancelling a task throws in.
    pub const fn cancelled() -> Self {
        Self(Repr::CancelledError)
    }

    /// What a passed deadline raises.
    pub const fn timeout() -> Self {
        Self(Repr::TimeoutError)
    }

    /// A broken rule, with the words in which CPython reports it.
    pub(crate) fn runtime(text: impl Into<Cow<'static, str>>) -> Self {
        Self::message(Kind::RuntimeError, text)
    }

    /// What a coroutine raises that is resumed after its end.
    #[cold]
    #[inline(never)]
    pub(crate) fn reused() -> Self {
        Self::runtime("cannot reuse already awaited coroutine")
    }

    /// The same as [`message`](Self::message), raised because of another exception: what [`cause`](Self::cause) gives.
    pub fn caused_by(kind: Kind, text: impl Into<Cow<'static, str>>, cause: Self) -> Self {
        Self::raised(kind, Payload::Message(text.into()), Some(cause))
    }

    /// The same, raised on account of `context`, unless it says already why it was raised, or cannot be changed: a bare
    /// kind has no room for it, and one that is shared is not ours alone.
    #[cfg(feature = "std")]
    pub(crate) fn raised_during(mut self, context: impl FnOnce() -> Self) -> Self {
        if let Repr::Raised(shared) = &mut self.0
            && let Some(raised) = Arc::get_mut(shared)
            && raised.cause.0.is_none()
        {
            raised.cause.0 = Some(context());
        }
        self
    }

    /// Adds a note about the circumstances: what the program was doing, and where. `Debug` prints the notes. Python's
    /// `add_note`.
    ///
    /// Everything else stays as it is. Clones that were made before do not get the note. A note is formatted each time
    /// it is read, and never if nobody reads it.
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
        // What it shares is always the original, so that many notes make no long chain.
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

    /// The notes that were added to it, first to last. Python's `__notes__`.
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

    /// What sort of exception it is.
    pub fn kind(&self) -> Kind {
        match &self.0 {
            Repr::GeneratorExit => Kind::GeneratorExit,
            Repr::StopIteration => Kind::StopIteration,
            Repr::CancelledError => Kind::CancelledError,
            Repr::TimeoutError => Kind::TimeoutError,
            Repr::Raised(raised) => raised.kind,
        }
    }

    /// Whether it closes the coroutine that it is thrown into.
    pub fn is_generator_exit(&self) -> bool {
        self.kind() == Kind::GeneratorExit
    }

    /// Whether it reports a cancelled task.
    pub fn is_cancelled(&self) -> bool {
        self.kind() == Kind::CancelledError
    }

    /// The exception because of which this one was raised, if there is one.
    pub fn cause(&self) -> Option<&Self> {
        match &self.original().0 {
            Repr::Raised(raised) => raised.cause.0.as_ref(),
            _ => None,
        }
    }

    /// The error that it was made from, if it was made from a `T`.
    pub fn downcast_ref<T: Error + 'static>(&self) -> Option<&T> {
        self.error()?.downcast_ref()
    }

    /// The error that it was made from.
    fn error(&self) -> Option<&AnyError> {
        match &self.original().0 {
            Repr::Raised(raised) => match &raised.payload {
                Payload::Error(error) => Some(error.get()),
                Payload::Message(_) | Payload::Shared => None,
            },
            _ => None,
        }
    }

    /// The error that it was made from, moved out.
    ///
    /// # Errors
    ///
    /// The exception itself, unchanged, where it was not made from a `T` or where clones of it are still about.
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
            Ok(Raised { kind, mut cause, notes, .. }) => {
                let original = cause.0.take().expect("only one with notes of its own carries the error of another");
                original.downcast().map_err(|original| {
                    let cause = Cause(Some(original));
                    Self(Repr::Raised(Arc::new(Raised { kind, payload: Payload::Shared, cause, notes })))
                })
            }
            Err(shared) => Err(Self(Repr::Raised(shared))),
        }
    }

    /// The exception as an ordinary error, for code that knows nothing of coroutines: the very error that it was made
    /// from where no clone is about, else one that says the same.
    pub fn into_error(self) -> Box<AnyError> {
        match self.0 {
            Repr::Raised(shared) => match Arc::try_unwrap(shared) {
                Ok(Raised { payload: Payload::Error(error), .. }) => error.into_inner(),
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

    /// Only the text can go to another thread.
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

/// Prints a report for people: the kind and the text, the notes, then each cause on a line of its own. `main` prints this
/// when it returns an exception. Long chains are shortened in the middle.
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

/// How many causes are shown at each end of a long chain.
const SHOWN: usize = 20;

const CAUSED_BY: &str = "\n  caused by ";

/// Stands for what is not shown.
const LEFT_OUT: &str = "...";

impl Exception {
    fn write_alone(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let original = self.original();
        // That it is an error goes without saying.
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

/// An exception where an [`Error`] is wanted: it says what the exception says, and its source is what lies behind that.
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
