//! The real kernel queue: the two system calls, and converting between [`Entry`] and `struct kevent`.
//!
//! The fields of `struct kevent` have different types on each system, so the conversions are casts. The values fit:
//! flags of 16 bits, a descriptor's number, the number of an error, and a token that is as wide as a pointer.

use core::mem;
use core::ptr;
use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::{Entry, Kernel, Logic};
use crate::sys::selector::{Direction, Selector, SelectorFd, SelectorToken, timespec};
use crate::sys::syscall;

/// The largest number of events that one wait fetches. The others stay in the queue for the next wait.
const CAPACITY: usize = 1024;

const _: () = {
    assert!(super::EV_ADD == libc::EV_ADD as u32 && super::EV_DELETE == libc::EV_DELETE as u32);
    assert!(super::EV_CLEAR == libc::EV_CLEAR as u32 && super::EV_RECEIPT == libc::EV_RECEIPT as u32);
    assert!(super::EV_ERROR == libc::EV_ERROR as u32 && super::EV_EOF == libc::EV_EOF as u32);
};

/// Creates a selector that uses `kqueue(2)`, on macOS and the BSDs. asyncio's `selectors.KqueueSelector`.
///
/// # Errors
///
/// The kernel's error: `EMFILE`, `ENFILE`, `ENOMEM`. `Unsupported` if pointers have fewer than 64 bits.
pub fn kqueue_selector() -> io::Result<Box<dyn Selector>> {
    if size_of::<*mut libc::c_void>() < size_of::<SelectorToken>() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "kqueue needs pointers of 64 bits to store a token"));
    }
    Ok(Box::new(Logic::new(Kqueue::new()?)))
}

struct Kqueue {
    queue: SelectorFd,
    buffer: Vec<libc::kevent>,
}

impl Kqueue {
    /// Creates an empty queue, closed on exec. A fork does not copy it, so no child has it.
    fn new() -> io::Result<Self> {
        // SAFETY: the call takes no pointer. The result is a new descriptor that nobody else owns.
        let queue = SelectorFd::from(unsafe { OwnedFd::from_raw_fd(syscall!(kqueue())?) });
        // SAFETY: the command takes no pointer. The descriptor is open.
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
            // SAFETY: `list` has `count` changes, and `room` has room for as many receipts. Both arrays and `at_once`
            // live until the call returns.
            let result = unsafe {
                syscall!(kevent(self.queue.as_fd().as_raw_fd(), list, count as _, room, count as _, &raw const at_once))
            };
            match result {
                // Making the same changes twice has the same effect as making them once.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(|_| receipts.map(|receipt| from_kernel(&receipt))),
            }
        }
    }

    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout.map(timespec);
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        let (queue, events) = (self.queue.as_fd().as_raw_fd(), self.buffer.as_mut_ptr());
        // SAFETY: there are no changes, so their list may be null. The buffer has room for CAPACITY entries, which the
        // kernel may write until the call returns. The timeout lives until then, or is null, which means no limit.
        let count = unsafe { syscall!(kevent(queue, ptr::null(), 0, events, CAPACITY as _, timeout))? } as usize;
        // SAFETY: the kernel has written `count` entries, which is no more than the capacity.
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
    // SAFETY: all zeros is a valid kevent: it has numbers, and a null pointer that nobody dereferences.
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
    // Copied first, because the fields of a packed struct cannot be borrowed.
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
