//! What is to run later: a heap by (deadline, order of setting).
//!
//! The order of setting is what makes equal deadlines fire in turn; CPython leaves that open. A timer that is cancelled
//! drops its callback at once and stays in the heap as a husk until it comes up; where husks are the greater part, the
//! heap is rebuilt, at the latest when it has doubled since it last was.

use core::cmp::Ordering;
use core::fmt;
use core::time::Duration;
use std::collections::BinaryHeap;
use std::rc::Rc;

use crate::task::{Callback, Handle};

/// Below this, husks are not worth looking for.
const SMALL: usize = 128;

pub(super) struct Timers {
    heap: BinaryHeap<Timer>,
    set: u64,
    /// The length at which husks are looked for.
    rebuild_at: usize,
}

struct Timer {
    deadline: Duration,
    sequence: u64,
    callback: Rc<dyn Callback>,
}

impl Timers {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), set: 0, rebuild_at: SMALL }
    }

    pub(super) fn push(&mut self, deadline: Duration, callback: Rc<dyn Callback>) {
        if self.heap.len() >= self.rebuild_at {
            self.heap.retain(|timer| !timer.callback.cancelled());
            self.rebuild_at = SMALL.max(self.heap.len() * 2);
        }
        self.heap.push(Timer { deadline, sequence: self.set, callback });
        self.set += 1;
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    pub(super) fn into_callbacks(self) -> impl Iterator<Item = Rc<dyn Callback>> {
        self.heap.into_iter().map(|timer| timer.callback)
    }

    /// The deadline of the first timer that was not cancelled.
    pub(super) fn next_deadline(&mut self) -> Option<Duration> {
        while let Some(first) = self.heap.peek() {
            if !first.callback.cancelled() {
                return Some(first.deadline);
            }
            self.heap.pop();
        }
        None
    }

    /// Takes out the first timer, if it is due at `now`.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<Rc<dyn Callback>> {
        let due = self.next_deadline().is_some_and(|deadline| deadline <= now);
        due.then(|| self.heap.pop().map(|timer| timer.callback)).flatten()
    }
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

/// The greatest is the first: the heap's top.
impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.deadline, other.sequence).cmp(&(self.deadline, self.sequence))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timer {}

/// What `call_later` and `call_at` give: asyncio's `TimerHandle`. Dropping it changes nothing.
#[derive(Clone)]
pub struct TimerHandle {
    handle: Handle,
    deadline: Duration,
}

impl TimerHandle {
    pub(super) fn new(handle: Handle, deadline: Duration) -> Self {
        Self { handle, deadline }
    }

    /// Keeps the callback from being run, and drops it and what it has captured now. No effect once it has run.
    pub fn cancel(&self) {
        self.handle.cancel();
    }

    /// Whether it was cancelled before it ran.
    pub fn cancelled(&self) -> bool {
        self.handle.cancelled()
    }

    /// When it is due, on the loop's clock.
    pub fn when(&self) -> Duration {
        self.deadline
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerHandle").field("when", &self.deadline).field("cancelled", &self.cancelled()).finish()
    }
}
