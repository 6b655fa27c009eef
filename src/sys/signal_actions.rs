//! `sigaction(2)`: reading and setting the action of a signal, in a form that a signal handler can use.

use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};
use std::io;

use super::syscall;

/// `SIG_DFL`, `SIG_IGN`, or the address of a function.
pub(super) type Handler = libc::sighandler_t;

/// The action of a signal: its handler, its flags, and the signals that are blocked while the handler runs.
pub(super) struct Action {
    action: libc::sigaction,
    /// The next older action in the list [`KEPT`].
    next: *mut Self,
}

/// A list of the actions that are never freed, newest first.
static KEPT: AtomicPtr<Action> = AtomicPtr::new(ptr::null_mut());

impl Action {
    /// Reads the current action of `signal`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the number is not a signal.
    pub(super) fn of(signal: i32) -> io::Result<Self> {
        let mut action = MaybeUninit::zeroed();
        // SAFETY: `action` may be written until the call returns. The null pointer means that no action is set.
        unsafe { syscall!(sigaction(signal, ptr::null(), action.as_mut_ptr())) }?;
        // SAFETY: the call has succeeded and has written `action`. Bytes that it has not written are zero, which is
        // valid.
        Ok(Self { action: unsafe { action.assume_init() }, next: ptr::null_mut() })
    }

    /// Makes an action that calls `function` with all signals blocked.
    pub(super) fn to_call(function: extern "C" fn(libc::c_int)) -> Self {
        Self::to_call_at(function as *const () as Handler)
    }

    fn to_call_at(handler: Handler) -> Self {
        // SAFETY: all zeros is a valid sigaction, with no flags and an empty mask.
        let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
        action.sa_sigaction = handler;
        // SA_RESTART resumes system calls that the signal interrupts, except for the selector's wait, which always
        // ends. SA_ONSTACK uses the thread's stack for signals, if it has one. Such threads may have little room on
        // their own stack, as in Go.
        action.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        // Block all signals. A stack for signals has room for only a few frames, and each signal that arrives during
        // another one's handler would need its own. SAFETY: the set may be written until the call returns.
        unsafe { libc::sigfillset(&raw mut action.sa_mask) };
        Self { action, next: ptr::null_mut() }
    }

    /// Makes an action that calls `function` with what is known about the signal, and with all signals blocked.
    pub(super) fn to_inspect(function: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void)) -> Self {
        let mut action = Self::to_call_at(function as *const () as Handler);
        action.action.sa_flags |= libc::SA_SIGINFO;
        action
    }

    pub(super) fn handler(&self) -> Handler {
        self.action.sa_sigaction
    }

    /// Makes this the action of `signal`. A signal handler may call this.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the number is not a signal, or is a signal that cannot be caught.
    pub(super) fn set(&self, signal: i32) -> io::Result<()> {
        // SAFETY: `action` may be read until the call returns. Its handler is either a function passed to `to_call` or
        // `to_inspect`, which does only what a handler may do, or the handler that the signal had before, which other code has
        // installed.
        unsafe { syscall!(sigaction(signal, &raw const self.action, ptr::null_mut())) }.map(drop)
    }

    /// Stores the action at an address that stays valid forever, because a signal handler may read it at any later
    /// time. Equal actions share one address, so calling this again and again does not use more and more memory.
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
            // SAFETY: `own` points to a valid action, and nobody else has the pointer yet.
            unsafe { (*own).next = newest };
            match KEPT.compare_exchange(newest, own, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return own,
                Err(newer) => newest = newer,
            }
        }
    }

    /// The action at an address that [`for_ever`](Self::for_ever) returned, or `None` for null.
    pub(super) fn at(place: *mut Self) -> Option<&'static Self> {
        // SAFETY: only `for_ever` creates such pointers, from a box that is never freed and no longer changes. They are
        // written with `Release` and read with `Acquire`, so the action is visible to this thread.
        unsafe { place.as_ref() }
    }

    fn is_same(&self, other: &Self) -> bool {
        let mask = |action: &Self| {
            let signals = 1..i32::try_from(8 * size_of::<libc::sigset_t>()).expect("it is small");
            // SAFETY: the set may be read until the call returns. For a number that is not a signal, the call fails.
            let is_in = move |signal, set: &libc::sigset_t| unsafe { libc::sigismember(set, signal) } == 1;
            let set = action.action.sa_mask;
            signals.filter(move |signal| is_in(*signal, &set))
        };
        self.handler() == other.handler() && self.action.sa_flags == other.action.sa_flags && mask(self).eq(mask(other))
    }
}
