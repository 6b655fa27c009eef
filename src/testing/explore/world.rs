//! `World`: the network and the hosts of a program that is explored. Their decisions are choices.

use core::cell::{OnceCell, RefCell};
use std::io;
use std::rc::Rc;

use super::super::decisions::{Decider, Decision, Direction};
use super::super::prng::Prng;
use super::super::{Hosts, Network};
use super::pilot::Pilot;
use super::plan::Subject;
use crate::event_loop::LoopHandle;

/// The network and the hosts of one run. Most programs have neither.
pub(super) struct World {
    chooser: Rc<Chooser>,
    network: OnceCell<Network>,
    hosts: OnceCell<Hosts>,
}

impl World {
    pub(super) fn new(pilot: &Rc<Pilot>, seed: u64) -> Self {
        let chooser = Chooser { pilot: Rc::clone(pilot), numbers: RefCell::new(Prng::new(seed)) };
        Self { chooser: Rc::new(chooser), network: OnceCell::new(), hosts: OnceCell::new() }
    }

    pub(super) fn random(&self) -> u64 {
        self.chooser.random()
    }

    pub(super) fn network(&self, event_loop: &LoopHandle) -> &Network {
        self.chooser.pilot.has_network.set(true);
        self.network.get_or_init(|| Network::deciding(event_loop, Rc::clone(&self.chooser) as Rc<_>))
    }

    pub(super) fn hosts(&self, event_loop: &LoopHandle) -> &Hosts {
        let (network, clock) = (self.network(event_loop), &self.chooser.pilot.clock);
        self.hosts.get_or_init(|| Hosts::around(event_loop, clock, network, Rc::clone(&self.chooser) as Rc<_>))
    }

    /// The hosts, if the program has made any.
    pub(super) fn has_hosts(&self) -> Option<&Hosts> {
        self.hosts.get()
    }

    pub(super) fn has_network(&self) -> bool {
        self.network.get().is_some()
    }

    /// Ends the hosts and the network.
    pub(super) fn end(&mut self) {
        drop(self.hosts.take());
        drop(self.network.take());
    }
}

/// Makes the decisions of the network and the hosts.
struct Chooser {
    pilot: Rc<Pilot>,
    numbers: RefCell<Prng>,
}

impl Decider for Chooser {
    fn choose(&self, what: Decision, of: usize) -> usize {
        let subject = match what {
            Decision::Turn => Subject::Order,
            Decision::Bytes => Subject::Fault,
        };
        self.pilot.choose(subject, of)
    }

    fn random(&self) -> u64 {
        self.pilot.draws.set(self.pilot.draws.get() + 1);
        self.numbers.borrow_mut().next()
    }

    fn happens(&self, probability: f64) -> bool {
        self.pilot.happens(probability)
    }

    fn descriptor(&self) -> io::Result<()> {
        self.pilot.descriptor()
    }

    fn moved(&self, direction: Direction, count: usize, possible: usize) {
        self.pilot.moved(direction, count, possible);
    }

    fn turn(&self, host: Option<&str>) {
        self.pilot.enter_host(host);
    }

    fn adopt(&self, event_loop: &LoopHandle) {
        self.pilot.steer(event_loop);
    }
}
