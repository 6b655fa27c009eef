//! What the expansion of [`machine!`](crate::machine) is made of. Not for use by hand.

#![allow(missing_docs, missing_debug_implementations, reason = "parts of the expansion, not documented for users")]

pub use super::next::{
    End, Enter, Entering, Follows, Go, InPlace, Is, MayEnd, Next, ToOrEnd, end, stay, to, yield_here, yield_to,
};
pub use super::place::{Place, PlaceOf, Places};
use crate::coroutine::Exception;
pub use crate::coroutine::{Delegate, without_stop_iteration};

/// The types of a machine that does not name them.
#[diagnostic::on_unimplemented(
    message = "without the event loop, a machine says what it yields",
    label = "no `type Yield`",
    note = "add `type Yield = ..;` above `type State`, or enable the feature `event_loop`"
)]
pub trait Defaults {
    type Yield;
}

/// The outcome of a machine while it cleans up.
#[derive(Debug)]
pub struct Kept<R>(Option<Result<R, Exception>>);

impl<R> Default for Kept<R> {
    fn default() -> Self {
        Self(None)
    }
}

impl<R> Kept<R> {
    pub fn put(&mut self, outcome: Result<R, Exception>) {
        self.0 = Some(outcome);
    }

    pub const fn take(&mut self) -> Option<Result<R, Exception>> {
        self.0.take()
    }

    pub const fn is_some(&self) -> bool {
        self.0.is_some()
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
