//! What a task waits for, as the task keeps it: in parts.
//!
//! An [`Await`] comes from the coroutine part by part, and is looked at part by part. To move it as a whole as well would
//! load by sixteen bytes what was stored by four and eight just before, and a processor does not forward that: the load
//! waits until the stores have left for the cache. Moved in parts, a yield among a thousand tasks takes 6.5 ns, and not 11.

use core::cell::Cell;
use std::rc::Rc;

use super::await_on::{Await, Awaited, Readied, WaitTarget};

/// Empty before the first wait, and once the task is done.
pub(super) struct WaitsFor {
    way: Cell<Way>,
    object: Cell<Option<Rc<dyn WaitTarget>>>,
}

/// An [`Await`] without its object.
#[derive(Clone, Copy)]
pub(super) enum Way {
    Nothing,
    NextTurn,
    Future,
    End,
    Readable,
    Writable,
    Place(u32),
}

impl WaitsFor {
    pub(super) const fn nothing() -> Self {
        Self { way: Cell::new(Way::Nothing), object: Cell::new(None) }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.way.get(), Way::Nothing)
    }

    /// Gives the former object, to be dropped last: that may be the user's.
    #[inline(always)]
    pub(super) fn replace(&self, way: Way, object: Option<Rc<dyn WaitTarget>>) -> Option<Rc<dyn WaitTarget>> {
        self.way.set(way);
        self.object.replace(object)
    }

    /// For what is rare.
    pub(super) fn get(&self) -> Option<Await> {
        let object = self.object.take();
        self.object.set(object.clone());
        Await::of(self.way.get(), object.map(Awaited::new))
    }
}

impl Way {
    /// For what of its object a task waits.
    #[inline(always)]
    pub(super) fn readied(self) -> Readied {
        match self {
            Self::Nothing | Self::NextTurn | Self::Future | Self::Readable => Readied::First,
            Self::End | Self::Writable => Readied::Second,
            Self::Place(place) => Readied::Place(place),
        }
    }
}
