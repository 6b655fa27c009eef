//! The signals that have arrived.
//!
//! The handler counts the signal and wakes the loop that watches signals, by a `write(2)` to its waker: a handler may call
//! hardly anything else (`signal-safety(7)`). Only one loop of a process can watch signals at a time. In CPython it is that
//! of the main thread.
//!
//! A handler can run in any thread, between any two instructions of the loop, and can be held up there for any time. So:
//!
//! 1. The waker that it writes to stays open for the life of the process, and is passed on to the next loop. Otherwise a
//!    handler could write into a file that was given the number of a closed waker.
//! 2. A signal is either counted for the loop or treated as if the loop had never caught it. One atomic number decides, so
//!    no signal is lost while a handler is removed.
//! 3. Everything the handler reads is atomic or never changes.
//! 4. In a forked child, the handler does nothing for the parent. The child starts without handlers: [`on_fork`] restores
//!    the actions from before. A signal may arrive earlier than that, so the handler checks which process it runs in.

use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::io;

use super::Waker;
use super::signal_actions::{Action, Handler};

/// What Ctrl-C sends.
pub(crate) const INTERRUPT: i32 = libc::SIGINT;

/// The loop that watches: the process's number, and the descriptor of the waker. 0 while none does.
static WATCHER: AtomicU64 = AtomicU64::new(0);

/// Whether a signal has come since the last [`take_pending`].
static IS_PENDING: AtomicBool = AtomicBool::new(false);

/// By number. No system has a greater one than 127.
static SIGNALS: [Signal; 128] = [const { Signal::new() }; 128];

struct Signal {
    /// [`CAUGHT`], [`ENDS_AT_SECOND`], and how often it has come and was not fetched. 0 while it is not caught.
    state: AtomicU32,
    /// What it did before it was caught. Null before the first time.
    former: AtomicPtr<Action>,
}

const CAUGHT: u32 = 1 << 31;
const ENDS_AT_SECOND: u32 = 1 << 30;
const COUNT: u32 = ENDS_AT_SECOND - 1;

/// What happens to a signal of which the former was not fetched yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// It is counted too.
    Counts,
    /// It does what it did before it was caught: the loop is stuck in a step that does not return.
    IsNotCaught,
}

/// Makes `waker` the one that signals wake.
///
/// # Errors
///
/// `ResourceBusy` while another loop watches; `Unsupported` in a forked child, for a loop of its parent's.
pub(crate) fn claim(waker: &Waker) -> io::Result<()> {
    if !waker.is_of_this_process() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the event loop belongs to the parent process"));
    }
    let ours = watcher(waker);
    let mut now = WATCHER.load(Ordering::Acquire);
    if is_of_another_process(now) {
        // A child that was made by other means than `fork`.
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

/// Gives up what [`claim`] took. Nothing may be caught any more.
pub(crate) fn release(waker: &Waker) {
    if WATCHER.compare_exchange(watcher(waker), 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
        IS_PENDING.store(false, Ordering::Relaxed);
    }
}

/// Catches `signal` from now on. Whoever calls this has the [`claim`].
///
/// # Errors
///
/// `EINVAL` for a number that is no signal, or one that cannot be caught.
pub(crate) fn catch(number: i32, second: Second) -> io::Result<()> {
    let signal = find(number).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
    let now = Action::of(number)?;
    if !is_ours(now.handler()) {
        // Somebody else's, in place of ours, is what is there next time.
        signal.former.store(now.for_ever(), Ordering::Release);
    }
    let mode = if second == Second::Counts { 0 } else { ENDS_AT_SECOND };
    // What has come for a handler that is replaced is for the next one.
    let before = signal.state.load(Ordering::Acquire);
    let _ = signal.update(|state| Some(CAUGHT | mode | (state & COUNT)));
    let caught = Action::to_call(HANDLER).set(number);
    if caught.is_err() {
        signal.state.store(before, Ordering::Release);
    }
    caught
}

/// Puts back what `signal` did before it was caught, unless somebody else has changed that meanwhile. `true` where it has
/// come and was not fetched: that is forgotten. Does nothing where another loop has the [`claim`].
pub(crate) fn restore(waker: &Waker, number: i32) -> bool {
    match find(number) {
        Some(signal) if WATCHER.load(Ordering::Acquire) == watcher(waker) => signal.restore(number),
        _ => false,
    }
}

/// Whether nobody has changed what `signal` does.
pub(crate) fn has_default_action(signal: i32) -> bool {
    Action::of(signal).is_ok_and(|action| action.handler() == libc::SIG_DFL)
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
}

/// Whether a signal has come since the last [`take_pending`].
#[inline]
pub(crate) fn is_pending() -> bool {
    IS_PENDING.load(Ordering::Relaxed)
}

/// The signals that have come since the last call, in the order of their numbers. One that came more than once is there
/// once, as in the kernel's own set; a real-time signal, which the kernel queues, is there as often as it came.
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

/// Has a forked child start without handlers. Called before `fork` returns there, so that it may do only what a signal
/// handler may.
pub(super) fn on_fork() {
    WATCHER.store(0, Ordering::Release);
    for (number, signal) in (0..).zip(&SIGNALS) {
        if signal.state.load(Ordering::Acquire) & CAUGHT != 0 {
            signal.restore(number);
        }
    }
    // A loop that runs looks at this each turn, and only then whether it belongs to another process: so that the turns of
    // all others cost nothing more.
    IS_PENDING.store(true, Ordering::Relaxed);
}

/// Takes back what [`on_fork`] has set, once the child has a loop of its own. Without a loop that watches signals, nothing
/// else can be pending.
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
        // After that: one that comes before is forgotten, and does not end the process.
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

/// There are no such signals, or nobody knows their numbers.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "netbsd")))]
const fn is_queued(_: i32) -> bool {
    false
}

/// What [`WATCHER`] is while a loop of this process watches by `waker`.
fn watcher(waker: &Waker) -> u64 {
    (this_process() << 32) | u64::from(waker.raw_fd().cast_unsigned())
}

fn is_of_another_process(watcher: u64) -> bool {
    watcher != 0 && watcher >> 32 != this_process()
}

fn this_process() -> u64 {
    // SAFETY: it takes nothing, and cannot fail.
    u64::from(unsafe { libc::getpid() }.cast_unsigned())
}

/// The handler. In a static, because a function may have more than one address.
static HANDLER: extern "C" fn(libc::c_int) = on_signal;

fn is_ours(handler: Handler) -> bool {
    handler == HANDLER as *const () as Handler
}

extern "C" fn on_signal(number: libc::c_int) {
    // SAFETY: it takes nothing, and its result is valid as long as the thread lives.
    let errno = unsafe { errno_location() };
    // SAFETY: see above.
    let saved = unsafe { *errno };
    if let Some(signal) = find(number) {
        signal.comes(number);
    }
    // SAFETY: see above. The interrupted code may be about to read it.
    unsafe { *errno = saved };
}

/// For the handler.
impl Signal {
    fn comes(&self, number: i32) {
        let watcher = WATCHER.load(Ordering::Acquire);
        if watcher == 0 || is_of_another_process(watcher) {
            return self.pass_on(number);
        }
        let counted = self.update(|state| match state {
            _ if state & CAUGHT == 0 => None,
            _ if state & ENDS_AT_SECOND != 0 && state & COUNT != 0 => None,
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

    /// Leaves a signal that no loop has caught to whoever had it before.
    fn pass_on(&self, number: i32) {
        match Action::of(number).map(|now| now.handler()) {
            // In a child, before `on_fork`. Or somebody who took our handler for somebody's has put it back.
            Ok(now) if is_ours(now) => self.act_as_before(number),
            // This call was under way when the handler was removed.
            Ok(libc::SIG_DFL) => raise(number),
            // Whoever replaced our handler calls it from his, and has what he needs.
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

/// Sends a signal to this thread. Where its handler runs, it is blocked until that returns.
fn raise(signal: i32) {
    // SAFETY: it takes no pointer, and a handler may call it (`signal-safety(7)`).
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
