//! `WaiterList`: the waiters of one future or stream, in the order of arrival.
//!
//! A waiter may be removed at any time. An object with very many waiters may lose all of them one by one, in any order.
//! Searching the list and closing the gap for each of them would take quadratic time. So a long list builds an index
//! when the first waiter is removed, and leaves gaps open until half of the list is gaps. Short lists do without an
//! index, and so do lists whose waiters are only ever woken.
use std::collections::HashMap;
use std::rc::Rc;

use smallvec::SmallVec;

use super::CallbackId;
use super::contracts::Waiter;

/// A list of up to this many waiters is searched from the front, without an index.
const SHORT: usize = 32;

pub(crate) struct WaiterList<W> {
    /// The waiters. A `None` is a gap; there are gaps only if there is an index.
    places: SmallVec<[Option<W>; 2]>,
    index: Option<Box<Index>>,
    /// The id of the next callback. The list lives as long as the future is pending, so no id is used twice.
    next_id: u32,
}

/// The position of each waiter in a long list.
type Index = HashMap<Key, usize>;

/// The identity of a waiter among the others in its list.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// A task, by its address. A task waits for one object at a time, so it is listed once.
    Task(*const ()),
    Callback(CallbackId),
}

/// A waiter that can be found in a list.
pub(crate) trait Keyed {
    fn key(&self) -> Key;
}

impl Keyed for Rc<dyn Waiter> {
    fn key(&self) -> Key {
        Key::Task(Self::as_ptr(self).cast())
    }
}

impl<W: Keyed> WaiterList<W> {
    /// A list with one waiter, or an empty list for `None`.
    pub(crate) fn new(first: Option<W>) -> Self {
        Self { places: first.map(Some).into_iter().collect(), index: None, next_id: 0 }
    }

    /// Adds a waiter, and returns the id under which a callback is known. `waiter` receives that id.
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

    /// Removes a waiter and returns it. Returns `None` if it is not in the list.
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

    /// Closes all gaps. The remaining list may be short enough to do without an index.
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
