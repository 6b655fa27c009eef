//! A coroutine together with the frames it has delegated to.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use super::frames::{Frames, Progress, rarely};
use super::rules::{exit_ignored, without_stop_iteration};
use super::{Coroutine, Exception, Step, drop_ended};

/// A coroutine with the frames that it has delegated to: what a generator and a task have in common.
pub(crate) struct Driver<C: Coroutine> {
    coroutine: Option<C>,
    frames: Frames<C::Yield, C::Input>,
}

/// What driving a coroutine gives.
pub(crate) enum Driven<Yield, Return> {
    Yield(Yield),
    /// It has ended, and is dropped.
    End(Result<Return, Exception>),
}

impl<C: Coroutine> Driver<C> {
    #[inline]
    pub(crate) const fn new(coroutine: C) -> Self {
        Self { coroutine: Some(coroutine), frames: Frames::new() }
    }

    /// Resumes the innermost coroutine, and those below it as they end, up to a yield or to the end of the outermost.
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
        // Apart from the loop, in which the frames change: so they need not be written back where it yields.
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
            // By value: see above.
            Some(ended) if mem::needs_drop::<C>() => drop_ended(move || drop(ended)),
            _ => {}
        }
        Driven::End(outcome)
    }

    /// Closes it for nobody, as CPython does when the last reference to a generator goes; gives what CPython's hook for
    /// unraisable exceptions would get.
    #[inline(always)]
    pub(crate) fn abandon(self) -> Option<Exception> {
        Self::abandon_parts(self.coroutine, self.frames)
    }

    /// By value: see above. In parts, which are passed in registers where they fit.
    #[inline(never)]
    fn abandon_parts(coroutine: Option<C>, frames: Frames<C::Yield, C::Input>) -> Option<Exception> {
        let mut driver = Self { coroutine, frames };
        match driver.resume(Err(Exception::generator_exit())) {
            Driven::Yield(_) => {
                driver.coroutine = None;
                driver.frames.abandon_all();
                Some(exit_ignored())
            }
            Driven::End(outcome) => {
                // It is empty: forgetting it spares asking.
                mem::forget(driver);
                outcome.err().filter(|raised| !raised.is_generator_exit())
            }
        }
    }

    /// What is left of a driver whose coroutine was taken away.
    #[inline]
    pub(crate) const fn ended() -> Self {
        Self { coroutine: None, frames: Frames::new() }
    }

    /// Drops the coroutine without running it, its frames before it.
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

    /// Whether it is suspended inside a `Call`.
    pub(crate) fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }
}

/// Apart, so that what was sent is dropped here and costs the others nothing.
#[cold]
#[inline(never)]
fn ended_before<Input>(_sent: Result<Input, Exception>) -> Exception {
    Exception::reused()
}
