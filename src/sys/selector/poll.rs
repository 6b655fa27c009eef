//! `poll(2)`: for systems that have nothing better, and for tests of what reports levels.
//!
//! The kernel keeps nothing: each wait hands it the whole list, and it answers with what holds, again and again for as
//! long as it holds. The contract wants each thing once. Hence a direction that was reported is wanted no more, until
//! [`drained`](Selector::drained) says that somebody has tried it in vain. To want it again is one bit in the list, no
//! system call.
//!
//! Invariants:
//!
//! 1. `polled` and `registrations` are parallel, and the two maps name the place of each registration in them.
//! 2. A hang-up and an error cannot be masked: the kernel reports them to whoever wants nothing, and no wait would last.
//!    Once they were reported, and until a direction is wanted again, the number is inverted and so negative, which the
//!    kernel passes over.
//!
//! A direction can be ready although nothing can be done: a socket's error queue that nobody reads is an error for ever, a
//! terminal with room for one character takes no line end. Whoever tries it in vain wants it again, and is told again.
//! Such a descriptor, which several waits in a row have reported in vain and which is ready even now, is handed over to the
//! system's interface of edges, where it has one; its descriptor is polled in place of all that it watches.
//!
//! Neither `POLLPRI` nor the end of the stream need be asked for: what a short read has left behind, an urgent byte or
//! the end, is a level like any other, and found by the next wait.
//!
//! Some systems (macOS) do not poll every device; there it is not the default.

use core::mem;
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use super::{Direction, Readiness, Selector, SelectorEvent, SelectorToken, milliseconds, refuse_files};
use crate::sys::syscall;

/// A selector over `poll(2)`, which every Unix has: for a system whose own interface is at fault, and for tests.
/// asyncio's `selectors.PollSelector`.
///
/// A wait costs time for each registered descriptor, ready or not, and fails (`EINVAL`) once more are registered than
/// `RLIMIT_NOFILE` allows to be open, which takes a limit that was lowered meanwhile. It has no descriptor of its own: a loop over it
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
    registrations: Vec<Registration>,
    by_fd: HashMap<RawFd, usize>,
    by_token: HashMap<SelectorToken, usize>,
    /// How many waits there were.
    waits: u64,
    /// What watches descriptors that stay ready in vain, once there are any.
    edges: Option<Box<dyn Selector>>,
}

struct Registration {
    token: SelectorToken,
    /// The last wait that has reported it in vain, and how many in a row have.
    last_in_vain: u64,
    streak: u8,
    is_with_edges: bool,
}

/// After how many waits in a row that reported a descriptor in vain it is handed over.
const STREAK: u8 = 64;

/// When it is asked before that whether it is ready even now. A busy listener, which has accepted all that there was, may
/// have got another connection by chance, but not each time.
const ASKED: [u8; 4] = [8, 16, 32, STREAK];

impl Poll {
    /// Fills in what has happened; gives for how many descriptors there is something.
    fn wait(&mut self, timeout: libc::c_int) -> io::Result<usize> {
        let (polled, count) = (self.polled.as_mut_ptr(), self.polled.len() as libc::nfds_t);
        // SAFETY: the list has that many entries, which the kernel may write until the call returns. It does not use the
        // numbers in it but to look them up: one that is closed is reported as such.
        let count = unsafe { syscall!(poll(polled, count, timeout))? };
        Ok(count as usize)
    }

    /// The same; interrupted by a signal, it reports what has come before the signal, or with it.
    fn wait_once(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        match self.wait(milliseconds(timeout)) {
            // It may be interrupted as well, and nothing is lost by that: what holds now holds at the next wait.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => match self.wait(0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                result => result,
            },
            result => result,
        }
    }

    /// The same for what is watched elsewhere too: gives whether there is something to fetch from there.
    fn wait_for_all(&mut self, timeout: Option<Duration>) -> io::Result<(usize, bool)> {
        let Some(edges) = self.edges.as_ref().and_then(|edges| edges.as_fd()) else {
            return Ok((self.wait_once(timeout)?, false));
        };
        self.polled.push(libc::pollfd { fd: edges.as_raw_fd(), events: libc::POLLIN, revents: 0 });
        let count = self.wait_once(timeout);
        let happened = self.polled.pop().is_some_and(|edges| edges.revents != 0);
        Ok((count? - usize::from(happened), happened))
    }

    /// Has edges of a descriptor reported from now on. Where that cannot be had, its level is reported as before.
    #[cold]
    fn hand_over(&mut self, place: usize) {
        if self.edges.is_none() {
            self.edges = edges().ok();
        }
        let Some(edges) = &mut self.edges else { return };
        let (polled, registration) = (&mut self.polled[place], &mut self.registrations[place]);
        // SAFETY: it is open: an operation on it has just been tried, and whoever closes it says so before.
        let fd = unsafe { BorrowedFd::borrow_raw(number(polled)) };
        if edges.register(fd, registration.token).is_ok() {
            registration.is_with_edges = true;
            polled.events = 0;
            polled.fd = !fd.as_raw_fd();
        }
    }

    /// Moves the last registration to the place of the one that goes.
    fn take_out(&mut self, place: usize) {
        let (polled, registration) = (self.polled.swap_remove(place), self.registrations.swap_remove(place));
        self.by_fd.remove(&number(&polled));
        self.by_token.remove(&registration.token);
        if let Some(moved) = self.polled.get(place) {
            self.by_fd.insert(number(moved), place);
            self.by_token.insert(self.registrations[place].token, place);
        }
    }

    /// What has happened at a place, each thing once. `None` where it is nothing.
    fn happened(&mut self, place: usize) -> Option<SelectorEvent> {
        let (polled, registration) = (&mut self.polled[place], &mut self.registrations[place]);
        let happened = mem::take(&mut polled.revents);
        let readiness = readiness(happened);
        for direction in [Direction::Read, Direction::Write] {
            if readiness.intersects(Readiness::of(direction)) {
                polled.events &= !wanted(direction);
            }
        }
        if happened & UNMASKED != 0 && polled.fd >= 0 {
            polled.fd = !polled.fd;
        }
        (readiness != Readiness::NONE).then_some(SelectorEvent { token: registration.token, readiness })
    }
}

impl Selector for Poll {
    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        let number = fd.as_raw_fd();
        if self.by_fd.contains_key(&number) || self.by_token.contains_key(&token) {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        refuse_files(fd)?;
        let place = self.polled.len();
        let events = wanted(Direction::Read) | wanted(Direction::Write);
        self.polled.push(libc::pollfd { fd: number, events, revents: 0 });
        self.registrations.push(Registration { token, last_in_vain: 0, streak: 0, is_with_edges: false });
        self.by_fd.insert(number, place);
        self.by_token.insert(token, place);
        Ok(())
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let place = self.by_fd.get(&fd.as_raw_fd()).copied();
        let place = place.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
        let is_with_edges = self.registrations[place].is_with_edges;
        self.take_out(place);
        match &mut self.edges {
            Some(edges) if is_with_edges => edges.deregister(fd),
            _ => Ok(()),
        }
    }

    fn closing(&mut self, fd: BorrowedFd<'_>) {
        let _not_registered = self.deregister(fd);
    }

    fn reports_levels(&self) -> bool {
        true
    }

    fn drained(&mut self, token: SelectorToken, direction: Direction) {
        let Some(&place) = self.by_token.get(&token) else { return };
        let polled = &mut self.polled[place];
        if !self.registrations[place].is_with_edges {
            polled.fd = number(polled);
            polled.events |= wanted(direction);
        }
    }

    fn in_vain(&mut self, token: SelectorToken, direction: Direction) {
        self.drained(token, direction);
        let Some(&place) = self.by_token.get(&token) else { return };
        let registration = &mut self.registrations[place];
        registration.streak = match self.waits - registration.last_in_vain {
            0 => return,
            1 => registration.streak.saturating_add(1),
            _ => 1,
        };
        registration.last_in_vain = self.waits;
        if registration.is_with_edges || !ASKED.contains(&registration.streak) {
            return;
        }
        let spins = now(self.polled[place].fd, wanted(direction)) != 0;
        if !spins {
            registration.streak = 0;
        } else if registration.streak >= STREAK {
            self.hand_over(place);
        }
    }

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        self.waits += 1;
        let (mut left, edges_happened) = self.wait_for_all(timeout)?;
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
        match &mut self.edges {
            Some(edges) if edges_happened => edges.select(events, Some(Duration::ZERO)),
            _ => Ok(()),
        }
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

/// What is reported to whoever wants nothing.
const UNMASKED: libc::c_short = libc::POLLHUP | libc::POLLERR;

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::interfaces::epoll_selector as edges;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use super::interfaces::kqueue_selector as edges;

/// What has happened to a descriptor by now: of `events`, and of what cannot be masked.
fn now(fd: RawFd, events: libc::c_short) -> libc::c_short {
    let mut polled = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: `polled` is one entry, readable and writable, until the call returns. It is no precondition that the number
    // in it is open.
    match unsafe { libc::poll(&raw mut polled, 1, 0) } {
        1 => polled.revents,
        _ => 0,
    }
}

/// How ready a descriptor is now. One that the system does not poll counts as ready: an operation finds out.
pub(crate) fn readiness_now(fd: BorrowedFd<'_>) -> Readiness {
    match now(fd.as_raw_fd(), wanted(Direction::Read) | wanted(Direction::Write)) {
        happened if happened & libc::POLLNVAL != 0 => Readiness::READABLE | Readiness::WRITABLE,
        happened => readiness(happened),
    }
}

/// Whether an error is reported of a descriptor, and no hang-up.
pub(crate) fn has_error_alone(fd: BorrowedFd<'_>) -> bool {
    now(fd.as_raw_fd(), 0) & UNMASKED == libc::POLLERR
}

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
