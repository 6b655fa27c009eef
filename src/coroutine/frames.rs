//! The frames that a coroutine has delegated to, and the rules by which they are resumed, closed and dropped.
//!
//! Only the innermost frame is resumed. When it has ended, the frame below is resumed with `Ok(default)`, and its `Call`
//! takes the value or the exception from the ended frame. So a resume costs the same at any depth. Nothing here recurses: a
//! stack of a million frames is closed and dropped in a loop.
//!
//! Frames are closed innermost first (PEP 342, PEP 380). `GeneratorExit` is thrown into each frame in turn. It reaches the
//! `Call` that waits for the frame above, and what happens there depends on how that frame responded to its own exit:
//!
//! - It returned, or raised the exit: the `Call` raises the exit.
//! - It raised another exception: the `Call` raises that instead.
//! - It yielded, and so ignored the exit. It is closed once more and its outcome is dropped, as CPython does when the last
//!   reference to a generator goes away. Then the `Call` raises a `RuntimeError` instead of the exit.
//!
//! Each frame gets its own exit. So coroutines that are driven inline, between a frame and the next `Call`, learn that
//! they are being closed.
//!
//! The rare operations take the frames by value, return them, and are never inlined. So the address of a driver in a local
//! variable is never taken, and the compiler keeps it in registers: a `for` loop over a machine that makes no `Call`
//! compiles to the loop one would write by hand (0.34 ns a turn; 3.4 ns with `&mut self` in these places).

use alloc::vec::Vec;
use core::mem;

use super::call::FrameStep;
use super::rules::exit_ignored;
use super::{Exception, Frame};

/// The frames above the outermost coroutine, linked from the innermost down.
pub(crate) struct Frames<Yield, Input> {
    top: Option<Frame<Yield, Input>>,
}

/// How far the frames ran when they were resumed.
pub(super) enum Progress<Yield> {
    Yield(Yield),
    /// No frame is left: resume the coroutine below them with `Ok(default)`.
    Ended,
}

impl<Yield, Input: Default> Frames<Yield, Input> {
    pub(crate) const fn new() -> Self {
        Self { top: None }
    }

    pub(super) fn starting_with(frame: Frame<Yield, Input>) -> Self {
        Self { top: Some(frame) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.top.is_none()
    }

    /// Puts `frame` on top and resumes it for the first time.
    #[inline]
    fn start(&mut self, frame: Frame<Yield, Input>) -> FrameStep<Yield, Input> {
        let below = self.top.take();
        self.top.insert(frame).start(below)
    }

    /// Resumes the innermost frame, and each frame below it once the one above has ended, up to a yield.
    #[inline(always)]
    pub(super) fn resume(&mut self, sent: Result<Input, Exception>) -> Progress<Yield> {
        let Some(frame) = &self.top else { return Progress::Ended };
        match frame.resume(sent) {
            FrameStep::Yield(yielded) => Progress::Yield(yielded),
            FrameStep::Delegate(frame) => {
                rarely();
                self.call(frame)
            }
            FrameStep::Ended(below) => {
                rarely();
                self.top = below;
                self.go_on(None)
            }
        }
    }

    /// Starts a frame and runs up to a yield.
    #[inline(always)]
    pub(super) fn call(&mut self, frame: Frame<Yield, Input>) -> Progress<Yield> {
        self.go_on(Some(frame))
    }

    /// Continues with the frame that the innermost one has called, or with the innermost one after the one above has ended.
    #[inline(always)]
    fn go_on(&mut self, called: Option<Frame<Yield, Input>>) -> Progress<Yield> {
        let (mut frames, progress) = Self { top: self.top.take() }.run(called);
        self.top = frames.top.take();
        progress
    }

    #[inline(never)]
    fn run(mut self, mut called: Option<Frame<Yield, Input>>) -> (Self, Progress<Yield>) {
        loop {
            let step = match (called, &self.top) {
                (Some(frame), _) => self.start(frame),
                (None, Some(frame)) => frame.resume(Ok(Input::default())),
                (None, None) => return (self, Progress::Ended),
            };
            called = match step {
                FrameStep::Yield(yielded) => return (self, Progress::Yield(yielded)),
                FrameStep::Delegate(frame) => Some(frame),
                FrameStep::Ended(below) => {
                    self.top = below;
                    None
                }
            };
        }
    }

    /// Closes every frame. The caller closes the coroutine below them next.
    #[cold]
    #[inline(never)]
    pub(super) fn close(mut self) {
        while let Some(frame) = self.top.clone() {
            if !self.ends_when_closed(&frame) {
                self.abandon(&frame);
            }
        }
    }

    /// Throws an exit into `frame`, the innermost one. Runs it and whatever it delegates to until it has ended, and is off
    /// the stack, or until something is yielded.
    fn ends_when_closed(&mut self, frame: &Frame<Yield, Input>) -> bool {
        let mut step = frame.resume(Err(Exception::generator_exit()));
        loop {
            match step {
                FrameStep::Yield(_) => return false,
                FrameStep::Delegate(called) => step = self.start(called),
                FrameStep::Ended(below) => {
                    let ended = mem::replace(&mut self.top, below);
                    match &self.top {
                        Some(top) if !ended.is_some_and(|ended| ended.is(frame)) => {
                            step = top.resume(Ok(Input::default()));
                        }
                        _ => return true,
                    }
                }
            }
        }
    }

    /// Closes `frame`, which has ignored an exit, and all frames above it. Its outcome is dropped, and its `Call`
    /// raises the error for an ignored exit. If the frame yields once more, it is dropped as it is, and the frames that
    /// it had delegated to are closed after it. A frame above may ignore an exit too, and is abandoned first. A list of
    /// such frames replaces the recursion.
    fn abandon(&mut self, frame: &Frame<Yield, Input>) {
        let mut abandoned = Vec::from([(frame.clone(), frame.clone())]);
        while let Some((frame, base)) = abandoned.last_mut() {
            if let Some(top) = self.top.clone().filter(|top| !top.is(base)) {
                if !self.ends_when_closed(&top) {
                    abandoned.push((top.clone(), top));
                }
                continue;
            }
            if !self.ends_when_closed(base) {
                base.fail(exit_ignored());
                if let Some(above) = self.unlink(base) {
                    *base = above;
                    continue;
                }
            }
            frame.fail(exit_ignored());
            abandoned.pop();
        }
    }

    /// Takes `base` out of the stack and returns the frame that was on top of it.
    fn unlink(&mut self, base: &Frame<Yield, Input>) -> Option<Frame<Yield, Input>> {
        let mut above = self.top.clone()?;
        if above.is(base) {
            self.top = base.take_below();
            return None;
        }
        while let Some(below) = above.below() {
            if below.is(base) {
                drop(above.take_below());
                above.put_on(base.take_below());
                return Some(above);
            }
            above = below;
        }
        None
    }

    /// Closes every frame and drops the outcomes.
    pub(super) fn abandon_all(&mut self) {
        while let Some(outermost) = self.iter().last() {
            self.abandon(&outermost);
        }
    }

    /// The frames, innermost first.
    pub(super) fn iter(&self) -> impl Iterator<Item = Frame<Yield, Input>> {
        core::iter::successors(self.top.clone(), Frame::below)
    }
}

impl<Yield, Input> Drop for Frames<Yield, Input> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.top.is_some() {
            drop_frames(Self { top: self.top.take() });
        }
    }
}

/// Drops the coroutines innermost first, each explicitly. Dropping only the frames would leave each coroutine to the `Call`
/// in the frame below, which would drop the outermost first, by recursion. If one panics, the rest drops the same way.
#[cold]
#[inline(never)]
fn drop_frames<Yield, Input>(mut frames: Frames<Yield, Input>) {
    while let Some(frame) = frames.top.take() {
        frames.top = frame.take_below();
        frame.fail(Exception::generator_exit());
    }
}

/// Marks the branch it is called in as unlikely, so that a yield is found by a comparison instead of a jump through a table
/// (3.4 ns instead of 4.9 ns for a boxed resume).
#[cold]
#[inline(always)]
pub(super) const fn rarely() {}
