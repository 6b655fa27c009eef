//! Coroutines as people see them: a name, a state, and what stands inside.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::type_name;
use core::fmt;

use super::Coroutine;

/// A coroutine's name and the state that it is in, for people to read.
///
/// ```
/// use innermost::State;
///
/// #[derive(Debug)]
/// enum Phase { Reading, Writing }
///
/// let inner = State::new("Connection", &Phase::Writing);
/// assert_eq!(inner.to_string(), "Connection: Writing");
/// let outer = State::new("Server", &Phase::Reading).delegating_to(inner);
/// assert_eq!(outer.to_string(), "Server: Reading > Connection: Writing");
/// ```
#[must_use]
pub struct State<'a> {
    name: &'a str,
    state: Option<&'a dyn fmt::Debug>,
    child: Option<Box<State<'a>>>,
}

impl<'a> State<'a> {
    /// A machine of the given name that is in the given state.
    pub fn new(name: &'a str, state: &'a dyn fmt::Debug) -> Self {
        Self { name, state: Some(state), child: None }
    }

    /// A machine that has no more to tell than its type.
    pub fn of<C: Coroutine + ?Sized>() -> Self {
        Self { name: type_name::<C>(), state: None, child: None }
    }

    /// The same, suspended in a child that it drives inline.
    pub fn delegating_to(mut self, child: Self) -> Self {
        self.child = Some(Box::new(child));
        self
    }

    /// The machine's name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The child that it drives inline, if it has said so.
    pub fn child(&self) -> Option<&Self> {
        self.child.as_deref()
    }
}

impl fmt::Display for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_without_paths(self.name, f)?;
        if let Some(state) = self.state {
            write!(f, ": {state:?}")?;
        }
        // Iterative: a chain of inline children may be as long as its user likes.
        let mut child = self.child();
        while let Some(inner) = child {
            f.write_str(" > ")?;
            write_without_paths(inner.name, f)?;
            if let Some(state) = inner.state {
                write!(f, ": {state:?}")?;
            }
            child = inner.child();
        }
        Ok(())
    }
}

impl fmt::Debug for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({self})")
    }
}

/// `a::b::C<d::E>` as `C<E>`.
fn write_without_paths(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // What is not ASCII is part of a name: to know better takes Unicode's tables.
    for part in name.split_inclusive(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' && c != ':') {
        // By hand: the search for a string, backwards, is 4 KB in a program that needs it for nothing else.
        let path = part.as_bytes().windows(2).rposition(|two| two == b"::");
        f.write_str(path.map_or(part, |path| &part[path + 2..]))?;
    }
    Ok(())
}

/// Where a suspended driver stands: its frames, outermost first, and what the innermost yielded last.
///
/// Its `Display` is a line for each:
///
/// ```text
/// Session: Authenticating
///   Login: WaitingForPassword
///     Read
///       yielded Readable(fd 7)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackTrace {
    frames: Vec<String>,
    yielded: Option<String>,
}

impl StackTrace {
    pub(crate) fn new(frames: Vec<String>, yielded: Option<String>) -> Self {
        Self { frames, yielded }
    }

    /// Type and state of each frame, outermost first. Empty where the driver has ended.
    pub fn frames(&self) -> &[String] {
        &self.frames
    }

    /// What the innermost frame yielded last, where the driver keeps that.
    pub fn yielded(&self) -> Option<&str> {
        self.yielded.as_deref()
    }
}

impl fmt::Display for StackTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, frame) in self.frames.iter().enumerate() {
            if depth > 0 {
                writeln!(f)?;
            }
            write!(f, "{:indent$}{frame}", "", indent = depth * 2)?;
        }
        match &self.yielded {
            Some(yielded) => write!(f, "\n{:indent$}yielded {yielded}", "", indent = self.frames.len() * 2),
            None => Ok(()),
        }
    }
}
