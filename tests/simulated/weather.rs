//! What the network is like, and what happens to it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::task::ErrorContext;
use innermost::testing::{Host, Hosts};

/// Random numbers, for the choices that are made before a run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// A number below `bound`: Knuth's linear congruential generator.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// Whether something happens that happens once in `times`.
    pub(crate) const fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Hosts whose network is as the seed wants it.
pub(crate) fn hosts(dice: &mut Dice, seed: u64, names: &[&'static str]) -> Hosts {
    let hosts = Hosts::new(seed).expect("a descriptor is free");
    // Whoever is not served in that time is starved.
    hosts.set_limit(innermost::Instant::from_zero(Duration::from_secs(3600)));
    let network = hosts.network();
    network.latency(Duration::ZERO..=Duration::from_micros(dice.below(20_000)));
    if dice.once_in(2) {
        network.lose(dice.below(20) as f64 / 100.0);
    }
    if dice.once_in(2) {
        network.partial();
    }
    if dice.once_in(3) {
        network.packets(1 + dice.below(500) as usize);
    }
    if dice.once_in(3) {
        network.capacity(1 + dice.below(2000) as usize);
    }
    if dice.once_in(4) {
        network.bandwidth(10_000 + dice.below(1_000_000));
    }
    if dice.once_in(3) {
        network.reset_at(50 + dice.below(3000) as usize);
        let better = network.clone();
        let time = Duration::from_millis(dice.below(20_000));
        hosts.call_later(time, move || _ = better.reset_at(usize::MAX)).expect("it is open");
    }
    while dice.once_in(2) {
        let (one, another) =
            (names[dice.below(names.len() as u64) as usize], names[dice.below(names.len() as u64) as usize]);
        let start = Duration::from_millis(dice.below(200));
        let (cut, healed) = (network.clone(), network.clone());
        hosts.call_later(start, move || _ = cut.partition([one], [another])).expect("it is open");
        let time = Duration::from_millis(dice.below(40_000));
        hosts.call_later(start + time, move || _ = healed.heal()).expect("it is open");
    }
    hosts
}

/// The failures that a server has reported: there must be none.
#[derive(Clone, Default)]
pub(crate) struct Failures(Rc<RefCell<Vec<String>>>);

impl Failures {
    pub(crate) fn hook(&self) -> impl Fn(ErrorContext) + use<> {
        let this = self.clone();
        move |context| this.add(&context)
    }

    fn add(&self, context: &ErrorContext) {
        self.0.borrow_mut().push(format!("{} {:?}", context.message, context.exception));
    }

    /// Everything that the host's loop reports is a failure too.
    pub(crate) fn watch(&self, host: &Host) {
        let this = self.clone();
        host.event_loop().expect("it has not crashed").set_exception_handler(move |context| this.add(context));
    }

    pub(crate) fn check(&self) {
        assert_eq!(*self.0.borrow(), [] as [String; 0]);
    }
}
