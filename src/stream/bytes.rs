//! [`Bytes`]: bytes that have arrived and not been read.

use core::mem;

use super::separators::{Match, Separators, Sought, find};
use crate::event_loop::smaller;

/// Bytes that are added at the end and removed from the front. Holds no memory while it is empty.
#[derive(Default)]
pub(super) struct Bytes {
    memory: Vec<u8>,
    /// Everything before this has been read.
    start: usize,
    /// No match of `sought` ends in this many bytes after `start`.
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
        // Moving the rest costs no more than reading the bytes before it did.
        if self.start >= self.len() && self.memory.capacity() - self.memory.len() < data.len() {
            self.memory.drain(..mem::take(&mut self.start));
        }
        self.memory.extend_from_slice(data);
    }

    /// Removes the first `count` bytes, or all if there are fewer. All of them leave in their own memory, without a copy.
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

    /// Removes bytes from the front, as many as fit, and copies them. Returns how many.
    pub(super) fn copy_to(&mut self, room: &mut [u8]) -> usize {
        self.searched = 0;
        let count = room.len().min(self.len());
        let end = self.start + count;
        room[..count].copy_from_slice(&self.memory[self.start..end]);
        self.start = end;
        if self.is_empty() {
            self.clear();
        }
        count
    }

    /// Frees unused memory, because the bytes may have to wait for long.
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

    /// The first match, or the number of bytes that cannot belong to one, whatever arrives. The next search for the same
    /// separators continues where this one ended.
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
