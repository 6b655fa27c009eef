//! The place in which a transport keeps its protocol. It lends the protocol to one callback at a time.
//!
//! A callback may use the transport. It then finds the slot lent, and does not panic: a protocol set meanwhile takes its
//! place once the callback has returned (rule 4).

use core::cell::{Cell, RefCell, RefMut};

/// A protocol, or nothing once the connection is over.
pub(super) struct Slot<P> {
    protocol: RefCell<Option<P>>,
    /// The protocol that replaces the one that is lent. Boxed, because it is rare.
    successor: Cell<Option<Box<Option<P>>>>,
}

impl<P> Slot<P> {
    pub(super) const fn new(protocol: P) -> Self {
        Self { protocol: RefCell::new(Some(protocol)), successor: Cell::new(None) }
    }

    /// Returns `true` if one of the protocol's callbacks is running.
    #[inline]
    pub(super) fn is_lent(&self) -> bool {
        self.protocol.try_borrow().is_err()
    }

    /// Lends the protocol. `None` if it is already lent, or gone. After returning it, call [`replaced`](Self::replaced).
    #[inline]
    pub(super) fn lend(&self) -> Option<RefMut<'_, P>> {
        RefMut::filter_map(self.protocol.try_borrow_mut().ok()?, Option::as_mut).ok()
    }

    /// Calls `function` with the protocol or, while that is lent, with its replacement. `None` if there is neither.
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

    /// If the protocol was replaced while it was lent, returns the old one for dropping.
    #[inline]
    pub(super) fn replaced(&self) -> Option<P> {
        let successor = self.successor.take()?;
        self.set(*successor)
    }

    /// Sets the protocol. Returns the old one for dropping, unless it is lent.
    pub(super) fn set(&self, protocol: Option<P>) -> Option<P> {
        match self.protocol.try_borrow_mut() {
            Ok(mut former) => core::mem::replace(&mut former, protocol),
            // A replacement that was set before and never called is no longer needed.
            Err(_lent) => self.successor.replace(Some(Box::new(protocol))).and_then(|unused| *unused),
        }
    }
}
