//! `kqueue(2)`.
//!
//! What one must know of the kernel's object to follow this file: a queue maps (descriptor number, filter) to a mode and
//! a word of the user's. The number is this process's: closing it removes its entries, whether or not a duplicate keeps
//! the file open, so nothing is left over as it is with `epoll(7)`. Each direction is a filter, an entry and an event of
//! its own, and a change of the queue is accepted or refused by itself.
//!
//! Hence:
//!
//! - Registration adds both filters in one call, with `EV_CLEAR`, which makes them report edges, and with `EV_RECEIPT`,
//!   which gives an answer for each and fetches nothing that has come.
//! - Files that have one direction refuse the other filter (`EINVAL`: another queue can be read, not written). That is
//!   no failure: who tries that direction gets the error from the system call, and never waits.
//! - A pipe whose other end is gone refuses the filter too (`EPIPE`; NetBSD: `EBADF`). What the kernel would have
//!   reported, the next wait reports in its place: the direction is closed.
//! - Any other refusal fails the registration, and the filter that was accepted is taken back.
//! - Adding what is there already would quietly give it another word. So the numbers are kept here, for `EEXIST`.
//! - The word is the token, with its generation, and fits where pointers have 64 bits. Elsewhere `poll` is the default.
//!
//! Not there: word of an urgent byte. Of what had come behind one before a read stopped at it, an edge reports nothing
//! until more comes. No protocol of this crate uses urgent data.
//!
//! [`Logic`] is all of it that thinks, over a [`Kernel`] that does not: the system's is in `kernel.rs`, and the one of the
//! tests takes the changes down and reports what it was told to, on any Unix.

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

// The same on every system that has queues; `kernel.rs` makes the compiler compare them with the system's.
const EV_ADD: u32 = 0x1;
const EV_DELETE: u32 = 0x2;
const EV_CLEAR: u32 = 0x20;
const EV_RECEIPT: u32 = 0x40;
const EV_ERROR: u32 = 0x4000;
const EV_EOF: u32 = 0x8000;

/// Longer waits end early. OpenBSD refuses more than these three years, and macOS multiplies without looking.
const LONGEST: Duration = Duration::from_secs(100_000_000);

/// A `struct kevent`: a change when it goes to the kernel; a receipt, or something that has happened, when it comes from
/// there. The filter is a direction: `EVFILT_READ` or `EVFILT_WRITE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    fd: RawFd,
    filter: Direction,
    flags: u32,
    /// Of a socket whose end has come: its error, or 0.
    fflags: u32,
    /// Of a receipt: the number of its error, or 0.
    data: i64,
    token: SelectorToken,
}

/// The two system calls.
trait Kernel {
    /// Makes both changes, the second also where the first is refused; gives their receipts in the same order.
    fn change(&mut self, changes: [Entry; 2]) -> io::Result<[Entry; 2]>;

    /// Waits for what happens; gives how many entries there are.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize>;

    /// One of the entries of the last wait.
    fn happened(&self, index: usize) -> Entry;

    fn as_fd(&self) -> BorrowedFd<'_>;
}

struct Logic<K> {
    kernel: K,
    registered: HashMap<RawFd, SelectorToken>,
    /// What no filter will report: for the next wait.
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

    /// Takes the registration out of what is kept here. `false` where there is none.
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
            // What was refused is not there to be deleted, and the rest is.
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
        // A filter that was refused is not there. Nothing else can be wrong with the removal of what is.
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
            // What has come before the signal, or with it, is not to be found after it. What an interrupted wait would
            // have fetched stays in the queue.
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

/// What the kernel says to a filter.
#[derive(Clone, Copy)]
enum Answer {
    Accepted,
    /// The file has no such direction: the number of the error.
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
        // On some systems two of them are the same number, which a pattern may not name twice.
        error if [libc::EINVAL, libc::ENODEV, libc::ENOTSUP, libc::EOPNOTSUPP].contains(&error) => {
            Answer::Absent(error)
        }
        error => Answer::Failed(error),
    }
}

/// The error of a registration that has got these answers.
fn failure(answers: [Answer; 2]) -> Option<i32> {
    match answers {
        [Answer::Failed(error), _] | [_, Answer::Failed(error)] => Some(error),
        // Nothing would ever be reported, or nothing but an end.
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
    // An error wakes both directions: whoever tries then gets it from the system call.
    if has(EV_ERROR) || (has(EV_EOF) && entry.fflags != 0) {
        readiness |= Readiness::READ_CLOSED | Readiness::WRITE_CLOSED;
    }
    SelectorEvent { token: entry.token, readiness }
}
