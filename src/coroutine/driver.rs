//! Driving a coroutine frame by frame, for a loop of your own.
//!
//! A driver adds none of the rules of Python's generators to the stack of frames: those of `next`, `send` and `close` are
//! in `generator.rs`.

use core::fmt;

use super::rules::exit_ignored;
use super::{Coroutine, Driven, Exception, Stack, StackTrace};

/// Drives a coroutine and the frames it has delegated to. Use it to build a loop of your own.
///
/// Each [`resume`](Self::resume) runs the innermost frame to its next yield and gives you what was yielded. What that
/// value means is up to your loop: a descriptor to poll, a time to sleep until, a frame of an animation. Resuming costs
/// the same at any depth of [`Call`](super::Call)s, and does not allocate.
///
/// A `Driver` does not know whether its coroutine has started. If you drive a coroutine by hand and want the rules of
/// Python's generators, use a [`Generator`](super::Generator), which keeps track of that and closes what it drops.
///
/// # Examples
///
/// A loop that runs several coroutines in turn, each up to its next yield, until all have ended:
///
/// ```
/// use innermost::coroutine::{Driven, Driver};
/// use innermost::{Exception, from_iter};
/// use std::collections::VecDeque;
///
/// let mut ready = VecDeque::from([Driver::new(from_iter(1..4)), Driver::new(from_iter(10..12))]);
/// let mut yielded = Vec::new();
/// while let Some(mut driver) = ready.pop_front() {
///     match driver.resume(Ok(())) {
///         Driven::Yield(number) => {
///             yielded.push(number);
///             ready.push_back(driver); // behind the others
///         }
///         Driven::End(outcome) => outcome?,
///     }
/// }
/// assert_eq!(yielded, [1, 10, 2, 11, 3]);
/// # Ok::<(), Exception>(())
/// ```
///
/// # Dropping
///
/// Dropping a driver does not close its coroutine. The frames and the coroutine are dropped as they are, innermost first,
/// and only their destructors run. Call [`close`](Self::close) first if the coroutine should clean up.
#[must_use = "a driver does nothing until it is resumed"]
pub struct Driver<C: Coroutine>(Stack<C>);

impl<C: Coroutine> Driver<C> {
    /// Creates a driver for `coroutine`, which does not start until it is first resumed.
    #[inline]
    pub const fn new(coroutine: C) -> Self {
        Self(Stack::new(coroutine))
    }

    /// Resumes the innermost frame and runs to the next yield or to the end of the coroutine.
    ///
    /// `Ok(value)` sends: the yield at which the frame is suspended evaluates to `value`. The first resume starts the
    /// body, which ignores the value. `Err(exception)` throws: the exception is raised at that yield. Throwing a
    /// `GeneratorExit` closes every frame in turn, innermost first; see [`close`](Self::close).
    ///
    /// When a frame ends, its parent takes the outcome and runs on within the same call. The end of the outermost
    /// coroutine is [`Driven::End`]. Resuming a driver after that gives a `RuntimeError`.
    ///
    /// # Panics
    ///
    /// Panics if the coroutine panics. The driver has then ended, and has dropped the coroutine and its frames.
    #[inline]
    pub fn resume(&mut self, sent: Result<C::Input, Exception>) -> Driven<C::Yield, C::Return> {
        self.0.resume_or_end(sent)
    }

    /// Closes the coroutine, innermost frame first, and returns the value it returned in response, if any.
    ///
    /// Throws `GeneratorExit` into each frame in turn, and into the outermost coroutine last. Closing a driver that has
    /// ended does nothing and returns `None`. A coroutine that has never been resumed is thrown into as well: drop its
    /// driver instead if none of its code should run.
    ///
    /// ```
    /// use innermost::coroutine::{Driven, Driver};
    /// use innermost::{Call, from_iter};
    ///
    /// let mut driver = Driver::new(Call::new(from_iter(0..3)));
    /// assert!(matches!(driver.resume(Ok(())), Driven::Yield(0)));
    /// assert!(driver.close()?.is_none());
    /// assert!(driver.has_ended());
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The exception that the coroutine raised instead of ending quietly. `RuntimeError` ("generator ignored
    /// GeneratorExit") if it yielded: it is then still suspended at that yield, and can be resumed, closed again or
    /// dropped.
    ///
    /// # Panics
    ///
    /// Panics if the coroutine panics. The driver has then ended.
    pub fn close(&mut self) -> Result<Option<C::Return>, Exception> {
        if self.has_ended() {
            return Ok(None);
        }
        match self.resume(Err(Exception::generator_exit())) {
            Driven::Yield(_) => Err(exit_ignored()),
            Driven::End(Ok(returned)) => Ok(Some(returned)),
            Driven::End(Err(raised)) if raised.is_generator_exit() => Ok(None),
            Driven::End(Err(raised)) => Err(raised),
        }
    }

    /// Returns `true` if the coroutine has returned, raised or panicked.
    pub const fn has_ended(&self) -> bool {
        self.0.has_ended()
    }

    /// Returns the coroutine, or `None` once it has ended.
    pub const fn get_ref(&self) -> Option<&C> {
        self.0.get_ref()
    }

    /// Drops the frames and the coroutine without resuming them, innermost first.
    pub(super) fn discard(&mut self) {
        self.0.discard();
    }

    /// Returns `true` if the coroutine is suspended inside a [`Call`](super::Call). Python's `gi_yieldfrom is not None`.
    pub fn is_delegating(&self) -> bool {
        self.0.is_delegating()
    }

    /// Describes the coroutine and its frames, outermost first. The description is empty if the coroutine has ended.
    ///
    /// A driver does not keep the value that was yielded. To show that too, add it with
    /// [`StackTrace::with_yielded`](super::StackTrace::with_yielded).
    ///
    /// ```
    /// use innermost::coroutine::{Driven, Driver};
    /// use innermost::{Call, from_iter};
    ///
    /// let mut driver = Driver::new(Call::new(from_iter(7..9)));
    /// let Driven::Yield(number) = driver.resume(Ok(())) else { unreachable!("it yields first") };
    /// assert_eq!(
    ///     driver.stack_trace().with_yielded(number).to_string(),
    ///     "Call<FromIter<Range<i32>>>: delegated\n  FromIter<Range<i32>>\n    yielded 7",
    /// );
    /// ```
    pub fn stack_trace(&self) -> StackTrace {
        StackTrace::new(self.0.describe(), None)
    }
}

impl<C: Coroutine> From<C> for Driver<C> {
    fn from(coroutine: C) -> Self {
        Self::new(coroutine)
    }
}

impl<C: Coroutine> fmt::Debug for Driver<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show_frames(&mut f.debug_struct("Driver"))
    }
}

impl<C: Coroutine> Drop for Driver<C> {
    #[inline]
    fn drop(&mut self) {
        self.0.discard();
    }
}
