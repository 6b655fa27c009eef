//! [`Selector`]: one interface to the kernels' different ways of reporting which descriptors are ready.
//!
//! A descriptor is registered once, for both directions. An event says that a direction may have become ready, and is
//! not repeated while nothing changes. So the loop remembers the readiness. An operation tries its system call first,
//! and waits only if the call would have blocked or moved less than was asked for. The loop then calls
//! [`drained`](Selector::drained). A selector that reports levels (`poll`) watches the direction again from that
//! moment. A selector that reports edges (`epoll`, `kqueue` with `EV_CLEAR`) does not need the call.
//!
//! | file | interface | where |
//! |---|---|---|
//! | `epoll.rs` | `epoll(7)` | Linux, Android |
//! | `kqueue/` | `kqueue(2)` | macOS, FreeBSD, NetBSD, OpenBSD, DragonFly |
//! | `poll.rs` | `poll(2)` | every Unix; the default on other systems, and with `--cfg innermost_poll`, for tests |

use core::fmt;
use core::mem::MaybeUninit;
use core::ops::{BitOr, BitOrAssign};
use core::time::Duration;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::syscall;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod kqueue;
mod poll;

pub(crate) use self::poll::{has_error_alone, readiness_now};

/// One selector for each interface of this system.
pub(crate) mod interfaces {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub use super::epoll::epoll_selector;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub use super::kqueue::kqueue_selector;
    pub use super::poll::poll_selector;
}

/// The owner of a selector's descriptor.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) type SelectorFd = OwnedFd;
/// The owner of a selector's descriptor. A forked child does not inherit a kernel queue.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) type SelectorFd = super::fork::NotInherited<OwnedFd>;

/// An object that asks the kernel which descriptors are ready.
///
/// [`EventLoop::with`](crate::EventLoop::with) creates a loop with a selector of your own. The loop borrows its
/// selector during each call, so using the loop's descriptors from inside such a call is an error.
pub trait Selector: fmt::Debug {
    /// Watches `fd` in both directions. Its events carry `token`, which must be unique among the registrations. If the
    /// descriptor is ready already, the next [`select`](Self::select) reports it.
    ///
    /// # Errors
    ///
    /// The kernel's error: `EPERM` if the descriptor is always ready (a regular file or a directory), `EEXIST` if it is
    /// already registered.
    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()>;

    /// Stops watching `fd`, which stays open.
    ///
    /// # Errors
    ///
    /// The kernel's error: `ENOENT` if the descriptor is not registered.
    fn deregister(&mut self, fd: BorrowedFd<'_>) -> io::Result<()>;

    /// Stops watching `fd`, which is about to be closed. Has no effect if `fd` is not registered.
    ///
    /// If a descriptor is closed without this or [`deregister`](Self::deregister) while a duplicate keeps the file
    /// open, the next descriptor with the same number may be impossible to register.
    fn closing(&mut self, fd: BorrowedFd<'_>);

    /// Returns `true` if the selector reports levels, and so needs [`drained`](Self::drained).
    fn reports_levels(&self) -> bool;

    /// Called when an operation in `direction` has used up the readiness. A selector that reports levels then watches
    /// the direction again. Until this call it reports nothing for the direction, except that a hang-up or an error is
    /// reported once.
    fn drained(&mut self, token: SelectorToken, direction: Direction);

    /// Called instead of [`drained`](Self::drained) when a direction was reported as ready, but the operation would
    /// have blocked. By default, it calls `drained`. A selector can do more, so that it does not report such a
    /// direction again and again.
    fn in_vain(&mut self, token: SelectorToken, direction: Direction) {
        self.drained(token, direction);
    }

    /// Waits until a descriptor is ready, and appends the events to `events`. Must not allocate, except to grow
    /// `events`.
    ///
    /// Waits for `timeout` at most, or without limit for `None`. Returns earlier only if a descriptor is ready, if a
    /// signal has arrived, or after the longest time that the kernel can count (at least 24 days).
    ///
    /// # Errors
    ///
    /// The kernel's error. A signal is not an error: it ends the wait.
    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()>;

    /// Returns a descriptor that is readable whenever [`select`](Self::select) would report an event, if the selector
    /// has one.
    fn as_fd(&self) -> Option<BorrowedFd<'_>>;
}

/// Creates the best selector for this system. asyncio's `selectors.DefaultSelector`.
/// [`EventLoop::with`](crate::EventLoop::with) has an example.
///
/// # Errors
///
/// The kernel's error: `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn default_selector() -> io::Result<Box<dyn Selector>> {
    best()
}

#[cfg(all(not(innermost_poll), any(target_os = "linux", target_os = "android")))]
use self::interfaces::epoll_selector as best;

#[cfg(all(
    not(innermost_poll),
    target_pointer_width = "64",
    not(any(target_os = "linux", target_os = "android"))
))]
use self::interfaces::kqueue_selector as best;

#[cfg(any(innermost_poll, not(any(target_pointer_width = "64", target_os = "linux", target_os = "android"))))]
use self::interfaces::poll_selector as best;

/// The identity of a registration. Passed to [`register`](Selector::register), and reported with each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SelectorToken(pub u64);

/// A direction in which a descriptor can be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Ready to read or to accept.
    Read,
    /// Ready to write, or connected.
    Write,
}

impl Direction {
    /// Returns the readiness of this direction alone, without its being closed.
    #[inline]
    pub const fn ready(self) -> Readiness {
        match self {
            Self::Read => Readiness::READABLE,
            Self::Write => Readiness::WRITABLE,
        }
    }
}

/// An event: a descriptor may have become ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelectorEvent {
    /// The registration that the event belongs to.
    pub token: SelectorToken,
    /// The ways in which the descriptor is ready.
    pub readiness: Readiness,
}

/// The set of ways in which a descriptor is ready.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Readiness(u8);

impl Readiness {
    /// Not ready.
    pub const NONE: Self = Self(0);
    /// An operation that reads would not block.
    pub const READABLE: Self = Self(1);
    /// An operation that writes would not block.
    pub const WRITABLE: Self = Self(2);
    /// No more data will arrive. Operations that read will not block again.
    pub const READ_CLOSED: Self = Self(4);
    /// No more data can be sent. Operations that write will not block again.
    pub const WRITE_CLOSED: Self = Self(8);
    /// There is an urgent byte. A read stops at it, so a short read does not mean that the buffer is empty (`tcp(7)`).
    pub const URGENT: Self = Self(16);

    /// Returns `true` if the set contains all of `other`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns `true` if the set contains any of `other`.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the union of both sets. The operator `|` as a `const fn`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the set without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns all ways of being ready in which an operation in `direction` would not block.
    pub const fn of(direction: Direction) -> Self {
        match direction {
            Direction::Read => Self(Self::READABLE.0 | Self::READ_CLOSED.0),
            Direction::Write => Self(Self::WRITABLE.0 | Self::WRITE_CLOSED.0),
        }
    }
}

impl BitOr for Readiness {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::READABLE, "readable"),
            (Self::WRITABLE, "writable"),
            (Self::READ_CLOSED, "read closed"),
            (Self::WRITE_CLOSED, "write closed"),
            (Self::URGENT, "urgent"),
        ];
        f.debug_set().entries(names.iter().filter(|(bit, _)| self.contains(*bit)).map(|(_, name)| name)).finish()
    }
}

/// Converts a timeout to milliseconds, or to -1 for no limit. The timeout is rounded up: a wait that ends too early
/// would make the loop spin until the deadline. The longest timeout that fits is 24 days.
fn milliseconds(timeout: Option<Duration>) -> libc::c_int {
    timeout.map_or(-1, |timeout| timeout.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(libc::c_int::MAX))
}

/// Converts a timeout to the kernel's type.
pub(super) fn timespec(timeout: Duration) -> libc::timespec {
    // SAFETY: all zeros is a valid timespec: it has numbers, and on some systems padding.
    let mut time: libc::timespec = unsafe { core::mem::zeroed() };
    // At most 68 years, which fit into the field whether it has 32 or 64 bits.
    time.tv_sec = timeout.as_secs().min(i32::MAX as u64) as _;
    // Less than a second, which fits into any type.
    time.tv_nsec = timeout.subsec_nanos() as _;
    time
}

/// Fails with `EPERM` for a regular file or a directory, which is always ready. Only `epoll` refuses these itself.
/// Other interfaces would report them at each wait.
fn refuse_files(fd: BorrowedFd<'_>) -> io::Result<()> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the descriptor is open, because it is borrowed. `status` has room for the struct that the call writes.
    unsafe { syscall!(fstat(fd.as_raw_fd(), status.as_mut_ptr()))? };
    // SAFETY: the call has succeeded, so it has filled `status` in.
    let status = unsafe { status.assume_init() };
    match status.st_mode & libc::S_IFMT {
        libc::S_IFREG | libc::S_IFDIR => Err(io::Error::from_raw_os_error(libc::EPERM)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_rounded_up_and_never_overflows() {
        let cases = [
            (None, -1),
            (Some(Duration::ZERO), 0),
            (Some(Duration::from_nanos(1)), 1),
            (Some(Duration::from_millis(1)), 1),
            (Some(Duration::from_nanos(1_000_001)), 2),
            (Some(Duration::from_millis(i32::MAX as u64)), i32::MAX),
            (Some(Duration::from_millis(i32::MAX as u64 + 1)), i32::MAX),
            (Some(Duration::MAX), i32::MAX),
        ];
        for (timeout, expected) in cases {
            assert_eq!(milliseconds(timeout), expected, "{timeout:?}");
        }
    }
}
