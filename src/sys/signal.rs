//! Catching signals: the handler that the system calls, and the signals that have arrived.
//!
//! The handler counts the signal, and wakes the loop that watches signals by a `write(2)` to its waker. A handler may
//! call hardly anything else (`signal-safety(7)`). Only one loop of a process can watch signals at a time. In CPython,
//! only the main thread's loop can.
//!
//! A handler can run in any thread, between any two instructions of the loop, and can be suspended there for any time.
//! So:
//!
//! 1. The waker that a handler writes to stays open for the life of the process, and is passed on to the next loop.
//!    Otherwise a handler could write into a file that got the number of a closed waker.
//! 2. A signal is either counted for the loop or treated as if the loop had never caught it. One atomic number decides,
//!    so no signal is lost while a handler is removed.
//! 3. Everything the handler reads is atomic or never changes.
//! 4. In a forked child, the handler does nothing for the parent. The child starts without handlers: [`on_fork`]
//!    restores the actions from before. A signal may arrive earlier than that, so the handler checks which process it
//!    runs in.

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::io;

use super::Waker;
use super::signal_actions::{Action, Handler};

/// The signal that Ctrl-C sends.
pub(crate) const INTERRUPT: i32 = libc::SIGINT;

/// The loop that watches signals: the number of its process, and the descriptor of its waker. 0 if there is none.
static WATCHER: AtomicU64 = AtomicU64::new(0);

/// True if a signal has arrived since the last [`take_pending`].
static IS_PENDING: AtomicBool = AtomicBool::new(false);

/// All signals, by number. No system has a number above 127.
static SIGNALS: [Signal; 128] = [const { Signal::new() }; 128];

struct Signal {
    /// [`CAUGHT`], [`SECOND_HAS_FORMER_EFFECT`], and how often the signal has arrived without being fetched. 0 if it is not
    /// caught.
    state: AtomicU32,
    /// The action of the signal before it was caught. Null until it is first caught.
    former: AtomicPtr<Action>,
}

const CAUGHT: u32 = 1 << 31;
const SECOND_HAS_FORMER_EFFECT: u32 = 1 << 30;
const COUNT: u32 = SECOND_HAS_FORMER_EFFECT - 1;

/// The treatment of a signal that arrives before the loop has fetched the previous one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// The second signal is counted too.
    Counts,
    /// The second signal has the effect that it had before it was caught, since the loop seems stuck in a step that
    /// does not return.
    HasFormerEffect,
}

/// Makes `waker` the waker that signals wake.
///
/// # Errors
///
/// `ResourceBusy` while another loop watches signals. `Unsupported` in a forked child, for its parent's loop.
pub(crate) fn claim(waker: &Waker) -> io::Result<()> {
    if !waker.is_of_this_process() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the event loop belongs to the parent process"));
    }
    let ours = watcher(waker);
    let mut now = WATCHER.load(Ordering::Acquire);
    if is_of_another_process(now) {
        // This is a child that was created by other means than `fork`, so `on_fork` did not run.
        on_fork();
        now = 0;
    }
    if now == 0 {
        waker.keep_open();
        now = WATCHER.compare_exchange(0, ours, Ordering::AcqRel, Ordering::Acquire).map_or_else(|now| now, |_| ours);
    }
    if now != ours {
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another event loop handles signals"));
    }
    Ok(())
}

/// Takes back [`claim`]. The caller must have restored all signals.
pub(crate) fn release(waker: &Waker) {
    if WATCHER.compare_exchange(watcher(waker), 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
        IS_PENDING.store(false, Ordering::Relaxed);
    }
}

/// Catches a signal from now on. The caller must hold the [`claim`].
///
/// # Errors
///
/// `EINVAL` if the number is not a signal, or is a signal that cannot be caught.
pub(crate) fn catch(number: i32, second: Second) -> io::Result<()> {
    let signal = find(number).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    let now = Action::of(number)?;
    if !is_ours(now.handler()) {
        // Somebody else has set this action, perhaps in place of ours. It is the one to restore.
        signal.former.store(now.for_ever(), Ordering::Release);
    }
    let mode = if second == Second::Counts { 0 } else { SECOND_HAS_FORMER_EFFECT };
    // Signals that came for a handler that is now replaced count for the new one.
    let before = signal.state.load(Ordering::Acquire);
    let _ = signal.update(|state| Some(CAUGHT | mode | (state & COUNT)));
    let action = if FAULTS.contains(&number) { Action::to_inspect(FAULT_HANDLER) } else { Action::to_call(HANDLER) };
    let caught = action.set(number);
    if caught.is_err() {
        signal.state.store(before, Ordering::Release);
    }
    caught
}

/// Restores the action that a signal had before it was caught, unless somebody else has changed it meanwhile. Forgets
/// signals that have not been fetched, and returns `true` if there were any. Does nothing if another loop holds the
/// [`claim`].
pub(crate) fn restore(waker: &Waker, number: i32) -> bool {
    match find(number) {
        Some(signal) if WATCHER.load(Ordering::Acquire) == watcher(waker) => signal.restore(number),
        _ => false,
    }
}

/// Returns `true` if the action of `signal` is the system's default.
pub(crate) fn has_default_action(signal: i32) -> bool {
    Action::of(signal).is_ok_and(|action| action.handler() == libc::SIG_DFL)
}

/// Returns `true` if this is the process's first thread.
pub(crate) fn is_main_thread() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: neither call takes arguments, and neither can fail.
    return unsafe { libc::gettid() == libc::getpid() };
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "openbsd", target_os = "dragonfly"))]
    // SAFETY: the call takes no arguments. It returns a negative number if threads are not initialised; then there is
    // only one thread.
    return unsafe { libc::pthread_main_np() != 0 };
    #[cfg(target_os = "netbsd")]
    // SAFETY: the call takes no arguments and cannot fail. The first thread has the number 1.
    return unsafe { libc::_lwp_self() == 1 };
}

/// Returns `true` if a signal has arrived since the last [`take_pending`].
#[inline]
pub(crate) fn is_pending() -> bool {
    IS_PENDING.load(Ordering::Relaxed)
}

/// Takes the signals that have arrived since the last call, in the order of their numbers. A signal that arrived more
/// than once is listed once, as in the kernel's own set. A real-time signal, which the kernel queues, is listed as
/// often as it arrived.
pub(crate) fn take_pending() -> impl Iterator<Item = i32> {
    let any = is_pending() && IS_PENDING.swap(false, Ordering::AcqRel);
    let signals = if any { &SIGNALS[..] } else { &[] };
    (0..).zip(signals).flat_map(|(number, signal)| {
        let times = match signal.take_count() {
            times @ 2.. if !is_queued(number) => times.min(1),
            times => times,
        };
        core::iter::repeat_n(number, times as usize)
    })
}

/// Restores all signals in a forked child. Called before `fork` returns there, so it may do only what a signal handler
/// may do.
pub(super) fn on_fork() {
    WATCHER.store(0, Ordering::Release);
    for (number, signal) in (0..).zip(&SIGNALS) {
        if signal.state.load(Ordering::Acquire) & CAUGHT != 0 {
            signal.restore(number);
        }
    }
    // A running loop checks this flag in each turn, and checks its process only if the flag is set. So the check of the
    // process costs nothing in other turns.
    IS_PENDING.store(true, Ordering::Relaxed);
}

/// Clears the flag that [`on_fork`] has set, when the child creates a loop of its own. If no loop watches signals,
/// nothing else can be pending.
pub(crate) fn forget_fork() {
    if WATCHER.load(Ordering::Acquire) == 0 {
        IS_PENDING.store(false, Ordering::Relaxed);
    }
}

impl Signal {
    const fn new() -> Self {
        Self { state: AtomicU32::new(0), former: AtomicPtr::new(core::ptr::null_mut()) }
    }

    fn update(&self, change: impl FnMut(u32) -> Option<u32>) -> Result<u32, u32> {
        self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }

    fn restore(&self, number: i32) -> bool {
        if let Some(former) = self.former()
            && Action::of(number).is_ok_and(|now| is_ours(now.handler()))
        {
            let _ = former.set(number);
        }
        // Clear the count after restoring the action. A signal that arrives in between is then forgotten, instead of
        // ending the process.
        self.state.swap(0, Ordering::AcqRel) & COUNT != 0
    }

    fn former(&self) -> Option<&'static Action> {
        Action::at(self.former.load(Ordering::Acquire))
    }

    fn take_count(&self) -> u32 {
        self.update(|state| (state & COUNT != 0).then_some(state & !COUNT)).map_or(0, |state| state & COUNT)
    }
}

fn find(number: i32) -> Option<&'static Signal> {
    SIGNALS.get(usize::try_from(number).ok()?).filter(|_| number != 0)
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "netbsd"))]
fn is_queued(signal: i32) -> bool {
    use super::signal_numbers::{SIGRTMAX, SIGRTMIN};

    (SIGRTMIN()..=SIGRTMAX()).contains(&signal)
}

/// These systems have no real-time signals, or their numbers are not known.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "netbsd")))]
const fn is_queued(_: i32) -> bool {
    false
}

/// The value of [`WATCHER`] while a loop of this process watches signals with `waker`.
fn watcher(waker: &Waker) -> u64 {
    (this_process() << 32) | u64::from(waker.raw_fd().cast_unsigned())
}

fn is_of_another_process(watcher: u64) -> bool {
    watcher != 0 && watcher >> 32 != this_process()
}

fn this_process() -> u64 {
    // SAFETY: the call takes no arguments and cannot fail.
    u64::from(unsafe { libc::getpid() }.cast_unsigned())
}

/// The handler. It is in a static because a function may have more than one address, and the address is compared.
static HANDLER: extern "C" fn(libc::c_int) = on_signal;

/// The handler of the signals in [`FAULTS`].
static FAULT_HANDLER: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;

/// The signals that report a fault of the program itself, unless somebody sends them.
const FAULTS: [i32; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

fn is_ours(handler: Handler) -> bool {
    handler == HANDLER as *const () as Handler || handler == FAULT_HANDLER as *const () as Handler
}

/// After a handler returns from a fault, the instruction is run again and faults again, without end. So a fault has the
/// effect that it had before the signal was caught: its action is restored, and the instruction faults once more.
extern "C" fn on_fault(number: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the system passes a valid `info`, because the action has the flag SA_SIGINFO.
    let code = unsafe { (*info).si_code };
    // The codes of faults are small positive numbers. A sent signal has 0, a negative code, or one above 2^16.
    let is_fault = (1..0x1_0000).contains(&code);
    match find(number) {
        Some(signal) if is_fault => {
            let _ = signal.former().map(|former| former.set(number));
        }
        _ => on_signal(number),
    }
}

extern "C" fn on_signal(number: libc::c_int) {
    // SAFETY: the call takes no arguments. Its result is valid as long as this thread lives.
    let errno = unsafe { errno_location() };
    // SAFETY: `errno` is valid as long as this thread lives, and no other thread uses it.
    let saved = unsafe { *errno };
    if let Some(signal) = find(number) {
        signal.comes(number);
    }
    // The interrupted code may be about to read `errno`. SAFETY: `errno` is valid as long as this thread lives, and no
    // other thread uses it.
    unsafe { *errno = saved };
}

/// Methods for the handler. They do only what a signal handler may do.
impl Signal {
    fn comes(&self, number: i32) {
        let watcher = WATCHER.load(Ordering::Acquire);
        if watcher == 0 || is_of_another_process(watcher) {
            return self.pass_on(number);
        }
        let counted = self.update(|state| match state {
            _ if state & CAUGHT == 0 => None,
            _ if state & SECOND_HAS_FORMER_EFFECT != 0 && state & COUNT != 0 => None,
            _ if state & COUNT == COUNT => Some(state),
            _ => Some(state + 1),
        });
        match counted {
            Ok(_) => {
                IS_PENDING.store(true, Ordering::Release);
                Waker::wake_from_handler(watcher as u32 as i32);
            }
            Err(state) if state & CAUGHT != 0 => self.act_as_before(number),
            Err(_) => self.pass_on(number),
        }
    }

    /// Handles a signal that no loop has caught: leaves it to the code that handled it before.
    fn pass_on(&self, number: i32) {
        match Action::of(number).map(|now| now.handler()) {
            // This is a child before `on_fork` has run, or other code has saved our handler and restored it later.
            Ok(now) if is_ours(now) => self.act_as_before(number),
            // This call was under way when the handler was removed.
            Ok(libc::SIG_DFL) => raise(number),
            // Other code has replaced our handler and calls it from its own, which handles the signal.
            _ => {}
        }
    }

    fn act_as_before(&self, number: i32) {
        if let Some(former) = self.former()
            && former.set(number).is_ok()
        {
            raise(number);
        }
    }
}

/// Sends a signal to this thread. If its handler is running, the signal arrives when the handler returns.
fn raise(signal: i32) {
    // SAFETY: the call takes no pointer, and a signal handler may make it (`signal-safety(7)`).
    unsafe { libc::raise(signal) };
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
