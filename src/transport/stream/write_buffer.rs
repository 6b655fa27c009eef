//! [`WriteBuffer`]: bytes that a transport has been given to write and the kernel has not accepted yet.

use core::cell::Cell;
use std::collections::VecDeque;

use crate::event_loop::{MEMORY, Memory, SpareMemory};

/// Bytes to be written, in two parts.
///
/// Small writes of a turn are *gathered* in memory of the loop, and tried together. Bytes that the kernel refuses form the
/// *backlog*. They may stay for long, so they get memory of their own size, and the loop's memory is returned. While there
/// is a backlog, nothing is gathered, because it would have to wait behind it.
///
/// To write a part, it is taken out, and the rest is put back. Nothing is borrowed in between.
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

    /// Gathers `data`. Returns `false` if there is no room.
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

    /// Takes out the gathered bytes: the memory that starts with them, and their number.
    #[inline]
    pub(in crate::transport) fn take_gathered(&self) -> Option<(Memory, usize)> {
        Some((self.gathered.take()?, self.gathered_len.take()))
    }

    /// Appends `data` to the backlog.
    pub(in crate::transport) fn append(&self, data: &[u8]) {
        let mut backlog = self.take_backlog();
        backlog.extend(data);
        self.put_backlog(backlog);
    }

    pub(in crate::transport) fn take_backlog(&self) -> VecDeque<u8> {
        self.backlog_len.set(0);
        self.backlog.take()
    }

    /// Puts the backlog back, in front of bytes that a selector of the program has written meanwhile. Frees its memory if it is
    /// empty, because backlogs are rare.
    pub(in crate::transport) fn put_backlog(&self, mut backlog: VecDeque<u8>) {
        backlog.extend(self.backlog.take());
        self.backlog_len.set(backlog.len());
        self.backlog.set(if backlog.is_empty() { VecDeque::new() } else { backlog });
    }

    pub(in crate::transport) fn clear(&self) {
        drop((self.take_gathered(), self.take_backlog()));
    }
}
