//! A place in a queue, and the state of a coroutine that waits at one.

use core::fmt;
use core::mem;
use std::rc::Rc;

use super::line::Line;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::task::Await;

/// A place in a queue. Whoever holds it must [leave](Self::leave), however the wait ends.
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

    /// Returns the value to yield in order to wait here.
    #[inline]
    pub(crate) fn wanted(&self) -> Await {
        Await::at_place(self.index, Rc::clone(&self.line) as Rc<_>)
    }

    /// Resumes the wait. Returns `true` if it was woken. The queue has then been left, and the caller forgets the
    /// place.
    ///
    /// # Errors
    ///
    /// Returns the exception that was thrown in, or the one that the waiter was cancelled with. The caller must then
    /// leave.
    #[inline]
    pub(crate) fn pass(&self, sent: Result<(), Exception>) -> Result<bool, Exception> {
        sent?;
        self.line.leave_woken(self.index)
    }

    /// Whether its turn came and went to another waiter.
    pub(crate) fn is_passed_over(&self) -> bool {
        self.line.is_passed_over(self.index)
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
        // Built last. Otherwise it would be kept in memory in the meantime, and copied.
        let (line, index) = (Rc::clone(&place.line), place.index);
        *self = Self::Waiting(place);
        Await::at_place(index, line as Rc<_>)
    }

    /// Starts or resumes the wait.
    ///
    /// Returns `true` if the caller should try its operation now. The wait is then over, unless the caller begins a new
    /// one. Returns `false` if the caller should [keep waiting](Self::wait_on).
    ///
    /// # Errors
    ///
    /// Returns the exception that was thrown in, or the one that the wait was cancelled with. The caller must then end
    /// the wait. Returns `RuntimeError` if the wait was already over.
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
    /// Returns a `RuntimeError` if there is no wait.
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

    /// Ends the wait, and returns the place, which the caller must leave.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<Place> {
        match mem::replace(self, Self::Over) {
            Self::Waiting(place) => Some(place),
            Self::Created | Self::Over => None,
        }
    }
}
