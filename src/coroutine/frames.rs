//! The stack of frames that every driver has, and the rules by which it is resumed, closed and dropped.
//!
//! Only the innermost frame is resumed; when it has ended, the one below is resumed with `Ok` of the default, and its
//! `Call` takes the outcome from the ended frame, be it a value or an exception. So a resume costs the same at any
//! depth, and nothing here recurses: a stack of a million frames is closed and dropped in a loop.
//!
//! Closing is innermost first (PEP 342, PEP 380). `GeneratorExit` is thrown into each frame in turn, and comes to the
//! `Call` that waits for the frame above:
//!
//! - that one has returned, or let its exit out: the `Call` raises the exit;
//! - it has raised something else: the `Call` raises that in place of the exit;
//! - it has yielded, and so ignored its exit. It is closed once more and its outcome dropped, which is what becomes of a
//!   generator in CPython when its last reference goes; then the `Call` raises a `RuntimeError` in place of the exit.
//!
//! An exit each way, so that whatever stands between the frame and its `Call`, driven inline, knows that it is closed.
//!
//! What is rare takes the frames by value and gives them back, and is never inlined. A driver that is a local variable
//! then never has its address taken, and the compiler keeps it in registers: a `for` over a machine that makes no
//! `Call` compiles to the loop that one would write by hand (0.34 ns a turn; 3.4 ns with `&mut self` in these places).

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::mem;

use super::call::FrameStep;
use super::delegate::{exit_ignored, without_stop_iteration};
use super::{Coroutine, Exception, Frame, Step, drop_ended};

/// The frames above a driver's own coroutine, linked from the innermost down.
pub(super) struct Frames<Yield, Input> {
    top: Option<Frame<Yield, Input>>,
}

/// How far a stack of frames came.
pub(super) enum Progress<Yield> {
    Yield(Yield),
    /// None is left: the coroutine below them is to be resumed with `Ok` of the default.
    Ended,
}

impl<Yield, Input: Default> Frames<Yield, Input> {
    pub(super) const fn new() -> Self {
        Self { top: None }
    }

    pub(super) fn starting_with(frame: Frame<Yield, Input>) -> Self {
        Self { top: Some(frame) }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.top.is_none()
    }

    /// Puts `frame` on top, and resumes it for the first time.
    #[inline]
    fn start(&mut self, frame: Frame<Yield, Input>) -> FrameStep<Yield, Input> {
        let below = self.top.take();
        self.top.insert(frame).start(below)
    }

    /// Resumes the innermost frame, and those below it as the ones above end, up to a yield.
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

    /// Starts a frame, and goes on as [`resume`](Self::resume) does.
    #[inline(always)]
    pub(super) fn call(&mut self, frame: Frame<Yield, Input>) -> Progress<Yield> {
        self.go_on(Some(frame))
    }

    /// Goes on with the frame that the innermost has called, or with the innermost, after the one above has ended.
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

    /// Closes every frame. The coroutine below them is to be closed next.
    #[cold]
    #[inline(never)]
    pub(super) fn close(mut self) {
        while let Some(frame) = self.top.clone() {
            if !self.ends_when_closed(&frame) {
                self.abandon(&frame);
            }
        }
    }

    /// Throws an exit into `frame`, the innermost, and runs it and whatever it delegates to until it has ended (and is
    /// off the stack) or something is yielded.
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

    /// Closes `frame`, which has ignored an exit, and all above it for nobody: its outcome is dropped, and its `Call` raises
    /// that the exit was ignored. What yields even now is dropped as it stands, and what it had delegated to closed after
    /// it. A frame above may ignore an exit too, and is abandoned first: a list of them, so that this is no recursion.
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

    /// Takes `base` out of the stack, and gives the frame that stood on it.
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

    /// Closes every frame for nobody.
    pub(super) fn abandon_all(&mut self) {
        while let Some(outermost) = self.iter().last() {
            self.abandon(&outermost);
        }
    }

    /// The frames, innermost first.
    fn iter(&self) -> impl Iterator<Item = Frame<Yield, Input>> {
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

/// Innermost first. Each coroutine is dropped by itself: dropping a frame alone would leave the coroutine to the `Call`
/// in the frame below, and so drop the outermost first, by recursion. Where that panics, what is left drops the same way.
#[cold]
#[inline(never)]
fn drop_frames<Yield, Input>(mut frames: Frames<Yield, Input>) {
    while let Some(frame) = frames.top.take() {
        frames.top = frame.take_below();
        frame.fail(Exception::generator_exit());
    }
}

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

/// Tells the compiler that the branch it stands in is not the usual one, so that a yield is a comparison and no jump
/// through a table (3.4 ns for 4.9 a boxed resume).
#[cold]
#[inline(always)]
const fn rarely() {}
