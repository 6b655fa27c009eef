//! The queue in which every object of `sync/` and `queue/` keeps the tasks that wait for it.
//!
//! A waiter replaces asyncio's future. Waking marks the waiter, and its task runs in the next turn. Until then, the
//! woken waiter stays in the queue. So a lock can see that a wake-up is on its way, and does not wake a second task.
//!
//! ```text
//!   first                    pending                  last
//!     |                         |                      |
//!   woken <-> cancelled <-> waiting <-> cancelled <-> waiting
//!   \____ all of them done ___/
//! ```
//!
//! Nearly always, one task waits or none. A single waiter is kept in fields of the queue. When another one joins, both
//! move to a list, the crowd.
//!
//! | file | holds |
//! |---|---|
//! | `line.rs` | the queue: a single waiter, or a crowd |
//! | `crowd.rs` | several waiters |
//! | `place.rs` | a place in the queue, and the state of a coroutine that waits at one |
//!
//! A waiter that was woken may be unable to go on: it lost a race, and its task does something else. Its turn then passes to
//! the next waiter. The waiter tries its operation again when it comes back, and joins at the end if it must wait.
//!
//! Invariants:
//!
//! 1. Every waiter before `pending` is done: it was woken or cancelled, and stays so. `pending` itself may have been
//!    cancelled since.
//! 2. `woken` counts the waiters that were woken and have not left. Only this queue wakes its waiters.
//! 3. Nothing is borrowed while a task is woken or dropped.
//! 4. A waiter keeps its index until its [`Place`] leaves, even if it was taken out of the queue before that.
//! 5. While there is a single waiter, the list is empty.

use core::cell::OnceCell;
use core::fmt;
use std::rc::Rc;

mod crowd;
mod line;
mod place;

use self::line::{Line, Turns};
pub(crate) use self::place::{Phase, Place};

/// A queue of waiting tasks: first come, first served. Allocates nothing until the first task waits.
pub(crate) struct WaitQueue {
    /// The name of the operation in which the tasks wait, for people.
    name: &'static str,
    turns: Turns,
    line: OnceCell<Rc<Line>>,
}

impl WaitQueue {
    /// Creates an empty queue. `name` is the operation that tasks wait in.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, turns: Turns::OneByOne, line: OnceCell::new() }
    }

    /// Creates an empty queue whose waiters are all woken together: none of them takes anything from another one.
    pub(crate) const fn waking_all(name: &'static str) -> Self {
        Self { name, turns: Turns::Together, line: OnceCell::new() }
    }

    /// The number of turns that were passed on while nobody waited. They are the caller's from now on.
    #[inline]
    pub(crate) fn take_unclaimed(&self) -> usize {
        self.line.get().map_or(0, |line| line.take_unclaimed())
    }

    /// The number of waiters, including those about to run.
    pub(crate) fn len(&self) -> usize {
        self.line.get().map_or(0, |line| line.len())
    }

    /// Whether there is a waiter that was not cancelled.
    #[inline]
    pub(crate) fn has_live(&self) -> bool {
        self.line.get().is_some_and(|line| line.has_live())
    }

    /// Joins the queue.
    #[inline]
    pub(crate) fn join(&self) -> Place {
        Place::join(self.line.get_or_init(|| Rc::new(Line::new(self.name, self.turns))))
    }

    /// Wakes the first waiter, unless it was woken or cancelled already.
    #[inline]
    pub(crate) fn wake_first(&self) {
        if let Some(line) = self.line.get() {
            line.wake_first();
        }
    }

    /// Wakes the first waiter that is still waiting. Returns `false` if there is none.
    #[inline]
    pub(crate) fn wake_next(&self) -> bool {
        self.line.get().is_some_and(|line| line.wake_next())
    }

    /// Wakes up to `count` waiters that are still waiting.
    pub(crate) fn wake_up_to(&self, count: usize) {
        for _ in 0..count {
            if !self.wake_next() {
                return;
            }
        }
    }

    /// Takes waiters out from the front until one is still waiting, and wakes it. Returns `false` if there is none.
    #[inline]
    pub(crate) fn pop_and_wake(&self) -> bool {
        self.line.get().is_some_and(|line| line.pop_and_wake())
    }
}

impl fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitQueue({} waiting)", self.len())
    }
}
