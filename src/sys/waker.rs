//! Ends a wait from outside: `eventfd(2)`, an integer in the kernel that is readable while it is not zero.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::syscall;

/// Something that a selector can watch, and that any thread or signal handler can make readable.
#[derive(Debug)]
pub(crate) struct Waker(File);

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer; the result is a new descriptor that nobody else owns.
        let eventfd = unsafe { OwnedFd::from_raw_fd(syscall!(eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?) };
        Ok(Self(File::from(eventfd)))
    }

    /// Makes it readable. Full is readable too, and nothing else can go wrong with a descriptor that is open.
    pub(crate) fn wake(&self) {
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }

    /// Makes it unreadable. A wake-up is not lost by that: whoever drains looks for work afterwards.
    pub(crate) fn drain(&self) {
        let _ = (&self.0).read(&mut [0; 8]);
    }

    /// For a signal handler, which can call nothing but `write(2)`.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
