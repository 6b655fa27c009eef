//! Who waits for one future, where that is more than one task: a list, in the order of coming.
//!
//! Whoever waits may be taken out again, and a future that very many wait for may lose all of them one by one, from
//! either end or from anywhere. To search a list each time, and to close the gap, would take time in the square of their
//! number. So a long list from which something is taken gets an index, made then and not before, and a gap stays open
//! until half of the list are gaps. Short lists, and those that are only ever woken, know nothing of that.

use std::boxed::Box;
use std::collections::HashMap;
use std::rc::Rc;

use smallvec::SmallVec;

use super::shared::Waiter;
use super::{CallbackId, Run};

/// Up to this many are searched one after the other.
const SHORT: usize = 32;

pub(super) struct WaiterList<T> {
    /// Gaps are only where there is an index.
    places: SmallVec<[Option<Waiter<T>>; 2]>,
    index: Option<Box<Index>>,
    /// The list stays while the future is pending, and with it this.
    next_id: u32,
}

/// Where each stands in a long list.
type Index = HashMap<Key, usize>;

/// What tells one who waits from all others of the same future.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// A task, by its address: it waits for one thing at a time.
    Task(*const ()),
    Callback(CallbackId),
}

impl<T> WaiterList<T> {
    /// A list of one, if there is one.
    pub(super) fn new(first: Option<Rc<dyn Run>>) -> Self {
        Self { places: first.map(|task| Some(Waiter::Task(task))).into_iter().collect(), index: None, next_id: 0 }
    }

    /// Adds one, which may know its id if it is a callback.
    pub(super) fn push(&mut self, waiter: impl FnOnce(CallbackId) -> Waiter<T>) -> CallbackId {
        let id = CallbackId::new(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        let waiter = waiter(id);
        if let Some(index) = &mut self.index {
            index.insert(waiter.key(), self.places.len());
        }
        self.places.push(Some(waiter));
        id
    }

    /// Takes one out.
    pub(super) fn take(&mut self, key: Key) -> Option<Waiter<T>> {
        if self.index.is_none() && self.places.len() <= SHORT {
            let place = self.occupied().find(|(_, waiter)| waiter.key() == key)?.0;
            return self.places.remove(place);
        }
        if self.index.is_none() {
            self.make_index();
        }
        let index = self.index.as_mut()?;
        let taken = self.places.get_mut(index.remove(&key)?)?.take();
        if index.len() * 2 < self.places.len() {
            self.close_gaps();
        }
        taken
    }

    /// Closes all gaps. What is left may be short enough to do without an index.
    fn close_gaps(&mut self) {
        self.places.retain(|waiter| waiter.is_some());
        self.index = None;
        if self.places.len() > SHORT {
            self.make_index();
        }
    }

    fn make_index(&mut self) {
        let index = self.occupied().map(|(place, waiter)| (waiter.key(), place)).collect();
        self.index = Some(Box::new(index));
    }

    fn occupied(&self) -> impl Iterator<Item = (usize, &Waiter<T>)> {
        self.places.iter().enumerate().filter_map(|(place, waiter)| Some((place, waiter.as_ref()?)))
    }
}

impl<T> IntoIterator for WaiterList<T> {
    type Item = Waiter<T>;
    type IntoIter = core::iter::Flatten<smallvec::IntoIter<[Option<Waiter<T>>; 2]>>;

    fn into_iter(self) -> Self::IntoIter {
        self.places.into_iter().flatten()
    }
}
