//! The data: keys and their values, with times of expiry. No I/O, and no clock: the user of a store tells it the time.
//!
//! An expired key counts as gone at once, because every access checks its time first. Its memory is freed by that access,
//! or by [`Store::remove_due`], which does a limited amount of work. The keys with a time are also in an ordered set, so
//! that the next one to expire is known.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::mem;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) use super::values::{
    Collection, End, Hash, Indexed, Key, List, Refusal, Score, Set, Sorted, Time, Value, random_below,
};

const WRONG_TYPE: Refusal = Refusal::Borrowed("WRONGTYPE Operation against a key holding the wrong kind of value");

/// A database.
#[derive(Default)]
pub(crate) struct Store {
    entries: Indexed<Entry>,
    deadlines: BTreeSet<(Time, Key)>,
    /// The first of the deadlines, if there is one.
    next_deadline: Option<Time>,
    now: Time,
    /// The milliseconds from 1970 to the zero of `now`, once somebody has asked.
    zero: Option<Time>,
    /// Keys that transactions depend on, and a flag of each such transaction: whether the key has changed.
    watched: HashMap<Key, Vec<Rc<Cell<bool>>>>,
    /// The number of clients that wait for an item.
    waiting: usize,
    /// While clients wait: the lists that have got items, in order.
    filled: VecDeque<Key>,
}

pub(crate) struct Entry {
    pub(crate) value: Value,
    deadline: Option<Time>,
}

impl Entry {
    pub(crate) const fn deadline(&self) -> Option<Time> {
        self.deadline
    }
}

impl Store {
    pub(crate) const fn now(&self) -> Time {
        self.now
    }

    /// Tells the time. It never goes back.
    #[inline]
    pub(crate) const fn set_now(&mut self, now: Time) {
        self.now = now;
    }

    /// The milliseconds from 1970 to the zero of the store's clock. They stay the same, so that a point in time that a
    /// client gives is told as the same point, also when the system's clock is set.
    pub(crate) fn zero(&mut self) -> Time {
        let since_1970 = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as Time;
        *self.zero.get_or_insert_with(|| since_1970().saturating_sub(self.now))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(crate) fn entry(&mut self, key: &[u8]) -> Option<&Entry> {
        self.remove_if_due(key);
        self.entries.get(key)
    }

    /// A string.
    #[inline]
    pub(crate) fn text(&mut self, key: &[u8]) -> Result<Option<&[u8]>, Refusal> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(WRONG_TYPE),
        }
    }

    /// A list, or another collection.
    pub(crate) fn read<C: Collection>(&mut self, key: &[u8]) -> Result<Option<&C>, Refusal> {
        self.entry(key).map(|entry| C::of(&entry.value).ok_or(WRONG_TYPE)).transpose()
    }

    /// Changes a string. If it does not exist, it is created from `initial`.
    #[inline]
    pub(crate) fn change_text<R>(
        &mut self,
        key: &[u8],
        initial: &[u8],
        change: impl FnOnce(&mut Vec<u8>) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        self.remove_if_due(key);
        let returned = match self.entries.get_mut(key) {
            Some(Entry { value: Value::Text(text), .. }) => change(text)?,
            Some(_) => return Err(WRONG_TYPE),
            None => {
                let mut text = initial.to_vec();
                let returned = change(&mut text)?;
                self.entries.insert(key.into(), Entry { value: Value::Text(text), deadline: None });
                returned
            }
        };
        self.touch(key);
        Ok(returned)
    }

    /// Changes a list, if it exists. A list that becomes empty is removed.
    pub(crate) fn change_list<R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut List) -> R,
    ) -> Result<Option<R>, Refusal> {
        self.change(key, |list| (change(list), true))
    }

    /// Changes a collection, if it exists. `change` also returns whether it did something. A collection that becomes empty is
    /// removed.
    pub(crate) fn change<C: Collection, R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut C) -> (R, bool),
    ) -> Result<Option<R>, Refusal> {
        self.remove_if_due(key);
        let Some(entry) = self.entries.get_mut(key) else { return Ok(None) };
        let collection = C::of_mut(&mut entry.value).ok_or(WRONG_TYPE)?;
        let (returned, has_changed) = change(collection);
        let is_empty = collection.len() == 0;
        self.tidy(key, is_empty, has_changed);
        Ok(Some(returned))
    }

    /// Changes a collection, which is created if it does not exist, and removed if it is empty then.
    pub(crate) fn change_or_create<C: Collection, R>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut C) -> (R, bool),
    ) -> Result<R, Refusal> {
        self.remove_if_due(key);
        let new = || Entry { value: C::default().into_value(), deadline: None };
        let entry = match self.entries.get_mut(key) {
            Some(entry) => entry,
            None => self.entries.add(key.into(), new()),
        };
        let collection = C::of_mut(&mut entry.value).ok_or(WRONG_TYPE)?;
        let (returned, has_changed) = change(collection);
        let is_empty = collection.len() == 0;
        self.tidy(key, is_empty, has_changed);
        Ok(returned)
    }

    #[inline]
    fn tidy(&mut self, key: &[u8], is_empty: bool, has_changed: bool) {
        if is_empty {
            self.take(key);
        }
        if has_changed {
            self.touch(key);
        }
    }

    /// Adds to a list, which is created if it does not exist. Returns its new length.
    pub(crate) fn push<'b>(
        &mut self,
        key: &[u8],
        end: End,
        items: impl Iterator<Item = &'b [u8]>,
    ) -> Result<usize, Refusal> {
        if self.waiting > 0 {
            self.filled.push_back(key.into());
        }
        self.change_or_create(key, |list: &mut List| {
            items.for_each(|item| end.push(list, item.into()));
            (list.len(), true)
        })
    }

    /// Puts a value in place of any other, with its time.
    #[inline]
    pub(crate) fn set(&mut self, key: &[u8], text: &[u8], deadline: Option<Time>) {
        if let Some(Entry { value: Value::Text(old), deadline: None }) = self.entries.get_mut(key)
            && deadline.is_none()
            && old.capacity() <= 2 * text.len() + 64
        {
            old.clear();
            old.extend_from_slice(text);
            return self.touch(key);
        }
        self.replace(key, Value::Text(text.into()), deadline);
    }

    /// Puts any value in place of any other.
    pub(crate) fn replace(&mut self, key: &[u8], value: Value, deadline: Option<Time>) {
        if self.waiting > 0 {
            self.filled.push_back(key.into());
        }
        self.take(key);
        self.touch(key);
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            return;
        }
        let key = Key::from(key);
        self.change_deadline(&key, None, deadline);
        self.entries.insert(key, Entry { value, deadline });
    }

    /// Removes a key. Returns what it had.
    pub(crate) fn remove(&mut self, key: &[u8]) -> Option<(Value, Option<Time>)> {
        self.remove_if_due(key);
        let Entry { value, deadline } = self.take(key)?;
        self.touch(key);
        Some((value, deadline))
    }

    pub(crate) fn clear(&mut self) {
        let entries = mem::take(&mut self.entries);
        self.deadlines.clear();
        self.next_deadline = None;
        for (key, flags) in &self.watched {
            flags.iter().for_each(|flag| flag.set(flag.get() || entries.contains(key)));
        }
    }

    /// The time of a key that exists.
    pub(crate) fn deadline(&mut self, key: &[u8]) -> Option<Option<Time>> {
        self.entry(key).map(|entry| entry.deadline)
    }

    /// Changes the time of a key that exists. One that is due already is removed.
    pub(crate) fn set_deadline(&mut self, key: &[u8], deadline: Option<Time>) {
        let Some(key) = self.entries.key(key).cloned() else { return };
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let former = mem::replace(&mut entry.deadline, deadline);
        self.change_deadline(&key, former, deadline);
        self.touch(&key);
        self.remove_if_due(&key);
    }

    /// All keys that are not due.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.entries.iter().filter(move |(_, entry)| !self.is_due(entry)).map(|(key, _)| key)
    }

    /// Some key that is not due.
    pub(crate) fn random_key(&mut self) -> Option<Key> {
        loop {
            let key = Rc::clone(self.entries.random()?);
            if self.entry(&key).is_some() {
                return Some(key);
            }
        }
    }

    /// Some of the keys that are not due, and from where to go on. See [`Indexed::part`].
    pub(crate) fn part(&self, cursor: u64, count: usize) -> (u64, impl Iterator<Item = (&Key, &Value)>) {
        let (next, keys) = self.entries.part(cursor, count);
        let entries = keys.filter_map(|key| Some((key, self.entries.get(key)?)));
        (next, entries.filter(|(_, entry)| !self.is_due(entry)).map(|(key, entry)| (key, &entry.value)))
    }

    fn is_due(&self, entry: &Entry) -> bool {
        entry.deadline.is_some_and(|deadline| deadline <= self.now)
    }

    /// Returns when the next key expires.
    #[inline]
    pub(crate) const fn next_deadline(&self) -> Option<Time> {
        self.next_deadline
    }

    /// The number of keys with a time.
    pub(crate) fn expiring(&self) -> usize {
        self.deadlines.len()
    }

    /// Removes keys that are due, `limit` of them at most.
    pub(crate) fn remove_due(&mut self, limit: usize) {
        for _ in 0..limit {
            match self.deadlines.first() {
                Some((deadline, key)) if *deadline <= self.now => {
                    let key = Rc::clone(key);
                    self.take(&key);
                    self.touch(&key);
                }
                _ => break,
            }
        }
    }

    #[inline]
    fn remove_if_due(&mut self, key: &[u8]) {
        if self.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.remove_due_key(key);
        }
    }

    #[cold]
    fn remove_due_key(&mut self, key: &[u8]) {
        if let Some(Entry { deadline: Some(deadline), .. }) = self.entries.get(key)
            && *deadline <= self.now
        {
            self.take(key);
            self.touch(key);
        }
    }

    fn take(&mut self, key: &[u8]) -> Option<Entry> {
        let (key, entry) = self.entries.remove(key)?;
        self.change_deadline(&key, entry.deadline, None);
        Some(entry)
    }

    fn change_deadline(&mut self, key: &Key, former: Option<Time>, new: Option<Time>) {
        if former.is_none() && new.is_none() {
            return;
        }
        if let Some(former) = former {
            self.deadlines.remove(&(former, Rc::clone(key)));
        }
        self.deadlines.extend(new.map(|new| (new, Rc::clone(key))));
        self.next_deadline = self.deadlines.first().map(|(deadline, _)| *deadline);
    }

    /// A key has changed: the transactions that depend on it fail.
    #[inline]
    fn touch(&mut self, key: &[u8]) {
        if !self.watched.is_empty()
            && let Some(flags) = self.watched.get(key)
        {
            flags.iter().for_each(|flag| flag.set(true));
        }
    }

    /// A client begins to wait for an item, or ends.
    pub(crate) fn count_waiting(&mut self, change: isize) {
        self.waiting = self.waiting.saturating_add_signed(change);
    }

    /// Returns a list that has got items since the last call, while clients waited.
    #[inline]
    pub(crate) fn next_filled(&mut self) -> Option<Key> {
        self.filled.pop_front()
    }

    /// Sets `flag` when the key changes, until [`unwatch`](Self::unwatch).
    pub(crate) fn watch(&mut self, key: &[u8], flag: &Rc<Cell<bool>>) {
        self.remove_if_due(key);
        self.watched.entry(key.into()).or_default().push(Rc::clone(flag));
    }

    /// The number of keys that transactions depend on.
    pub(crate) fn watched(&self) -> usize {
        self.watched.len()
    }

    pub(crate) fn unwatch(&mut self, key: &[u8], flag: &Rc<Cell<bool>>) {
        if let Some(flags) = self.watched.get_mut(key) {
            flags.retain(|other| !Rc::ptr_eq(other, flag));
            if flags.is_empty() {
                self.watched.remove(key);
            }
        }
    }
}
