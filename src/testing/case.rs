//! The ways in which a run of a machine is disturbed, and what a failure says of it.

use core::fmt;
use core::ops::BitOr;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::coroutine::{Coroutine, Driver, Exception, State};

/// An interruption at a suspension of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interruption {
    /// An [`io::Error`](std::io::Error) of the kind `ConnectionReset` is thrown in.
    Throw,
    /// The machine is cancelled.
    Cancel,
    /// The machine is closed. It must end without yielding any more.
    Close,
}

impl Interruption {
    pub(super) const ALL: [Self; 3] = [Self::Throw, Self::Cancel, Self::Close];

    /// What is thrown in.
    pub(super) fn exception(self) -> Exception {
        match self {
            Self::Throw => std::io::Error::new(std::io::ErrorKind::ConnectionReset, "interrupted by a test").into(),
            Self::Cancel => Exception::cancelled(),
            Self::Close => Exception::generator_exit(),
        }
    }
}

/// Several kinds of interruption: `Interruption::Throw | Interruption::Cancel`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Interruptions(u8);

impl Interruptions {
    /// Every kind.
    pub const ALL: Self = Self(0b111);

    /// Returns `true` if there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns `true` if `interruption` is one of them.
    pub const fn contains(self, interruption: Interruption) -> bool {
        self.0 & 1 << interruption as u8 != 0
    }

    /// The kinds, in the order throw, cancel, close.
    pub fn iter(self) -> impl Iterator<Item = Interruption> {
        Interruption::ALL.into_iter().filter(move |interruption| self.contains(*interruption))
    }
}

impl From<Interruption> for Interruptions {
    fn from(interruption: Interruption) -> Self {
        Self(1 << interruption as u8)
    }
}

impl<I: Into<Self>> BitOr<I> for Interruptions {
    type Output = Self;

    fn bitor(self, other: I) -> Self {
        Self(self.0 | other.into().0)
    }
}

impl<I: Into<Interruptions>> BitOr<I> for Interruption {
    type Output = Interruptions;

    fn bitor(self, other: I) -> Interruptions {
        Interruptions::from(self) | other
    }
}

impl fmt::Debug for Interruptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// How the input of a run is cut, and where the run is interrupted. Positions count bytes; suspensions count from 1.
#[derive(Clone, Copy, Debug)]
pub(super) enum Case {
    Whole,
    /// Cut at both positions, which may be equal.
    Cut(usize, usize),
    SingleBytes,
    Truncated(usize),
    /// The connection is reset after that many bytes.
    Reset(usize),
    Interrupted(usize, Interruption),
}

impl Case {
    /// Every way to cut an input once or twice, and into single bytes.
    pub(super) fn splits(length: usize) -> impl Iterator<Item = Self> {
        let cuts = (1..length).flat_map(move |first| (first..length).map(move |second| Self::Cut(first, second)));
        cuts.chain([Self::SingleBytes])
    }

    pub(super) fn truncations(length: usize) -> impl Iterator<Item = (usize, Self)> {
        (0..length).map(|end| (end, Self::Truncated(end)))
    }

    pub(super) fn resets(length: usize) -> impl Iterator<Item = (usize, Self)> {
        (0..=length).map(|end| (end, Self::Reset(end)))
    }

    /// What the machine gets in place of more input, at a position where the input ends. `None` for the end of the stream.
    pub(super) fn failure_at(self, position: usize) -> Option<Exception> {
        match self {
            Self::Reset(end) if position == end => {
                Some(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
            }
            _ => None,
        }
    }

    /// The end of the piece that begins at `start`, of an input of `length` bytes. `start` itself at the end.
    pub(super) fn end_of_piece(self, start: usize, length: usize) -> usize {
        match self {
            Self::Cut(first, _) if start < first => first,
            Self::Cut(_, second) if start < second => second,
            Self::SingleBytes => length.min(start + 1),
            Self::Truncated(end) | Self::Reset(end) => end,
            Self::Whole | Self::Cut(..) | Self::Interrupted(..) => length,
        }
    }

    pub(super) fn interruption_at(self, suspension: usize) -> Option<Interruption> {
        match self {
            Self::Interrupted(at, interruption) if at == suspension => Some(interruption),
            _ => None,
        }
    }

    /// How a message begins that is about this case.
    pub(super) fn describe(self, length: usize) -> String {
        match self {
            Self::Whole => String::new(),
            Self::Cut(first, second) if first == second => format!("input cut at byte {first} of {length}: "),
            Self::Cut(first, second) => format!("input cut at bytes {first} and {second} of {length}: "),
            Self::SingleBytes => "input cut into single bytes: ".into(),
            Self::Truncated(end) => format!("input ended after {end} of {length} bytes: "),
            Self::Reset(end) => format!("connection reset after {end} of {length} bytes: "),
            Self::Interrupted(at, interruption) => format!("{interruption:?} at suspension {at}: "),
        }
    }
}

/// The states in which a machine was suspended.
#[derive(Default)]
pub(super) struct Path {
    states: Vec<(String, usize)>,
}

impl Path {
    /// Adds the state in which a machine is suspended now.
    pub(super) fn add<C: Coroutine>(&mut self, driver: &Driver<C>) {
        let mut state = driver.get_ref().map(|machine| name_of(&machine.state())).unwrap_or_default();
        if driver.is_delegating() {
            for frame in driver.stack_trace().frames().iter().skip(1) {
                let (name, phase) = frame.split_once(": ").unwrap_or((frame, ""));
                state += " > ";
                state += word(phase).unwrap_or(name);
            }
        }
        match self.states.last_mut() {
            Some((last, count)) if *last == state => *count += 1,
            _ => self.states.push((state, 1)),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.states.is_empty() {
            return f.write_str("(it was never suspended)");
        }
        for (position, (state, count)) in self.states.iter().enumerate() {
            f.write_str(if position > 0 { " -> " } else { "" })?;
            f.write_str(state)?;
            if *count > 1 {
                write!(f, " (x{count})")?;
            }
        }
        Ok(())
    }
}

/// The names of the states of a machine and of its inline children, without their data.
fn name_of(state: &State<'_>) -> String {
    let mut names = String::new();
    for state in std::iter::successors(Some(state), |state| state.child()) {
        if !names.is_empty() {
            names += " > ";
        }
        let phase = state.state().map(|phase| format!("{phase:?}")).unwrap_or_default();
        let without_parameters = state.name().split('<').next().unwrap_or_default();
        names += word(&phase).unwrap_or_else(|| without_parameters.rsplit("::").next().unwrap_or_default());
    }
    names
}

/// The word at the beginning of a text. `None` if the text begins with something else.
fn word(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    Some(&text[..end]).filter(|word| !word.is_empty())
}

/// Calls code of the program. Returns the message of a panic as an error.
pub(super) fn caught<R>(call: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| format!("it panicked: {}", panic_text(&*panic)))
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        (None, None) => "(no message)",
    }
}

/// Whether two runs ended alike. Exceptions are compared by their kind and their text.
pub(super) fn ended_alike<R: PartialEq>(one: &Result<R, Exception>, other: &Result<R, Exception>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one == other,
        (Err(one), Err(other)) => one.kind() == other.kind() && one.to_string() == other.to_string(),
        _ => false,
    }
}

/// What a machine did when it ended, for people.
pub(super) fn shown<R: fmt::Debug>(outcome: &Result<R, Exception>) -> String {
    match outcome {
        Ok(returned) => format!("it returned {returned:?}"),
        Err(raised) => format!("it raised {:?}: {raised}", raised.kind()),
    }
}

/// Whether a child yielded when it was closed, for which its parent raises this.
pub(super) fn is_ignored_exit<R>(outcome: &Result<R, Exception>) -> bool {
    outcome.as_ref().is_err_and(|raised| raised.to_string() == "generator ignored GeneratorExit")
}
