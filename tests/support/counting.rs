//! An allocator that counts, before the system's. It counts per thread, so that tests that run beside one another do not
//! see each other. To stand there it must be `unsafe`; it hands on what it is given.

#![allow(unsafe_code)]
#![allow(dead_code, reason = "each program of tests uses its part")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    pub(crate) static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    pub(crate) static FREED: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
    static LARGE: Cell<usize> = const { Cell::new(0) };
}

/// As large as the pieces that a loop has for reads.
const PIECE: usize = 64 * 1024;

fn count_large(size: usize) {
    LARGE.set(LARGE.get() + usize::from(size >= PIECE));
}

// SAFETY: every call goes to the system's allocator as it came. Counting touches thread-locals that are initialised at
// compile time and have no destructor, so it neither allocates nor runs code of others.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        BYTES.set(BYTES.get().wrapping_add(layout.size()));
        count_large(layout.size());
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        FREED.set(FREED.get() + 1);
        BYTES.set(BYTES.get().wrapping_add(size).wrapping_sub(layout.size()));
        count_large(size);
        // SAFETY: the caller's promises about all three are handed on; `pointer` came from `System`, as all do here.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        FREED.set(FREED.get() + 1);
        BYTES.set(BYTES.get().wrapping_sub(layout.size()));
        // SAFETY: the caller's promises about both are handed on; `pointer` came from `System`, as all do here.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many allocations `f` makes.
pub(crate) fn allocations<R>(f: impl FnOnce() -> R) -> (usize, R) {
    let before = ALLOCATIONS.get();
    let result = f();
    (ALLOCATIONS.get() - before, result)
}

/// How many allocations of this thread are alive, less those of others that it has freed.
pub(crate) fn alive() -> isize {
    ALLOCATIONS.get().cast_signed() - FREED.get().cast_signed()
}

/// How many bytes of this thread are alive, less those of others that it has freed.
pub(crate) fn bytes() -> usize {
    BYTES.get()
}

/// How many allocations of 64 KiB or more this thread has made.
pub(crate) fn large() -> usize {
    LARGE.get()
}
