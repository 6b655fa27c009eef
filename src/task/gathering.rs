//! `Gathering`: the future behind `gather` and `join`. Its children complete it, and cancelling it cancels them.
//!
//! Cancelling a gathering cancels each child that is not done. The gathering itself stays pending until its children
//! are done, and remembers that its own cancellation was requested. Gatherings can be nested to any depth, so
//! cancelling is not a recursive call: `cancel.rs` walks the tree.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::rc::Rc;

use super::contracts::{ErasedTask, Eventual, Met, Notice, Parent, WaitTarget, Waiter, Way, Withdrawn};
use super::shared::{Produced, Shared, Whole};
use super::{AnyFuture, CallbackId, Future, Scheduler};
use crate::coroutine::Exception;

/// A future that several children complete together.
pub(crate) struct Gathering<R: 'static> {
    whole: Whole<R>,
    /// The children, in the order of cancelling. A child that is listed twice is cancelled twice. Empty once the
    /// gathering is done.
    children: RefCell<Vec<AnyFuture>>,
    cancel_requested: Cell<bool>,
}

impl<R: 'static> Gathering<R> {
    /// Makes a gathering of `children`, of which there is at least one. All belong to the same loop.
    pub(crate) fn new(children: Vec<AnyFuture>) -> Rc<Self> {
        let scheduler = Rc::clone(children[0].scheduler());
        let cancel_requested = Cell::new(false);
        Rc::new(Self { whole: Whole::new(scheduler), children: RefCell::new(children), cancel_requested })
    }

    pub(crate) fn future(self: &Rc<Self>) -> Future<R> {
        Future::of(Rc::clone(self) as Rc<_>)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.shared().done()
    }

    /// Returns `true` if the gathering was cancelled while at least one of its children could be.
    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.cancel_requested.get()
    }

    /// The last child, or `None` once the gathering is done.
    pub(crate) fn last_child(&self) -> Option<AnyFuture> {
        self.children.borrow().last().cloned()
    }

    /// Takes the children out. Cancelling the gathering has no effect from then on.
    pub(crate) fn take_children(&self) -> Vec<AnyFuture> {
        self.children.take()
    }

    /// Completes the gathering, unless it is already done.
    pub(crate) fn finish(self: &Rc<Self>, outcome: Result<R, Exception>) {
        if !self.shared().done() {
            let children = self.children.take();
            self.shared().finish(outcome, || self.future());
            drop(children);
        }
    }
}

impl<R> Parent for Gathering<R> {
    fn child(&self, index: usize) -> Option<AnyFuture> {
        self.children.borrow().get(index).cloned()
    }

    fn request_cancel(&self) {
        self.cancel_requested.set(true);
    }
}

impl<R: 'static> Produced<R> for Gathering<R> {
    fn shared(&self) -> Shared<'_, R> {
        self.whole.shared()
    }

    fn is_open(&self) -> bool {
        false
    }

    fn task(self: Rc<Self>) -> Option<Rc<dyn ErasedTask>> {
        None
    }
}

impl<R: 'static> Eventual for Gathering<R> {
    fn scheduler(&self) -> &Rc<Scheduler> {
        self.whole.scheduler()
    }

    fn done(&self) -> bool {
        self.shared().done()
    }

    fn is_cancelled(&self) -> bool {
        self.shared().is_cancelled()
    }

    fn notify(self: Rc<Self>, notice: Notice) -> CallbackId {
        self.shared().notify(notice, || self.future())
    }

    fn remove_callback(&self, id: CallbackId) -> bool {
        self.shared().remove_callback(id)
    }

    fn cancel_once(self: Rc<Self>, _: &Exception) -> Met {
        if self.shared().done() { Met::TooLate } else { Met::Parent(self) }
    }
}

impl<R: 'static> WaitTarget for Gathering<R> {
    fn register(&self, _: Way, _: u32, waiter: Rc<dyn Waiter>, of: &Rc<Scheduler>) -> Result<(), Exception> {
        self.shared().register(waiter, of)
    }

    fn has_come(&self, _: Way, _: u32) -> bool {
        self.shared().done()
    }

    fn withdraw(&self, _: Way, _: u32, waiter: *const ()) -> Withdrawn {
        self.shared().withdraw(waiter)
    }

    fn cancel_wait(self: Rc<Self>, way: Way, place: u32, waiter: *const (), _: &Exception) -> Met {
        match way {
            _ if self.shared().done() => Met::TooLate,
            Way::Outcome => Met::Parent(self),
            _ => self.withdraw(way, place, waiter).into(),
        }
    }

    fn raised(&self, _: u32) -> Option<Exception> {
        self.shared().raised()
    }
}

impl<R> Drop for Gathering<R> {
    fn drop(&mut self) {
        self.whole.end();
        let children = self.children.take();
        if !children.is_empty() {
            self.whole.scheduler().drop_guarded(children);
        }
    }
}

impl<R> fmt::Debug for Gathering<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gather({})", self.whole.shared().state())
    }
}
