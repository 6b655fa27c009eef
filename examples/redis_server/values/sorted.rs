//! Sorted sets: members with a score, in the order of their scores.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Indexed, Key};

/// A number that is not NaN.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Score(pub(crate) f64);

impl PartialEq for Score {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Score {}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Both zeros are equal.
impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal)
    }
}

/// A sorted set. Members with the same score are in alphabetical order.
#[derive(Clone, Default)]
pub(crate) struct Sorted {
    scores: Indexed<Score>,
    order: BTreeSet<(Score, Key)>,
}

impl Sorted {
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) const fn scores(&self) -> &Indexed<Score> {
        &self.scores
    }

    pub(crate) fn score(&self, member: &[u8]) -> Option<Score> {
        self.scores.get(member).copied()
    }

    pub(crate) fn insert(&mut self, member: &[u8], score: Score) {
        let score = Score(score.0 + 0.0); // there is no -0
        let key = match self.remove(member) {
            Some((key, _)) => key,
            None => Key::from(member),
        };
        self.scores.insert(Rc::clone(&key), score);
        self.order.insert((score, key));
    }

    pub(crate) fn remove(&mut self, member: &[u8]) -> Option<(Key, Score)> {
        let (key, score) = self.scores.remove(member)?;
        let order = (score, key);
        self.order.remove(&order);
        Some((order.1, score))
    }

    /// From the lowest score to the highest.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &(Score, Key)> {
        self.order.iter()
    }

    /// From the lowest score that is not less than `score`.
    pub(crate) fn from(&self, score: Score) -> impl DoubleEndedIterator<Item = &(Score, Key)> {
        self.order.range((score, Key::default())..)
    }

    /// Removes the first member or the last one.
    pub(crate) fn pop(&mut self, is_last: bool) -> Option<(Score, Key)> {
        let popped = if is_last { self.order.pop_last() } else { self.order.pop_first() }?;
        self.scores.remove(&popped.1);
        Some(popped)
    }

    /// The number of members before this one.
    pub(crate) fn rank(&self, member: &[u8]) -> Option<usize> {
        let (key, score) = (self.scores.key(member)?, self.score(member)?);
        Some(self.order.range(..(score, Rc::clone(key))).count())
    }
}
