//! [`Conditions`]: how well a network carries what is sent.

use core::cell::Cell;
use core::ops::{Bound, RangeBounds};
use core::time::Duration;

/// The conditions of one direction between two hosts, or of all. A condition that is not set for two hosts is that of all.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) latency: Cell<Option<Latency>>,
    pub(super) bandwidth: Cell<Option<u64>>,
    pub(super) loss: Cell<Option<f64>>,
    pub(super) duplication: Cell<Option<f64>>,
    pub(super) packet: Cell<Option<usize>>,
    pub(super) capacity: Cell<Option<usize>>,
    pub(super) reset_at: Cell<Option<usize>>,
    pub(super) is_partial: Cell<Option<bool>>,
}

/// The shortest and the longest latency, in nanoseconds.
#[derive(Clone, Copy)]
pub(super) struct Latency {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Latency {
    /// # Panics
    ///
    /// If the range is empty or has no end.
    pub(super) fn within(range: &impl RangeBounds<Duration>) -> Self {
        let nanoseconds = |time: &Duration| u64::try_from(time.as_nanos()).expect("a latency of less than 584 years");
        let least = match range.start_bound() {
            Bound::Included(time) => nanoseconds(time),
            Bound::Excluded(time) => nanoseconds(time) + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(time) => nanoseconds(time).checked_add(1),
            Bound::Excluded(time) => Some(nanoseconds(time)),
            Bound::Unbounded => None,
        };
        let most = end.and_then(|end| end.checked_sub(1)).filter(|most| *most >= least);
        Self { least, most: most.expect("a range of latencies that has an end and is not empty") }
    }
}

/// # Panics
///
/// If `probability` is not between 0 and 1.
pub(super) fn checked(probability: f64) -> f64 {
    assert!((0.0..=1.0).contains(&probability), "a probability is between 0 and 1, and not {probability}");
    probability
}

/// The methods that set conditions, for types that hold [`Conditions`] in the field `conditions`.
macro_rules! setters {
    () => {
        /// Delays each packet by a random time in `range`, such as `d..=d` for a constant. Packets of a stream do not
        /// overtake each other; datagrams do. The default is no delay.
        ///
        /// # Panics
        ///
        /// If the range is empty or has no end.
        pub fn latency(&self, range: impl RangeBounds<Duration>) -> &Self {
            self.conditions().latency.set(Some(Latency::within(&range)));
            self
        }

        /// Limits how many bytes a second pass from one host to another. All connections between the two share that. A
        /// packet arrives as a whole, when its last byte has passed. The default is no limit.
        ///
        /// # Panics
        ///
        /// If `bytes_per_second` is zero.
        pub fn bandwidth(&self, bytes_per_second: u64) -> &Self {
            assert!(bytes_per_second > 0, "with no bandwidth nothing ever arrives: use a partition");
            self.conditions().bandwidth.set(Some(bytes_per_second));
            self
        }

        /// Loses each packet with this probability. A lost datagram never arrives. A lost packet of a stream is sent
        /// again after 200 ms, then after 400 ms and so on, up to two minutes, so loss delays the stream. After 15
        /// attempts the sender gives up and raises `TimedOut`. A lost attempt to connect is repeated after a second, then
        /// after two seconds and so on, six times. A lost reset is not repeated: the peer finds out when it sends.
        ///
        /// # Panics
        ///
        /// If `probability` is not between 0 and 1.
        pub fn lose(&self, probability: f64) -> &Self {
            self.conditions().loss.set(Some(checked(probability)));
            self
        }

        /// Delivers each datagram twice with this probability. Has no effect on streams.
        ///
        /// # Panics
        ///
        /// If `probability` is not between 0 and 1.
        pub fn duplicate(&self, probability: f64) -> &Self {
            self.conditions().duplication.set(Some(checked(probability)));
            self
        }

        /// Cuts what a stream sends into packets of at most so many bytes, at least 1. Each travels alone. By default, what
        /// one operation sends is one packet.
        pub fn packets(&self, bytes: usize) -> &Self {
            self.conditions().packet.set(Some(bytes.max(1)));
            self
        }

        /// Sets how many bytes a stream accepts that the peer has not read, at least 1. The default is 64 KiB. Applies to
        /// connections that are made later.
        pub fn capacity(&self, bytes: usize) -> &Self {
            self.conditions().capacity.set(Some(bytes.max(1)));
            self
        }

        /// Resets each connection once so many bytes have been sent, in both directions together. Both ends raise
        /// `ConnectionReset` at once, and what has not been read is lost. Applies to connections that are made later; what
        /// counts is the direction from the end that connects.
        pub fn reset_at(&self, bytes: usize) -> &Self {
            self.conditions().reset_at.set(Some(bytes));
            self
        }

        /// Makes each read and each write of a stream move a random number of bytes: all, a few, or none, in which case it
        /// is tried again in the next turn.
        pub fn partial(&self) -> &Self {
            self.conditions().is_partial.set(Some(true));
            self
        }
    };
}
pub(super) use setters;
