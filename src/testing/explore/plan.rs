//! `Plan`: the choices of one run, made by a list of departures or at random.

use super::super::prng::Prng;
use super::choices::{Choices, Departure};
use super::counted;

/// What a choice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Which of the entries that are ready runs next.
    Order,
    /// Whether something fails now.
    Fault,
    /// What the program asked.
    Program,
}

/// A choice that was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    pub(super) subject: Subject,
    pub(super) taken: u32,
    pub(super) of: u32,
    /// A hash of everything that the run did before.
    pub(super) trail: u64,
}

/// How large a schedule is. The one with fewer departures is smaller, then that with fewer faults, then that with smaller
/// alternatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    pub(super) departures: usize,
    pub(super) faults: usize,
    alternatives: u64,
}

/// Where the choices of a run come from.
#[derive(Debug)]
pub(super) enum Source {
    /// A list of departures, in order. Every other choice is natural.
    Listed {
        departures: Vec<Departure>,
        /// The hash at the last departure, where it is known from another run.
        trail: Option<u64>,
        /// A departure that does not fit is left out. Otherwise it fails the run.
        lenient: bool,
    },
    /// Of `among` choices, about one departs from the natural order.
    Random { numbers: Prng, among: u32 },
}

impl Source {
    /// The natural order, without faults.
    pub(super) const fn natural() -> Self {
        Self::Listed { departures: Vec::new(), trail: None, lenient: false }
    }

    pub(super) fn listed(departures: &[Departure]) -> Self {
        Self::Listed { departures: departures.to_vec(), trail: None, lenient: false }
    }
}

/// The place at which a run did not repeat another one.
#[derive(Clone, Debug)]
pub(super) struct Parted {
    pub(super) at: u32,
    pub(super) why: String,
}

#[derive(Debug)]
pub(super) struct Plan {
    source: Source,
    /// The number of listed departures that were taken.
    next: usize,
    made: Vec<Made>,
    /// How many choices of order may depart.
    orders_left: u32,
    trail: u64,
    parted: Option<Parted>,
    /// The bound on departures of order.
    orders: u32,
}

impl Plan {
    pub(super) const fn new(source: Source, orders: u32) -> Self {
        Self { source, next: 0, made: Vec::new(), orders_left: orders, trail: 0, parted: None, orders }
    }

    /// Starts the plan of another run, in the same memory.
    pub(super) fn restart(&mut self, source: Source, orders: u32) {
        let mut made = core::mem::take(&mut self.made);
        made.clear();
        *self = Self { made, ..Self::new(source, orders) };
    }

    /// Chooses one of `of` alternatives. Where there is no choice, none is recorded.
    pub(super) fn choose(&mut self, subject: Subject, of: usize) -> usize {
        let of = u32::try_from(of).unwrap_or(u32::MAX);
        if of <= 1 {
            return 0;
        }
        let taken = self.take(subject, of);
        self.made.push(Made { subject, taken, of, trail: self.trail });
        self.note(u64::from(taken));
        taken as usize
    }

    /// Whether something happens that has this probability. It is a choice unless it is certain.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        if probability <= 0.0 || probability >= 1.0 {
            return probability > 0.0;
        }
        let taken = match &mut self.source {
            Source::Random { numbers, .. } => {
                // The upper 53 bits are a random number from 0 to 1, which a float can hold exactly.
                u32::from(((numbers.next() >> 11) as f64 / (1_u64 << 53) as f64) < probability)
            }
            Source::Listed { .. } => self.take(Subject::Fault, 2),
        };
        self.made.push(Made { subject: Subject::Fault, taken, of: 2, trail: self.trail });
        self.note(u64::from(taken));
        taken == 1
    }

    fn take(&mut self, subject: Subject, of: u32) -> u32 {
        let at = self.made.len() as u32;
        match &mut self.source {
            Source::Listed { departures, trail, lenient } => {
                let Some(departure) = departures.get(self.next).filter(|departure| departure.at == at) else {
                    return 0;
                };
                self.next += 1;
                let is_last = self.next == departures.len();
                if departure.of != of && !*lenient {
                    let why = format!("there are {of} alternatives now, and there were {}", departure.of);
                    self.parted.get_or_insert(Parted { at, why });
                } else if is_last && trail.is_some_and(|trail| trail != self.trail) {
                    let why = String::from("something else has run before");
                    self.parted.get_or_insert(Parted { at, why });
                }
                if departure.taken < of { departure.taken } else { 0 }
            }
            Source::Random { numbers, among } => {
                let departs = numbers.below(*among) == 0 && (subject != Subject::Order || self.orders_left > 0);
                if !departs {
                    return 0;
                }
                if subject == Subject::Order {
                    self.orders_left -= 1;
                }
                1 + numbers.below(of - 1)
            }
        }
    }

    /// Notes that something has happened which every run with the same choices must repeat.
    #[inline]
    pub(super) const fn note(&mut self, what: u64) {
        self.trail = (self.trail.rotate_left(5) ^ what).wrapping_mul(0x517C_C1B7_2722_0A95);
    }

    /// Whether every departure that is listed was taken.
    pub(super) fn is_past_its_list(&self) -> bool {
        matches!(&self.source, Source::Listed { departures, .. } if departures.len() == self.next)
    }

    /// How many choices of order may still depart. `None` if there is no bound.
    pub(super) fn orders_left(&self) -> Option<u32> {
        let made = || self.made.iter().filter(|made| made.subject == Subject::Order && made.taken > 0).count();
        (self.orders < u32::MAX).then(|| self.orders.saturating_sub(made() as u32))
    }

    pub(super) const fn trail(&self) -> u64 {
        self.trail
    }

    pub(super) fn made(&self) -> &[Made] {
        &self.made
    }

    /// Where the run did not repeat what its list says. Asked at the end of the run.
    pub(super) fn parted(&self) -> Option<Parted> {
        if let (Source::Listed { departures, lenient: false, .. }, None) = (&self.source, &self.parted)
            && let Some(missing) = departures.get(self.next)
        {
            let why =
                format!("the run made {} in all, and the list goes on", counted(self.made.len(), "choice", "choices"));
            return Some(Parted { at: missing.at, why });
        }
        self.parted.clone()
    }

    /// Where the run has parted from its list, if that was the last choice.
    pub(super) fn parted_now(&self) -> Option<&Parted> {
        self.parted.as_ref().filter(|parted| parted.at as usize + 1 == self.made.len())
    }

    /// The cost of the run.
    pub(super) fn cost(&self) -> Cost {
        let departures = self.made.iter().filter(|made| made.taken > 0);
        Cost {
            departures: departures.clone().count(),
            faults: departures.clone().filter(|made| made.subject == Subject::Fault).count(),
            alternatives: departures.map(|made| u64::from(made.taken)).sum(),
        }
    }

    /// The run as departures.
    pub(super) fn choices(&self, seed: u64) -> Choices {
        let departures = self.made.iter().enumerate().filter(|(_, made)| made.taken > 0);
        let departures = departures.map(|(at, made)| Departure { at: at as u32, taken: made.taken, of: made.of });
        Choices { seed, departures: departures.collect() }
    }
}
