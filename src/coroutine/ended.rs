//! Dropping coroutines, whose destructors may panic.
//!
//! A coroutine that has ended has an outcome, and a panic in its destructor does not change that outcome. CPython does
//! the same with an error in `__del__`. The panic goes to the thread's receiver: the loop that runs or is being closed.
//! A thread without a loop, which drives a generator by hand, has no receiver. The panic then continues to the caller,
//! like that of any other destructor.

use core::mem;

#[cfg(feature = "std")]
pub(super) use self::guarded::drop_unwinding;
#[cfg(feature = "std")]
pub(crate) use self::guarded::{Receiver, Receiving, drop_ended};

/// Runs `dropping`, which drops a coroutine that has ended.
#[cfg(not(feature = "std"))]
#[inline(always)]
pub(crate) fn drop_ended(dropping: impl FnOnce()) {
    dropping();
}

/// Runs `dropping`. Where the standard library is missing, nothing can catch a second panic.
#[cfg(not(feature = "std"))]
#[inline(always)]
pub(super) fn drop_unwinding(dropping: impl FnOnce()) {
    dropping();
}

/// Replaces a coroutine that has ended, or a value that holds one, by `next`, and then drops it.
#[inline(always)]
pub(crate) fn replace_ended<T>(place: &mut T, next: T) {
    let ended = mem::replace(place, next);
    if mem::needs_drop::<T>() {
        drop_ended(move || drop(ended));
    }
}

#[cfg(feature = "std")]
mod guarded {
    use alloc::boxed::Box;
    use alloc::rc::Rc;
    use core::any::Any;
    use core::cell::Cell;
    use core::mem::{self, ManuallyDrop};
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    std::thread_local! {
        /// Has no destructor, so that it exists until the thread is gone. [`Receiving`] leaves nothing in it.
        static RECEIVER: ManuallyDrop<Cell<Option<Rc<dyn Receiver>>>> = const { ManuallyDrop::new(Cell::new(None)) };
    }

    /// Takes panics of destructors that nobody else would handle.
    pub(crate) trait Receiver {
        fn receive(&self, panic: Box<dyn Any + Send>);
    }

    /// Makes a receiver the thread's current one. Dropping this, also by a panic, restores the previous one.
    pub(crate) struct Receiving(Option<Rc<dyn Receiver>>);

    impl Receiving {
        pub(crate) fn by(receiver: Rc<dyn Receiver>) -> Self {
            Self(swap(Some(receiver)))
        }
    }

    impl Drop for Receiving {
        fn drop(&mut self) {
            drop(swap(self.0.take()));
        }
    }

    fn swap(receiver: Option<Rc<dyn Receiver>>) -> Option<Rc<dyn Receiver>> {
        // On some systems, a thread that is ending may have no thread-local variables any more.
        RECEIVER.try_with(|current| current.replace(receiver)).ok().flatten()
    }

    /// Runs `dropping`, which drops a coroutine that has ended.
    #[inline(always)]
    pub(crate) fn drop_ended(dropping: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(dropping)) {
            received(panic);
        }
    }

    /// Runs `dropping`, which may run user code. If a panic is unwinding already, a second one is caught and ignored: a
    /// destructor that lets it out would abort the process.
    #[inline(always)]
    pub(in crate::coroutine) fn drop_unwinding(dropping: impl FnOnce()) {
        if std::thread::panicking() { drop_caught(dropping) } else { dropping() }
    }

    #[cold]
    #[inline(never)]
    fn drop_caught(dropping: impl FnOnce()) {
        let Err(second) = catch_unwind(AssertUnwindSafe(dropping)) else { return };
        // Dropping the payload may panic too. The third payload is leaked, because this could go on for ever.
        if let Err(third) = catch_unwind(AssertUnwindSafe(|| drop(second))) {
            mem::forget(third);
        }
    }

    #[cold]
    #[inline(never)]
    fn received(panic: Box<dyn Any + Send>) {
        let receiver = swap(None);
        let kept = receiver.clone();
        drop(swap(kept));
        match receiver {
            Some(receiver) => receiver.receive(panic),
            None => resume_unwind(panic),
        }
    }
}
