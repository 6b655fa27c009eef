//! The loop and other threads: functions that run in threads, coroutines that threads send, futures on both sides.
//!
//! | file | holds |
//! |---|---|
//! | `executors.rs`     | functions that run in threads: `run_in_executor`, [`to_thread`], the loop's default executor |
//! | `shutdown.rs`      | shutting the default executor down without blocking the loop |
//! | `run_coroutine.rs` | coroutines that other threads send: `run_coroutine_threadsafe` |
//! | `links.rs`         | a loop's future that follows a thread's future, and the reverse: `wrap_future`, `thread_future` |
//! | `home.rs`          | counting the threads that wait for the loop |
//! | `absent.rs`        | an empty stand-in, used if the feature `executor` is off |
//!
//! [`RemoteHandle`](super::RemoteHandle) is not in this folder, because it exists without the feature too.

mod executors;
mod home;
mod links;
mod run_coroutine;
mod shutdown;

use std::rc::Rc;

use self::executors::DefaultExecutor;
pub use self::executors::{ThreadCall, ToThread, to_thread};
use self::links::Links;
pub use self::shutdown::ShutdownExecutor;
use super::remote::Inbox;
use crate::task::Scheduler;

/// The fields of a loop that belong to this folder.
#[derive(Default)]
pub(super) struct Threads {
    links: Links,
    default_executor: DefaultExecutor,
}

impl Threads {
    /// Returns `true` if a clock that jumps must stand still, because threads owe the loop results that it awaits.
    ///
    /// If a thread waits for this loop in turn, both would wait forever, so the clock jumps. Without a deadline the
    /// clock has nowhere to jump to; then only threads that wait without a timeout matter, since the others go on by
    /// themselves.
    pub(super) fn clock_must_wait(&self, inbox: &Inbox, has_deadline: bool) -> bool {
        let threads = inbox.waiting_threads();
        let waiting = if has_deadline { threads.all } else { threads.for_ever };
        waiting == 0 && self.links.wait_for_threads()
    }

    /// Whether the default executor takes functions.
    #[cfg(feature = "testing")]
    pub(super) fn default_executor_is_open(&self) -> bool {
        self.default_executor.is_open()
    }

    /// Drops all links, because the loop is closed. Threads that wait on the other side learn that the loop is gone.
    pub(super) fn close_links(&self, scheduler: &Rc<Scheduler>) {
        scheduler.drop_each(self.links.close());
    }
}
