//! A place in a queue, and the state of a coroutine that waits at one.

use core::fmt;
use core::mem;
use std::rc::Rc;

use super::line::Line;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::task::Await;

/// A place in a queue. Its holder must [leave](Self::leave), however the wait ends.
pub(crate) struct Place {
    line: Rc<Line>,
    index: u32,
}

impl Place {
    /// Joins a queue at its end.
    #[inline]
    pub(super) fn join(line: &Rc<Line>) -> Self {
        Self { index: line.join(), line: Rc::clone(line) }
    }

    /// The value to yield in order to wait here.
    #[inline]
    pub(crate) fn wanted(&self) -> Await {
        Await::at_place(self.index, Rc::clone(&self.line) as Rc<_>)
    }

    /// Resumes the wait. Returns `true` if it was woken. The place has then been left, and must be forgotten.
    ///
    /// # Errors
    ///
    /// The exception that was thrown in, or the one that the waiter was cancelled with. The place has not been left then.
    #[inline]
    pub(crate) fn pass(&self, sent: Result<(), Exception>) -> Result<bool, Exception> {
        sent?;
        self.line.leave_woken(self.index)
    }

    /// Leaves the queue. Returns `true` if the waiter was woken, rather than cancelled or still waiting.
    #[inline]
    pub(crate) fn leave(self) -> bool {
        self.line.leave(self.index)
    }
}

impl Coroutine for Place {
    type Yield = Await;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        Ok(if self.line.is_woken(self.index)? { Step::Return(()) } else { Step::Yield(self.wanted()) })
    }

    fn state(&self) -> State<'_> {
        State::new("Place", &self.line)
    }
}

/// Shown in states, which name the queue as well.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

/// The state of a coroutine that waits in a queue once.
#[derive(Debug)]
pub(crate) enum Phase {
    Created,
    Waiting(Place),
    Over,
}

impl Phase {
    /// Begins to wait. The value must be yielded at once.
    #[inline]
    pub(crate) fn wait_at(&mut self, place: Place) -> Await {
        // Put together last. Otherwise it would be kept in memory in the meantime, and copied.
        let (line, index) = (Rc::clone(&place.line), place.index);
        *self = Self::Waiting(place);
        Await::at_place(index, line as Rc<_>)
    }

    /// Starts, or resumes the wait. Returns `true` if the caller should try its operation now: this is over then, unless
    /// the caller begins to wait again. Returns `false` if the caller should [wait on](Self::wait_on).
    ///
    /// # Errors
    ///
    /// The exception that was thrown in, or the one that the wait was cancelled with; the caller must end this.
    /// `RuntimeError` if this was over before.
    #[inline(always)]
    pub(crate) fn go_on(&mut self, sent: Result<(), Exception>) -> Result<bool, Exception> {
        match self {
            Self::Created => sent?,
            Self::Waiting(place) => {
                if !place.pass(sent)? {
                    return Ok(false);
                }
            }
            Self::Over => return Err(Exception::reused()),
        }
        *self = Self::Over;
        Ok(true)
    }

    /// Yields once more to wait at the same place.
    ///
    /// # Errors
    ///
    /// `RuntimeError` if it does not wait.
    #[cold]
    #[inline(never)]
    pub(crate) fn wait_on<C: Coroutine<Yield = Await>>(&self) -> Resumed<C> {
        match self {
            Self::Waiting(place) => Ok(Step::Yield(place.wanted())),
            Self::Created | Self::Over => Err(Exception::reused()),
        }
    }

    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }

    /// Ends, and returns the place, which the caller must leave.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<Place> {
        match mem::replace(self, Self::Over) {
            Self::Waiting(place) => Some(place),
            Self::Created | Self::Over => None,
        }
    }
}
