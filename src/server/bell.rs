//! [`Bell`]: wakes every task that waits for it, each time it rings.
//!
//! The bell counts its strokes, and a waiter says which one it has seen last. So no stroke is missed between two waits,
//! and the operation that waits keeps no state: it can be raced as it is.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::Rc;

use crate::coroutine::{Exception, Stateless, Step};
use crate::event_loop::Operation;
use crate::task::{Await, Awaitable, Key, Scheduler, WaitTarget, Waiter, WaiterList, Way, Withdrawn};

pub(super) struct Bell {
    /// The name of the operation that waits, as stack traces show it.
    name: &'static str,
    strokes: Cell<u32>,
    waiters: RefCell<WaiterList<Rc<dyn Waiter>>>,
}

impl Bell {
    pub(super) fn new(name: &'static str) -> Rc<Self> {
        Rc::new(Self { name, strokes: Cell::new(0), waiters: RefCell::new(WaiterList::new(None)) })
    }

    /// Returns how often the bell has rung.
    pub(super) fn strokes(&self) -> u32 {
        self.strokes.get()
    }

    /// Wakes all waiters.
    pub(super) fn ring(&self) {
        self.strokes.set(self.strokes.get().wrapping_add(1));
        let waiters = self.waiters.replace(WaiterList::new(None));
        for waiter in waiters {
            waiter.wake();
        }
    }

    /// Waits until the bell has rung more than `seen` times.
    pub(super) fn after(self: &Rc<Self>, seen: u32) -> impl Awaitable<Return = ()> + Stateless + '_ {
        Operation::new(self.name, move || {
            Ok(match self.strokes.get() == seen {
                true => Step::Yield(Await::at_place(seen, Rc::clone(self) as Rc<_>)),
                false => Step::Return(()),
            })
        })
    }
}

/// A waiter's place is the number of strokes that it has seen.
impl WaitTarget for Bell {
    fn register(&self, way: Way, seen: u32, waiter: Rc<dyn Waiter>, _: &Rc<Scheduler>) -> Result<(), Exception> {
        if self.has_come(way, seen) {
            waiter.wake();
        } else {
            self.waiters.borrow_mut().push(|_| waiter);
        }
        Ok(())
    }

    fn has_come(&self, _: Way, seen: u32) -> bool {
        self.strokes.get() != seen
    }

    fn withdraw(&self, _: Way, _: u32, waiter: *const ()) -> Withdrawn {
        let taken = self.waiters.borrow_mut().take(Key::Task(waiter));
        Withdrawn::new(taken.map(|waiter| waiter as Rc<_>))
    }
}

impl fmt::Debug for Bell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
