//! A coroutine together with the frames it has delegated to.
//!
//! Generators, tasks, asynchronous generators and [`Driver`](super::Driver) are all built on this. They differ in what
//! they do around a resume, and in what becomes of the coroutine when they are dropped or when it panics.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::mem;

use super::frames::{Frames, Progress, rarely};
use super::rules::{exit_ignored, without_stop_iteration};
use super::state::Listed;
#[cfg(feature = "testing")]
use super::state::State;
use super::{Coroutine, Exception, Printing, Step, drop_ended, drop_unwinding};

/// A coroutine and its frames.
///
/// Call [`discard`](Self::discard) before you drop a stack that may be suspended. Rust drops fields in order, which
/// would drop the coroutine before its frames. (With the fields the other way round, resuming a boxed coroutine takes
/// two instructions more.)
pub(crate) struct Stack<C: Coroutine> {
    coroutine: Option<C>,
    frames: Frames<C::Yield, C::Input>,
}

/// The outcome of [`Driver::resume`](super::Driver::resume): a yielded value, or the end of the coroutine.
///
/// There is no third outcome, so a `match` on the two is complete.
#[derive(Clone, Debug)]
#[must_use = "this may hold the exception that the coroutine raised"]
pub enum Driven<Yield, Return> {
    /// The innermost frame is suspended and has yielded this value.
    Yield(Yield),
    /// The coroutine has returned or raised. It has been dropped.
    End(Result<Return, Exception>),
}

impl<C: Coroutine> Stack<C> {
    #[inline]
    pub(crate) const fn new(coroutine: C) -> Self {
        Self { coroutine: Some(coroutine), frames: Frames::new() }
    }

    /// Whether the coroutine is gone: it has ended, or was taken away.
    pub(crate) const fn has_ended(&self) -> bool {
        self.coroutine.is_none()
    }

    /// The coroutine, until it has ended.
    pub(super) const fn get_ref(&self) -> Option<&C> {
        self.coroutine.as_ref()
    }

    /// Whether the coroutine is suspended inside a `Call`.
    pub(crate) fn is_delegating(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Resumes the innermost frame and runs to the next yield or to the end of the coroutine. If the coroutine panics, it
    /// stays where it is.
    #[inline(always)]
    pub(crate) fn resume(&mut self, mut sent: Result<C::Input, Exception>) -> Driven<C::Yield, C::Return> {
        if !self.frames.is_empty() {
            sent = match sent {
                Err(exit) if exit.is_generator_exit() => {
                    mem::replace(&mut self.frames, Frames::new()).close();
                    Err(exit)
                }
                sent => match self.frames.resume(sent) {
                    Progress::Yield(yielded) => return Driven::Yield(yielded),
                    Progress::Ended => Ok(C::Input::default()),
                },
            }
        }
        let Some(coroutine) = &mut self.coroutine else { return Driven::End(Err(ended_before(sent))) };
        let mut step = coroutine.resume(sent);
        // The first step is outside the loop, because the loop changes the frames: a yield here writes nothing back.
        if let Ok(Step::Yield(yielded)) = step {
            return Driven::Yield(yielded);
        }
        rarely();
        let outcome = loop {
            match step {
                Ok(Step::Yield(yielded)) => return Driven::Yield(yielded),
                Ok(Step::Delegate(frame)) => match self.frames.call(frame) {
                    Progress::Yield(yielded) => return Driven::Yield(yielded),
                    Progress::Ended => step = coroutine.resume(Ok(C::Input::default())),
                },
                Ok(Step::Return(returned)) => break Ok(returned),
                Err(raised) => break Err(without_stop_iteration(raised)),
            }
        };
        match self.coroutine.take() {
            // By value, so that the address of a local stack is not taken; see the head of `frames.rs`.
            Some(ended) if mem::needs_drop::<C>() => drop_ended(move || drop(ended)),
            _ => {}
        }
        Driven::End(outcome)
    }

    /// Resumes the innermost frame and runs to the next yield or to the end of the coroutine. If the coroutine panics, the
    /// stack has ended, and has dropped everything.
    #[inline(always)]
    pub(crate) fn resume_or_end(&mut self, sent: Result<C::Input, Exception>) -> Driven<C::Yield, C::Return> {
        let unwinding = Unwinding(self);
        let driven = unwinding.0.resume(sent);
        mem::forget(unwinding);
        driven
    }

    /// Resumes a coroutine that is kept elsewhere, or its innermost frame, and runs to the next yield or to its end.
    #[cfg(feature = "wait")]
    #[inline(always)]
    pub(crate) fn resume_lent(
        coroutine: &mut C,
        frames: &mut Frames<C::Yield, C::Input>,
        mut sent: Result<C::Input, Exception>,
    ) -> Driven<C::Yield, C::Return> {
        if !frames.is_empty() {
            match frames.resume(sent) {
                Progress::Yield(yielded) => return Driven::Yield(yielded),
                Progress::Ended => sent = Ok(C::Input::default()),
            }
        }
        loop {
            let frame = match coroutine.resume(sent) {
                Ok(Step::Yield(yielded)) => return Driven::Yield(yielded),
                Ok(Step::Return(returned)) => return Driven::End(Ok(returned)),
                Err(raised) => return Driven::End(Err(without_stop_iteration(raised))),
                Ok(Step::Delegate(frame)) => frame,
            };
            rarely();
            match frames.call(frame) {
                Progress::Yield(yielded) => return Driven::Yield(yielded),
                Progress::Ended => sent = Ok(C::Input::default()),
            }
        }
    }

    /// Closes a coroutine whose result nobody will see, as CPython does when the last reference to a generator goes away.
    /// Returns the exception that CPython would pass to its hook for unraisable exceptions.
    #[inline(always)]
    pub(crate) fn abandon(self) -> Option<Exception> {
        Self::abandon_parts(self.coroutine, self.frames)
    }

    /// Takes the parts by value, so that small ones are passed in registers.
    #[inline(never)]
    fn abandon_parts(coroutine: Option<C>, frames: Frames<C::Yield, C::Input>) -> Option<Exception> {
        let mut stack = Self { coroutine, frames };
        match stack.resume(Err(Exception::generator_exit())) {
            Driven::Yield(_) => {
                stack.coroutine = None;
                stack.frames.abandon_all();
                Some(exit_ignored())
            }
            Driven::End(outcome) => {
                // The stack is empty. Forgetting it saves the checks for that.
                mem::forget(stack);
                outcome.err().filter(|raised| !raised.is_generator_exit())
            }
        }
    }

    /// Creates a stack whose coroutine has ended, to put in the place of one that is taken away.
    #[inline]
    pub(crate) const fn ended() -> Self {
        Self { coroutine: None, frames: Frames::new() }
    }

    /// Drops the frames and the coroutine without resuming them, innermost first.
    pub(crate) fn discard(&mut self) {
        self.frames = Frames::new();
        self.coroutine = None;
    }

    /// Name and state of each frame, outermost first.
    pub(crate) fn describe(&self) -> Vec<String> {
        let mut frames: Vec<_> = self.frames.iter().map(|frame| frame.describe()).collect();
        frames.extend(self.coroutine.as_ref().map(|coroutine| coroutine.state().to_string()));
        frames.reverse();
        frames
    }

    /// Passes on the state of each frame, innermost first.
    #[cfg(feature = "testing")]
    pub(crate) fn show_states(&self, show: &mut dyn FnMut(&State<'_>)) {
        self.frames.iter().for_each(|frame| frame.show(show));
        if let Some(coroutine) = &self.coroutine {
            show(&coroutine.state());
        }
    }

    /// Finishes the `Debug` output of a driver with its frames.
    pub(super) fn show_frames(&self, shown: &mut fmt::DebugStruct<'_, '_>) -> fmt::Result {
        // The state of a frame may show another driver, and so on.
        match Printing::begin_quoted() {
            Some(_printing) => shown.field("frames", &Listed(&self.describe())).finish(),
            None => shown.finish_non_exhaustive(),
        }
    }
}

/// Ends the stack when a resume panics. It is forgotten otherwise.
struct Unwinding<'a, C: Coroutine>(&'a mut Stack<C>);

impl<C: Coroutine> Drop for Unwinding<'_, C> {
    #[cold]
    #[inline(never)]
    fn drop(&mut self) {
        let mut stack = mem::replace(self.0, Stack::ended());
        drop_unwinding(move || stack.discard());
    }
}

/// Kept out of `resume` so that only this path has to drop the value that was sent.
#[cold]
#[inline(never)]
fn ended_before<Input>(_sent: Result<Input, Exception>) -> Exception {
    Exception::reused()
}
