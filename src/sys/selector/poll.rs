//! The selector over `poll(2)`, for systems that have nothing better, and for tests of selectors that report levels.
//!
//! The kernel remembers nothing. Each wait passes it the whole list, and it reports a descriptor for as long as the
//! descriptor is ready. [`Selector`] must report each change only once. So a direction that was reported is no longer
//! asked for, until [`drained`](Selector::drained) says that an operation has used it up. Asking again sets one bit in
//! the list, and needs no system call.
//!
//! Invariants:
//!
//! 1. `polled` and `registrations` are parallel, and the two maps give the place of each registration in them.
//! 2. A hang-up and an error cannot be masked: the kernel reports them even if no event is asked for, and every wait
//!    would return at once. Once they were reported, and until a direction is asked for again, the descriptor's number
//!    in the list is inverted. It is then negative, and the kernel skips the entry.
//!
//! A direction can be ready although no operation succeeds. A socket's error queue that nobody reads stays an error
//! forever, and a terminal with room for one character takes no line end. A failed operation asks for the direction
//! again, and it is reported again, so the loop would spin. If several waits in a row report a descriptor in vain, and
//! it is ready even now, it is handed over to the system's selector for edges, if there is one. The list then contains
//! that selector's descriptor instead.
//!
//! There is no need to ask for `POLLPRI` or the end of the stream. A short read may leave an urgent byte or the end
//! behind, but these are levels, so the next wait finds them.
//!
//! Some systems (macOS) cannot poll every device. There, this selector is not the default.

use core::mem;
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use super::{Direction, Readiness, Selector, SelectorEvent, SelectorToken, milliseconds, refuse_files};
use crate::sys::syscall;

/// Creates a selector that uses `poll(2)`, which every Unix has. It serves tests, and systems whose own interface is
/// faulty. asyncio's `selectors.PollSelector`.
///
/// A wait takes time for each registered descriptor, ready or not. It fails with `EINVAL` if more descriptors are
/// registered than `RLIMIT_NOFILE` allows, which can happen only if that limit was lowered. The selector has no
/// descriptor of its own, so [`with_fd`](crate::LoopHandle::with_fd) gives a host nothing to wait for.
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
/// Never fails, because it asks the kernel for nothing. Other selectors can fail.
pub fn poll_selector() -> io::Result<Box<dyn Selector>> {
    Ok(Box::new(Poll::default()))
}

/// A selector that uses `poll`.
#[derive(Default)]
struct Poll {
    polled: Vec<libc::pollfd>,
    registrations: Vec<Registration>,
    by_fd: HashMap<RawFd, usize>,
    by_token: HashMap<SelectorToken, usize>,
    /// The number of waits so far.
    waits: u64,
    /// The selector for descriptors that stay ready in vain. `None` until there is one.
    edges: Option<Box<dyn Selector>>,
}

struct Registration {
    token: SelectorToken,
    /// The number of the last wait that reported this descriptor in vain, and how many waits in a row have done so.
    last_in_vain: u64,
    streak: u8,
    is_with_edges: bool,
}

/// The number of waits in a row that report a descriptor in vain before it is handed over.
const STREAK: u8 = 64;

/// The lengths of a streak at which the descriptor is asked whether it is ready even now. A busy listener that has
/// accepted all connections may have got another one by chance, but not each time.
const ASKED: [u8; 4] = [8, 16, 32, STREAK];

impl Poll {
    /// Waits, has the kernel fill in the events, and returns the number of descriptors that have any.
    fn poll(&mut self, timeout: libc::c_int) -> io::Result<usize> {
        let (polled, count) = (self.polled.as_mut_ptr(), self.polled.len() as libc::nfds_t);
        // SAFETY: the list has `count` entries, which the kernel may write until the call returns. The descriptors in
        // it need not be open: the kernel reports a closed one as such.
        let count = unsafe { syscall!(poll(polled, count, timeout))? };
        Ok(count as usize)
    }

    /// Waits for at most `timeout`. If a signal interrupts the wait, reports the events that came before the signal or
    /// together with it.
    fn wait_or_interrupted(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        match self.poll(milliseconds(timeout)) {
            // The second call may be interrupted too. Nothing is lost, because a level is reported at the next wait.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => match self.poll(0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                result => result,
            },
            result => result,
        }
    }

    /// Waits for the descriptors of this selector, and for those that were handed over. Also returns `true` if the
    /// selector for the latter has events.
    fn wait_with_edges(&mut self, timeout: Option<Duration>) -> io::Result<(usize, bool)> {
        let Some(edges) = self.edges.as_ref().and_then(|edges| edges.as_fd()) else {
            return Ok((self.wait_or_interrupted(timeout)?, false));
        };
        self.polled.push(libc::pollfd { fd: edges.as_raw_fd(), events: libc::POLLIN, revents: 0 });
        let count = self.wait_or_interrupted(timeout);
        let happened = self.polled.pop().is_some_and(|edges| edges.revents != 0);
        Ok((count? - usize::from(happened), happened))
    }

    /// Hands a descriptor over to the selector for edges. If that selector cannot be created or refuses it, the
    /// descriptor's level is reported as before.
    #[cold]
    fn hand_over(&mut self, place: usize) {
        if self.edges.is_none() {
            self.edges = edges().ok();
        }
        let Some(edges) = &mut self.edges else { return };
        let (polled, registration) = (&mut self.polled[place], &mut self.registrations[place]);
        // SAFETY: the descriptor is open, because an operation on it has just been tried, and its owner deregisters it
        // before closing it.
        let fd = unsafe { BorrowedFd::borrow_raw(number(polled)) };
        if edges.register(fd, registration.token).is_ok() {
            registration.is_with_edges = true;
            polled.events = 0;
            polled.fd = !fd.as_raw_fd();
        }
    }

    /// Removes a registration, and moves the last one to its place.
    fn take_out(&mut self, place: usize) {
        let (polled, registration) = (self.polled.swap_remove(place), self.registrations.swap_remove(place));
        self.by_fd.remove(&number(&polled));
        self.by_token.remove(&registration.token);
        if let Some(moved) = self.polled.get(place) {
            self.by_fd.insert(number(moved), place);
            self.by_token.insert(self.registrations[place].token, place);
        }
    }

    /// The event at a place, if there is one. Stops asking for the directions that it reports.
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
        let (mut left, edges_happened) = self.wait_with_edges(timeout)?;
        let mut place = 0;
        while left > 0 && place < self.polled.len() {
            let happened = self.polled[place].revents;
            left -= usize::from(happened != 0);
            if happened & libc::POLLNVAL != 0 {
                // Somebody has closed the descriptor without deregistering it. The registration that moves to this
                // place has not been looked at yet.
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

/// The number of a descriptor, which may be inverted in the list.
const fn number(polled: &libc::pollfd) -> RawFd {
    if polled.fd < 0 { !polled.fd } else { polled.fd }
}

const fn wanted(direction: Direction) -> libc::c_short {
    match direction {
        Direction::Read => libc::POLLIN | PEER_CLOSED,
        Direction::Write => libc::POLLOUT,
    }
}

/// The event that the peer will send no more, on systems that distinguish it from bytes that have arrived.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const PEER_CLOSED: libc::c_short = libc::POLLRDHUP;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const PEER_CLOSED: libc::c_short = 0;

/// The events that are reported even if they are not asked for.
const UNMASKED: libc::c_short = libc::POLLHUP | libc::POLLERR;

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::interfaces::epoll_selector as edges;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use super::interfaces::kqueue_selector as edges;

/// The current state of a descriptor: those of `events` that hold now, and those of [`UNMASKED`].
fn now(fd: RawFd, events: libc::c_short) -> libc::c_short {
    let mut polled = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: `polled` is one entry that may be read and written until the call returns. The descriptor in it need not
    // be open.
    match unsafe { libc::poll(&raw mut polled, 1, 0) } {
        1 => polled.revents,
        _ => 0,
    }
}

/// The current readiness of a descriptor. A descriptor that the system cannot poll counts as ready, so that an
/// operation finds out.
pub(crate) fn readiness_now(fd: BorrowedFd<'_>) -> Readiness {
    match now(fd.as_raw_fd(), wanted(Direction::Read) | wanted(Direction::Write)) {
        happened if happened & libc::POLLNVAL != 0 => Readiness::READABLE | Readiness::WRITABLE,
        happened => readiness(happened),
    }
}

/// Returns `true` if an error is reported for a descriptor, but no hang-up.
pub(crate) fn has_error_alone(fd: BorrowedFd<'_>) -> bool {
    now(fd.as_raw_fd(), 0) & UNMASKED == libc::POLLERR
}

/// Translates the kernel's bits. An error wakes both directions, so that the next operation gets it from its system
/// call.
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
