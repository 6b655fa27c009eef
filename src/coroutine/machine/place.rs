//! Where a running machine keeps its state: as it is, or in an `Option`.
//!
//! A state that gets its data by value is taken out while its handler runs, so there must be a way to say that there is
//! none. A machine without such a state does without, and then matches on its state as one written by hand does.

#![allow(missing_docs, missing_debug_implementations, reason = "parts of the expansion, not documented for users")]

use core::mem;

/// Keeps a state.
pub trait Place<S> {
    fn get(&self) -> Option<&S>;
    fn get_mut(&mut self) -> Option<&mut S>;
    fn take(&mut self) -> Option<S>;
    fn set(&mut self, state: S);
    /// Sets the state where there is none: it was taken out. Nothing is dropped then, which the compiler cannot see.
    fn fill(&mut self, state: S);
}

/// The place of a machine whose states all keep their data.
#[derive(Debug)]
pub struct Whole<S>(S);

impl<S> From<S> for Whole<S> {
    #[inline(always)]
    fn from(state: S) -> Self {
        Self(state)
    }
}

impl<S> Place<S> for Whole<S> {
    #[inline(always)]
    fn get(&self) -> Option<&S> {
        Some(&self.0)
    }

    #[inline(always)]
    fn get_mut(&mut self) -> Option<&mut S> {
        Some(&mut self.0)
    }

    fn take(&mut self) -> Option<S> {
        None
    }

    #[inline(always)]
    fn set(&mut self, state: S) {
        self.0 = state;
    }

    fn fill(&mut self, state: S) {
        self.0 = state;
    }
}

impl<S> Place<S> for Option<S> {
    #[inline(always)]
    fn get(&self) -> Option<&S> {
        self.as_ref()
    }

    #[inline(always)]
    fn get_mut(&mut self) -> Option<&mut S> {
        self.as_mut()
    }

    #[inline(always)]
    fn take(&mut self) -> Option<S> {
        self.take()
    }

    #[inline(always)]
    fn set(&mut self, state: S) {
        *self = Some(state);
    }

    #[inline(always)]
    fn fill(&mut self, state: S) {
        mem::forget(self.replace(state));
    }
}

/// The place for a machine that does, or does not, take states out.
pub trait PlaceOf<S> {
    type Place: Place<S> + From<S>;
}

/// Chooses the place. `TAKES` says whether any state is taken out.
#[derive(Debug)]
pub struct Places<const TAKES: bool>;

impl<S> PlaceOf<S> for Places<false> {
    type Place = Whole<S>;
}

impl<S> PlaceOf<S> for Places<true> {
    type Place = Option<S>;
}
