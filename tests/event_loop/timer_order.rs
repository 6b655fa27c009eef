//! Any number of timers, at any distance, fire by deadline and then in the order they were set, whatever timers are set and
//! cancelled in between. The loop is compared with a list that is searched from end to end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use innermost::testing::virtual_loop;
use innermost::{EventLoop, TimerHandle};
use quickcheck::{Arbitrary, Gen, QuickCheck};

/// The actions of a program on timers, in order.
#[derive(Clone, Debug)]
enum Deed {
    /// Sets `count` timers. The first is due after `delay` ns, and each is due `step` ns later than the previous one.
    Set { count: u64, delay: u64, step: u64 },
    /// Cancels the timer that was set some timers ago.
    Cancel(usize),
    /// Runs until this much time has passed.
    Run(u64),
}

impl Arbitrary for Deed {
    fn arbitrary(g: &mut Gen) -> Self {
        // Nanoseconds as well as years: every power of two is as likely.
        let distance = |g: &mut Gen| u64::arbitrary(g) >> (u8::arbitrary(g) % 64).max(8);
        match u8::arbitrary(g) % 8 {
            0..3 => Self::Set { count: u64::arbitrary(g) % 8, delay: distance(g), step: distance(g) % 1000 },
            3 => Self::Set { count: u64::arbitrary(g) % 2000, delay: distance(g), step: distance(g) % 3 },
            4..6 => Self::Cancel(usize::arbitrary(g) % 1000),
            _ => Self::Run(distance(g)),
        }
    }
}

/// The loop, and the timers that it must fire.
struct Both {
    event_loop: EventLoop,
    fired: Rc<RefCell<Vec<usize>>>,
    /// Deadline, handle; `None` once it is cancelled or is to have fired.
    timers: Vec<Option<(Duration, TimerHandle)>>,
    expected: Vec<usize>,
}

impl Both {
    fn new() -> Self {
        let event_loop = virtual_loop().expect("there is a descriptor for it");
        Self { event_loop, fired: Rc::default(), timers: Vec::new(), expected: Vec::new() }
    }

    fn set(&mut self, deadline: Duration) {
        let (number, fired) = (self.timers.len(), Rc::clone(&self.fired));
        let handle =
            self.event_loop.call_at(innermost::Instant::from_zero(deadline), move || fired.borrow_mut().push(number));
        self.timers.push(Some((deadline, handle.expect("the loop is open"))));
    }

    fn cancel(&mut self, ago: usize) {
        if let Some(index) = self.timers.len().checked_sub(1 + ago)
            && let Some((_, handle)) = self.timers[index].take()
        {
            handle.cancel();
        }
    }

    fn run(&mut self, time: u64) {
        let until = self.event_loop.time() + Duration::from_nanos(time);
        let mut due: Vec<_> =
            (0..).zip(&self.timers).filter_map(|(number, timer)| Some((timer.as_ref()?.0, number))).collect();
        due.retain(|(deadline, _)| *deadline <= until.since_zero());
        due.sort_unstable();
        for (_, number) in due {
            self.timers[number] = None;
            self.expected.push(number);
        }
        let handle = self.event_loop.handle();
        self.event_loop.call_at(until, move || handle.stop()).expect("the loop is open");
        self.event_loop.run_forever().expect("it is stopped");
    }
}

fn fires_in_order(deeds: Vec<Deed>) -> bool {
    let mut both = Both::new();
    for deed in deeds.into_iter().chain([Deed::Run(u64::MAX / 2)]) {
        match deed {
            Deed::Set { count, delay, step } => {
                let now = both.event_loop.time().since_zero();
                (0..count).for_each(|n| both.set(now + Duration::from_nanos(delay + n * step)));
            }
            Deed::Cancel(ago) => both.cancel(ago),
            Deed::Run(time) => both.run(time.min(u64::MAX / 64)),
        }
    }
    *both.fired.borrow() == both.expected
}

#[test]
fn timers_fire_in_order_despite_setting_cancelling_and_waiting_in_between() {
    QuickCheck::new().tests(100).quickcheck(fires_in_order as fn(Vec<Deed>) -> bool);
}

/// Deadlines that fall, so that each is before all that were there: the horizon goes back again and again.
#[test]
fn timers_set_with_decreasing_deadlines_fire_in_reverse() {
    let mut both = Both::new();
    both.set(Duration::from_secs(3600));
    both.run(1);
    for number in (0..10_000).rev() {
        both.set(Duration::from_micros(1 + number));
    }
    both.run(Duration::from_secs(1).as_nanos() as u64);
    assert_eq!(*both.fired.borrow(), (1..=10_000).rev().collect::<Vec<_>>());
}

/// A deadline that no clock reaches does not wrap around and fire at once.
#[test]
fn a_deadline_at_the_end_of_time_never_expires() {
    let mut both = Both::new();
    both.set(Duration::MAX);
    both.set(Duration::from_nanos(u64::MAX) + Duration::from_nanos(1));
    both.set(Duration::from_secs(1));
    both.run(Duration::from_secs(100 * 365 * 86_400).as_nanos() as u64);
    assert_eq!(*both.fired.borrow(), [2]);
}

/// Cancelled timers have moved the horizon. None of the remaining timers before it says where those beyond it belong once it
/// moves back.
#[test]
fn timers_beyond_the_horizon_are_not_lost_when_it_moves_back() {
    let mut both = Both::new();
    let start = Duration::from_secs(100);
    (0..64).for_each(|_| both.set(start));
    (0..64).for_each(|ago| both.cancel(ago));
    (1..=100).for_each(|number| both.set(start + Duration::from_nanos(number)));
    (1..=100).for_each(|number| both.set(start * 100 + Duration::from_secs(number)));
    (0..2000).for_each(|number| both.set(Duration::from_nanos(1 + number)));
    both.run(2 * start.as_nanos() as u64);
    assert_eq!(*both.fired.borrow(), both.expected);
    both.run(200 * start.as_nanos() as u64);
    assert_eq!(both.expected.len(), 100 + 100 + 2000);
    assert_eq!(*both.fired.borrow(), both.expected);
}
