//! What has come and is not read yet.

use core::mem;

use super::separators::{Match, Separators, Sought, find};
use crate::event_loop::smaller;

/// Bytes that are added at the end and taken from the front. Empty, they hold no memory.
#[derive(Default)]
pub(super) struct Bytes {
    memory: Vec<u8>,
    /// Up to here it is read.
    start: usize,
    /// Up to here, from `start`, no match of `sought` ends.
    searched: usize,
    sought: Sought,
}

impl Bytes {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.memory.len() - self.start
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn extend(&mut self, data: &[u8]) {
        if self.memory.capacity() == 0 {
            self.memory = data.to_vec();
            return;
        }
        // To move what is left costs no more than it has cost to read what stood before it.
        if self.start >= self.len() && self.memory.capacity() - self.memory.len() < data.len() {
            self.memory.drain(..mem::take(&mut self.start));
        }
        self.memory.extend_from_slice(data);
    }

    /// The first `count` bytes, or all there are. All of them leave with the memory that they came to.
    pub(super) fn take(&mut self, count: usize) -> Vec<u8> {
        self.searched = 0;
        if count >= self.len() && self.start == 0 && self.memory.len() >= self.memory.capacity() / 4 {
            return mem::take(&mut self.memory);
        }
        let end = self.start + count.min(self.len());
        let taken = self.memory[self.start..end].to_vec();
        self.start = end;
        if self.is_empty() {
            self.clear();
        }
        taken
    }

    /// Gives back what the bytes do not need, because they may have to wait for long.
    #[inline]
    pub(super) fn about_to_wait(&mut self) {
        if let Some(size) = smaller(self.memory.capacity(), self.len())
            && !self.is_empty()
        {
            self.memory.drain(..mem::take(&mut self.start));
            self.memory.shrink_to(size);
        }
    }

    pub(super) fn clear(&mut self) {
        self.memory = Vec::new();
        self.start = 0;
        self.searched = 0;
    }

    /// The first match, or how many bytes belong to none, whatever comes. The next search for the same goes on where this
    /// one has ended.
    pub(super) fn search<S: Separators + ?Sized>(&mut self, separators: &S) -> Result<Match, usize> {
        if !self.sought.is(separators) {
            self.sought = Sought::new(separators);
            self.searched = 0;
        }
        let bytes = &self.memory[self.start..];
        match find(bytes, separators, self.searched) {
            Some(found) => Ok(found),
            None => {
                self.searched = bytes.len();
                Err((bytes.len() + 1).saturating_sub(self.sought.longest))
            }
        }
    }
}
