//! Timers, ordered by deadline. Timers with equal deadlines fire in the order they were set, which CPython leaves open.
//!
//! A heap works well for few timers. With a million of them it is slow: each step down is a cache miss. So only the first
//! timers are in a heap. The others lie unsorted in vectors, by how far behind the horizon they are:
//!
//! ```text
//!   near, a heap          far, by the highest bit in which the deadline differs from the horizon
//!  +------------+--------+--+----+--------+----------------+--------------------------------+
//!  | up to here |        |  |    |        |                |                                |
//!  +------------+--------+--+----+--------+----------------+--------------------------------+
//!             horizon
//! ```
//!
//! To set a timer is to append it to one of these vectors. When the heap is empty, the first vector that is not is moved
//! to it, and the horizon behind it; or is spread over the vectors before it, if it is long, with the horizon at its first
//! deadline: all that stand in it agree in more bits then. A timer is moved some ten times, mostly from memory in
//! order. (The radix heap of Ahuja, Mehlhorn, Orlin and Tarjan, 1990, with a heap in place of its first bucket, because
//! what is set here may come before what was there.)
//!
//! While there are few timers, all of them are near. A timer that is cancelled drops its callback at once and stays as a
//! husk until it comes up. Husks are looked for when the number of timers has doubled, and in a long vector that is moved;
//! in either case only where a sample has many: of a million that were cancelled, each is looked at once, of a million that
//! were not, none. What is found is dropped by whoever has the timers borrowed, afterwards: a context in it may be the last
//! to refer to something of the user's (rule 4).
//!
//! Invariants:
//!
//! 1. Deadlines in `near` are at most the horizon, those in `far` beyond it. So the first timer is in `near`, unless that
//!    is empty.
//! 2. A timer is in `far[b]` if `b` is the highest bit in which its deadline and the horizon differ; bit `b` of
//!    `occupied` says whether there is one. To raise the horizon by bits below `b` alone changes nothing for `far[b]`.

use core::cmp::Ordering;
use core::fmt;
use core::mem;
use core::ops::Deref;
use core::time::Duration;
use std::collections::BinaryHeap;
use std::rc::Rc;

use crate::sys::Instant;
use crate::task::{Handle, Run, Timed, dropped};

/// Below this, husks are not worth looking for.
const SMALL: usize = 128;

/// Up to so many are moved to the heap at once.
const FEW: usize = 64;

/// A heap of more than this has grown behind the horizon's back: the horizon is put back to its first.
const MANY: usize = 1024;

pub(super) struct Timers {
    near: BinaryHeap<Timer>,
    far: Vec<Vec<Timer>>,
    occupied: u64,
    /// In nanoseconds, as all deadlines here.
    horizon: u64,
    /// How many are in all; husks too.
    len: usize,
    set: u64,
    /// The number of timers at which husks are looked for.
    rebuild_at: usize,
    /// The length of the heap at which the horizon is put back.
    recede_at: usize,
    /// Empty; kept for its memory.
    spare: Vec<Timer>,
    /// Found to be cancelled, and to be dropped.
    husks: Vec<Timer>,
}

pub(super) struct Timer {
    deadline: u64,
    sequence: u64,
    timed: Rc<dyn Timed>,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self {
            near: BinaryHeap::new(),
            far: Vec::new(),
            occupied: 0,
            horizon: 0,
            len: 0,
            set: 0,
            rebuild_at: SMALL,
            recede_at: MANY,
            spare: Vec::new(),
            husks: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, deadline: Instant, timed: Rc<dyn Timed>) {
        if self.len >= self.rebuild_at {
            self.drop_husks();
        }
        let sequence = self.set;
        self.set += 1;
        self.len += 1;
        let deadline = nanoseconds(deadline);
        if self.occupied == 0 && self.near.len() < FEW {
            // So few need no vectors.
            self.horizon = self.horizon.max(deadline);
        }
        self.put(Timer { deadline, sequence, timed });
        if self.near.len() >= self.recede_at {
            self.recede();
        }
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn into_callbacks(self) -> impl Iterator<Item = Rc<dyn Timed>> {
        self.near.into_iter().chain(self.far.into_iter().flatten()).chain(self.husks).map(|timer| timer.timed)
    }

    /// What is to be dropped where nothing is borrowed, if there is anything.
    #[inline]
    pub(super) fn take_husks(&mut self) -> Option<Vec<Timer>> {
        (!self.husks.is_empty()).then(|| mem::take(&mut self.husks))
    }

    /// The deadline of the first timer that was not cancelled.
    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        self.first().map(|timer| Instant::from_zero(Duration::from_nanos(timer.deadline)))
    }

    /// Takes out the timers that are due at `now`, and queues them. They are not asked whether they were cancelled: whoever
    /// runs them asks, and where many are due they have left the cache between the one and the other.
    pub(super) fn move_due(&mut self, now: Instant, ready: &mut Vec<Rc<dyn Run>>) {
        let now = nanoseconds(now);
        loop {
            match self.near.peek() {
                Some(first) if first.deadline > now => return,
                Some(_) => {
                    ready.extend(self.near.pop().map(|timer| timer.timed as Rc<dyn Run>));
                    self.len -= 1;
                }
                None if self.occupied == 0 => return,
                None => self.advance(),
            }
        }
    }

    /// The first timer that was not cancelled.
    #[inline]
    fn first(&mut self) -> Option<&Timer> {
        loop {
            match self.near.peek() {
                Some(first) if !first.timed.cancelled() => break,
                Some(_) => {
                    self.husks.extend(self.near.pop());
                    self.len -= 1;
                }
                None if self.occupied == 0 => return None,
                None => self.advance(),
            }
        }
        self.near.peek()
    }

    /// Puts a timer where it belongs.
    #[inline]
    fn put(&mut self, timer: Timer) {
        if timer.deadline <= self.horizon {
            return self.near.push(timer);
        }
        let bit = highest_bit(timer.deadline ^ self.horizon);
        self.occupied |= 1 << bit;
        self.vector(bit).push(timer);
    }

    #[inline]
    fn vector(&mut self, bit: usize) -> &mut Vec<Timer> {
        if self.far.is_empty() {
            self.far.resize_with(BITS, Vec::new);
        }
        &mut self.far[bit]
    }

    /// Raises the horizon, over what comes first beyond it. There is something, and nothing before it.
    fn advance(&mut self) {
        let bit = self.occupied.trailing_zeros() as usize;
        self.occupied &= self.occupied - 1;
        let spare = mem::take(&mut self.spare);
        let mut timers = mem::replace(self.vector(bit), spare);
        if timers.len() > MANY && are_mostly_husks(&timers) {
            timers = self.keep_husks_of(timers);
        }
        let deadlines = timers.iter().map(|timer| timer.deadline);
        let horizon = if timers.len() <= FEW { deadlines.max() } else { deadlines.min() };
        self.horizon = horizon.unwrap_or(self.horizon);
        timers.drain(..).for_each(|timer| self.put(timer));
        self.keep(timers);
    }

    /// Puts the horizon back to the first deadline. What was before the horizon goes where it belongs then, and so does
    /// what stood behind it by lower bits than the highest that changes.
    #[cold]
    fn recede(&mut self) {
        let first = self.near.peek().map_or(self.horizon, |timer| timer.deadline);
        if first < self.horizon {
            let bit = highest_bit(self.horizon ^ first);
            self.horizon = first;
            for lower in 0..bit {
                let mut timers = mem::take(self.vector(lower));
                self.vector(bit).append(&mut timers);
            }
            let lower = (1 << bit) - 1;
            self.occupied = (self.occupied & !lower) | u64::from(!self.vector(bit).is_empty()) << bit;
            mem::take(&mut self.near).into_iter().for_each(|timer| self.put(timer));
        }
        // Where most of them are equal, they stay.
        self.recede_at = MANY.max(self.near.len() * 2);
    }

    #[cold]
    fn drop_husks(&mut self) {
        if are_mostly_husks(self.near.as_slice()) {
            let near = mem::take(&mut self.near).into_vec();
            self.near = self.keep_husks_of(near).into();
        }
        for bit in 0..self.far.len() {
            if are_mostly_husks(&self.far[bit]) {
                let timers = mem::take(&mut self.far[bit]);
                self.far[bit] = self.keep_husks_of(timers);
                self.occupied &= !(u64::from(self.far[bit].is_empty()) << bit);
            }
        }
        self.rebuild_at = SMALL.max(self.len * 2);
    }

    /// Keeps those that were cancelled, to be dropped, and gives the others. Those are moved, being fewer.
    fn keep_husks_of(&mut self, mut timers: Vec<Timer>) -> Vec<Timer> {
        let (mut others, mut index) = (Vec::new(), 0);
        while let Some(timer) = timers.get(index) {
            match timer.timed.cancelled() {
                true => index += 1,
                false => others.push(timers.swap_remove(index)),
            }
        }
        self.len -= timers.len();
        if self.husks.len() < timers.len() {
            mem::swap(&mut self.husks, &mut timers);
        }
        self.husks.append(&mut timers);
        others
    }

    /// Keeps the memory of an empty vector, unless that is much.
    fn keep(&mut self, empty: Vec<Timer>) {
        if empty.capacity() <= MANY {
            self.spare = empty;
        }
    }
}

/// By a sample. To ask each would bring all of them into the cache, which moving them does not. At odd distances, since
/// timers are often set by twos and fours of which some are always cancelled.
fn are_mostly_husks(timers: &[Timer]) -> bool {
    let sample = timers.iter().step_by((timers.len() / SAMPLE) | 1);
    let (asked, cancelled) =
        sample.fold((0, 0), |(asked, cancelled), timer| (asked + 1, cancelled + usize::from(timer.timed.cancelled())));
    cancelled * 2 > asked
}

/// How many timers are asked whether they were cancelled.
const SAMPLE: usize = 32;

/// How many vectors there are.
const BITS: usize = u64::BITS as usize;

/// The number of the highest bit that is set. One is.
#[inline]
const fn highest_bit(bits: u64) -> usize {
    (u64::BITS - 1 - bits.leading_zeros()) as usize
}

/// What a clock cannot reach, 584 years on, is one and the same.
#[inline]
fn nanoseconds(time: Instant) -> u64 {
    u64::try_from(time.since_zero().as_nanos()).unwrap_or(u64::MAX)
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

/// The greatest is the first: the heap's top.
impl Ord for Timer {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.deadline, other.sequence).cmp(&(self.deadline, self.sequence))
    }
}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timer {}

/// A callback that was scheduled by `call_later` or `call_at`. asyncio's `TimerHandle`. Dropping the handle does not cancel
/// the callback.
#[derive(Clone)]
pub struct TimerHandle {
    handle: Handle,
    deadline: Instant,
}

impl TimerHandle {
    pub(super) fn new(handle: Handle, deadline: Instant) -> Self {
        Self { handle, deadline }
    }

    /// Cancels the callback and drops it, with everything it captured. Has no effect once the callback has run.
    pub fn cancel(&self) {
        self.handle.cancel();
    }

    /// Converts the handle into one that cancels the timer when it is dropped.
    ///
    /// ```
    /// use innermost::{EventLoop, Exception};
    /// use std::time::Duration;
    ///
    /// /// A visitor, who is asked to go after ten minutes, unless it has gone by then.
    /// struct Visitor {
    ///     _reminder: innermost::event_loop::CancelOnDrop,
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let timer = event_loop.call_later(Duration::from_secs(600), || println!("please go"))?;
    /// let visitor = Visitor { _reminder: timer.clone().cancel_on_drop() };
    /// assert!(!timer.cancelled());
    /// drop(visitor);
    /// assert!(timer.cancelled());
    /// # Ok::<(), Exception>(())
    /// ```
    pub fn cancel_on_drop(self) -> CancelOnDrop {
        CancelOnDrop(self)
    }

    /// Returns `true` if the callback was cancelled before it ran.
    pub fn cancelled(&self) -> bool {
        self.handle.cancelled()
    }

    /// Returns the deadline on the loop's clock.
    pub fn when(&self) -> Instant {
        self.deadline
    }
}

dropped!(TimerHandle);

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimerHandle").field("when", &self.deadline).field("cancelled", &self.cancelled()).finish()
    }
}

/// Cancels a timer when it is dropped. Made by [`TimerHandle::cancel_on_drop`].
#[derive(Debug)]
#[must_use = "the timer is cancelled when this is dropped"]
pub struct CancelOnDrop(TimerHandle);

impl Deref for CancelOnDrop {
    type Target = TimerHandle;

    fn deref(&self) -> &TimerHandle {
        &self.0
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
