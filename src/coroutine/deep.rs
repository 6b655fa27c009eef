//! Drops and prints structures that the user nests, without recursion of the same depth.
//!
//! An exception holds an error, which may hold exceptions, and so on. A future holds callbacks, or a result, which may hold
//! futures; a queue holds items, a context holds values. Dropping such a chain by recursion would overflow the stack. So
//! our objects drop the user's values by [`drop_flat`], and exceptions and generators are printed in a [`Printing`]. Each
//! counts, for its thread, how deep it is. Beyond [`DEEPEST`], a value waits until the outermost drop is over, and a print
//! is cut. Without the event loop's thread-locals there is no place to count, and each drop calls the next.
//!
//! A value that waits is kept in the thread, so it must not borrow. A `SharedGenerator` whose coroutine borrows is dropped
//! by recursion.

#[cfg(feature = "std")]
pub(crate) use self::counted::{Printing, drop_flat, is_deep, replace_flat};
#[cfg(not(feature = "std"))]
pub(crate) use self::uncounted::{Printing, drop_flat, replace_flat};

/// How deep recursion goes: little enough for a stack of 128 KiB.
#[cfg(feature = "std")]
const DEEPEST: usize = 16;

/// How many exceptions and generators are printed as a part of one.
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

    /// How many generators are printed one inside another. Each is quoted in the one around it, which doubles the
    /// backslashes.
    const DEEPEST_QUOTED: usize = 4;

    std::thread_local! {
        static DROPS: Cell<usize> = const { Cell::new(0) };
        /// What waits until the outermost drop is over.
        static WAITING: RefCell<Vec<Box<dyn Held>>> = const { RefCell::new(Vec::new()) };
        static PRINTS: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    }

    trait Held {}

    impl<T> Held for T {}

    /// Drops `value`, now or, far down in the drop of something else, when that is over. What panics when it is dropped
    /// later does not keep the rest from being dropped; the first panic goes on from the outermost drop.
    #[inline]
    pub(crate) fn drop_flat<T: 'static>(value: T) {
        if mem::needs_drop::<T>() {
            if is_deep() { postpone(value) } else { drop_counted(value) }
        }
    }

    /// Puts `next` in the place of a value and drops that value as [`drop_flat`] does. A coroutine may be large, so it is
    /// dropped where it is unless it has to wait.
    #[inline(never)]
    pub(crate) fn replace_flat<T: 'static>(place: &mut T, next: T) {
        let is_deep = is_deep();
        let _dropping = Dropping::begin();
        // While a panic unwinds, a second one from this value would abort the process. A value that waits cannot do that.
        if is_deep || std::thread::panicking() {
            postpone(mem::replace(place, next));
        } else {
            *place = next;
        }
    }

    /// Whether what is dropped now by [`drop_flat`] is dropped later.
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
        // Where the thread is about to end, nobody would drop it later: it is dropped here.
        let _ = WAITING.try_with(|waiting| waiting.borrow_mut().push(Box::new(value.take())));
    }

    /// A drop that is going on, also while it unwinds.
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
            // What it drops in turn is counted from here, and may be waiting next.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                // Any other is leaked: to drop it may panic as well.
                mem::forget(if first.is_none() { first.replace(panic) } else { Some(panic) });
            }
        }
        // The list itself is not kept either. Dropped outside of the borrow, and empty.
        drop(WAITING.try_with(RefCell::take));
        if let Some(panic) = first {
            DROPS.set(0);
            // Where one unwinds already, a second would end the process.
            if std::thread::panicking() { mem::forget(panic) } else { resume_unwind(panic) }
        }
    }

    /// An exception or a generator that is being printed, and how many others it is a part of.
    pub(crate) struct Printing(());

    impl Printing {
        /// `None` where enough is printed already.
        pub(crate) fn begin() -> Option<Self> {
            Self::above(DEEPEST)
        }

        /// For a generator, whose frames are printed as quoted strings. `None` where enough is printed already.
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

        /// Whether another would be printed.
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
