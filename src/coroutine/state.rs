//! Descriptions of coroutines for people: a name, a state, and the child inside.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::any::type_name;
use core::fmt;

use super::Coroutine;

/// A coroutine's name and current state, for people to read.
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
    child: Child<'a>,
}

impl<'a> State<'a> {
    /// Describes a machine with the given name that is in the given state.
    pub fn new(name: &'a str, state: &'a dyn fmt::Debug) -> Self {
        Self { name, state: Some(state), child: Child(None) }
    }

    /// Describes a machine by the name of its type alone.
    pub fn of<C: Coroutine + ?Sized>() -> Self {
        Self { name: type_name::<C>(), state: None, child: Child(None) }
    }

    /// Adds the description of a child that the machine drives inline and is suspended in.
    pub fn delegating_to(mut self, child: Self) -> Self {
        self.child = Child(Some(Box::new(child)));
        self
    }

    /// Adds `child` below the innermost child.
    pub(super) fn with_innermost(mut self, child: Self) -> Self {
        let mut place = &mut self.child.0;
        while let Some(inner) = place {
            place = &mut inner.child.0;
        }
        *place = Some(Box::new(child));
        self
    }

    /// Returns the machine's name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Returns the machine's current state, if it was given.
    pub fn state(&self) -> Option<&'a dyn fmt::Debug> {
        self.state
    }

    /// Returns the description of the child that was added with [`delegating_to`](Self::delegating_to).
    pub fn child(&self) -> Option<&Self> {
        self.child.0.as_deref()
    }

    fn write_alone(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_without_paths(self.name, f)?;
        match self.state {
            Some(state) => write!(f, ": {state:?}"),
            None => Ok(()),
        }
    }
}

/// A child that is driven inline. A chain of children may have any length, so it is dropped in a loop.
struct Child<'a>(Option<Box<State<'a>>>);

impl Drop for Child<'_> {
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(mut state) = next {
            next = state.child.0.take();
        }
    }
}

impl fmt::Display for State<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_alone(f)?;
        // In a loop, because the chain may have any length.
        let children = || core::iter::successors(self.child(), |inner| inner.child());
        let count = children().count();
        for (number, inner) in children().enumerate() {
            if number < SHOWN || number + SHOWN >= count {
                f.write_str(" > ")?;
                inner.write_alone(f)?;
            } else if number == SHOWN {
                write!(f, " > ... {} more ...", count - 2 * SHOWN)?;
            }
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
    // Characters that are not ASCII are taken as part of a name. Anything better would need Unicode's tables.
    for part in name.split_inclusive(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_' && c != ':') {
        // By hand, because a backward search for a string adds 4 KB to a program that does not use it elsewhere.
        let path = part.as_bytes().windows(2).rposition(|two| two == b"::");
        f.write_str(path.map_or(part, |path| &part[path + 2..]))?;
    }
    Ok(())
}

/// A description of the frames of a suspended driver, and of the value that the innermost frame yielded last.
///
/// `Display` prints each frame on a line of its own, outermost first:
///
/// ```text
/// Session: Authenticating
///   Login: WaitingForPassword
///     Read
///       yielded Readable(fd 7)
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StackTrace {
    frames: Vec<String>,
    yielded: Option<String>,
}

impl StackTrace {
    pub(crate) fn new(frames: Vec<String>, yielded: Option<String>) -> Self {
        Self { frames, yielded }
    }

    /// Adds the value that the innermost frame yielded last, in its `Debug` form. A driver that keeps what was yielded can
    /// show it this way.
    #[must_use]
    pub fn with_yielded(mut self, yielded: impl fmt::Debug) -> Self {
        self.yielded = Some(format!("{yielded:?}"));
        self
    }

    /// Returns the name and state of each frame, outermost first. The slice is empty if the driver has ended.
    pub fn frames(&self) -> &[String] {
        &self.frames
    }

    /// Returns the value that the innermost frame yielded last, in its `Debug` form, if the driver keeps it.
    pub fn yielded(&self) -> Option<&str> {
        self.yielded.as_deref()
    }
}

impl fmt::Debug for StackTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("StackTrace");
        shown.field("frames", &Listed(&self.frames)).field("yielded", &self.yielded).finish()
    }
}

/// Shows frames as a list. Of a long list, it shows both ends.
pub(super) struct Listed<'a>(pub(super) &'a [String]);

impl fmt::Debug for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        match self.0.len().checked_sub(2 * SHOWN) {
            None | Some(0) => list.entries(self.0),
            Some(left_out) => list
                .entries(&self.0[..SHOWN])
                .entry(&format_args!("... {left_out} more ..."))
                .entries(&self.0[SHOWN + left_out..]),
        };
        list.finish()
    }
}

/// Shows both ends of a deep stack, and limits the indentation.
impl fmt::Display for StackTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.frames.len();
        for (depth, frame) in self.frames.iter().enumerate() {
            let is_left_out = count > 2 * SHOWN && (SHOWN..count - SHOWN).contains(&depth);
            if is_left_out && depth > SHOWN {
                continue;
            }
            if depth > 0 {
                writeln!(f)?;
            }
            let indent = indent(depth);
            match is_left_out {
                true => write!(f, "{:indent$}... {} more ...", "", count - 2 * SHOWN)?,
                false => write!(f, "{:indent$}{frame}", "")?,
            }
        }
        match &self.yielded {
            Some(yielded) => write!(f, "\n{:indent$}yielded {yielded}", "", indent = indent(count)),
            None => Ok(()),
        }
    }
}

/// The number of frames or children shown at each end of a long list.
const SHOWN: usize = 50;

/// The number of columns by which a frame is indented.
fn indent(depth: usize) -> usize {
    2 * depth.min(20)
}
