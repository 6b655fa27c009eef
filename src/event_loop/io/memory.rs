//! `SpareMemory`: buffers to read into, of which the loop keeps a few between two reads.
//!
//! One spare buffer is not enough. A server holds two at once while it answers, one with the request and one with the
//! answer, and the second would be allocated and zeroed for each request.

use core::cell::Cell;

/// The size of a buffer, and so the most that one read can bring.
pub(crate) const MEMORY: usize = 64 * 1024;

/// A buffer to read into. It is a single pointer, which moves to whoever holds the bytes, and back.
pub(crate) type Memory<const SIZE: usize = MEMORY> = Box<[u8; SIZE]>;

/// Buffers that are not in use. A program that uses one at a time always finds it in `first`.
#[derive(Default)]
pub(crate) struct SpareMemory<const SIZE: usize = MEMORY> {
    first: Cell<Option<Memory<SIZE>>>,
    others: [Cell<Option<Memory<SIZE>>>; KEPT - 1],
}

/// The number of buffers that are kept. A buffer is in the cache only if it was used a moment ago, so keeping more
/// would not be faster.
const KEPT: usize = 8;

impl<const SIZE: usize> SpareMemory<SIZE> {
    pub(crate) const fn new() -> Self {
        Self { first: Cell::new(None), others: [const { Cell::new(None) }; KEPT - 1] }
    }

    /// Takes a buffer that was given back, or allocates a new one. Its contents are arbitrary.
    #[inline]
    pub(crate) fn take(&self) -> Memory<SIZE> {
        self.first.take().unwrap_or_else(|| self.take_another())
    }

    /// Keeps a buffer for the next read, or frees it if enough are kept.
    #[inline]
    pub(crate) fn give(&self, memory: Memory<SIZE>) {
        if let Some(former) = self.first.replace(Some(memory)) {
            self.give_another(former);
        }
    }

    #[inline(never)]
    fn take_another(&self) -> Memory<SIZE> {
        self.others.iter().find_map(Cell::take).unwrap_or_else(allocate)
    }

    #[inline(never)]
    fn give_another(&self, memory: Memory<SIZE>) {
        let mut left = Some(memory);
        for place in &self.others {
            // An empty place takes the buffer, and leaves nothing to pass on.
            left = place.replace(left);
            if left.is_none() {
                return;
            }
        }
    }
}

/// The size to which a buffer should shrink before a wait that may be long. The buffer has `size` bytes, `len` of them
/// in use. Returns `None` if it is small enough.
///
/// The new size has room for a few more bytes, so that bytes that come one by one do not move all others each time. A
/// buffer of more than [`MEMORY`] bytes grows by doubling, so it shrinks only if more than half of it is unused.
pub(crate) fn smaller(size: usize, len: usize) -> Option<usize> {
    let enough = if len < MEMORY { len + len / 64 + SLACK / 4 } else { 2 * len };
    (size > enough + SLACK).then_some(enough)
}

/// The number of unused bytes that are not worth shrinking for.
const SLACK: usize = 1024;

#[cold]
fn allocate<const SIZE: usize>() -> Memory<SIZE> {
    // A vector is allocated on the heap at once. A boxed array would be built on the stack first.
    vec![0; SIZE].into_boxed_slice().try_into().expect("it has the length of the array")
}
