//! [`Decider`]: what the simulated network and its hosts ask for each decision; [`Seeded`]: decides at random, and repeats
//! itself.

use core::cell::RefCell;

use super::prng::Prng;

/// The simulated network and its hosts decide by nothing else, so the same answers repeat a run.
pub(super) trait Decider {
    /// Chooses one of `of` alternatives: at least one. `what` says what is chosen. Zero is the natural one.
    fn choose(&self, what: &'static str, of: usize) -> usize;

    /// Draws a number, where all are equally likely.
    fn random(&self) -> u64;
}

pub(super) struct Seeded(RefCell<Prng>);

impl Seeded {
    pub(super) const fn new(seed: u64) -> Self {
        Self(RefCell::new(Prng::new(seed)))
    }
}

impl Decider for Seeded {
    fn choose(&self, _: &'static str, of: usize) -> usize {
        self.0.borrow_mut().below(of as u32) as usize
    }

    fn random(&self) -> u64 {
        self.0.borrow_mut().next()
    }
}
