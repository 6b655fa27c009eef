//! Where a transport keeps what the user gave it, and lends it to one of its functions at a time.
//!
//! Whoever comes back to the transport from within that function finds the slot lent, and never a panic: what it sets in
//! its place waits until the function has returned (rule 4).

use core::cell::{Cell, RefCell, RefMut};

/// A protocol, or nothing, once the connection is over.
pub(super) struct Slot<P> {
    protocol: RefCell<Option<P>>,
    /// What takes the place of the one that is lent. Rare, so that it is out of line.
    successor: Cell<Option<Box<Option<P>>>>,
}

impl<P> Slot<P> {
    pub(super) const fn new(protocol: P) -> Self {
        Self { protocol: RefCell::new(Some(protocol)), successor: Cell::new(None) }
    }

    /// Whether one of the protocol's functions runs.
    #[inline]
    pub(super) fn is_lent(&self) -> bool {
        self.protocol.try_borrow().is_err()
    }

    /// `None` where it is lent already, or gone. Who has given it back asks for [`replaced`](Self::replaced).
    #[inline]
    pub(super) fn lend(&self) -> Option<RefMut<'_, P>> {
        RefMut::filter_map(self.protocol.try_borrow_mut().ok()?, Option::as_mut).ok()
    }

    /// Calls `function` with it or, where it is lent, with what was set in its place. `None` where there is neither.
    pub(super) fn with<R>(&self, function: impl FnOnce(&mut P) -> R) -> Option<R> {
        if let Some(mut protocol) = self.lend() {
            return Some(function(&mut protocol));
        }
        let mut successor = self.successor.take()?;
        let result = successor.as_mut().as_mut().map(function);
        let another = self.successor.take();
        self.successor.set(Some(another.unwrap_or(successor)));
        result
    }

    /// What was lent last, to be dropped, where another was set in its place meanwhile.
    #[inline]
    pub(super) fn replaced(&self) -> Option<P> {
        let successor = self.successor.take()?;
        self.set(*successor)
    }

    /// Gives the former, to be dropped, unless that is lent.
    pub(super) fn set(&self, protocol: Option<P>) -> Option<P> {
        match self.protocol.try_borrow_mut() {
            Ok(mut former) => core::mem::replace(&mut former, protocol),
            // The one that was set before, and never called, is what nobody needs any more.
            Err(_lent) => self.successor.replace(Some(Box::new(protocol))).and_then(|unused| *unused),
        }
    }
}
