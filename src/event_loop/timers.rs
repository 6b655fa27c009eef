//! `Timers`: a priority queue of timers, ordered by deadline; and [`TimerHandle`]. Timers with equal deadlines fire in
//! the order they were set, which CPython leaves open.
//!
//! A heap works well for a few timers. With a million it is slow, because each step down the heap is a cache miss. So
//! the heap holds only the timers up to a deadline called the horizon. The later ones lie unsorted in vectors:
//!
//! ```text
//!   near, a heap          far, by the highest bit in which the deadline differs from the horizon
//!  +------------+--------+--+----+--------+----------------+--------------------------------+
//!  | up to here |        |  |    |        |                |                                |
//!  +------------+--------+--+----+--------+----------------+--------------------------------+
//!             horizon
//! ```
//!
//! Setting a timer beyond the horizon appends it to a vector. When the heap is empty, the horizon advances to the first
//! vector that is not empty:
//!
//! - A short vector moves into the heap, and the horizon moves to its last deadline.
//! - For a long vector, the horizon moves to its first deadline. Its timers agree with the new horizon in more bits
//!   than with the old one, so they are spread over the vectors before it.
//!
//! A timer moves about ten times, mostly between vectors that are read in order. This is the radix heap of Ahuja,
//! Mehlhorn, Orlin and Tarjan (1990), with a heap in place of its first bucket. A radix heap cannot take an element
//! that comes before its current minimum, but a program may set a timer that comes before all others.
//!
//! While there are few timers, all of them are in the heap.
//!
//! A cancelled timer drops its callback at once, and stays as a husk until its deadline. Husks are removed when the
//! number of timers has doubled, and when a long vector moves; in both cases only if more than half of a sample are
//! husks. So a million cancelled timers are examined once each, and of a million live timers only the samples are.
//! `task/handle.rs` keeps a cancelled callback from running. Husks are dropped after the borrow of the timers has
//! ended, because their contexts may own user values (CONTRIBUTING, rule 4).
//!
//! Invariants:
//!
//! 1. Deadlines in `near` are at most the horizon, and those in `far` are beyond it. So the first timer is in `near`,
//!    unless `near` is empty.
//! 2. A timer is in `far[b]` if `b` is the highest bit in which its deadline differs from the horizon. Bit `b` of
//!    `occupied` is set if `far[b]` is not empty. A change of the horizon in bits below `b` alone does not affect
//!    `far[b]`.

use core::cmp::Ordering;
use core::fmt;
use core::mem;
use core::ops::Deref;
use core::time::Duration;
use std::collections::BinaryHeap;
use std::rc::Rc;

use crate::sys::Instant;
use crate::task::{Handle, Run, Timed, dropped};

/// The number of timers below which it is not worth looking for husks.
const SMALL: usize = 128;

/// The longest vector that moves into the heap as a whole.
const FEW: usize = 64;

/// The size at which the heap has grown too large, because timers were set before the horizon. The horizon then
/// recedes.
const MANY: usize = 1024;

pub(super) struct Timers {
    near: BinaryHeap<Timer>,
    far: Vec<Vec<Timer>>,
    occupied: u64,
    /// In nanoseconds, as all deadlines here.
    horizon: u64,
    /// The number of all timers, including husks.
    len: usize,
    /// The sequence number of the next timer. Timers with equal deadlines fire in its order.
    next_sequence: u64,
    /// The number of timers at which husks are looked for.
    rebuild_at: usize,
    /// The length of the heap at which the horizon is put back.
    near_limit: usize,
    /// An empty vector, kept for its memory.
    spare: Vec<Timer>,
    /// Cancelled timers that were found and have yet to be dropped.
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
            next_sequence: 0,
            rebuild_at: SMALL,
            near_limit: MANY,
            spare: Vec::new(),
            husks: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, deadline: Instant, timed: Rc<dyn Timed>) {
        if self.len >= self.rebuild_at {
            self.drop_husks();
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.len += 1;
        let deadline = nanoseconds(deadline);
        if self.occupied == 0 && self.near.len() < FEW {
            // So few timers need no vectors.
            self.horizon = self.horizon.max(deadline);
        }
        self.put(Timer { deadline, sequence, timed });
        if self.near.len() >= self.near_limit {
            self.recede();
        }
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of timers that were not cancelled.
    #[cfg(feature = "testing")]
    pub(super) fn count(&self) -> usize {
        self.near.iter().chain(self.far.iter().flatten()).filter(|timer| !timer.timed.cancelled()).count()
    }

    /// Shows the timers that were not cancelled in the order in which they fire.
    #[cfg(feature = "testing")]
    pub(super) fn look(&self, look: &mut dyn FnMut(Duration, &Rc<dyn Run>)) {
        let all = self.near.iter().chain(self.far.iter().flatten());
        let mut timers: Vec<_> = all.filter(|timer| !timer.timed.cancelled()).collect();
        timers.sort_unstable_by_key(|timer| (timer.deadline, timer.sequence));
        for timer in timers {
            look(Duration::from_nanos(timer.deadline), &(Rc::clone(&timer.timed) as Rc<dyn Run>));
        }
    }

    pub(super) fn into_callbacks(self) -> impl Iterator<Item = Rc<dyn Timed>> {
        self.near.into_iter().chain(self.far.into_iter().flatten()).chain(self.husks).map(|timer| timer.timed)
    }

    /// Takes out the husks that were found, if there are any. The caller drops them when the timers are not borrowed.
    #[inline]
    pub(super) fn take_husks(&mut self) -> Option<Vec<Timer>> {
        (!self.husks.is_empty()).then(|| mem::take(&mut self.husks))
    }

    /// The deadline of the first timer that was not cancelled.
    pub(super) fn next_deadline(&mut self) -> Option<Instant> {
        self.first().map(|timer| Instant::from_zero(Duration::from_nanos(timer.deadline)))
    }

    /// Moves the timers that are due at `now` to the ready queue. Cancelled timers are moved too: running them does
    /// nothing. Checking them here would load each timer into the cache twice if many are due.
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

    /// Puts a timer into the heap or into its vector.
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

    /// Raises the horizon to the first timers beyond it. The heap must be empty, and a vector must not be.
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

    /// Lowers the horizon to the first deadline, because the heap has grown too large. The timers in the heap are
    /// distributed again. Of the vectors, only those for bits below the highest changed bit are affected: now they all
    /// belong to that bit.
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
        // If most deadlines are equal, the heap stays large. Do not try again until it has doubled.
        self.near_limit = MANY.max(self.near.len() * 2);
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

    /// Moves the husks of a vector to `self.husks`, and returns the other timers. Those are the ones that move one by
    /// one, since they are fewer.
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

    /// Keeps an empty vector for its memory, unless it is large.
    fn keep(&mut self, empty: Vec<Timer>) {
        if empty.capacity() <= MANY {
            self.spare = empty;
        }
    }
}

/// Returns `true` if more than half of a sample are husks.
///
/// Looking at every timer would bring all of them into the cache, which moving them does not. The sample is taken at
/// odd distances, because timers are often set in twos or fours of which the same ones are always cancelled.
fn are_mostly_husks(timers: &[Timer]) -> bool {
    let sample = timers.iter().step_by((timers.len() / SAMPLE) | 1);
    let (asked, cancelled) =
        sample.fold((0, 0), |(asked, cancelled), timer| (asked + 1, cancelled + usize::from(timer.timed.cancelled())));
    cancelled * 2 > asked
}

/// The size of a sample.
const SAMPLE: usize = 32;

/// The number of vectors.
const BITS: usize = u64::BITS as usize;

/// The number of the highest bit that is set. At least one must be.
#[inline]
const fn highest_bit(bits: u64) -> usize {
    (u64::BITS - 1 - bits.leading_zeros()) as usize
}

/// Converts a deadline to nanoseconds. Deadlines more than 584 years away, which no clock reaches, are all equal.
#[inline]
fn nanoseconds(time: Instant) -> u64 {
    u64::try_from(time.since_zero().as_nanos()).unwrap_or(u64::MAX)
}

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

/// Earlier timers are greater, because `BinaryHeap` has its greatest element at the top.
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

/// A handle to a callback with a deadline, returned by [`call_later`](crate::LoopHandle::call_later) and
/// [`call_at`](crate::LoopHandle::call_at). asyncio's `TimerHandle`.
///
/// Dropping the handle does not cancel the callback. [`cancel_on_drop`](Self::cancel_on_drop) converts it into a handle
/// that does.
#[derive(Clone)]
pub struct TimerHandle {
    handle: Handle,
    deadline: Instant,
}

impl TimerHandle {
    pub(super) fn new(handle: Handle, deadline: Instant) -> Self {
        Self { handle, deadline }
    }

    /// Cancels the callback and drops it, with everything it captured. Has no effect if the callback has already run.
    pub fn cancel(&self) {
        self.handle.cancel();
    }

    /// Converts this into a handle that cancels the timer when it is dropped.
    ///
    /// ```
    /// use innermost::{EventLoop, Exception};
    /// use std::time::Duration;
    ///
    /// /// A visitor, who is asked to leave after ten minutes. A visitor who leaves earlier cancels the reminder.
    /// struct Visitor {
    ///     _reminder: innermost::event_loop::CancelOnDrop,
    /// }
    ///
    /// let event_loop = EventLoop::new()?;
    /// let timer = event_loop.call_later(Duration::from_secs(600), || println!("please leave"))?;
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

/// A handle that cancels its timer when it is dropped. Returned by [`TimerHandle::cancel_on_drop`].
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
