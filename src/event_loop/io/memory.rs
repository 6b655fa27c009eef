//! Memory to read into: a few pieces that the loop keeps between two reads.
//!
//! A server that answers holds two pieces at once, one for the request and one for the answer, so one spare piece is not
//! enough: the second would be allocated and zeroed for each request.

use core::cell::Cell;

/// How much a read can bring at once.
pub(crate) const MEMORY: usize = 64 * 1024;

/// Memory to read into. One pointer: it moves to whoever holds the bytes, and back.
pub(crate) type Memory<const SIZE: usize = MEMORY> = Box<[u8; SIZE]>;

/// Pieces of memory that nobody needs at the moment. Who needs one at a time finds it in the first place, without a look at
/// the others.
#[derive(Default)]
pub(crate) struct SpareMemory<const SIZE: usize = MEMORY> {
    first: Cell<Option<Memory<SIZE>>>,
    others: [Cell<Option<Memory<SIZE>>>; KEPT - 1],
}

/// How many pieces are kept. Each is in the cache only if it was used a moment ago, so more would not be faster.
const KEPT: usize = 8;

impl<const SIZE: usize> SpareMemory<SIZE> {
    pub(crate) const fn new() -> Self {
        Self { first: Cell::new(None), others: [const { Cell::new(None) }; KEPT - 1] }
    }

    /// A piece that was given back, or a new one.
    #[inline]
    pub(crate) fn take(&self) -> Memory<SIZE> {
        self.first.take().unwrap_or_else(|| self.take_another())
    }

    /// Keeps a piece for the next read. Where there are enough, it is freed.
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
            // An empty place takes it, and gives nothing in exchange.
            left = place.replace(left);
            if left.is_none() {
                return;
            }
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
