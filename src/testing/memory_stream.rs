//! [`MemoryStream`]: connections in memory that can misbehave like a network.
//!
//! ```text
//!                 capacity                 latency
//!   send --moves--> | in flight ------------------> arrived | --moves--> recv
//!                   '---------- counted together ----------'
//! ```
//!
//! Each direction is a [`Channel`]. An end holds both channels, and tells the other end through them that it is gone.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;
use std::rc::Rc;

use super::channel::{Behaviour, Channel};
use super::feed::Feed;
use crate::net::{ByteRead, ByteWrite};
use crate::task::Progress;

/// Makes two ends of a connection in memory that delivers everything at once. [`MemoryPair`] makes connections that behave
/// worse.
///
/// ```
/// use innermost::testing::{memory_pair, virtual_loop};
/// use innermost::{Buffer, ByteRead, ByteWrite, Step, from_fn, yield_from};
///
/// let (near, far) = memory_pair();
/// let event_loop = virtual_loop()?;
/// event_loop.create_task(from_fn(move |mut sent| yield_from!(near.send(b"hello"), sent).map(Step::Return)))?;
/// let mut buffer = Buffer::new();
/// let length = event_loop
///     .run_until_complete(from_fn(move |mut sent| yield_from!(far.read(&mut buffer), sent).map(Step::Return)))?;
/// assert_eq!(length, 5);
/// # Ok::<(), innermost::Exception>(())
/// ```
pub fn memory_pair() -> (MemoryStream, MemoryStream) {
    MemoryPair::new().build()
}

/// Builds a connection in memory with limits, delays and faults.
///
/// ```
/// use innermost::testing::MemoryPair;
/// use std::time::Duration;
///
/// let mut sizes = [1, 7, 0].into_iter().cycle();
/// let (near, far) = MemoryPair::new()
///     .capacity(16)
///     .latency(Duration::from_millis(20))
///     .moves(move |_| sizes.next().unwrap())
///     .reset_after(1000)
///     .build();
/// # drop((near, far));
/// ```
#[must_use = "there is no connection until `build` is called"]
pub struct MemoryPair(Behaviour);

impl MemoryPair {
    /// Starts with 64 KiB in each direction, no latency, complete reads and writes, and no faults.
    pub fn new() -> Self {
        Self(Behaviour {
            capacity: 64 * 1024,
            latency: Cell::new(None),
            moves: Cell::new(None),
            until_reset: Cell::new(usize::MAX),
            is_broken: Cell::new(false),
            suspends: false,
        })
    }

    /// Sets how many bytes one end accepts that the other has not read: at least 1.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.0.capacity = bytes.max(1);
        self
    }

    /// Delays all bytes, on the clock of the running loop.
    pub fn latency(self, latency: Duration) -> Self {
        self.latencies(move || latency)
    }

    /// Delays each piece by what `latency` returns. No piece overtakes another.
    pub fn latencies(self, latency: impl FnMut() -> Duration + 'static) -> Self {
        self.0.latency.set(Some(Box::new(latency)));
        self
    }

    /// Sets how many bytes each operation moves. `moves` gets the number that is possible. If it returns 0, the operation
    /// would have blocked, and is tried again in the next turn; so it must not always return 0.
    pub fn moves(self, moves: impl FnMut(usize) -> usize + 'static) -> Self {
        self.0.moves.set(Some(Box::new(moves)));
        self
    }

    /// Moves a random number of bytes: a few, all, or sometimes none. The same `seed` repeats the same numbers.
    pub fn random_moves(self, seed: u64) -> Self {
        let mut state = seed | 1;
        self.moves(move |possible| {
            // Marsaglia's xorshift.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let random = (state >> 32) as usize;
            match random % 4 {
                0 => random / 4 % 3,
                1 => possible,
                _ => 1 + random / 4 % possible,
            }
        })
    }

    /// Resets the connection once `bytes` bytes have been sent, in both directions together.
    pub fn reset_after(self, bytes: usize) -> Self {
        self.0.until_reset.set(bytes);
        self
    }

    /// Makes every operation suspend once, for a turn, before it does anything. So a machine is seen in every state in which
    /// it reads or writes, although the connection is ready, and can be interrupted there.
    ///
    /// ```
    /// use innermost::testing::MemoryPair;
    /// use innermost::{ByteWrite, Coroutine, Step};
    ///
    /// let (near, _far) = MemoryPair::new().suspending().build();
    /// let attempts = [near.send(b"hello").resume(Ok(()))?, near.send(b"hello").resume(Ok(()))?];
    /// assert!(matches!(attempts, [Step::Yield(_), Step::Return(5)]));
    /// # Ok::<(), innermost::Exception>(())
    /// ```
    pub fn suspending(mut self) -> Self {
        self.0.suspends = true;
        self
    }

    /// Makes the two ends.
    pub fn build(self) -> (MemoryStream, MemoryStream) {
        self.build_with(None)
    }

    /// Makes the two ends. The first one reads what `feed` gives it.
    pub(super) fn build_with(self, feed: Option<Rc<Feed>>) -> (MemoryStream, MemoryStream) {
        let behaviour = Rc::new(self.0);
        let channel = |feed| Rc::new(Channel::new(Rc::clone(&behaviour), feed));
        let (there, back) = (channel(None), channel(feed));
        let near = MemoryStream { incoming: Rc::clone(&back), outgoing: Rc::clone(&there) };
        if behaviour.until_reset.get() == 0 {
            near.reset();
        }
        (near, MemoryStream { incoming: there, outgoing: back })
    }
}

impl Default for MemoryPair {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryPair").field("capacity", &self.0.capacity).finish_non_exhaustive()
    }
}

/// One end of a connection in memory. It behaves as a Unix socket does, and after a [reset](Self::reset) as a TCP connection,
/// except that
///
/// - after an end is dropped, the peer always reads what was sent, and then the end of the stream. A system would reset the
///   connection if that end had not read everything;
/// - after a reset, every operation raises, and what had arrived is lost. A system reports a reset once: further reads find
///   the end, and further writes raise `BrokenPipe`.
///
/// Sending raises `BrokenPipe` if the peer was dropped, or if this end has ended its stream. Ending the stream is no error
/// then.
pub struct MemoryStream {
    incoming: Rc<Channel>,
    outgoing: Rc<Channel>,
}

impl MemoryStream {
    /// Resets the connection. Bytes that were not read are lost. From then on, both ends raise `ConnectionReset`, and
    /// `NotConnected` where they end their stream.
    pub fn reset(&self) {
        self.incoming.reset();
        self.outgoing.reset();
    }

    /// Takes what the other end has sent and nobody has read.
    pub(super) fn take_arrived(&self) -> Vec<u8> {
        self.incoming.take_arrived()
    }
}

impl ByteRead for MemoryStream {
    fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize> {
        self.incoming.attempt_recv(bytes)
    }
}

impl ByteWrite for MemoryStream {
    fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
        let attempt = self.outgoing.attempt_write(|| self.outgoing.send(bytes));
        if self.outgoing.behaviour.until_reset.get() == 0 {
            self.reset();
        }
        attempt
    }

    fn abort(&self) {
        self.reset();
    }

    fn attempt_write_eof(&self) -> Progress<()> {
        self.outgoing.attempt_write(|| self.outgoing.write_eof())
    }
}

impl Drop for MemoryStream {
    fn drop(&mut self) {
        self.outgoing.finish();
        self.incoming.abandon();
    }
}

impl fmt::Debug for MemoryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStream").field("incoming", &self.incoming).field("outgoing", &self.outgoing).finish()
    }
}
