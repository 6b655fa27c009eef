//! What the expansion of [`machine!`](crate::machine) is made of. Not for use by hand.

#![allow(missing_docs, missing_debug_implementations, reason = "parts of the expansion, not documented for users")]

pub use super::next::{
    End, Enter, Entering, Follows, Go, InPlace, Is, MayEnd, Next, ToOrEnd, end, stay, to, yield_here, yield_to,
};
pub use super::place::{Place, PlaceOf, Places};
use core::mem;

use crate::coroutine::Exception;
pub use crate::coroutine::{Delegate, without_stop_iteration};

/// For the module of a machine's states. A glob, so that a state called `End` gets a message of our own.
pub mod ends {
    pub use super::End;
}

/// The types of a machine that does not name them.
#[diagnostic::on_unimplemented(
    message = "without the event loop, a machine says what it yields",
    label = "no `type Yield`",
    note = "add `type Yield = ..;` above `type State`, or enable the feature `event_loop`"
)]
pub trait Defaults {
    type Yield;
}

/// The outcome of a machine that has a hook `finally`.
#[derive(Debug, Default)]
pub enum Kept<R> {
    /// There is none yet.
    #[default]
    Running,
    /// The machine cleans up.
    Ending(Result<R, Exception>),
    /// The machine has ended, and must not clean up again.
    Ended,
}

impl<R> Kept<R> {
    pub fn put(&mut self, outcome: Result<R, Exception>) {
        *self = Self::Ending(outcome);
    }

    pub fn take(&mut self) -> Option<Result<R, Exception>> {
        match mem::replace(self, Self::Ended) {
            Self::Ending(outcome) => Some(outcome),
            Self::Running | Self::Ended => None,
        }
    }

    /// Whether no state runs any more.
    pub const fn is_put(&self) -> bool {
        !matches!(self, Self::Running)
    }

    pub const fn has_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }
}

/// The state was taken out and no other one has followed: the machine has ended before.
#[cold]
#[inline(never)]
pub fn over<Input>(_sent: Result<Input, Exception>) -> Exception {
    Exception::reused()
}

/// Drops a child that has ended, before the handler of its state runs.
#[inline(always)]
pub fn end_child<C>(_child: C) {}
