//! Who waits, in order: what all primitives stand on.
//!
//! A waiter stands for what is a future in asyncio: whoever wakes it marks it, and the task behind it runs in the next
//! turn. In between, the waiter is still here, woken: that is how a primitive knows that a wake-up is on its way and must
//! not be given twice.
//!
//! ```text
//!   first                    pending                  last
//!     |                         |                      |
//!   woken <-> cancelled <-> waiting <-> cancelled <-> waiting
//!   \____ all of them done ___/
//! ```
//!
//! Nearly always one task waits, or none. Whoever comes where nobody is stands alone, in fields of the queue; only when
//! another comes is there a crowd, which is a list.
//!
//! | file | holds |
//! |---|---|
//! | `line.rs` | the queue itself: who stands alone, or the crowd |
//! | `crowd.rs` | those who are more than one |
//! | `place.rs` | a place in it, and how far a coroutine is that waits at one |
//!
//! Invariants:
//!
//! 1. Everyone before `pending` is done, and who is done stays so. `pending` may be done too: it was cancelled since.
//! 2. `woken` counts who was woken and has not left. Only this queue wakes its waiters.
//! 3. Nothing is borrowed while a task is woken or dropped.
//! 4. A waiter keeps its index until its [`Place`] leaves, also when it was taken out of the queue before that.
//! 5. While one stands alone in the queue, there is nobody in the list.

use core::cell::OnceCell;
use core::fmt;
use std::rc::Rc;

mod crowd;
mod line;
mod place;

use self::line::Line;
pub(crate) use self::place::{Phase, Place};

/// Tasks that wait, first come first. Costs a word until the first of them comes.
pub(crate) struct WaitQueue {
    /// For people: what they wait for.
    name: &'static str,
    line: OnceCell<Rc<Line>>,
}

impl WaitQueue {
    /// An empty queue of those who wait for what is called so.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, line: OnceCell::new() }
    }

    /// How many wait, or are about to run.
    pub(crate) fn len(&self) -> usize {
        self.line.get().map_or(0, |line| line.len())
    }

    /// Whether anybody is there who was not cancelled.
    #[inline]
    pub(crate) fn has_live(&self) -> bool {
        self.line.get().is_some_and(|line| line.has_live())
    }

    /// Joins the queue.
    #[inline]
    pub(crate) fn join(&self) -> Place {
        Place::join(self.line.get_or_init(|| Rc::new(Line::new(self.name))))
    }

    /// Wakes the first, unless it is done already.
    #[inline]
    pub(crate) fn wake_first(&self) {
        if let Some(line) = self.line.get() {
            line.wake_first();
        }
    }

    /// Wakes the first that still waits. `false` where there is none.
    #[inline]
    pub(crate) fn wake_next(&self) -> bool {
        self.line.get().is_some_and(|line| line.wake_next())
    }

    /// Wakes up to `count` that still wait.
    pub(crate) fn wake_up_to(&self, count: usize) {
        for _ in 0..count {
            if !self.wake_next() {
                return;
            }
        }
    }

    /// Takes waiters out from the front, up to one that still waits, and wakes that. `false` where there is none.
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
