//! Ends a wait from outside: a descriptor that is readable once somebody has called.
//!
//! Linux has `eventfd(2)`, an integer in the kernel that is readable while it is not zero. Other systems, and tests under
//! `--cfg innermost_poll`, use a pair of connected sockets, as asyncio does. Either is called by a `write(2)` of eight
//! bytes, which is all that a signal handler can do.
//!
//! An `eventfd` need not be drained where edges are reported: each call is one, and no number of them fills it. A socket
//! must be: once it is full, a call changes nothing, and makes no edge.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use self::ends::Ends;
use super::Process;

/// Something that a selector can watch, and that any thread or signal handler can make readable.
#[derive(Debug)]
pub(crate) struct Waker {
    ends: Ends,
    /// A forked child has the same eventfd: to call there would be to wake the parent.
    process: Process,
}

impl Waker {
    /// Whether it is to be drained even where edges are reported.
    pub(crate) const FILLS_UP: bool = Ends::FILL_UP;

    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { ends: Ends::new()?, process: Process::current() })
    }

    /// Makes it readable. Full is readable too, and nothing else can go wrong with a descriptor that is open. Does nothing
    /// in a forked child.
    pub(crate) fn wake(&self) {
        if self.process.is_current() {
            let _ = self.ends.writer().write(&1u64.to_ne_bytes());
        }
    }

    /// Makes it unreadable. A wake-up is not lost by that: whoever drains looks for work afterwards.
    pub(crate) fn drain(&self) {
        let mut bytes = [0; 1024];
        while self.ends.reader().read(&mut bytes).is_ok_and(|count| count == bytes.len()) {}
    }

    /// For a signal handler, which can call nothing but `write(2)`.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.ends.writer().as_raw_fd()
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
    use std::os::fd::{FromRawFd, OwnedFd};

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

        pub(super) fn reader(&self) -> &UnixStream {
            &self.reader
        }

        pub(super) fn writer(&self) -> &UnixStream {
            &self.writer
        }
    }
}
