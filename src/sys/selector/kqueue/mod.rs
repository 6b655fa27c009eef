//! The selector over `kqueue(2)`, for macOS and the BSDs.
//!
//! This is how the kernel's object works. A queue maps a pair (descriptor number, filter) to flags and a word of user
//! data. The number belongs to this process: closing it removes its entries, even if a duplicate keeps the file open.
//! So there are no leftovers as with `epoll(7)`. Each direction has a filter, an entry and events of its own. The
//! kernel accepts or refuses each change of the queue separately.
//!
//! Hence:
//!
//! - Registration adds both filters in one call. `EV_CLEAR` makes them report edges. With `EV_RECEIPT`, the call
//!   returns an answer for each change, and fetches no events.
//! - A file with only one direction refuses the filter for the other (`EINVAL`: another queue can be read, but not
//!   written). That is not a failure: an operation in that direction gets the error from its system call, and never
//!   waits.
//! - A pipe whose other end is gone refuses the filter too (`EPIPE`; on NetBSD `EBADF`). The next wait then reports the
//!   direction as closed, in place of the kernel.
//! - If a filter is refused for any other reason, the registration fails, and an accepted filter is removed again.
//! - Adding an entry that exists would silently replace its user data. So the registered numbers are kept here, to fail
//!   with `EEXIST`.
//! - The word of user data is the token, with its generation, which fits if pointers have 64 bits. On other systems,
//!   `poll` is the default.
//!
//! Deliberately absent: events for urgent bytes. A read stops at an urgent byte, and bytes that had already come behind
//! it are not reported until more bytes come. No protocol of this crate uses urgent data.
//!
//! [`Logic`] makes all decisions. It calls a [`Kernel`], which makes none. `kernel.rs` has the real one. The tests use
//! a scripted one, which records the changes and returns prepared events on any Unix.

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use super::{Direction, Readiness, Selector, SelectorEvent, SelectorToken, refuse_files};

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod kernel;
#[cfg(test)]
mod tests;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub use self::kernel::kqueue_selector;

// These have the same values on every system with queues. `kernel.rs` has the compiler compare them with the system's.
const EV_ADD: u32 = 0x1;
const EV_DELETE: u32 = 0x2;
const EV_CLEAR: u32 = 0x20;
const EV_RECEIPT: u32 = 0x40;
const EV_ERROR: u32 = 0x4000;
const EV_EOF: u32 = 0x8000;

/// The longest wait, about three years. OpenBSD refuses a longer one, and macOS would overflow.
const LONGEST: Duration = Duration::from_secs(100_000_000);

/// A `struct kevent`. Passed to the kernel, it is a change. Returned by the kernel, it is a receipt or an event. The
/// filter is a direction: `EVFILT_READ` or `EVFILT_WRITE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    fd: RawFd,
    filter: Direction,
    flags: u32,
    /// In the event of a socket that has ended: its error, or 0.
    fflags: u32,
    /// In a receipt: the number of the error, or 0.
    data: i64,
    token: SelectorToken,
}

/// The two system calls.
trait Kernel {
    /// Makes both changes, the second even if the first is refused. Returns their receipts in the same order.
    fn change(&mut self, changes: [Entry; 2]) -> io::Result<[Entry; 2]>;

    /// Waits for events, and returns their number.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize>;

    /// One of the events of the last wait.
    fn happened(&self, index: usize) -> Entry;

    fn as_fd(&self) -> BorrowedFd<'_>;
}

struct Logic<K> {
    kernel: K,
    registered: HashMap<RawFd, SelectorToken>,
    /// Events that no filter will report. The next wait reports them.
    known: Vec<SelectorEvent>,
}

impl<K: Kernel> Logic<K> {
    fn new(kernel: K) -> Self {
        Self { kernel, registered: HashMap::new(), known: Vec::new() }
    }

    fn change(&mut self, fd: RawFd, flags: u32, token: SelectorToken) -> io::Result<[Answer; 2]> {
        let change = |filter| Entry { fd, filter, flags: flags | EV_RECEIPT, fflags: 0, data: 0, token };
        let receipts = self.kernel.change([change(Direction::Read), change(Direction::Write)])?;
        Ok(receipts.map(|receipt| answer(&receipt)))
    }

    /// Forgets a registration. Returns `false` if there is none.
    fn forget(&mut self, fd: BorrowedFd<'_>) -> bool {
        let Some(token) = self.registered.remove(&fd.as_raw_fd()) else { return false };
        self.known.retain(|event| event.token != token);
        true
    }
}

impl<K: Kernel> Selector for Logic<K> {
    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        let number = fd.as_raw_fd();
        if self.registered.contains_key(&number) {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        refuse_files(fd)?;
        let answers = self.change(number, EV_ADD | EV_CLEAR, token)?;
        if let Some(error) = failure(answers) {
            // Deleting the refused filter fails, which does not matter; the accepted one is deleted.
            let _ = self.change(number, EV_DELETE, token);
            return Err(io::Error::from_raw_os_error(error));
        }
        self.registered.insert(number, token);
        for (direction, answer) in [Direction::Read, Direction::Write].into_iter().zip(answers) {
            if matches!(answer, Answer::Closed) {
                self.known.push(SelectorEvent { token, readiness: closed(direction) });
            }
        }
        Ok(())
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if !self.forget(fd) {
            return Err(io::Error::from_raw_os_error(libc::ENOENT));
        }
        // A refused filter does not exist, so deleting it fails, and its receipt is ignored. Deleting an existing one
        // cannot fail.
        self.change(fd.as_raw_fd(), EV_DELETE, SelectorToken(0)).map(drop)
    }

    fn closing(&mut self, fd: BorrowedFd<'_>) {
        self.forget(fd);
    }

    fn reports_levels(&self) -> bool {
        false
    }

    fn drained(&mut self, _: SelectorToken, _: Direction) {}

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = if self.known.is_empty() { timeout } else { Some(Duration::ZERO) };
        let count = match self.kernel.wait(timeout.map(|timeout| timeout.min(LONGEST))) {
            // Fetch the events that came before the signal, or together with it. An interrupted wait leaves its events
            // in the queue.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => match self.kernel.wait(Some(Duration::ZERO)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                result => result?,
            },
            result => result?,
        };
        events.append(&mut self.known);
        let kernel = &self.kernel;
        events.extend((0..count).map(|index| event(&kernel.happened(index))));
        Ok(())
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.kernel.as_fd())
    }
}

impl<K: Kernel> fmt::Debug for Logic<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kqueue").field("fd", &self.kernel.as_fd().as_raw_fd()).finish_non_exhaustive()
    }
}

/// The kernel's answer to adding a filter.
#[derive(Clone, Copy)]
enum Answer {
    Accepted,
    /// The file does not have this direction. Holds the number of the error.
    Absent(i32),
    /// The other end is gone.
    Closed,
    Failed(i32),
}

fn answer(receipt: &Entry) -> Answer {
    match i32::try_from(receipt.data).unwrap_or(libc::EINVAL) {
        _ if receipt.flags & EV_ERROR == 0 => Answer::Accepted,
        0 => Answer::Accepted,
        libc::EPIPE | libc::EBADF => Answer::Closed,
        // Two of these are equal on some systems, so they cannot be alternatives of one pattern.
        error if [libc::EINVAL, libc::ENODEV, libc::ENOTSUP, libc::EOPNOTSUPP].contains(&error) => {
            Answer::Absent(error)
        }
        error => Answer::Failed(error),
    }
}

/// The error with which a registration fails after these answers, if it fails.
fn failure(answers: [Answer; 2]) -> Option<i32> {
    match answers {
        [Answer::Failed(error), _] | [_, Answer::Failed(error)] => Some(error),
        // No event would ever be reported.
        [Answer::Absent(error), Answer::Absent(_)] => Some(error),
        _ => None,
    }
}

const fn closed(direction: Direction) -> Readiness {
    match direction {
        Direction::Read => Readiness::READ_CLOSED,
        Direction::Write => Readiness::WRITE_CLOSED,
    }
}

fn event(entry: &Entry) -> SelectorEvent {
    let has = |flag: u32| entry.flags & flag != 0;
    let mut readiness = entry.filter.ready();
    if has(EV_EOF) {
        readiness |= closed(entry.filter);
    }
    // An error wakes both directions, so that the next operation gets it from its system call.
    if has(EV_ERROR) || (has(EV_EOF) && entry.fflags != 0) {
        readiness |= Readiness::READ_CLOSED | Readiness::WRITE_CLOSED;
    }
    SelectorEvent { token: entry.token, readiness }
}
