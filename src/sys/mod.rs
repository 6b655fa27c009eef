//! Layer 1: the operating system. The only place in the crate that contains `unsafe`, and the only one that uses `libc`.
//!
//! | file | holds | man pages |
//! |---|---|---|
//! | `selector/` | [`Selector`]: which descriptors are ready; one file a kernel interface | `epoll(7)`, `kqueue(2)`, `poll(2)` |
//! | `waker.rs`  | [`Waker`]: ends a wait from another thread or a signal handler | `eventfd(2)`, `socketpair(2)` |
//! | `signal.rs` | the signals that have arrived | `signal-safety(7)` |
//! | `signal_actions.rs` | the action for each signal | `sigaction(2)` |
//! | `signal_numbers.rs` | the names of signals | `signal(7)` |
//! | `socket.rs` | socket operations missing from `std::net` and `socket2` | `accept4(2)` |
//! | `sendfile.rs` | sending a file to a socket | `sendfile(2)` |
//! | `descriptor.rs` | operations on any descriptor | `fcntl(2)`, `poll(2)` |
//! | `names/`    | names and addresses | `getaddrinfo(3)`, `getnameinfo(3)` |
//! | `fork.rs`   | the process that created an object | `pthread_atfork(3)` |
//! | `clock.rs`, `instant.rs` | [`Clock`]: the time, real or not; [`Instant`]: a point on it | `clock_gettime(2)` |
//!
//! A new platform needs a file in `selector/` and a few lines in the other files, and changes nothing above this layer.
//! Differences between systems are selected by `cfg`, and `.ci/run` type-checks the crate for each system.

#![allow(unsafe_code)]

mod clock;
pub(crate) mod descriptor;
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
