//! The water marks: when a protocol is to write no more, and when it may again.
//!
//! asyncio calls `pause_writing` from within `write`. Where that is called by the protocol itself, it cannot be here: the
//! protocol is being called. It is told as soon as it has returned, and only what holds then: a backlog that has come and
//! gone meanwhile is no news.

use core::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Transport;
use crate::coroutine::{Exception, Kind};
use crate::task::{ErrorContext, panicked};

pub(super) struct Flow {
    pub(super) low: Cell<usize>,
    pub(super) high: Cell<usize>,
    /// Whether writing is to pause.
    pub(super) paused: Cell<bool>,
    /// Whether the protocol was told so.
    pub(super) told: Cell<bool>,
}

/// From how many bytes of backlog on writing pauses.
const HIGH: usize = 64 * 1024;

impl Flow {
    pub(super) const fn new() -> Self {
        Self { low: Cell::new(HIGH / 4), high: Cell::new(HIGH), paused: Cell::new(false), told: Cell::new(false) }
    }

    /// Sets the marks; what is not given follows from the other.
    ///
    /// # Errors
    ///
    /// `ValueError` where the low mark is above the high one.
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

    /// That so much waits now. `true` where the protocol has something to be told.
    #[inline]
    pub(super) fn grown(&self, size: usize) -> bool {
        if size > self.high.get() {
            self.paused.set(true);
        }
        self.paused.get() != self.told.get()
    }

    /// The same, when it has become less.
    #[inline]
    pub(super) fn shrunk(&self, size: usize) -> bool {
        if size <= self.low.get() {
            self.paused.set(false);
        }
        self.paused.get() != self.told.get()
    }

    /// What the protocol is to be told: whether to pause.
    pub(super) fn news(&self) -> Option<bool> {
        (self.paused.get() != self.told.get()).then(|| {
            self.told.set(self.paused.get());
            self.paused.get()
        })
    }
}

impl Transport {
    /// Tells the protocol what has changed, unless it is being called: then when that returns.
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
