//! What a task waits for, as the task keeps it: in parts.
//!
//! An [`Await`] comes from the coroutine part by part, and is looked at part by part. To move it as a whole as well would
//! load by sixteen bytes what was stored by four and eight just before, and a processor does not forward that: the load
//! waits until the stores have left for the cache. Moved in parts, a yield among a thousand tasks takes 6.5 ns, and not 11.
//! Nor do the parts lie together: a struct of them would have room to spare that nothing else of a task could use.

use std::rc::Rc;

use super::await_on::{Await, Awaited, Readied, WaitTarget};
use super::state::TaskState;

/// An [`Await`] without its object and its place: in the same order, so that one becomes the other without a look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    NextTurn,
    Future,
    End,
    Readable,
    Writable,
    Place,
    /// Before the first wait, and once the task is done.
    Nothing,
}

impl TaskState {
    /// Gives the former object, to be dropped last: that may be the user's.
    #[inline(always)]
    pub(super) fn set_way(&self, way: Way, object: Option<Rc<dyn WaitTarget>>) -> Option<Rc<dyn WaitTarget>> {
        self.way.set(way);
        self.object.replace(object)
    }

    /// Whether its first step has been taken, while it is not done.
    pub(super) fn has_waited(&self) -> bool {
        self.way.get() != Way::Nothing
    }

    /// For what is rare.
    pub(super) fn waits_for(&self) -> Option<Await> {
        let object = self.object.take();
        self.object.set(object.clone());
        Await::of(self.way.get(), self.place.get(), object.map(Awaited::new))
    }
}

impl Way {
    /// For what of its object a task waits.
    #[inline(always)]
    pub(super) fn readied(self, place: u32) -> Readied {
        match self {
            Self::NextTurn | Self::Future | Self::Readable | Self::Nothing => Readied::First,
            Self::End | Self::Writable => Readied::Second,
            Self::Place => Readied::Place(place),
        }
    }
}
