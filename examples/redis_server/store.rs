//! The data: keys and their values, with times of expiry. No I/O, and no clock: the user of a store tells it the time.
//!
//! An expired key counts as gone at once, because every access checks its time first. Its memory is freed by that access,
//! or by [`Store::remove_due`], which does a limited amount of work. The keys with a time are also in an ordered set, so
//! that the next one to expire is known.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::mem;
use std::rc::Rc;

pub(crate) use super::values::{End, Key, List, Refusal, Time, Value};

const WRONG_TYPE: Refusal = Refusal::Borrowed("WRONGTYPE Operation against a key holding the wrong kind of value");

/// A database.
#[derive(Default)]
pub(crate) struct Store {
    entries: HashMap<Key, Entry>,
    deadlines: BTreeSet<(Time, Key)>,
    /// The first of the deadlines, if there is one.
    next_deadline: Option<Time>,
    now: Time,
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

impl Store {
    pub(crate) const fn now(&self) -> Time {
        self.now
    }

    /// Tells the time. It never goes back.
    #[inline]
    pub(crate) const fn set_now(&mut self, now: Time) {
        self.now = now;
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
            Some(Value::List(_)) => Err(WRONG_TYPE),
        }
    }

    pub(crate) fn list(&mut self, key: &[u8]) -> Result<Option<&List>, Refusal> {
        match self.entry(key).map(|entry| &entry.value) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(list)),
            Some(Value::Text(_)) => Err(WRONG_TYPE),
        }
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
        self.remove_if_due(key);
        let (returned, is_empty) = match self.entries.get_mut(key) {
            Some(Entry { value: Value::List(list), .. }) => (change(list), list.is_empty()),
            Some(_) => return Err(WRONG_TYPE),
            None => return Ok(None),
        };
        if is_empty {
            self.take(key);
        }
        self.touch(key);
        Ok(Some(returned))
    }

    /// Adds to a list, which is created if it does not exist. Returns its new length.
    pub(crate) fn push<'b>(
        &mut self,
        key: &[u8],
        end: End,
        items: impl Iterator<Item = &'b [u8]> + Clone,
    ) -> Result<usize, Refusal> {
        if self.waiting > 0 {
            self.filled.push_back(key.into());
        }
        let push_all = |list: &mut List| {
            items.clone().for_each(|item| end.push(list, item.into()));
            list.len()
        };
        if let Some(length) = self.change_list(key, push_all)? {
            return Ok(length);
        }
        let mut list = List::new();
        let length = push_all(&mut list);
        self.entries.insert(key.into(), Entry { value: Value::List(list), deadline: None });
        self.touch(key);
        Ok(length)
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

    fn replace(&mut self, key: &[u8], value: Value, deadline: Option<Time>) {
        self.take(key);
        self.touch(key);
        if deadline.is_some_and(|deadline| deadline <= self.now) {
            return;
        }
        let key = Key::from(key);
        self.change_deadline(&key, None, deadline);
        self.entries.insert(key, Entry { value, deadline });
    }

    /// Removes a key. Returns `false` if there was none.
    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        self.remove_if_due(key);
        let is_removed = self.take(key);
        if is_removed {
            self.touch(key);
        }
        is_removed
    }

    pub(crate) fn clear(&mut self) {
        let entries = mem::take(&mut self.entries);
        self.deadlines.clear();
        self.next_deadline = None;
        for (key, flags) in &self.watched {
            flags.iter().for_each(|flag| flag.set(flag.get() || entries.contains_key(key)));
        }
    }

    /// The time of a key that exists.
    pub(crate) fn deadline(&mut self, key: &[u8]) -> Option<Option<Time>> {
        self.entry(key).map(|entry| entry.deadline)
    }

    /// Changes the time of a key that exists. One that is due already is removed.
    pub(crate) fn set_deadline(&mut self, key: &[u8], deadline: Option<Time>) {
        let Some((key, _)) = self.entries.get_key_value(key) else { return };
        let key = Rc::clone(key);
        let Some(entry) = self.entries.get_mut(&key) else { return };
        let former = mem::replace(&mut entry.deadline, deadline);
        self.change_deadline(&key, former, deadline);
        self.touch(&key);
        self.remove_if_due(&key);
    }

    /// All keys that are not due.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        let is_due = |entry: &Entry| entry.deadline.is_some_and(|deadline| deadline <= self.now);
        self.entries.iter().filter(move |(_, entry)| !is_due(entry)).map(|(key, _)| key)
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

    fn take(&mut self, key: &[u8]) -> bool {
        let Some((key, entry)) = self.entries.remove_entry(key) else { return false };
        self.change_deadline(&key, entry.deadline, None);
        true
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
