//! A global allocator that counts, and leaves the work to the system's. It counts per thread, so that tests running in
//! parallel do not disturb each other. Allocators are `unsafe` to implement; this one passes every call on unchanged.

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

/// The size of the buffers that a loop reads into.
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

/// Calls `f`, and returns how many allocations this thread made meanwhile.
pub(crate) fn allocations<R>(f: impl FnOnce() -> R) -> (usize, R) {
    let before = ALLOCATIONS.get();
    let result = f();
    (ALLOCATIONS.get() - before, result)
}

/// The allocations of this thread minus the blocks it has freed, whichever thread allocated those.
pub(crate) fn alive() -> isize {
    ALLOCATIONS.get().cast_signed() - FREED.get().cast_signed()
}

/// The bytes allocated by this thread minus the bytes it has freed, whichever thread allocated those.
pub(crate) fn bytes() -> usize {
    BYTES.get()
}

/// The number of allocations of 64 KiB or more that this thread has made.
pub(crate) fn large() -> usize {
    LARGE.get()
}
