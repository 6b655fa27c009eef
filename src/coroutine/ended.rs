//! Drops what has ended. A destructor is the user's and may panic, but the outcome is there already, and stays as it is.
//!
//! As in CPython, whose `__del__` does not change what a generator has returned or raised either. The panic goes to
//! whoever receives such panics in this thread: the loop that runs or is being closed. Where there is none, in a
//! generator that is driven by hand, it goes on to the caller, as the panic of every other destructor does.

use core::mem;

#[cfg(feature = "std")]
pub(super) use self::guarded::drop_unwinding;
#[cfg(feature = "std")]
pub(crate) use self::guarded::{Receiver, Receiving, drop_ended};

/// Calls what drops a coroutine that has ended.
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

/// Puts `next` in the place of a coroutine that has ended, or of what holds one, and then drops that.
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
        /// Without a destructor, so that it is there until the thread is gone. [`Receiving`] leaves nothing in it.
        static RECEIVER: ManuallyDrop<Cell<Option<Rc<dyn Receiver>>>> = const { ManuallyDrop::new(Cell::new(None)) };
    }

    /// Takes the panics of destructors that nobody else takes.
    pub(crate) trait Receiver {
        fn receive(&self, panic: Box<dyn Any + Send>);
    }

    /// Until this is dropped, by a panic too, a receiver is that of the thread.
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
        // Where thread-locals need the system's help, a thread that ends may have none any more.
        RECEIVER.try_with(|current| current.replace(receiver)).ok().flatten()
    }

    /// Calls what drops a coroutine that has ended.
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
        if let Err(second) = catch_unwind(AssertUnwindSafe(dropping)) {
            // Leaked, since dropping it may panic as well.
            mem::forget(second);
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
