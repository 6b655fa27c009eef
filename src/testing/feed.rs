//! An input that is given to a machine piece by piece, as the machine asks for it.

use core::cell::Cell;
use std::rc::Rc;

use super::case::Case;

/// An input, how it is cut, and how much of it has been given.
pub(super) struct Feed {
    input: Rc<[u8]>,
    case: Case,
    position: Cell<usize>,
    /// How often more was asked for after the end.
    asked_in_vain: Cell<usize>,
    /// Whether a piece is on its way.
    is_asking: Cell<bool>,
}

impl Feed {
    pub(super) fn new(input: &Rc<[u8]>, case: Case) -> Self {
        let input = Rc::clone(input);
        Self { input, case, position: Cell::new(0), asked_in_vain: Cell::new(0), is_asking: Cell::new(false) }
    }

    /// The next piece: empty at the end.
    pub(super) fn next_piece(&self) -> &[u8] {
        self.is_asking.set(false);
        let start = self.position.get();
        let end = self.case.end_of_piece(start, self.input.len());
        self.position.set(end);
        &self.input[start..end]
    }

    /// Whether the connection is reset at the end that has been reached.
    pub(super) fn is_reset(&self) -> bool {
        self.case.failure_at(self.position.get()).is_some()
    }

    /// Whether the piece is to be sent: `false` if it is on its way already.
    pub(super) fn begin_asking(&self) -> bool {
        !self.is_asking.replace(true)
    }

    /// Counts that more was asked for after the end. Returns `true` once that has been too often.
    pub(super) fn is_asked_in_vain(&self) -> bool {
        self.asked_in_vain.set(self.asked_in_vain.get() + 1);
        self.was_asked_in_vain()
    }

    pub(super) fn was_asked_in_vain(&self) -> bool {
        self.asked_in_vain.get() > PATIENCE
    }
}

/// How often a machine may ask for more after the end of its input.
pub(super) const PATIENCE: usize = 16;
