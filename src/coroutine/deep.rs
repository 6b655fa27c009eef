//! Dropping and printing nested structures without recursion of the same depth.
//!
//! An exception holds an error, which may hold exceptions, and so on. A future holds callbacks or a result, which may hold
//! futures; a queue holds items; a context holds values. Dropping a long chain of these by recursion would overflow the
//! stack. So the library drops users' values with [`drop_flat`], and prints exceptions and generators inside a
//! [`Printing`]. Both count how deep the current thread is. Beyond [`DEEPEST`], a value waits until the outermost drop is
//! over, and printing stops. Without `std` there are no thread-local variables to count in, and each drop calls the next.
//!
//! A waiting value is kept in a thread-local variable, so it must be `'static`. A `SharedGenerator` whose coroutine borrows
//! is dropped by recursion.

#[cfg(feature = "std")]
pub(crate) use self::counted::{Printing, drop_flat, is_deep, replace_flat};
#[cfg(not(feature = "std"))]
pub(crate) use self::uncounted::{Printing, drop_flat, replace_flat};

/// The greatest depth of recursion: small enough for a stack of 128 KiB.
#[cfg(feature = "std")]
const DEEPEST: usize = 16;

/// The greatest number of exceptions and generators printed inside one.
#[cfg(feature = "std")]
const MOST: usize = 1000;

#[cfg(feature = "std")]
mod counted {
    use alloc::boxed::Box;
    use alloc::vec::Vec;
    use core::cell::{Cell, RefCell};
    use core::mem;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use super::{DEEPEST, MOST};

    /// The greatest depth of generators printed inside each other. Each level quotes the one inside, which doubles the
    /// backslashes.
    const DEEPEST_QUOTED: usize = 4;

    std::thread_local! {
        static DROPS: Cell<usize> = const { Cell::new(0) };
        /// The values that wait until the outermost drop is over.
        static WAITING: RefCell<Vec<Box<dyn Held>>> = const { RefCell::new(Vec::new()) };
        static PRINTS: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    }

    trait Held {}

    impl<T> Held for T {}

    /// Drops `value` at once, or after the outermost drop if this one is nested too deeply. If a value that was put off
    /// panics, the others are dropped all the same, and the first panic continues from the outermost drop.
    #[inline]
    pub(crate) fn drop_flat<T: 'static>(value: T) {
        if mem::needs_drop::<T>() {
            if is_deep() { postpone(value) } else { drop_counted(value) }
        }
    }

    /// Replaces the value in `place` by `next`, and drops the old value as [`drop_flat`] does. A coroutine may be
    /// large, so it is dropped in place unless it has to wait.
    #[inline(never)]
    pub(crate) fn replace_flat<T: 'static>(place: &mut T, next: T) {
        let is_deep = is_deep();
        let _dropping = Dropping::begin();
        // While a panic unwinds, a second one from this value would abort the process. A value that waits is dropped
        // inside `catch_unwind`.
        if is_deep || std::thread::panicking() {
            postpone(mem::replace(place, next));
        } else {
            *place = next;
        }
    }

    /// Returns `true` if [`drop_flat`] would postpone a drop now.
    pub(crate) fn is_deep() -> bool {
        DROPS.get() >= DEEPEST
    }

    #[inline(never)]
    fn drop_counted<T>(value: T) {
        let _dropping = Dropping::begin();
        drop(value);
    }

    #[cold]
    fn postpone<T: 'static>(value: T) {
        let mut value = Some(value);
        // Fails only while the thread ends, when nobody would drop the value later. The value is then dropped here.
        let _ = WAITING.try_with(|waiting| waiting.borrow_mut().push(Box::new(value.take())));
    }

    /// Counts a drop in progress. A guard, so that a panic ends it too.
    struct Dropping;

    impl Dropping {
        fn begin() -> Self {
            DROPS.set(DROPS.get() + 1);
            Self
        }
    }

    impl Drop for Dropping {
        fn drop(&mut self) {
            let depth = DROPS.get() - 1;
            if depth == 0 && WAITING.try_with(|waiting| !waiting.borrow().is_empty()).unwrap_or(false) {
                drop_waiting();
            }
            DROPS.set(depth);
        }
    }

    #[cold]
    #[inline(never)]
    fn drop_waiting() {
        let mut first = None;
        while let Ok(Some(value)) = WAITING.try_with(|waiting| waiting.borrow_mut().pop()) {
            // Values inside are counted from here, and may have to wait in turn.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                // All other panics are leaked, since dropping one may panic as well.
                mem::forget(if first.is_none() { first.replace(panic) } else { Some(panic) });
            }
        }
        // Frees the list, which is empty, outside of the borrow.
        drop(WAITING.try_with(RefCell::take));
        if let Some(panic) = first {
            DROPS.set(0);
            // If a panic is unwinding already, a second one would abort the process.
            if std::thread::panicking() { mem::forget(panic) } else { resume_unwind(panic) }
        }
    }

    /// Counts an exception or a generator that is being printed.
    pub(crate) struct Printing(());

    impl Printing {
        /// Returns `None` if enough has been printed already.
        pub(crate) fn begin() -> Option<Self> {
            Self::above(DEEPEST)
        }

        /// Begins to print a driver, whose frames are printed as quoted strings. Returns `None` if enough has been
        /// printed already.
        pub(crate) fn begin_quoted() -> Option<Self> {
            Self::above(DEEPEST_QUOTED)
        }

        fn above(deepest: usize) -> Option<Self> {
            let (depth, count) = PRINTS.get();
            if depth >= deepest || count >= MOST {
                return None;
            }
            PRINTS.set((depth + 1, count + 1));
            Some(Self(()))
        }

        /// Returns `true` if another exception or generator would be printed.
        pub(crate) fn has_room() -> bool {
            let (depth, count) = PRINTS.get();
            depth < DEEPEST && count < MOST
        }
    }

    impl Drop for Printing {
        fn drop(&mut self) {
            PRINTS.set(match PRINTS.get() {
                (1, _) => (0, 0),
                (depth, count) => (depth - 1, count),
            });
        }
    }
}

#[cfg(not(feature = "std"))]
mod uncounted {
    pub(crate) fn drop_flat<T>(value: T) {
        drop(value);
    }

    pub(crate) fn replace_flat<T>(place: &mut T, next: T) {
        *place = next;
    }

    pub(crate) struct Printing;

    impl Printing {
        pub(crate) const fn begin() -> Option<Self> {
            Some(Self)
        }

        pub(crate) const fn begin_quoted() -> Option<Self> {
            Some(Self)
        }
    }
}
