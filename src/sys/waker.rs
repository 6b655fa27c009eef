//! [`Waker`]: ends a selector's wait from another thread or a signal handler, through a descriptor that becomes
//! readable.
//!
//! Linux has `eventfd(2)`, an integer in the kernel that is readable while it is not zero. Other systems, and tests
//! with `--cfg innermost_poll`, use a pair of connected sockets, as asyncio does. Both are woken by a `write(2)` of
//! eight bytes, which a signal handler may call.
//!
//! An eventfd need not be drained if the selector reports edges: each write is a new edge, and no number of writes
//! fills it up. A socket must be drained, because writing to a full socket changes nothing and causes no edge.
//!
//! Other threads share ownership of the waker, so it stays open as long as they may wake it. A signal handler cannot
//! share ownership. Between the moment when it reads the descriptor's number and the moment when it writes, the
//! descriptor could be closed and its number reused. So a waker that signal handlers know is not closed when it is
//! dropped. It becomes a spare waker for the next loop.

use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use self::ends::Ends;
use super::Process;

/// A descriptor that a selector can watch, and that any thread or signal handler can make readable.
#[derive(Debug)]
pub(crate) struct Waker {
    ends: ManuallyDrop<Ends>,
    /// The process that created it. A forked child has the same eventfd, and would wake its parent.
    process: Process,
    /// True if signal handlers may know it, so that it must not be closed.
    is_kept_open: AtomicBool,
}

/// The spare wakers, which were dropped and are still open. Each entry has both descriptors, or is [`NONE`]. There is
/// no lock, because a forked child could find it locked forever. If a program closes more than 32 loops with signal
/// handlers before it creates a new one, the descriptors of the others leak.
static SPARE: [AtomicU64; 32] = [const { AtomicU64::new(NONE) }; 32];

const NONE: u64 = u64::MAX;

impl Waker {
    /// True if a waker must be drained even if the selector reports edges.
    pub(crate) const FILLS_UP: bool = Ends::FILL_UP;

    pub(crate) fn new() -> io::Result<Self> {
        let process = Process::current();
        let (ends, is_spare) = match take_spare() {
            Some(ends) => (ends, true),
            None => (Ends::new()?, false),
        };
        let this = Self { ends: ManuallyDrop::new(ends), process, is_kept_open: AtomicBool::new(is_spare) };
        if is_spare {
            // Its last loop may have left wake-ups in it.
            this.drain();
        }
        Ok(this)
    }

    /// Keeps the descriptors open forever, for signal handlers.
    pub(super) fn keep_open(&self) {
        self.is_kept_open.store(true, Ordering::Relaxed);
    }

    /// Returns `true` if the current process created the waker, rather than a parent.
    pub(super) fn is_of_this_process(&self) -> bool {
        self.process.is_current()
    }

    /// Makes the waker readable. Does nothing in a forked child.
    ///
    /// The only error of the write is that the descriptor is full, and then it is readable already.
    pub(crate) fn wake(&self) {
        if self.process.is_current() {
            let _ = self.ends.writer().write(&1u64.to_ne_bytes());
        }
    }

    /// Makes the waker unreadable. No wake-up is lost, because the caller looks for work afterwards.
    pub(crate) fn drain(&self) {
        let mut bytes = [0; 1024];
        while self.ends.reader().read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }

    /// The descriptor to pass to [`wake_from_handler`](Self::wake_from_handler).
    pub(super) fn raw_fd(&self) -> RawFd {
        self.ends.writer().as_raw_fd()
    }

    /// Makes the waker with this descriptor readable. The waker was [kept open](Self::keep_open). A signal handler may
    /// call this.
    pub(super) fn wake_from_handler(fd: RawFd) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: `one` may be read until the call returns. The descriptor is open and belongs to a waker, since the
        // waker was kept open. It is non-blocking.
        unsafe { libc::write(fd, one.as_ptr().cast(), one.len()) };
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        // SAFETY: `ends` is not used again, because the waker is being dropped.
        let ends = unsafe { ManuallyDrop::take(&mut self.ends) };
        if self.is_kept_open.load(Ordering::Relaxed) && self.process.is_current() {
            put_spare(ends);
        }
    }
}

/// Adds a spare waker. If there is no room, its descriptors stay open and are never used again.
fn put_spare(ends: Ends) {
    let [reader, writer] = ends.into_raw().map(|fd| u64::from(fd.cast_unsigned()));
    let both = (reader << 32) | writer;
    let _ = SPARE.iter().find(|spare| spare.compare_exchange(NONE, both, Ordering::AcqRel, Ordering::Relaxed).is_ok());
}

fn take_spare() -> Option<Ends> {
    let both = SPARE.iter().find_map(|spare| match spare.load(Ordering::Relaxed) {
        NONE => None,
        _ => Some(spare.swap(NONE, Ordering::AcqRel)).filter(|both| *both != NONE),
    })?;
    let [reader, writer] = [both >> 32, both].map(|fd| (fd as u32).cast_signed());
    // SAFETY: `put_spare` has stored these descriptors, and the swap has taken them out, so nobody else has them.
    Some(unsafe { Ends::from_raw([reader, writer]) })
}

/// Closes the spare wakers that a forked child has inherited, because they share their state with the parent's. The
/// child's signal handlers do not know them. Does only what a signal handler may do.
pub(super) fn on_fork() {
    while let Some(ends) = take_spare() {
        drop(ends);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ends.reader().as_fd()
    }
}

#[cfg(all(not(innermost_poll), any(target_os = "linux", target_os = "android")))]
mod ends {
    use std::fs::File;
    use std::io;
    use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};

    use crate::sys::syscall;

    /// An eventfd, which is both reader and writer.
    #[derive(Debug)]
    pub(super) struct Ends(File);

    impl Ends {
        pub(super) const FILL_UP: bool = false;

        pub(super) fn new() -> io::Result<Self> {
            // SAFETY: the call takes no pointer. The result is a new descriptor that nobody else owns.
            let eventfd =
                unsafe { OwnedFd::from_raw_fd(syscall!(eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?) };
            Ok(Self(File::from(eventfd)))
        }

        /// The reader and the writer.
        pub(super) fn into_raw(self) -> [RawFd; 2] {
            let fd = self.0.into_raw_fd();
            [fd, fd]
        }

        /// Takes ownership of both descriptors.
        ///
        /// # Safety
        ///
        /// The descriptors must come from [`into_raw`](Self::into_raw), and nobody else may own them.
        pub(super) unsafe fn from_raw([reader, _]: [RawFd; 2]) -> Self {
            // SAFETY: the caller guarantees that the descriptor is open and that nobody else owns it.
            Self(unsafe { File::from_raw_fd(reader) })
        }

        pub(super) fn reader(&self) -> &File {
            &self.0
        }

        pub(super) fn writer(&self) -> &File {
            &self.0
        }
    }
}

#[cfg(not(all(not(innermost_poll), any(target_os = "linux", target_os = "android"))))]
mod ends {
    use std::io;
    use std::os::fd::{FromRawFd, IntoRawFd, RawFd};
    use std::os::unix::net::UnixStream;

    /// A pair of sockets. Both are open as long as this lives, so a write never meets a closed end and never causes a
    /// `SIGPIPE`.
    #[derive(Debug)]
    pub(super) struct Ends {
        reader: UnixStream,
        writer: UnixStream,
    }

    impl Ends {
        pub(super) const FILL_UP: bool = true;

        pub(super) fn new() -> io::Result<Self> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok(Self { reader, writer })
        }

        /// The reader and the writer.
        pub(super) fn into_raw(self) -> [RawFd; 2] {
            [self.reader.into_raw_fd(), self.writer.into_raw_fd()]
        }

        /// Takes ownership of both descriptors.
        ///
        /// # Safety
        ///
        /// The descriptors must come from [`into_raw`](Self::into_raw), and nobody else may own them.
        pub(super) unsafe fn from_raw(ends: [RawFd; 2]) -> Self {
            // SAFETY: the caller guarantees that the descriptors are open and that nobody else owns them.
            let [reader, writer] = ends.map(|fd| unsafe { UnixStream::from_raw_fd(fd) });
            Self { reader, writer }
        }

        pub(super) fn reader(&self) -> &UnixStream {
            &self.reader
        }

        pub(super) fn writer(&self) -> &UnixStream {
            &self.writer
        }
    }
}
