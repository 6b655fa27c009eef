//! The selector over `epoll(7)`, for Linux and Android.
//!
//! This is how the kernel's object works. An epoll set maps a pair (descriptor number, open file) to a pair (wanted
//! events, 64 bits of user data). The set holds no reference to the file. An entry disappears when the *file* is
//! closed, that is, when the last descriptor that refers to the file is closed. If the registered descriptor has a
//! duplicate (`dup`, `try_clone`, a forked child), closing the registered number is not enough: events keep coming with
//! the old 64 bits, for a number that may meanwhile belong to another file.
//!
//! Hence:
//!
//! - Registration is edge-triggered (`EPOLLET`), and done once for both directions. So a stale entry causes at most one
//!   event for each change, and never makes the loop spin. No system call is needed to change the wanted events.
//! - The 64 bits name a slot and its generation, not the descriptor number. A stale event finds no slot, and is
//!   dropped.
//! - A descriptor that is about to be closed is first removed with `EPOLL_CTL_DEL`, which costs a system call. After
//!   closing, nobody could remove it, because an entry is found by its number and its file together. A leftover entry
//!   would do harm when the next duplicate of that file gets the same number: it could not be registered (`EEXIST`).
//! - `EPOLLRDHUP` is wanted. After a short read, the buffer counts as empty, and an end of stream that came before the
//!   read would be missed without this event.
//! - `EPOLLPRI` is wanted. A read stops at an urgent byte, so such a read is short although the buffer is not empty.
//!
//! An edge reports everything that holds at the moment of the wait, and not only the change. So nearly every event has
//! `EPOLLOUT` set. That is harmless, because an event wakes only a task that waits for that direction.

use core::ptr;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::{Direction, Readiness, Selector, SelectorEvent, SelectorToken, milliseconds, timespec};
use crate::sys::syscall;

/// The largest number of events that one wait fetches. The kernel keeps the others, in order, for the next wait.
const CAPACITY: usize = 1024;

/// The event for an urgent byte. Miri does not know it.
const URGENT: libc::c_int = if cfg!(miri) { 0 } else { libc::EPOLLPRI };

/// Creates a selector that uses `epoll(7)`, on Linux and Android. asyncio's `selectors.EpollSelector`.
///
/// # Errors
///
/// The kernel's error: `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn epoll_selector() -> io::Result<Box<dyn Selector>> {
    Ok(Box::new(Epoll::new()?))
}

/// A selector that uses `epoll_create1`, `epoll_ctl` and `epoll_pwait2`.
struct Epoll {
    epoll: OwnedFd,
    buffer: Vec<libc::epoll_event>,
    /// True if the kernel has `epoll_pwait2` (Linux 5.11), whose timeout is in nanoseconds. The call needs 64 bits for
    /// the seconds, which `libc`'s type may not have on a system with 32 bits.
    precise: bool,
}

impl Epoll {
    /// Creates an empty set, closed on exec.
    fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer. The result is a new descriptor that nobody else owns.
        let epoll = unsafe { OwnedFd::from_raw_fd(syscall!(epoll_create1(libc::EPOLL_CLOEXEC))?) };
        Ok(Self {
            epoll,
            buffer: Vec::with_capacity(CAPACITY),
            precise: cfg!(all(target_pointer_width = "64", not(miri))),
        })
    }

    fn control(&self, operation: libc::c_int, fd: BorrowedFd<'_>, event: *mut libc::epoll_event) -> io::Result<()> {
        // SAFETY: both descriptors are open, because they are borrowed. `event` points to an event, or is null for
        // EPOLL_CTL_DEL, which reads none.
        unsafe { syscall!(epoll_ctl(self.epoll.as_raw_fd(), operation, fd.as_raw_fd(), event)) }.map(drop)
    }

    /// Waits, fills the buffer, and returns the number of events.
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        if let Some(timeout) = timeout
            && self.precise
            && !timeout.is_zero()
        {
            match self.wait_precisely(timeout) {
                Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => self.precise = false,
                result => return result,
            }
        }
        let timeout = milliseconds(timeout);
        let (events, room) = (self.buffer.as_mut_ptr(), CAPACITY as libc::c_int);
        // SAFETY: the buffer has room for CAPACITY events, which the kernel may write until the call returns.
        let count = unsafe { syscall!(epoll_wait(self.epoll.as_raw_fd(), events, room, timeout))? };
        Ok(count as usize)
    }

    fn wait_precisely(&mut self, timeout: Duration) -> io::Result<usize> {
        let timeout = timespec(timeout);
        let (epoll, events) = (self.epoll.as_raw_fd(), self.buffer.as_mut_ptr());
        // SAFETY: the buffer has room for CAPACITY events, which the kernel may write until the call returns. `timeout`
        // lives until then. A null signal mask is allowed, with any size.
        let count = unsafe {
            syscall!(syscall(
                libc::SYS_epoll_pwait2,
                epoll,
                events,
                CAPACITY as libc::c_int,
                &raw const timeout,
                ptr::null::<libc::sigset_t>(),
                0usize,
            ))?
        };
        Ok(count as usize)
    }
}

impl Selector for Epoll {
    fn register(&mut self, fd: BorrowedFd<'_>, token: SelectorToken) -> io::Result<()> {
        let events = libc::EPOLLIN | URGENT | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        let mut event = libc::epoll_event { events: events as u32, u64: token.0 };
        self.control(libc::EPOLL_CTL_ADD, fd, &raw mut event)
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, ptr::null_mut())
    }

    fn closing(&mut self, fd: BorrowedFd<'_>) {
        let _not_registered = self.deregister(fd);
    }

    fn reports_levels(&self) -> bool {
        false
    }

    fn drained(&mut self, _: SelectorToken, _: Direction) {}

    fn select(&mut self, events: &mut Vec<SelectorEvent>, timeout: Option<Duration>) -> io::Result<()> {
        let count = match self.wait(timeout) {
            // Fetch the events that came before the signal, or together with it.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.wait(Some(Duration::ZERO))?,
            result => result?,
        };
        // SAFETY: the kernel has written `count` events, which is no more than the capacity.
        unsafe { self.buffer.set_len(count) };
        events.extend(
            self.buffer
                .iter()
                .map(|event| SelectorEvent { token: SelectorToken(event.u64), readiness: readiness(event.events) }),
        );
        Ok(())
    }

    fn as_fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.epoll.as_fd())
    }
}

impl core::fmt::Debug for Epoll {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Epoll").field("fd", &self.epoll.as_raw_fd()).finish_non_exhaustive()
    }
}

/// Translates the kernel's bits. A table takes 7 instructions per event; testing bit by bit takes 20.
#[inline]
fn readiness(events: u32) -> Readiness {
    // The bits up to EPOLLHUP are adjacent. EPOLLRDHUP is shifted next to them.
    let low = events & LOW_BITS;
    let ended = events >> (libc::EPOLLRDHUP.trailing_zeros() - LOW_BITS.count_ones()) & (LOW_BITS + 1);
    READINESS[(low | ended) as usize]
}

/// EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR and EPOLLHUP, which have the same values on every architecture.
const LOW_BITS: u32 = 0x1f;

const READINESS: [Readiness; 2 * (LOW_BITS as usize + 1)] = {
    let mut table = [Readiness::NONE; 2 * (LOW_BITS as usize + 1)];
    let mut index = 0;
    while index < table.len() {
        let ended = if index as u32 > LOW_BITS { libc::EPOLLRDHUP as u32 } else { 0 };
        table[index] = translate(index as u32 & LOW_BITS | ended);
        index += 1;
    }
    table
};

/// Translates the kernel's bits one by one. An error wakes both directions, so that the next operation gets it from its
/// system call.
const fn translate(events: u32) -> Readiness {
    const MEANINGS: [(libc::c_int, Readiness); 5] = [
        (libc::EPOLLIN | libc::EPOLLPRI, Readiness::READABLE),
        (libc::EPOLLPRI, Readiness::URGENT),
        (libc::EPOLLOUT, Readiness::WRITABLE),
        (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR, Readiness::READ_CLOSED),
        (libc::EPOLLHUP | libc::EPOLLERR, Readiness::WRITE_CLOSED),
    ];
    let mut readiness = Readiness::NONE;
    let mut index = 0;
    while index < MEANINGS.len() {
        if events & MEANINGS[index].0 as u32 != 0 {
            readiness = readiness.with(MEANINGS[index].1);
        }
        index += 1;
    }
    readiness
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_events_is_looked_up_as_it_is_translated() {
        let rest = libc::EPOLLRDNORM | libc::EPOLLMSG;
        for low in 0..=LOW_BITS {
            for ended in [0, libc::EPOLLRDHUP as u32] {
                let events = low | ended;
                assert_eq!(readiness(events | rest as u32), translate(events), "{events:#x}");
            }
        }
        assert_eq!(translate((libc::EPOLLIN | libc::EPOLLRDHUP) as u32), Readiness::READABLE | Readiness::READ_CLOSED);
    }
}
