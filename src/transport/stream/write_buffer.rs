//! What a transport was given to write and the kernel has not taken yet.

use core::cell::Cell;
use std::collections::VecDeque;

use crate::event_loop::{MEMORY, Memory, SpareMemory};

/// Bytes to be written, in two parts.
///
/// Small writes of a turn are *gathered*, in memory of the loop's, and tried together. What the kernel refuses is the
/// *backlog*: it may stay for long, so it has memory of its own size, and the loop gets its memory back. While there is
/// a backlog, nothing is gathered: that would only wait behind it.
///
/// Either is taken out to be written, and what is left put back: nothing is borrowed meanwhile.
#[derive(Default)]
pub(in crate::transport) struct WriteBuffer {
    gathered: Cell<Option<Memory>>,
    gathered_len: Cell<usize>,
    backlog: Cell<VecDeque<u8>>,
    backlog_len: Cell<usize>,
}

impl WriteBuffer {
    #[inline]
    pub(in crate::transport) fn len(&self) -> usize {
        self.backlog_len.get() + self.gathered_len.get()
    }

    #[inline]
    pub(in crate::transport) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(in crate::transport) fn has_backlog(&self) -> bool {
        self.backlog_len.get() > 0
    }

    #[inline]
    pub(in crate::transport) fn has_gathered(&self) -> bool {
        self.gathered_len.get() > 0
    }

    /// Adds to what is gathered; `false` where there is no room for that.
    #[inline]
    pub(in crate::transport) fn gather(&self, data: &[u8], spare: &SpareMemory) -> bool {
        let start = self.gathered_len.get();
        let end = start + data.len();
        if end > MEMORY {
            return false;
        }
        let mut memory = self.gathered.take().unwrap_or_else(|| spare.take());
        memory[start..end].copy_from_slice(data);
        self.gathered.set(Some(memory));
        self.gathered_len.set(end);
        true
    }

    /// What is gathered, in the first bytes of the memory: how many they are.
    #[inline]
    pub(in crate::transport) fn take_gathered(&self) -> Option<(Memory, usize)> {
        Some((self.gathered.take()?, self.gathered_len.take()))
    }

    /// Adds to the backlog.
    pub(in crate::transport) fn append(&self, data: &[u8]) {
        let mut backlog = self.take_backlog();
        backlog.extend(data);
        self.put_backlog(backlog);
    }

    pub(in crate::transport) fn take_backlog(&self) -> VecDeque<u8> {
        self.backlog_len.set(0);
        self.backlog.take()
    }

    /// What was written while it was out, by a selector of the user's, is behind it. A backlog is rare: its memory does not
    /// wait for the next.
    pub(in crate::transport) fn put_backlog(&self, mut backlog: VecDeque<u8>) {
        backlog.extend(self.backlog.take());
        self.backlog_len.set(backlog.len());
        self.backlog.set(if backlog.is_empty() { VecDeque::new() } else { backlog });
    }

    pub(in crate::transport) fn clear(&self) {
        drop((self.take_gathered(), self.take_backlog()));
    }
}
