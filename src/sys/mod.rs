//! The operating system. Layer 1, and the only place in the crate that contains `unsafe` or uses `libc`.
//!
//! | file | holds | man pages |
//! |---|---|---|
//! | `selector/` | [`Selector`]: asks which descriptors are ready; one file per kernel interface | `epoll(7)`, `kqueue(2)`, `poll(2)` |
//! | `waker.rs`  | [`Waker`]: ends the selector's wait from another thread or a signal handler | `eventfd(2)`, `socketpair(2)` |
//! | `signal.rs` | catching signals and counting those that have arrived | `signal-safety(7)` |
//! | `signal_actions.rs` | reading and setting the action of a signal | `sigaction(2)` |
//! | `signal_numbers.rs` | the names of signals | `signal(7)` |
//! | `socket.rs` | socket operations missing from `std::net` and `socket2` | `accept4(2)` |
//! | `sendfile.rs` | sending a file to a socket | `sendfile(2)` |
//! | `file.rs`   | reading a file without waiting for a disk; closing with a result | `preadv2(2)`, `close(2)` |
//! | `descriptor.rs` | operations on any descriptor | `fcntl(2)`, `poll(2)` |
//! | `child/`    | child processes: when they end, their status, signals to them | `pidfd_open(2)`, `waitid(2)`, `kqueue(2)` |
//! | `names/`    | looking up names and addresses | `getaddrinfo(3)`, `getnameinfo(3)` |
//! | `fork.rs`   | `Process`: noticing in a forked child that the parent created an object | `pthread_atfork(3)` |
//! | `clock.rs`, `instant.rs` | [`Clock`]: a source of time, real or virtual; [`Instant`]: a point on it | `clock_gettime(2)` |
//!
//! A new platform needs a file in `selector/` and a few lines in the other files, and changes nothing above this layer.
//! Differences between systems are selected by `cfg`, and `.ci/run` type-checks the crate for each system.

#![allow(unsafe_code)]

#[cfg(feature = "process")]
pub(crate) mod child;
mod clock;
pub(crate) mod descriptor;
#[cfg(feature = "fs")]
pub(crate) mod file;
mod fork;
mod instant;
#[cfg(feature = "resolver")]
pub(crate) mod names;
mod selector;
#[cfg(feature = "net")]
pub(crate) mod sendfile;
pub(crate) mod signal;
mod signal_actions;
pub(crate) mod signal_numbers;
#[cfg(feature = "net")]
pub(crate) mod socket;
mod waker;

pub use self::clock::{Clock, MonotonicClock, Waiting};
pub(crate) use self::fork::{NotInherited, Process};
pub use self::instant::Instant;
pub use self::selector::{Direction, Readiness, Selector, SelectorEvent, SelectorToken, default_selector};
pub(crate) use self::selector::{SelectorFd, has_error_alone, interfaces, readiness_now};
pub(crate) use self::waker::Waker;

/// Calls a function of `libc` and converts a negative result into an [`std::io::Error`].
macro_rules! syscall {
    ($function:ident($($argument:expr),* $(,)?)) => {{
        let result = libc::$function($($argument),*);
        if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result) }
    }};
}
use syscall;
