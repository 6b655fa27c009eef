//! Memory to read into: one piece that the loop keeps between two reads.

use core::cell::Cell;
use std::boxed::Box;
use std::vec;

/// How much a read can bring at once.
pub(crate) const MEMORY: usize = 64 * 1024;

/// Memory to read into. One pointer: it moves to whoever holds the bytes, and back.
pub(crate) type Memory<const SIZE: usize = MEMORY> = Box<[u8; SIZE]>;

/// A piece of memory that nobody needs at the moment.
#[derive(Default)]
pub(crate) struct SpareMemory<const SIZE: usize = MEMORY>(Cell<Option<Memory<SIZE>>>);

impl<const SIZE: usize> SpareMemory<SIZE> {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(None))
    }

    #[inline]
    pub(crate) fn take(&self) -> Memory<SIZE> {
        self.0.take().unwrap_or_else(allocate)
    }

    /// Keeps one piece; whatever comes beside it is freed.
    #[inline]
    pub(crate) fn give(&self, memory: Memory<SIZE>) {
        drop(self.0.replace(Some(memory)));
    }
}

#[cold]
fn allocate<const SIZE: usize>() -> Memory<SIZE> {
    // By way of a vector: an array would be made on the stack first.
    vec![0; SIZE].into_boxed_slice().try_into().expect("it has the length of the array")
}
