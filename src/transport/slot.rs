//! Where a transport keeps what the user gave it: it is taken out while one of its functions runs (rule 4).

use core::cell::Cell;

/// A protocol, or nothing: while it is out, and once the connection is over.
pub(super) struct Slot<P> {
    protocol: Cell<Option<P>>,
    /// Whether the one that is out is to come back: nobody has set another in its place.
    is_out: Cell<bool>,
}

impl<P> Slot<P> {
    pub(super) const fn new(protocol: P) -> Self {
        Self { protocol: Cell::new(Some(protocol)), is_out: Cell::new(false) }
    }

    /// Whether one of the protocol's callbacks runs.
    #[inline]
    pub(super) fn is_out(&self) -> bool {
        self.is_out.get()
    }

    #[inline]
    pub(super) fn take(&self) -> Option<P> {
        let protocol = self.protocol.take();
        if protocol.is_some() {
            self.is_out.set(true);
        }
        protocol
    }

    /// Gives it back where another one has taken its place, to be dropped.
    #[inline]
    pub(super) fn put_back(&self, protocol: P) -> Option<P> {
        if !self.is_out.replace(false) {
            return Some(protocol);
        }
        self.protocol.set(Some(protocol));
        None
    }

    /// Gives the former, unless that is out: it does not come back.
    pub(super) fn set(&self, protocol: Option<P>) -> Option<P> {
        self.is_out.set(false);
        self.protocol.replace(protocol)
    }
}
