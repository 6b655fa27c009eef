//! Memory to read into: a few pieces that the loop keeps between two reads.
//!
//! A server that answers holds two pieces at once, one for the request and one for the answer, so one spare piece is not
//! enough: the second would be allocated and zeroed for each request.

use core::cell::Cell;
use std::boxed::Box;
use std::vec;

/// How much a read can bring at once.
pub(crate) const MEMORY: usize = 64 * 1024;

/// Memory to read into. One pointer: it moves to whoever holds the bytes, and back.
pub(crate) type Memory<const SIZE: usize = MEMORY> = Box<[u8; SIZE]>;

/// Pieces of memory that nobody needs at the moment. The first `count` places are taken.
#[derive(Default)]
pub(crate) struct SpareMemory<const SIZE: usize = MEMORY> {
    count: Cell<usize>,
    pieces: [Cell<Option<Memory<SIZE>>>; KEPT],
}

/// How many pieces are kept. Each is in the cache only if it was used a moment ago, so more would not be faster.
const KEPT: usize = 8;

impl<const SIZE: usize> SpareMemory<SIZE> {
    pub(crate) const fn new() -> Self {
        Self { count: Cell::new(0), pieces: [const { Cell::new(None) }; KEPT] }
    }

    /// The piece that was given back last, or a new one.
    #[inline]
    pub(crate) fn take(&self) -> Memory<SIZE> {
        let last = self.count.get().wrapping_sub(1);
        match self.pieces.get(last).and_then(Cell::take) {
            Some(memory) => {
                self.count.set(last);
                memory
            }
            None => allocate(),
        }
    }

    /// Keeps a piece for the next read. Where there are enough, it is freed.
    #[inline]
    pub(crate) fn give(&self, memory: Memory<SIZE>) {
        let count = self.count.get();
        match self.pieces.get(count) {
            Some(place) => {
                place.set(Some(memory));
                self.count.set(count + 1);
            }
            None => drop(memory),
        }
    }
}

/// The size to which memory of `size` bytes is to shrink that holds `len` bytes and may have to wait for long; `None` where
/// it is small enough. With room for a few more, so that bytes that come one by one are not all moved each time. What is
/// larger than a piece grows by doubling, and stays as it is unless most of it is unused.
pub(crate) fn smaller(size: usize, len: usize) -> Option<usize> {
    let enough = if len < MEMORY { len + len / 64 + SLACK / 4 } else { 2 * len };
    (size > enough + SLACK).then_some(enough)
}

/// How many bytes may be unused, and a little more.
const SLACK: usize = 1024;

#[cold]
fn allocate<const SIZE: usize>() -> Memory<SIZE> {
    // By way of a vector: an array would be made on the stack first.
    vec![0; SIZE].into_boxed_slice().try_into().expect("it has the length of the array")
}
