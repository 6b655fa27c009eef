//! The water marks: when a protocol should stop writing, and when it may continue.
//!
//! asyncio calls `pause_writing` from within `write`. If the protocol itself calls `write`, that is impossible here, because
//! the protocol is borrowed. It is told as soon as its callback has returned, and only what is true then: a backlog that has
//! come and gone in between is not reported.

use core::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Transport;
use crate::coroutine::{Exception, Kind};
use crate::task::{ErrorContext, panicked};

pub(super) struct Flow {
    pub(super) low: Cell<usize>,
    pub(super) high: Cell<usize>,
    /// True if the protocol should pause writing.
    pub(super) paused: Cell<bool>,
    /// The last call to the protocol: true for `pause_writing`.
    pub(super) told: Cell<bool>,
}

/// The default high-water mark, in bytes.
const HIGH: usize = 64 * 1024;

impl Flow {
    pub(super) const fn new() -> Self {
        Self { low: Cell::new(HIGH / 4), high: Cell::new(HIGH), paused: Cell::new(false), told: Cell::new(false) }
    }

    /// Sets the marks. A mark that is not given follows from the other.
    ///
    /// # Errors
    ///
    /// `ValueError` if the low mark is above the high one.
    pub(super) fn set(&self, high: Option<usize>, low: Option<usize>) -> Result<(), Exception> {
        let high = high.unwrap_or_else(|| low.map_or(HIGH, |low| low.saturating_mul(4)));
        let low = low.unwrap_or(high / 4);
        if low > high {
            let text = format!("high ({high}) must be >= low ({low})");
            return Err(Exception::message(Kind::ValueError, text));
        }
        self.high.set(high);
        self.low.set(low);
        Ok(())
    }

    /// The backlog has grown to `size`. Returns whether there is news for the protocol.
    #[inline]
    pub(super) fn grown(&self, size: usize) -> bool {
        if size > self.high.get() {
            self.paused.set(true);
        }
        self.paused.get() != self.told.get()
    }

    /// The backlog has shrunk to `size`. Returns whether there is news for the protocol.
    #[inline]
    pub(super) fn shrunk(&self, size: usize) -> bool {
        if size <= self.low.get() {
            self.paused.set(false);
        }
        self.paused.get() != self.told.get()
    }

    /// The news for the protocol, if any: whether to pause.
    pub(super) fn news(&self) -> Option<bool> {
        (self.paused.get() != self.told.get()).then(|| {
            self.told.set(self.paused.get());
            self.paused.get()
        })
    }
}

impl Transport {
    /// Tells the protocol the news. If one of its callbacks is running, that happens when it returns.
    #[inline]
    pub(super) fn tell_flow(&self) {
        let flow = &self.0.flow;
        while flow.paused.get() != flow.told.get() && !self.0.protocol.is_lent() {
            self.tell_change();
        }
    }

    #[cold]
    fn tell_change(&self) {
        let Some(pause) = self.0.flow.news() else { return };
        let Some(mut protocol) = self.0.protocol.lend() else { return };
        let result = catch_unwind(AssertUnwindSafe(|| match pause {
            true => protocol.pause_writing(self),
            false => protocol.resume_writing(self),
        }));
        drop(protocol);
        if let Some(replaced) = self.0.protocol.replaced() {
            self.0.drop_users(replaced);
        }
        if let Err(panic) = result {
            let name = if pause { "pause_writing" } else { "resume_writing" };
            let context = ErrorContext::new(format!("protocol.{name}() failed")).caused_by(panicked(panic));
            self.0.event_loop.call_exception_handler(context.about(self));
        }
        self.flush();
    }
}
