//! The numbers of signals, under their names in C and in Python's `signal`. Layer 3.
//!
//! ```
//! use innermost::EventLoop;
//! use innermost::signal::{SIGINT, SIGTERM};
//!
//! let event_loop = EventLoop::new()?;
//! for signal in [SIGINT, SIGTERM] {
//!     let stopper = event_loop.handle();
//!     event_loop.add_signal_handler(signal, move || stopper.stop())?;
//! }
//! # Ok::<(), innermost::Exception>(())
//! ```
//!
//! A loop can handle other signals too: [`LoopHandle::add_signal_handler`](crate::LoopHandle::add_signal_handler)
//! accepts any number that the system knows.

pub use crate::sys::signal_numbers::{
    SIGABRT, SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2,
    SIGWINCH,
};
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "netbsd"))]
pub use crate::sys::signal_numbers::{SIGRTMAX, SIGRTMIN};
