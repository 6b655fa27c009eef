//! [`Conversation`]: what a script says about a machine, in a form that can be played any number of times.

use std::panic::Location;

use crate::coroutine::{Coroutine, Exception};

/// A machine, what it should do, and what it is sent.
pub(super) struct Conversation<M: Coroutine> {
    pub(super) make: Box<dyn Fn() -> M>,
    pub(super) steps: Vec<Step<M>>,
    pub(super) input: Option<Input<M>>,
    pub(super) reply: Option<Reply<M::Yield, M::Input>>,
}

/// Bytes, which yields ask for them, and what is sent for a piece of them.
pub(super) struct Input<M: Coroutine> {
    pub(super) bytes: Vec<u8>,
    pub(super) is_read: Predicate<M::Yield>,
    pub(super) make: MakeInput<M::Input>,
}

/// A step, and where the program describes it.
pub(super) struct Step<M: Coroutine> {
    pub(super) action: Action<M>,
    pub(super) location: &'static Location<'static>,
}

/// The texts say what is expected, for people.
pub(super) enum Action<M: Coroutine> {
    Expect(String, Predicate<M::Yield>),
    Answer(Answer<M::Input>),
    Close,
    End(String, Predicate<Outcome<M>>),
}

pub(super) type Outcome<M> = Result<<M as Coroutine>::Return, Exception>;
type Predicate<T> = Box<dyn Fn(&T) -> bool>;
type Answer<Input> = Box<dyn Fn() -> Result<Input, Exception>>;
type MakeInput<Input> = Box<dyn Fn(&[u8]) -> Input>;
type Reply<Yield, Input> = Box<dyn Fn(&Yield) -> Result<Input, Exception>>;

impl<M: Coroutine> Conversation<M> {
    /// The number of bytes of the input.
    pub(super) fn length(&self) -> usize {
        self.input.as_ref().map_or(0, |input| input.bytes.len())
    }
}
