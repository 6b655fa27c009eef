//! Maps with an order: one of the keys can be picked at random, and all can be visited in parts.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::rc::Rc;

use super::Key;

/// A map whose keys are numbered. When one is removed, the last one gets its number.
#[derive(Clone)]
pub(crate) struct Indexed<V> {
    places: HashMap<Key, (usize, V)>,
    keys: Vec<Key>,
}

impl<V> Default for Indexed<V> {
    fn default() -> Self {
        Self { places: HashMap::new(), keys: Vec::new() }
    }
}

impl<V> Indexed<V> {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<&V> {
        self.places.get(key).map(|(_, value)| value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        self.places.get_mut(key).map(|(_, value)| value)
    }

    /// The map's own copy of a key.
    pub(crate) fn key(&self, key: &[u8]) -> Option<&Key> {
        self.places.get(key).map(|(place, _)| &self.keys[*place])
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.places.contains_key(key)
    }

    /// Returns the former value.
    pub(crate) fn insert(&mut self, key: Key, value: V) -> Option<V> {
        if let Some(there) = self.get_mut(&key) {
            return Some(std::mem::replace(there, value));
        }
        self.add(key, value);
        None
    }

    /// Adds a key that is not there.
    pub(crate) fn add(&mut self, key: Key, value: V) -> &mut V {
        let place = self.keys.len();
        self.keys.push(Rc::clone(&key));
        &mut self.places.entry(key).insert_entry((place, value)).into_mut().1
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<(Key, V)> {
        let (key, (place, value)) = self.places.remove_entry(key)?;
        self.keys.swap_remove(place);
        if let Some(moved) = self.keys.get(place)
            && let Some((moved, _)) = self.places.get_mut(moved)
        {
            *moved = place;
        }
        Some((key, value))
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Key, &V)> {
        self.keys.iter().filter_map(|key| Some((key, self.get(key)?)))
    }

    /// Some key.
    pub(crate) fn random(&self) -> Option<&Key> {
        self.keys.get(random_below(self.len())?)
    }

    /// `count` keys, and from where to go on. Begins from 0, and has visited all keys when it returns 0.
    ///
    /// Goes from the last key to the first. So a key that gets another number because one is removed has been visited, and
    /// none is left out.
    pub(crate) fn part(&self, cursor: u64, count: usize) -> (u64, impl Iterator<Item = &Key>) {
        let end = match usize::try_from(cursor) {
            Ok(cursor @ 1..) => cursor.min(self.len()),
            _ => self.len(),
        };
        let start = end.saturating_sub(count);
        (start as u64, self.keys[start..end].iter().rev())
    }
}

/// A random number. `None` if there is none below `limit`.
pub(crate) fn random_below(limit: usize) -> Option<usize> {
    // Each state has keys of its own.
    let random = RandomState::new().hash_one(limit) as usize;
    random.checked_rem(limit)
}
