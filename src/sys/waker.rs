//! Ending a selector's wait from outside, through a descriptor that becomes readable.
//!
//! Linux has `eventfd(2)`, an integer in the kernel that is readable while it is not zero. Other systems, and tests under
//! `--cfg innermost_poll`, use a pair of connected sockets, as asyncio does. Either is called by a `write(2)` of eight
//! bytes, which is all that a signal handler can do.
//!
//! An `eventfd` need not be drained where edges are reported: each call is one, and no number of them fills it. A socket
//! must be: once it is full, a call changes nothing, and makes no edge.
//!
//! Other threads share the waker, so that it is open as long as they may call. A signal handler cannot share anything:
//! between reading a descriptor's number and writing to it, the descriptor may be closed and its number be somebody
//! else's. So a waker that handlers know is not closed when it is dropped. It becomes a spare one, for the next loop.

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
    /// A forked child has the same eventfd, and would wake its parent.
    process: Process,
    /// Whether signal handlers may know it, so that it must not be closed.
    is_kept_open: AtomicBool,
}

/// Both descriptors of wakers that were dropped and are open; [`NONE`] for no waker. Not behind a lock, which a forked
/// child could find locked for ever. A program where more loops with signal handlers than this end before a new one
/// begins loses descriptors.
static SPARE: [AtomicU64; 32] = [const { AtomicU64::new(NONE) }; 32];

const NONE: u64 = u64::MAX;

impl Waker {
    /// Whether it must be drained even if the selector reports edges.
    pub(crate) const FILLS_UP: bool = Ends::FILL_UP;

    pub(crate) fn new() -> io::Result<Self> {
        let process = Process::current();
        let (ends, is_spare) = match take_spare() {
            Some(ends) => (ends, true),
            None => (Ends::new()?, false),
        };
        let this = Self { ends: ManuallyDrop::new(ends), process, is_kept_open: AtomicBool::new(is_spare) };
        if is_spare {
            // Its last loop has not seen everything.
            this.drain();
        }
        Ok(this)
    }

    /// Leaves its descriptors open for ever, for signal handlers.
    pub(super) fn keep_open(&self) {
        self.is_kept_open.store(true, Ordering::Relaxed);
    }

    /// Whether the current process created it, rather than a parent.
    pub(super) fn is_of_this_process(&self) -> bool {
        self.process.is_current()
    }

    /// Makes it readable. Full is readable too, and nothing else can go wrong with a descriptor that is open. Does nothing
    /// in a forked child.
    pub(crate) fn wake(&self) {
        if self.process.is_current() {
            let _ = self.ends.writer().write(&1u64.to_ne_bytes());
        }
    }

    /// Makes it unreadable. No wake-up is lost, because the caller looks for work afterwards.
    pub(crate) fn drain(&self) {
        let mut bytes = [0; 1024];
        while self.ends.reader().read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }

    /// For [`wake_from_handler`](Self::wake_from_handler).
    pub(super) fn raw_fd(&self) -> RawFd {
        self.ends.writer().as_raw_fd()
    }

    /// Makes the waker with this descriptor readable, which was [kept open](Self::keep_open). A signal handler can call
    /// it.
    pub(super) fn wake_from_handler(fd: RawFd) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: `one` may be read until the call returns. The descriptor is open and a waker's, since that was kept
        // open. It does not block.
        unsafe { libc::write(fd, one.as_ptr().cast(), one.len()) };
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        // SAFETY: nobody uses it after this.
        let ends = unsafe { ManuallyDrop::take(&mut self.ends) };
        if self.is_kept_open.load(Ordering::Relaxed) && self.process.is_current() {
            put_spare(ends);
        }
    }
}

/// Where there is no room for it, it stays open and is of no more use.
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
    // SAFETY: `put_spare` has put them there, and they were taken out, so that nobody else has them.
    Some(unsafe { Ends::from_raw([reader, writer]) })
}

/// Closes the spare ones that a forked child has inherited: the parent's are the same. The child's signal handlers do not
/// know them. Does only what a signal handler may.
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

    /// An `eventfd`, which is both.
    #[derive(Debug)]
    pub(super) struct Ends(File);

    impl Ends {
        pub(super) const FILL_UP: bool = false;

        pub(super) fn new() -> io::Result<Self> {
            // SAFETY: takes no pointer; the result is a new descriptor that nobody else owns.
            let eventfd =
                unsafe { OwnedFd::from_raw_fd(syscall!(eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK))?) };
            Ok(Self(File::from(eventfd)))
        }

        /// The reader and the writer.
        pub(super) fn into_raw(self) -> [RawFd; 2] {
            let fd = self.0.into_raw_fd();
            [fd, fd]
        }

        /// # Safety
        ///
        /// They come from [`into_raw`](Self::into_raw), and nobody else has them.
        pub(super) unsafe fn from_raw([reader, _]: [RawFd; 2]) -> Self {
            // SAFETY: it is open, and nobody else owns it.
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

    /// A pair of sockets. Both are open as long as this lives, so no write ever meets a closed end, nor its signal.
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

        /// # Safety
        ///
        /// They come from [`into_raw`](Self::into_raw), and nobody else has them.
        pub(super) unsafe fn from_raw(ends: [RawFd; 2]) -> Self {
            // SAFETY: they are open, and nobody else owns them.
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
