//! [`Log`]: records what happens in a test, so that the test can compare it with a list.
//!
//! This file needs only the standard library. The tests of coroutines, which may be built without a loop, use it too.

#![allow(dead_code, reason = "each program of tests uses its part")]

use std::fmt::Display;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// A record of what happened, in order. Clones share the record, across threads too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    entries: Arc<Mutex<Vec<String>>>,
    turn: Arc<AtomicU32>,
}

impl Log {
    /// Adds an entry.
    pub(crate) fn add(&self, entry: impl Display) {
        // Formatted first: a `Display` of a test may add entries itself, or panic.
        let entry = entry.to_string();
        self.lock().push(entry);
    }

    /// Adds an entry that begins with the number of the current turn. [`count_turns`](Self::count_turns) counts them.
    pub(crate) fn note(&self, entry: impl Display) {
        self.add(format_args!("{} {entry}", self.turn.load(Ordering::Relaxed)));
    }

    /// Takes the entries added since the last call.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lock())
    }

    /// Returns the entries added since the last [`take`](Self::take), and keeps them.
    pub(crate) fn entries(&self) -> Vec<String> {
        self.lock().clone()
    }

    /// Returns a callback that adds `entry`.
    pub(crate) fn adds(&self, entry: &str) -> impl Fn() + Send + Sync + use<> + 'static {
        let (this, entry) = (self.clone(), entry.to_string());
        move || this.add(&entry)
    }

    /// Returns a callback that adds `entry` with the number of the turn in which the callback runs.
    pub(crate) fn notes(&self, entry: &str) -> impl Fn() + Send + Sync + use<> + 'static {
        let (this, entry) = (self.clone(), entry.to_string());
        move || this.note(&entry)
    }

    /// Returns a value that adds `entry` when it is dropped.
    pub(crate) fn on_drop(&self, entry: &'static str) -> OnDrop<impl FnOnce() + Send + Sync + use<> + 'static> {
        on_drop(self.adds(entry))
    }

    /// Begins the next turn, and returns its number.
    pub(super) fn next_turn(&self) -> u32 {
        self.turn.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.entries.lock().expect("nothing panics while it is locked")
    }
}

/// Calls a function when it is dropped.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

pub(crate) const fn on_drop<F: FnOnce()>(function: F) -> OnDrop<F> {
    OnDrop(Some(function))
}

impl<F: FnOnce()> OnDrop<F> {
    /// Does nothing. A closure that calls it captures the value.
    pub(crate) fn keep(&self) {}
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(function) = self.0.take() {
            function();
        }
    }
}
