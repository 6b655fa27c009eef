//! A place among those who wait, and how far a coroutine is that waits at one.

use core::fmt;
use core::mem;
use std::rc::Rc;

use super::line::Line;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Step};
use crate::task::Await;

/// A place in a queue, to be waited at. Whoever holds it [leaves](Self::leave), whichever way the wait ends.
pub(crate) struct Place {
    line: Rc<Line>,
    index: u32,
}

impl Place {
    /// The last place of a queue.
    #[inline]
    pub(super) fn join(line: &Rc<Line>) -> Self {
        Self { index: line.join(), line: Rc::clone(line) }
    }

    /// What is yielded to wait there.
    #[inline]
    pub(crate) fn wanted(&self) -> Await {
        Await::at_place(self.index, Rc::clone(&self.line) as Rc<_>)
    }

    /// Resumes the wait. Whether it was woken, and has left: the place is to be forgotten then.
    ///
    /// # Errors
    ///
    /// What was sent, or it was cancelled with; it has not left then.
    #[inline]
    pub(crate) fn pass(&self, sent: Result<(), Exception>) -> Result<bool, Exception> {
        sent?;
        self.line.leave_woken(self.index)
    }

    /// Leaves the queue, if it was not taken out before. Gives whether it was woken, rather than cancelled or nothing.
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

/// For states, which say beside it what for.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting")
    }
}

/// How far a coroutine is that waits in a queue once.
#[derive(Debug)]
pub(crate) enum Phase {
    Created,
    Waiting(Place),
    Over,
}

impl Phase {
    /// Begins to wait: to be yielded at once.
    #[inline]
    pub(crate) fn wait_at(&mut self, place: Place) -> Await {
        // Put together last: it would be kept in memory meanwhile, and copied.
        let (line, index) = (Rc::clone(&place.line), place.index);
        *self = Self::Waiting(place);
        Await::at_place(index, line as Rc<_>)
    }

    /// Begins, or goes on waiting. Whether what it waits for is to be looked at now: it is over then, unless it begins to
    /// wait, once more. Else it is to [wait on](Self::wait_on).
    ///
    /// # Errors
    ///
    /// What was sent, or the wait was cancelled with: it is to be ended; a `RuntimeError` where it was over before.
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

    /// What is yielded where it waits still.
    ///
    /// # Errors
    ///
    /// A `RuntimeError` where it does not.
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

    /// Ends, and gives the place that is to be left.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<Place> {
        match mem::replace(self, Self::Over) {
            Self::Waiting(place) => Some(place),
            Self::Created | Self::Over => None,
        }
    }
}
