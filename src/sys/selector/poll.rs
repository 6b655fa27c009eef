//! `poll(2)`: for systems that have nothing better, and for tests of what reports levels.
//!
//! The kernel keeps nothing: each wait hands it the whole list, and it answers with what holds, again and again for as
//! long as it holds. The contract wants each thing once. Hence a direction that was reported is wanted no more, until
//! [`drained`](Selector::drained) says that somebody has tried it in vain. To want it again is one bit in the list, no
//! system call.
//!
//! Invariants:
//!
//! 1. `polled` and `tokens` are parallel, and the two maps name the place of each registration in them.
//! 2. Where neither direction is wanted, the number is inverted and so negative, which the kernel passes over. It would
//!    report a hang-up to whoever wants nothing, and a wait would never last.
//!
//! Neither `POLLPRI` nor the end of the stream need be asked for: what a short read has left behind, an urgent byte or
//! the end, is a level like any other, and found by the next wait.
//!
//! Some systems (macOS) do not poll every device; there it is not the default.

use core::mem;
use core::time::Duration;
use std::boxed::Box;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::vec::Vec;

use super::{Direction, Event, Readiness, Selector, Token, milliseconds, refuse_files};
use crate::sys::syscall;

/// A selector over `poll(2)`, which every Unix has: for a system whose own interface is at fault, and for tests.
/// asyncio's `selectors.PollSelector`.
///
/// A wait costs time for each registered descriptor, ready or not. It has no descriptor of its own: a loop over it
/// cannot be a guest that is waited for.
///
/// ```
/// use innermost::EventLoop;
/// use innermost::selector::{MonotonicClock, poll_selector};
///
/// let event_loop = EventLoop::with(poll_selector()?, Box::new(MonotonicClock::new()))?;
/// assert!(event_loop.with_fd(|fd| fd.is_none()));
/// # Ok::<(), innermost::Exception>(())
/// ```
///
/// # Errors
///
/// None so far: it asks the kernel for nothing.
pub fn poll_selector() -> io::Result<Box<dyn Selector>> {
    Ok(Box::new(Poll::default()))
}

/// Selects by `poll`.
#[derive(Default)]
struct Poll {
    polled: Vec<libc::pollfd>,
    tokens: Vec<Token>,
    by_fd: HashMap<RawFd, usize>,
    by_token: HashMap<Token, usize>,
}

impl Poll {
    /// Fills in what has happened; gives for how many descriptors there is something.
    fn wait(&mut self, timeout: libc::c_int) -> io::Result<usize> {
        let (polled, count) = (self.polled.as_mut_ptr(), self.polled.len() as libc::nfds_t);
        // SAFETY: the list has that many entries, which the kernel may write until the call returns. It does not use the
        // numbers in it but to look them up: one that is closed is reported as such.
        let count = unsafe { syscall!(poll(polled, count, timeout))? };
        Ok(count as usize)
    }

    /// Moves the last registration to the place of the one that goes.
    fn take_out(&mut self, place: usize) {
        let (polled, token) = (self.polled.swap_remove(place), self.tokens.swap_remove(place));
        self.by_fd.remove(&number(&polled));
        self.by_token.remove(&token);
        if let Some(moved) = self.polled.get(place) {
            self.by_fd.insert(number(moved), place);
            self.by_token.insert(self.tokens[place], place);
        }
    }

    /// What has happened at a place, each thing once. `None` where it is nothing.
    fn happened(&mut self, place: usize) -> Option<Event> {
        let polled = &mut self.polled[place];
        let readiness = readiness(mem::take(&mut polled.revents));
        for direction in [Direction::Read, Direction::Write] {
            if readiness.intersects(Readiness::of(direction)) {
                polled.events &= !wanted(direction);
            }
        }
        if polled.events == 0 && polled.fd >= 0 {
            polled.fd = !polled.fd;
        }
        (readiness != Readiness::NONE).then(|| Event { token: self.tokens[place], readiness })
    }
}

impl Selector for Poll {
    fn register(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        let number = fd.as_raw_fd();
        if self.by_fd.contains_key(&number) || self.by_token.contains_key(&token) {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        refuse_files(fd)?;
        let place = self.polled.len();
        let events = wanted(Direction::Read) | wanted(Direction::Write);
        self.polled.push(libc::pollfd { fd: number, events, revents: 0 });
        self.tokens.push(token);
        self.by_fd.insert(number, place);
        self.by_token.insert(token, place);
        Ok(())
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let place = self.by_fd.get(&fd.as_raw_fd()).copied();
        self.take_out(place.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?);
        Ok(())
    }

    fn closing(&mut self, fd: BorrowedFd<'_>) {
        let _not_registered = self.deregister(fd);
    }

    fn reports_levels(&self) -> bool {
        true
    }

    fn drained(&mut self, token: Token, direction: Direction) {
        let Some(&place) = self.by_token.get(&token) else { return };
        let polled = &mut self.polled[place];
        polled.fd = number(polled);
        polled.events |= wanted(direction);
    }

    fn select(&mut self, events: &mut Vec<Event>, timeout: Option<Duration>) -> io::Result<()> {
        let mut left = match self.wait(milliseconds(timeout)) {
            // What has come before the signal, or with it, is not to be found after it. It may be interrupted as well,
            // and nothing is lost by that: what holds now holds at the next wait.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => match self.wait(0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                result => result?,
            },
            result => result?,
        };
        let mut place = 0;
        while left > 0 && place < self.polled.len() {
            let happened = self.polled[place].revents;
            left -= usize::from(happened != 0);
            if happened & libc::POLLNVAL != 0 {
                // Somebody has closed it and said nothing. The one that takes its place has not been looked at yet.
                self.take_out(place);
                continue;
            }
            if happened != 0 {
                events.extend(self.happened(place));
            }
            place += 1;
        }
        Ok(())
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl core::fmt::Debug for Poll {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Poll").field("registered", &self.polled.len()).finish_non_exhaustive()
    }
}

/// The number of a descriptor that may be inverted.
const fn number(polled: &libc::pollfd) -> RawFd {
    if polled.fd < 0 { !polled.fd } else { polled.fd }
}

const fn wanted(direction: Direction) -> libc::c_short {
    match direction {
        Direction::Read => libc::POLLIN | PEER_CLOSED,
        Direction::Write => libc::POLLOUT,
    }
}

/// That the peer will send no more, where the system tells that apart from bytes that have come.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const PEER_CLOSED: libc::c_short = libc::POLLRDHUP;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const PEER_CLOSED: libc::c_short = 0;

/// An error wakes both directions: whoever tries then gets it from the system call.
fn readiness(happened: libc::c_short) -> Readiness {
    let has = |bits: libc::c_short| happened & bits != 0;
    let mut readiness = Readiness::NONE;
    if has(libc::POLLIN) {
        readiness |= Readiness::READABLE;
    }
    if has(libc::POLLOUT) {
        readiness |= Readiness::WRITABLE;
    }
    if has(PEER_CLOSED | libc::POLLHUP | libc::POLLERR) {
        readiness |= Readiness::READ_CLOSED;
    }
    if has(libc::POLLHUP | libc::POLLERR) {
        readiness |= Readiness::WRITE_CLOSED;
    }
    readiness
}
