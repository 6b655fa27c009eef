//! Delegation through a driver that expects another type of yield: a machine that yields one type can call a child that
//! yields another.
//!
//! The child's frame goes on a stack of its own, and that stack is the body of one frame of the driver. Calls that the
//! child makes go to the inner stack, so the conversion costs one allocation and one indirection at any depth.

use core::marker::PhantomData;
use core::mem;

use super::frames::{Frames, Progress};
use super::{Coroutine, Exception, Frame, Resumed, Step};

/// Wraps a child for another driver. `convert` converts the child's yields. Values sent by the driver do not reach the
/// child, which is sent the default value instead.
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
            // The parent finds the child's outcome in the child's frame.
            Progress::Ended => Step::Return(()),
        })
    }
}
