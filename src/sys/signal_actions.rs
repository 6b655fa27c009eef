//! What a signal does: `sigaction(2)`, in values that a signal handler can use.

use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};
use std::io;

use super::syscall;

/// `SIG_DFL`, `SIG_IGN`, or the address of a function.
pub(super) type Handler = libc::sighandler_t;

/// What a signal does: its handler, its flags, and which other signals are blocked meanwhile.
pub(super) struct Action {
    action: libc::sigaction,
    /// Once it is kept for ever: the one that was before.
    next: *mut Self,
}

/// Those that are kept for ever, newest first.
static KEPT: AtomicPtr<Action> = AtomicPtr::new(ptr::null_mut());

impl Action {
    /// What `signal` does now.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a number that is no signal.
    pub(super) fn of(signal: i32) -> io::Result<Self> {
        let mut action = MaybeUninit::zeroed();
        // SAFETY: `action` may be written until the call returns, and nothing is set.
        unsafe { syscall!(sigaction(signal, ptr::null(), action.as_mut_ptr())) }?;
        // SAFETY: the call has succeeded, and all zeros would be a sigaction too.
        Ok(Self { action: unsafe { action.assume_init() }, next: ptr::null_mut() })
    }

    /// Calls `function`, while all signals are blocked.
    pub(super) fn to_call(function: extern "C" fn(libc::c_int)) -> Self {
        // SAFETY: all zeros is a valid sigaction: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = function as *const () as Handler;
        // Calls that a signal interrupts go on, all but the selector's wait, which never does. A thread that has a stack
        // for signals may have little room on its own: Go's threads do.
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        // Such a stack has room for a few frames at most. Several signals that come at once would each have their own.
        // SAFETY: the set may be written until the call returns.
        unsafe { libc::sigfillset(&raw mut action.sa_mask) };
        Self { action, next: ptr::null_mut() }
    }

    pub(super) fn handler(&self) -> Handler {
        self.action.sa_sigaction
    }

    /// Makes this what `signal` does. A signal handler may call it.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a number that is no signal, or one that cannot be caught.
    pub(super) fn set(&self, signal: i32) -> io::Result<()> {
        // SAFETY: `action` may be read until the call returns. Its handler was made by `to_call`, whose functions do only
        // what a handler may; or it is what the signal has done before, by the will of whoever set it.
        unsafe { syscall!(sigaction(signal, &raw const self.action, ptr::null_mut())) }.map(drop)
    }

    /// The same at an address that is valid for ever, for handlers, which may look at it at any time later. Equal actions
    /// have one, so that this needs no more memory the thousandth time.
    pub(super) fn for_ever(self) -> *mut Self {
        let mut newest = KEPT.load(Ordering::Acquire);
        let mut place = newest;
        while let Some(kept) = Self::at(place) {
            if kept.is_same(&self) {
                return place;
            }
            place = kept.next;
        }
        let own = Box::into_raw(Box::new(self));
        loop {
            // SAFETY: nobody else knows it yet.
            unsafe { (*own).next = newest };
            match KEPT.compare_exchange(newest, own, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return own,
                Err(newer) => newest = newer,
            }
        }
    }

    /// What [`for_ever`](Self::for_ever) has given; `None` for null.
    pub(super) fn at(place: *mut Self) -> Option<&'static Self> {
        // SAFETY: only `for_ever` makes such pointers, from a box that is never freed and does not change any more. They
        // are read by `Acquire` from where they were written by `Release`, so what they point to is there.
        unsafe { place.as_ref() }
    }

    fn is_same(&self, other: &Self) -> bool {
        let mask = |action: &Self| {
            let signals = 1..i32::try_from(8 * size_of::<libc::sigset_t>()).expect("it is small");
            // SAFETY: the set may be read until the call returns; of what is no signal it says so.
            let is_in = move |signal, set: &libc::sigset_t| unsafe { libc::sigismember(set, signal) } == 1;
            let set = action.action.sa_mask;
            signals.filter(move |signal| is_in(*signal, &set))
        };
        self.handler() == other.handler() && self.action.sa_flags == other.action.sa_flags && mask(self).eq(mask(other))
    }
}
