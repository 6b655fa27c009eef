//! Which signals have come.
//!
//! The handler sets a bit and wakes the loop that watches signals, by `write(2)` to its waker: a handler may call hardly
//! anything else (`signal-safety(7)`). One loop of the process can watch at a time, as in CPython, where it is the main
//! thread's.

use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};
use core::{mem, ptr};
use std::io;
use std::os::fd::RawFd;

use super::syscall;

/// What Ctrl-C sends.
pub(crate) const INTERRUPT: i32 = libc::SIGINT;

/// A bit for each signal that has come and was not fetched yet.
static PENDING: AtomicU64 = AtomicU64::new(0);

/// The waker of the loop that watches, or -1.
static WAKER: AtomicI32 = AtomicI32::new(-1);

/// Makes `waker` the one that signals wake.
///
/// # Errors
///
/// `ResourceBusy` while another loop watches.
pub(crate) fn claim(waker: RawFd) -> io::Result<()> {
    match WAKER.compare_exchange(-1, waker, Ordering::AcqRel, Ordering::Acquire) {
        Err(other) if other != waker => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another event loop handles signals"))
        }
        _ => Ok(()),
    }
}

/// Gives up what [`claim`] took.
pub(crate) fn release(waker: RawFd) {
    let _ = WAKER.compare_exchange(waker, -1, Ordering::AcqRel, Ordering::Acquire);
}

/// Catches `signal` from now on.
///
/// # Errors
///
/// `EINVAL` for a number that is no signal, or one that cannot be caught.
pub(crate) fn catch(signal: i32) -> io::Result<()> {
    if !(1..64).contains(&signal) {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    set_action(signal, on_signal as *const () as libc::sighandler_t)
}

/// Catches [`INTERRUPT`] from now on; one that comes before the former was fetched ends the process, as by default: the
/// loop is stuck in a step that does not return.
pub(crate) fn catch_interrupt() -> io::Result<()> {
    PENDING.fetch_and(!(1 << INTERRUPT), Ordering::AcqRel);
    set_action(INTERRUPT, on_interrupt as *const () as libc::sighandler_t)
}

/// Leaves `signal` to the system's default again. One that has come and was not fetched is forgotten, and `true` given.
pub(crate) fn restore(signal: i32) -> io::Result<bool> {
    set_action(signal, libc::SIG_DFL)?;
    let bit = 1 << signal;
    Ok(PENDING.fetch_and(!bit, Ordering::AcqRel) & bit != 0)
}

/// Whether nobody has changed what `signal` does.
pub(crate) fn has_default_action(signal: i32) -> bool {
    // SAFETY: all zeros is a valid sigaction.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: `action` is valid until the call returns, and nothing is set.
    let asked = unsafe { syscall!(sigaction(signal, ptr::null(), &raw mut action)) };
    asked.is_ok() && action.sa_sigaction == libc::SIG_DFL
}

/// Whether this is the process's first thread.
pub(crate) fn is_main_thread() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: neither takes anything, and neither can fail.
    return unsafe { libc::gettid() == libc::getpid() };
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "openbsd", target_os = "dragonfly"))]
    // SAFETY: it takes nothing. It fails, negatively, where threads are not initialised: there is but one then.
    return unsafe { libc::pthread_main_np() != 0 };
    #[cfg(target_os = "netbsd")]
    // SAFETY: it takes nothing, and cannot fail. The first is number 1.
    return unsafe { libc::_lwp_self() == 1 };
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "openbsd",
        target_os = "dragonfly",
        target_os = "netbsd"
    )))]
    // The name that the standard library gives it, and lets nobody else take.
    return std::thread::current().name() == Some("main");
}

/// Whether a signal has come since the last [`take_pending`].
#[inline]
pub(crate) fn is_pending() -> bool {
    PENDING.load(Ordering::Relaxed) != 0
}

/// The signals that have come since the last call, in the order of their numbers.
pub(crate) fn take_pending() -> impl Iterator<Item = i32> {
    let mut pending = if is_pending() { PENDING.swap(0, Ordering::AcqRel) } else { 0 };
    core::iter::from_fn(move || {
        let signal = pending.trailing_zeros();
        pending &= pending.wrapping_sub(1);
        (signal < u64::BITS).then_some(signal as i32)
    })
}

fn set_action(signal: i32, handler: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: all zeros is a valid sigaction: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler;
    // Calls that a signal interrupts go on, all but the selector's wait, which never does.
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is valid until the call returns; the handler is a function of the right type that calls only what
    // a signal handler may, or SIG_DFL.
    unsafe { syscall!(sigaction(signal, &raw const action, ptr::null_mut())) }.map(drop)
}

extern "C" fn on_interrupt(signal: libc::c_int) {
    let bit = 1 << signal;
    if PENDING.fetch_or(bit, Ordering::AcqRel) & bit == 0 {
        return wake();
    }
    // Both may be called here (`signal-safety(7)`). The signal is blocked until this returns, and ends the process then.
    let _ = set_action(signal, libc::SIG_DFL);
    // SAFETY: it takes no pointer.
    unsafe { libc::raise(signal) };
}

extern "C" fn on_signal(signal: libc::c_int) {
    PENDING.fetch_or(1 << signal, Ordering::AcqRel);
    wake();
}

/// Wakes the loop that watches: for signal handlers.
fn wake() {
    let waker = WAKER.load(Ordering::Acquire);
    if waker < 0 {
        return;
    }
    let one = 1u64.to_ne_bytes();
    // SAFETY: errno's location is valid on every thread. `one` lives until the call returns. The descriptor is the
    // waker's, or was a moment ago: the loop releases its claim before it closes it. What the interrupted code would
    // read from errno is put back.
    unsafe {
        let errno = errno_location();
        let saved = *errno;
        libc::write(waker, one.as_ptr().cast(), one.len());
        *errno = saved;
    }
}

#[cfg(any(target_os = "netbsd", target_os = "openbsd", target_os = "android"))]
use libc::__errno as errno_location;
#[cfg(not(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "android"
)))]
use libc::__errno_location as errno_location;
#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
use libc::__error as errno_location;
