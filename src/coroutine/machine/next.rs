//! What a state makes the machine do next, and the traits that check it when it compiles.
//!
//! A handler returns a [`Next`], which names the state that it belongs to. So `to(Writing)` in the handler of `Reading`
//! needs `Writing: Follows<Reading>`, and the macro implements that for the states in the handler's return type alone.

#![allow(missing_docs, missing_debug_implementations, reason = "parts of the expansion, not documented for users")]

use core::marker::PhantomData;

use super::Machine;
use crate::coroutine::{Exception, Frame, Suspended};

/// What a handler makes the machine do.
pub enum Go<M: Machine> {
    To(M::State),
    Stay,
    Yield(M::Yield),
    YieldTo(M::Yield, M::State),
    Delegate(Frame<M::Yield, M::Input>),
    End(M::Return),
}

/// What comes after the state `From`.
pub struct ToOrEnd<M: Machine, From>(pub Go<M>, pub PhantomData<From>);

pub type Next<M, From> = Result<ToOrEnd<M, From>, Exception>;

impl<M: Machine, From> ToOrEnd<M, From> {
    #[inline(always)]
    const fn new(go: Go<M>) -> Self {
        Self(go, PhantomData)
    }
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not listed among what may follow `{From}`",
    label = "not in the list `Next<..>` that the state returns",
    note = "either this is the wrong transition, or `{Self}` is missing from the list"
)]
pub trait Follows<From> {}

/// The end, in the list of what may follow a state.
pub struct End;

/// A state whose list has [`End`].
#[diagnostic::on_unimplemented(
    message = "`End` is not listed among what may follow `{Self}`",
    label = "not in the list `Next<..>` that the state returns",
    note = "either the machine should not end here, or `End` is missing from the list"
)]
pub trait MayEnd {}

#[diagnostic::do_not_recommend]
impl<State> MayEnd for State where End: Follows<State> {}

#[diagnostic::on_unimplemented(
    message = "a state of this machine is expected here, with the data that it keeps",
    label = "not a state with its data",
    note = "write `Name` for a state that keeps nothing, and `Name(data, ..)` for one that does"
)]
pub trait Enter<M: Machine> {
    type Marker;
    fn enter(self) -> M::State;
}

/// A state with its data, on its way to `to`. `K` is the state's marker.
pub struct Entering<K, S>(pub S, pub PhantomData<K>);

impl<K, M: Machine> Enter<M> for Entering<K, M::State> {
    type Marker = K;

    #[inline(always)]
    fn enter(self) -> M::State {
        self.0
    }
}

#[diagnostic::on_unimplemented(
    message = "the state `{Self}` has been left when its handler runs, so it cannot suspend or be returned to",
    label = "the data of `{Self}` have been moved to the handler",
    note = "take `sent: Sent` first and the data as `&mut`, or go on to a state that waits"
)]
pub trait InPlace {}

/// The same type. A bound on a type that is known would be checked where it stands, and not where it is used.
pub trait Is<T> {}

impl<T> Is<T> for T {}

/// Goes on in `state` at once.
#[inline(always)]
pub fn to<M: Machine, From, K: Enter<M>>(state: K) -> Next<M, From>
where
    K::Marker: Follows<From>,
{
    Ok(ToOrEnd::new(Go::To(state.enter())))
}

/// Runs the same state again at once.
#[inline(always)]
pub fn stay<M: Machine, From: InPlace>() -> Next<M, From> {
    Ok(ToOrEnd::new(Go::Stay))
}

/// Yields `value`, and goes on in `state` when it is resumed.
#[inline(always)]
pub fn yield_to<M: Machine, From, K: Enter<M>>(value: M::Yield, state: K) -> Next<M, From>
where
    K::Marker: Follows<From>,
{
    Ok(ToOrEnd::new(Go::YieldTo(value, state.enter())))
}

/// Yields `value`, and runs the same state again when it is resumed.
#[inline(always)]
pub fn yield_here<M: Machine, From: InPlace>(value: M::Yield) -> Next<M, From> {
    Ok(ToOrEnd::new(Go::Yield(value)))
}

/// Ends with `value`.
#[inline(always)]
pub fn end<M: Machine, From: MayEnd>(value: M::Return) -> Next<M, From> {
    Ok(ToOrEnd::new(Go::End(value)))
}

/// A handler may contain `yield_from!` if its state is still there at the next resume.
impl<M: Machine, From: InPlace> Suspended for Next<M, From> {
    type Yield = M::Yield;
    type Input = M::Input;

    #[inline(always)]
    fn by_yield(yielded: M::Yield) -> Self {
        Ok(ToOrEnd::new(Go::Yield(yielded)))
    }

    #[inline(always)]
    fn by_delegate(frame: Frame<M::Yield, M::Input>) -> Self {
        Ok(ToOrEnd::new(Go::Delegate(frame)))
    }
}
