//! [`Decider`]: what the simulated network and its hosts ask for each decision; [`Seeded`]: decides at random, and repeats
//! itself.

use core::cell::RefCell;
use std::io;

use super::prng::Prng;
use crate::event_loop::LoopHandle;

/// The simulated network and its hosts decide by nothing else, so the same answers repeat a run.
pub(super) trait Decider {
    /// Chooses one of `of` alternatives: at least one. Zero is the natural one.
    fn choose(&self, what: Decision, of: usize) -> usize;

    /// Draws a number, where all are equally likely.
    fn random(&self) -> u64;

    /// Whether something happens that has this probability.
    fn happens(&self, probability: f64) -> bool {
        // The upper 53 bits are a random number from 0 to 1, which a float can hold exactly.
        probability > 0.0 && ((self.random() >> 11) as f64 / (1_u64 << 53) as f64) < probability
    }

    /// Called before a descriptor would be made.
    ///
    /// # Errors
    ///
    /// The system's error if none is free.
    fn descriptor(&self) -> io::Result<()> {
        Ok(())
    }

    /// Called when an operation moves fewer bytes than it could.
    fn moved(&self, _direction: Direction, _count: usize, _possible: usize) {}

    /// Called before a host takes a turn, with its name. The network has none.
    fn turn(&self, _host: Option<&str>) {}

    /// Called with the loop of each host, when it is made.
    fn adopt(&self, _event_loop: &LoopHandle) {}
}

/// What is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The host that takes a turn.
    Turn,
    /// How many bytes an operation moves.
    Bytes,
}

/// Which way an operation moves bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Direction {
    Read,
    Write,
}

pub(super) struct Seeded(RefCell<Prng>);

impl Seeded {
    pub(super) const fn new(seed: u64) -> Self {
        Self(RefCell::new(Prng::new(seed)))
    }
}

impl Decider for Seeded {
    fn choose(&self, _: Decision, of: usize) -> usize {
        self.0.borrow_mut().below(of as u32) as usize
    }

    fn random(&self) -> u64 {
        self.0.borrow_mut().next()
    }
}
