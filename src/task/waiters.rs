//! Those who wait for one future or for one stream, where they are many: a list, in the order of coming.
//!
//! Whoever waits may be taken out again, and an object that very many wait for may lose all of them one by one, from
//! either end or from anywhere. To search a list each time, and to close the gap, would take time in the square of their
//! number. So a long list from which something is taken gets an index, made then and not before, and a gap stays open
//! until half of the list are gaps. Short lists, and those that are only ever woken, know nothing of that.
use std::collections::HashMap;
use std::rc::Rc;

use smallvec::SmallVec;

use super::CallbackId;
use super::contracts::Waiter;

/// Up to this many are searched one after the other.
const SHORT: usize = 32;

pub(crate) struct WaiterList<W> {
    /// Gaps are only where there is an index.
    places: SmallVec<[Option<W>; 2]>,
    index: Option<Box<Index>>,
    /// The list stays while the future is pending, and with it this.
    next_id: u32,
}

/// Where each stands in a long list.
type Index = HashMap<Key, usize>;

/// What tells one who waits from all others in the same list.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A task, by its address: it waits for one thing at a time.
    Task(*const ()),
    Callback(CallbackId),
}

/// Whoever can wait in a list.
pub(crate) trait Keyed {
    fn key(&self) -> Key;
}

impl Keyed for Rc<dyn Waiter> {
    fn key(&self) -> Key {
        Key::Task(Self::as_ptr(self).cast())
    }
}

impl<W: Keyed> WaiterList<W> {
    /// A list of one, if there is one.
    pub(crate) fn new(first: Option<W>) -> Self {
        Self { places: first.map(Some).into_iter().collect(), index: None, next_id: 0 }
    }

    /// Adds one, which may know its id if it is a callback.
    pub(crate) fn push(&mut self, waiter: impl FnOnce(CallbackId) -> W) -> CallbackId {
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
    pub(crate) fn take(&mut self, key: Key) -> Option<W> {
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

    pub(crate) fn is_empty(&self) -> bool {
        match &self.index {
            Some(index) => index.is_empty(),
            None => self.places.is_empty(),
        }
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

    fn occupied(&self) -> impl Iterator<Item = (usize, &W)> {
        self.places.iter().enumerate().filter_map(|(place, waiter)| Some((place, waiter.as_ref()?)))
    }
}

impl<W> IntoIterator for WaiterList<W> {
    type Item = W;
    type IntoIter = core::iter::Flatten<smallvec::IntoIter<[Option<W>; 2]>>;

    fn into_iter(self) -> Self::IntoIter {
        self.places.into_iter().flatten()
    }
}
