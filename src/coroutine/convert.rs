//! A frame in the stack of a driver that is yielded something else: what lets a machine that yields one thing delegate,
//! through the driver, to one that yields another.
//!
//! The frame stands on a stack of its own, and that stack is the body of a frame of the driver's. What is called from
//! there on goes to the stack inside, so that this costs one allocation and one indirection, whatever the depth.

use core::marker::PhantomData;
use core::mem;

use super::frames::{Frames, Progress};
use super::{Coroutine, Exception, Frame, Resumed, Step};

/// The same child, for a driver that is yielded what `convert` makes of the child's yields, and that sends what the
/// child does not take: the child is sent the default.
pub(crate) fn converted<Y, I, Yield, Input>(frame: Frame<Y, I>, convert: fn(Y) -> Yield) -> Frame<Yield, Input>
where
    Y: 'static,
    I: Default + 'static,
    Yield: 'static,
    Input: Default + 'static,
{
    Frame::of(Converted { frames: Frames::starting_with(frame), convert, input: PhantomData })
}

struct Converted<Y, I: Default, Yield, Input> {
    frames: Frames<Y, I>,
    convert: fn(Y) -> Yield,
    input: PhantomData<fn(Input)>,
}

impl<Y, I: Default, Yield, Input: Default> Coroutine for Converted<Y, I, Yield, Input> {
    type Yield = Yield;
    type Input = Input;
    type Return = ();

    fn resume(&mut self, sent: Result<Input, Exception>) -> Resumed<Self> {
        let sent = match sent {
            Err(exit) if exit.is_generator_exit() => {
                mem::replace(&mut self.frames, Frames::new()).close();
                return Err(exit);
            }
            sent => sent.map(|_| I::default()),
        };
        Ok(match self.frames.resume(sent) {
            Progress::Yield(yielded) => Step::Yield((self.convert)(yielded)),
            // The child's outcome is in its frame, where its parent looks for it.
            Progress::Ended => Step::Return(()),
        })
    }
}
