//! The use of signals, descriptors and processes by a program around the library.

#![expect(unsafe_code, reason = "the standard library has no signals and does not fork")]

use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use innermost::EventLoop;

/// The action of a signal.
pub(crate) struct Action(libc::sigaction);

impl Action {
    pub(crate) fn of(signal: i32) -> Self {
        // SAFETY: all zeros is a sigaction, which may be written until the call returns.
        let mut action = unsafe { mem::zeroed() };
        // SAFETY: see above; nothing is set.
        assert_eq!(unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) }, 0, "{signal}");
        Self(action)
    }

    /// With such flags, and with these signals blocked.
    pub(crate) fn new(handler: libc::sighandler_t, flags: i32, blocked: &[i32]) -> Self {
        // SAFETY: all zeros is a sigaction, with an empty mask.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        (action.sa_sigaction, action.sa_flags) = (handler, flags);
        for &signal in blocked {
            // SAFETY: the set may be changed until the call returns.
            assert_eq!(unsafe { libc::sigaddset(&raw mut action.sa_mask, signal) }, 0);
        }
        Self(action)
    }

    /// Calls `function`.
    pub(crate) fn calling(function: extern "C" fn(i32)) -> Self {
        Self::new(function as *const () as libc::sighandler_t, libc::SA_RESTART, &[])
    }

    pub(crate) fn set(&self, signal: i32) {
        // SAFETY: the action may be read until the call returns. The handlers of these tests count, or call each other.
        assert_eq!(unsafe { libc::sigaction(signal, &raw const self.0, ptr::null_mut()) }, 0, "{signal}");
    }

    /// Calls the handler as another handler would.
    pub(crate) fn call(&self, signal: i32) {
        assert!(self.0.sa_sigaction != libc::SIG_DFL && self.0.sa_sigaction != libc::SIG_IGN);
        // SAFETY: it is neither of the two that are no functions; all those here take the number alone.
        let handler: extern "C" fn(i32) = unsafe { mem::transmute(self.0.sa_sigaction) };
        handler(signal);
    }

    /// The handler, the flags of a program (the C library has one of its own), and the signals that are blocked.
    pub(crate) fn parts(&self) -> (libc::sighandler_t, i32, Vec<i32>) {
        let library = 0x0400_0000;
        // SAFETY: the set may be read until the call returns; of what is no signal it says so.
        let is_blocked = |signal: &i32| unsafe { libc::sigismember(&raw const self.0.sa_mask, *signal) } == 1;
        (self.0.sa_sigaction, self.0.sa_flags & !library, (1..=64).filter(is_blocked).collect())
    }
}

/// Sends a signal to this thread. It has come when this returns, unless it is blocked.
pub(crate) fn raise(signal: i32) {
    // SAFETY: it takes no pointer, and any number.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

/// Sends a signal to a process.
pub(crate) fn kill(process: i32, signal: i32) {
    // SAFETY: it takes no pointer, and any numbers.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}

/// Calls `function` while this thread blocks all signals. Pending signals are delivered when it returns.
pub(crate) fn with_signals_blocked(function: impl FnOnce()) {
    // SAFETY: all zeros is a set, which may be written until the calls return.
    let (mut all, mut before) = unsafe { mem::zeroed::<(libc::sigset_t, libc::sigset_t)>() };
    // SAFETY: see above.
    unsafe {
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before);
    }
    function();
    // SAFETY: it was written by the call above.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, ptr::null_mut()) };
}

pub(crate) fn errno() -> i32 {
    // SAFETY: it is this thread's.
    unsafe { *libc::__errno_location() }
}

pub(crate) fn set_errno(errno: i32) {
    // SAFETY: it is this thread's.
    unsafe { *libc::__errno_location() = errno };
}

/// A forked child.
pub(crate) struct Child(i32);

/// How a child has ended: its status, or the signal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    With(i32),
    By(i32),
}

impl Child {
    /// Forks. The child runs `function`, and ends well if that does not panic.
    pub(crate) fn fork(function: impl FnOnce()) -> Self {
        // SAFETY: these programs fork while they have one thread, so that the child may do anything.
        Self::of(unsafe { libc::fork() }, function)
    }

    /// Forks with a raw system call, which the C library does not notice.
    pub(crate) fn clone(function: impl FnOnce()) -> Self {
        // SAFETY: without a stack of its own and shared memory, this forks. As above, there is one thread.
        let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
        Self::of(pid as i32, function)
    }

    fn of(pid: i32, function: impl FnOnce()) -> Self {
        assert!(pid >= 0, "there is room for a process");
        if pid == 0 {
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(function));
            // SAFETY: it does not return. What the parent will do at its end is not to be done here.
            unsafe { libc::_exit(if ended.is_ok() { 0 } else { 101 }) };
        }
        Self(pid)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.0
    }

    pub(crate) fn wait(self) -> Ended {
        let mut status = 0;
        // SAFETY: the child is ours, and the status may be written until the call returns.
        while unsafe { libc::waitpid(self.0, &raw mut status, 0) } != self.0 {
            assert_eq!(errno(), libc::EINTR);
        }
        match libc::WIFSIGNALED(status) {
            true => Ended::By(libc::WTERMSIG(status)),
            false => Ended::With(libc::WEXITSTATUS(status)),
        }
    }
}

/// Waits until a signal has come, for ever.
pub(crate) fn pause() {
    // SAFETY: it takes nothing.
    unsafe { libc::pause() };
}

/// Whether a descriptor is readable now.
pub(crate) fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one is given, and may be written until the call returns.
    unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
}

/// Whether the host of the loop would see that it has work to do.
pub(crate) fn is_woken(event_loop: &EventLoop) -> Option<bool> {
    event_loop.with_fd(|fd| fd.map(is_readable))
}

/// An eventfd, whose number is the lowest that is free.
pub(crate) fn eventfd() -> OwnedFd {
    // SAFETY: it takes no pointer.
    let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
    assert!(fd >= 0);
    // SAFETY: it is open, and nothing else owns it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// The open descriptors, without the one that this needs.
pub(crate) fn open_descriptors() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc/self/fd").expect("this is Linux");
    let mut numbers: Vec<i32> =
        entries.map(|entry| entry.expect("it is there").file_name().to_str().unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    // The directory's own is closed by now.
    // SAFETY: it takes no pointer, and any number.
    numbers.retain(|&fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0);
    numbers
}

/// Takes every descriptor that is left.
pub(crate) fn take_all_descriptors() -> Vec<OwnedFd> {
    let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
    // SAFETY: it may be read until the call returns.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
    let any = eventfd();
    std::iter::from_fn(|| any.try_clone().ok()).collect()
}

/// Executes an illegal instruction, which raises SIGILL.
pub(crate) fn fault() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction changes nothing before it ends the program.
    unsafe {
        std::arch::asm!("ud2")
    };
    // Elsewhere, the signal is sent with its default action.
    #[cfg(not(target_arch = "x86_64"))]
    {
        Action::new(libc::SIG_DFL, 0, &[]).set(libc::SIGILL);
        raise(libc::SIGILL);
    }
}
