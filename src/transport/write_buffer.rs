//! What a transport was given to write and the kernel has not taken yet.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::event_loop::{MEMORY, Memory, SpareMemory};

/// Bytes to be written, in two parts.
///
/// Small writes of a turn are *gathered*, in memory of the loop's, and tried together. What the kernel refuses is the
/// *backlog*: it may stay for long, so it has memory of its own size, and the loop gets its memory back. While there is
/// a backlog, nothing is gathered: that would only wait behind it.
#[derive(Default)]
pub(super) struct WriteBuffer {
    gathered: Option<Memory>,
    gathered_len: usize,
    backlog: VecDeque<u8>,
}

impl WriteBuffer {
    pub(super) fn len(&self) -> usize {
        self.backlog.len() + self.gathered_len
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.gathered_len == 0 && self.backlog.is_empty()
    }

    #[inline]
    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    #[inline]
    pub(super) fn has_gathered(&self) -> bool {
        self.gathered_len > 0
    }

    /// Adds to what is gathered; `false` where there is no room for that.
    #[inline]
    pub(super) fn gather(&mut self, data: &[u8], spare: &SpareMemory) -> bool {
        let end = self.gathered_len + data.len();
        if end > MEMORY {
            return false;
        }
        let memory = self.gathered.get_or_insert_with(|| spare.take());
        memory[self.gathered_len..end].copy_from_slice(data);
        self.gathered_len = end;
        true
    }

    /// All there is, and `more` behind it, to be written; gives `function` no empty slice unless all are empty.
    #[inline]
    pub(super) fn with_slices<R>(&self, more: &[u8], function: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let gathered = self.gathered.as_ref().map_or(&[][..], |memory| &memory[..self.gathered_len]);
        if self.backlog.is_empty() && (gathered.is_empty() || more.is_empty()) {
            return function(&[IoSlice::new(if more.is_empty() { gathered } else { more })]);
        }
        let (first, second) = self.backlog.as_slices();
        let mut slices = [IoSlice::new(&[]); 4];
        let mut count = 0;
        for slice in [first, second, gathered, more] {
            if !slice.is_empty() {
                slices[count] = IoSlice::new(slice);
                count += 1;
            }
        }
        function(&slices[..count])
    }

    /// So many bytes were written, of all and of `more`: keeps the rest, as backlog. `false` if there is none.
    #[inline]
    pub(super) fn written(&mut self, count: usize, more: &[u8], spare: &SpareMemory) -> bool {
        if count < self.len() + more.len() {
            self.keep(count, more);
        } else if !self.backlog.is_empty() {
            // A backlog is rare: its memory does not wait for the next.
            self.backlog = VecDeque::new();
        }
        self.gathered_len = 0;
        if let Some(memory) = self.gathered.take() {
            spare.give(memory);
        }
        !self.backlog.is_empty()
    }

    #[cold]
    fn keep(&mut self, count: usize, more: &[u8]) {
        let of_backlog = count.min(self.backlog.len());
        let of_gathered = (count - of_backlog).min(self.gathered_len);
        let of_more = count - of_backlog - of_gathered;
        self.backlog.drain(..of_backlog);
        if let Some(memory) = &self.gathered {
            self.backlog.extend(&memory[of_gathered..self.gathered_len]);
        }
        self.backlog.extend(&more[of_more..]);
    }

    pub(super) fn append(&mut self, data: &[u8]) {
        self.backlog.extend(data);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
