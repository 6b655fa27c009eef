//! What the loop shares with other threads: functions that run there, coroutines that they send, futures on both sides.
//!
//! | file | holds |
//! |---|---|
//! | `executors.rs`     | functions that run in threads: `run_in_executor`, [`to_thread`], the loop's default executor |
//! | `shutdown.rs`      | shutting the default executor down without blocking the loop |
//! | `run_coroutine.rs` | coroutines that other threads send: `run_coroutine_threadsafe` |
//! | `links.rs`         | a loop's future and a thread's future, one following the other |
//! | `home.rs`          | what a thread's future knows of the loop that completes it |
//! | `absent.rs`        | stands for all of this where the feature `executor` is off |
//!
//! The way into the loop for other threads, [`RemoteHandle`](super::RemoteHandle), is outside: it is always there.

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

/// The loop's part of this.
#[derive(Default)]
pub(super) struct Threads {
    links: Links,
    default_executor: DefaultExecutor,
}

impl Threads {
    /// Whether a clock that jumps must stand still until threads have delivered what the loop awaits. Where one of them
    /// waits for this loop in turn, neither would go on, so the clock jumps. Without a deadline the clock has nowhere to jump
    /// to; threads that wait with a timeout go on by themselves.
    pub(super) fn is_owed(&self, inbox: &Inbox, has_deadline: bool) -> bool {
        let threads = inbox.threads();
        let waiting = if has_deadline { threads.all } else { threads.for_ever };
        waiting == 0 && self.links.wait_for_threads()
    }

    /// The loop is closed: whoever waits on the other side of a link is told.
    pub(super) fn close_links(&self, scheduler: &Rc<Scheduler>) {
        scheduler.drop_each(self.links.close());
    }
}
