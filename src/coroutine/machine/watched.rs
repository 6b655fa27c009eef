//! [`WatchedPlace`]: tells which states a machine enters.

use super::Machine;
use super::place::Place;
use crate::coroutine::{Entrance, Watch};

/// The place of a machine that is watched.
pub(super) struct WatchedPlace<'w, M: Machine> {
    place: &'w mut M::Place,
    watch: &'w mut dyn Watch,
}

impl<'w, M: Machine> WatchedPlace<'w, M> {
    pub(super) fn new(place: &'w mut M::Place, watch: &'w mut dyn Watch) -> Self {
        Self { place, watch }
    }
}

impl<M: Machine> Place<M::State> for WatchedPlace<'_, M> {
    fn get(&self) -> Option<&M::State> {
        self.place.get()
    }

    fn get_mut(&mut self) -> Option<&mut M::State> {
        self.place.get_mut()
    }

    fn take(&mut self) -> Option<M::State> {
        self.place.take()
    }

    fn set(&mut self, state: M::State) {
        self.watch.enter(M::name_of(&state), Entrance::Itself);
        self.place.set(state);
    }

    fn fill(&mut self, state: M::State) {
        self.watch.enter(M::name_of(&state), Entrance::Itself);
        self.place.fill(state);
    }
}
