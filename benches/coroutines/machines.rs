//! The same machines declared by `machine!` and written by hand.

use innermost::{Coroutine, Exception, Machine, Resumed, Running, Step, machine, suspend, take_sent, yield_from};

/// Counts up to 10 and down to 0, again and again: two states, whose data stay in their place.
pub(crate) struct UpDown {
    number: u64,
}

machine!(
    impl Machine for UpDown {
        type Yield = u64;
        pub(crate) type State = Way;

        fn Up(&mut self, sent: Sent) -> Next<Down> {
            take_sent(sent)?;
            if self.number == 10 {
                return to(Down(0));
            }
            self.number += 1;
            yield_here(self.number)
        }

        fn Down(&mut self, sent: Sent, steps: &mut u64) -> Next<Up> {
            take_sent(sent)?;
            self.number -= 1;
            *steps += 1;
            if self.number == 0 {
                return yield_to(*steps, Up);
            }
            yield_here(self.number)
        }
    }
);

pub(crate) fn declared() -> Running<UpDown> {
    UpDown { number: 0 }.start(Way::Up)
}

pub(crate) struct UpDownByHand {
    number: u64,
    way: WayByHand,
}

enum WayByHand {
    Up,
    Down { steps: u64 },
}

impl Coroutine for UpDownByHand {
    type Yield = u64;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            match &mut self.way {
                WayByHand::Up => {
                    take_sent(&mut sent)?;
                    if self.number == 10 {
                        self.way = WayByHand::Down { steps: 0 };
                        continue;
                    }
                    self.number += 1;
                    return Ok(Step::Yield(self.number));
                }
                WayByHand::Down { steps } => {
                    take_sent(&mut sent)?;
                    self.number -= 1;
                    *steps += 1;
                    if self.number == 0 {
                        suspend!(*steps, self.way = WayByHand::Up);
                    }
                    return Ok(Step::Yield(self.number));
                }
            }
        }
    }
}

pub(crate) const fn by_hand() -> UpDownByHand {
    UpDownByHand { number: 0, way: WayByHand::Up }
}

/// Yields 1 and 0, and ends.
pub(crate) struct Two(u64);

impl Coroutine for Two {
    type Yield = u64;
    type Input = ();
    type Return = u64;

    #[inline]
    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        sent?;
        if self.0 == 0 {
            return Ok(Step::Return(7));
        }
        self.0 -= 1;
        Ok(Step::Yield(self.0))
    }
}

/// Awaits one child after the other, and keeps a name meanwhile, which it is given by value.
pub(crate) struct Naming {
    total: u64,
}

machine!(
    impl Machine for Naming {
        type Yield = u64;
        pub(crate) type State = Named;

        fn Waiting(&mut self, got: Outcome<Two>, name: String) -> Next<Between> {
            self.total += got?;
            to(Between(name))
        }

        fn Between(&mut self, name: String) -> Next<Waiting> {
            to(Waiting(Two(2), name))
        }
    }
);

pub(crate) fn declared_by_value() -> Running<Naming> {
    Naming { total: 0 }.start(Named::Between("name".into()))
}

pub(crate) struct NamingByHand {
    total: u64,
    at: NamedByHand,
}

enum NamedByHand {
    Waiting(Two, String),
    Between(String),
}

impl Coroutine for NamingByHand {
    type Yield = u64;
    type Input = ();
    type Return = ();

    #[inline]
    fn resume(&mut self, mut sent: Result<(), Exception>) -> Resumed<Self> {
        loop {
            self.at = match &mut self.at {
                NamedByHand::Waiting(two, name) => {
                    self.total += yield_from!(two, sent)?;
                    NamedByHand::Between(std::mem::take(name))
                }
                NamedByHand::Between(name) => {
                    take_sent(&mut sent)?;
                    NamedByHand::Waiting(Two(2), std::mem::take(name))
                }
            };
        }
    }
}

pub(crate) fn by_hand_by_value() -> NamingByHand {
    NamingByHand { total: 0, at: NamedByHand::Between("name".into()) }
}
