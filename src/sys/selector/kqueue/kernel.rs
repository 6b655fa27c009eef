//! The kernel's queue: entries as the system writes them.
//!
//! The fields of `struct kevent` have other types on each system, so the conversions are casts. What each must hold is
//! small: flags of 16 bits, a descriptor's number, the number of an error. The token is as wide as a pointer.

use core::mem;
use core::ptr;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::{Entry, Kernel, Logic};
use crate::sys::selector::{Direction, Selector, SelectorFd, SelectorToken, timespec};
use crate::sys::syscall;

/// How many entries one wait fetches at the most. More wait for the next.
const CAPACITY: usize = 1024;

const _: () = {
    assert!(super::EV_ADD == libc::EV_ADD as u32 && super::EV_DELETE == libc::EV_DELETE as u32);
    assert!(super::EV_CLEAR == libc::EV_CLEAR as u32 && super::EV_RECEIPT == libc::EV_RECEIPT as u32);
    assert!(super::EV_ERROR == libc::EV_ERROR as u32 && super::EV_EOF == libc::EV_EOF as u32);
};

/// A selector over `kqueue(2)`: macOS and the BSDs. asyncio's `selectors.KqueueSelector`.
///
/// # Errors
///
/// The kernel's: `EMFILE`, `ENFILE`, `ENOMEM`; `Unsupported` where pointers have fewer than 64 bits.
pub fn kqueue_selector() -> io::Result<Box<dyn Selector>> {
    if size_of::<*mut libc::c_void>() < size_of::<SelectorToken>() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "an entry of the queue has no room for a token"));
    }
    Ok(Box::new(Logic::new(Kqueue::new()?)))
}

struct Kqueue {
    queue: SelectorFd,
    buffer: Vec<libc::kevent>,
}

impl Kqueue {
    /// An empty queue, closed on exec. No child has it: a fork does not copy it.
    fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer; the result is a new descriptor that nobody else owns.
        let queue = SelectorFd::from(unsafe { OwnedFd::from_raw_fd(syscall!(kqueue())?) });
        // SAFETY: takes no pointer; the descriptor is open.
        unsafe { syscall!(fcntl(queue.as_fd().as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC))? };
        Ok(Self { queue, buffer: Vec::with_capacity(CAPACITY) })
    }
}

impl Kernel for Kqueue {
    fn change(&mut self, changes: [Entry; 2]) -> io::Result<[Entry; 2]> {
        let changes = changes.map(|change| to_kernel(&change));
        let mut receipts = changes;
        let (list, count, room) = (changes.as_ptr(), changes.len(), receipts.as_mut_ptr());
        let at_once = timespec(Duration::ZERO);
        loop {
            // SAFETY: one list has that many changes, and the other has room for as many receipts. They and `at_once`
            // live until the call returns.
            let result = unsafe {
                syscall!(kevent(self.queue.as_fd().as_raw_fd(), list, count as _, room, count as _, &raw const at_once))
            };
            match result {
                // To make the same changes twice is to make them once.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(|_| receipts.map(|receipt| from_kernel(&receipt))),
            }
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout.map(timespec);
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        let (queue, events) = (self.queue.as_fd().as_raw_fd(), self.buffer.as_mut_ptr());
        // SAFETY: there are no changes, of which null is a list. The buffer has room for CAPACITY entries, which the
        // kernel may write until the call returns; the timeout lives as long, or is null, which is for ever.
        let count = unsafe { syscall!(kevent(queue, ptr::null(), 0, events, CAPACITY as _, timeout))? } as usize;
        // SAFETY: the kernel has written that many entries, and no more than the capacity.
        unsafe { self.buffer.set_len(count) };
        Ok(count)
    }

    fn happened(&self, index: usize) -> Entry {
        from_kernel(&self.buffer[index])
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

fn to_kernel(entry: &Entry) -> libc::kevent {
    // SAFETY: all zeros is a valid kevent: numbers, and a null pointer that nobody follows.
    let mut kevent: libc::kevent = unsafe { mem::zeroed() };
    kevent.ident = entry.fd as _;
    kevent.filter = match entry.filter {
        Direction::Read => libc::EVFILT_READ,
        Direction::Write => libc::EVFILT_WRITE,
    };
    kevent.flags = entry.flags as _;
    kevent.udata = ptr::without_provenance_mut(entry.token.0 as usize);
    kevent
}

#[allow(clippy::unnecessary_cast, reason = "the types are the system's")]
fn from_kernel(kevent: &libc::kevent) -> Entry {
    // Copied out: where the struct is packed, its fields cannot be borrowed.
    let (filter, udata) = (kevent.filter, kevent.udata);
    Entry {
        fd: kevent.ident as RawFd,
        filter: if filter == libc::EVFILT_WRITE { Direction::Write } else { Direction::Read },
        flags: kevent.flags as u32,
        fflags: kevent.fflags as u32,
        data: kevent.data as i64,
        token: SelectorToken(udata.addr() as u64),
    }
}
