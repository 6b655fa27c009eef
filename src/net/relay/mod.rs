//! [`relay`](fn@relay): moves bytes between two streams, both ways.
//!
//! A relay is a race of its two directions. Each of them is an operation that reads, writes, and waits for whichever of the
//! two would block, so a direction that waits for room does not keep the other one waiting. A direction wins when it has
//! ended.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs`       | [`relay`](fn@relay), [`Relay`], [`Moved`] |
//! | `direction.rs` | one direction, and the place where it fails |
//! | `idle.rs`      | the idle limit |

use core::cell::Cell;
use core::fmt;
use core::time::Duration;

use self::direction::{Direction, Note, Place, Side};
use self::idle::Idle;
use super::ByteStream;
use crate::coroutine::{Coroutine, Exception, Resumed, State, Stateless, Step};
use crate::task::{Await, Progress};
use crate::wait::{Race, Won};

mod direction;
mod idle;

pub(super) use self::direction::is_gone;

/// Moves bytes between two streams, both ways at the same time and in one task, until both directions have ended. Returns
/// how many bytes were [`Moved`].
///
/// When one stream ends, the relay ends the other one with [`write_eof`](super::ByteWrite::write_eof), and the opposite
/// direction goes on. A direction reads no more until everything that it has read is written. So it holds at most 64 KiB,
/// and a slow receiver slows down its sender. A direction that waits for bytes holds no memory.
///
/// ```
/// use innermost::net::{Moved, relay};
/// use innermost::testing::{memory_pair, virtual_loop};
/// use innermost::{ByteWrite, Exception};
/// use std::time::Duration;
///
/// let ((client, near), (far, server)) = (memory_pair(), memory_pair());
/// client.attempt_send(b"question")?;
/// server.attempt_send(b"answer")?;
/// client.attempt_write_eof()?;
/// server.attempt_write_eof()?;
///
/// let relaying = relay(near, far).idle_limit(Duration::from_secs(60));
/// assert_eq!(virtual_loop()?.run_until_complete(relaying)?, Moved { a_to_b: 8, b_to_a: 6 });
/// # Ok::<(), Exception>(())
/// ```
///
/// The streams may be owned, borrowed, or shared. A machine that goes on using its streams has a [`Relay`] as a field
/// instead.
///
/// # Errors
///
/// Raises the first error of either stream, and a `TimeoutError` if an [idle limit](Relaying::idle_limit) has passed. A note
/// says which stream it was, and how many bytes had been moved by then. Ending a stream whose peer is gone is no error.
///
/// An exception that is thrown in, such as a `CancelledError`, is raised at once. A relay that has raised anything can be
/// awaited again. It goes on where it stopped: no byte is lost.
///
/// # Dropping
///
/// Drops the streams, and so closes those that it owns. Bytes that were read and not yet written are lost.
pub fn relay<A: ByteStream, B: ByteStream>(a: A, b: B) -> Relaying<A, B> {
    Relaying { a, b, relay: Relay::new() }
}

/// How many bytes a relay has written to each stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// From the first stream to the second.
    pub a_to_b: u64,
    /// From the second stream to the first.
    pub b_to_a: u64,
}

/// A relay between two streams that a machine owns. Store it in a field of that machine.
///
/// [`relay`](fn@relay) says how it moves bytes. Here the streams stay where they are, and [`run`](Self::run) borrows them
/// each time.
///
/// ```
/// use innermost::net::{Moved, Relay};
/// use innermost::testing::{MemoryStream, memory_pair, virtual_loop};
/// use innermost::{ByteWrite, Exception, Kind, Machine, machine, yield_from};
/// use std::time::Duration;
///
/// /// Relays, and says so to the client when nobody has sent anything for a minute.
/// struct Tunnel {
///     client: MemoryStream,
///     server: MemoryStream,
///     relay: Relay,
/// }
///
/// machine!(
///     impl Machine for Tunnel {
///         type State = Phase;
///         type Return = Moved;
///
///         fn Relaying(&mut self, sent: Sent) -> Next<Complaining, End> {
///             match yield_from!(self.relay.run(&self.client, &self.server), sent) {
///                 Err(raised) if raised.kind() == Kind::TimeoutError => to(Complaining),
///                 ended => end(ended?),
///             }
///         }
///
///         fn Complaining(&mut self, sent: Sent) -> Next<End> {
///             yield_from!(self.client.send(b"too late"), sent)?;
///             end(self.relay.moved())
///         }
///     }
/// );
///
/// let ((client, near), (far, _server)) = (memory_pair(), memory_pair());
/// client.attempt_send(b"hello")?;
/// let relay = Relay::new().idle_limit(Duration::from_secs(60));
/// let event_loop = virtual_loop()?;
/// let tunnel = Tunnel { client: near, server: far, relay }.start(Phase::Relaying);
/// assert_eq!(event_loop.run_until_complete(tunnel)?, Moved { a_to_b: 5, b_to_a: 0 });
/// assert_eq!(event_loop.time().since_zero(), Duration::from_secs(60));
/// # Ok::<(), Exception>(())
/// ```
///
/// Dropping it removes its timer, and drops the bytes that were read and not yet written.
pub struct Relay {
    a_to_b: Direction,
    b_to_a: Direction,
    idle: Option<Idle>,
    race: Race,
}

impl Relay {
    /// Makes a relay without an idle limit that holds at most 64 KiB in each direction.
    pub fn new() -> Self {
        Self { a_to_b: Direction::new(Side::A), b_to_a: Direction::new(Side::B), idle: None, race: Race::new() }
    }

    /// Ends the relay with a `TimeoutError` when no byte has moved either way for `limit`. A byte has moved when it was read,
    /// and again when it was written. Without a running loop there is no clock, and no limit.
    pub fn idle_limit(mut self, limit: Duration) -> Self {
        self.idle = Some(Idle::new(limit));
        self
    }

    /// Sets how many bytes each direction holds at most. The default is 64 KiB, which is also the maximum; 0 counts as 1.
    /// A direction holds that much only while its receiver is slow.
    pub fn buffer_size(mut self, bytes: usize) -> Self {
        self.a_to_b.set_buffer_size(bytes);
        self.b_to_a.set_buffer_size(bytes);
        self
    }

    /// Adds bytes that the program has read from `a` already, for example those that followed a request to connect. They
    /// are written to `b` first, and are counted as moved from `a`.
    pub fn already_read_from_a(mut self, bytes: &[u8]) -> Self {
        self.a_to_b.add(bytes);
        self
    }

    /// Adds bytes that the program has read from `b` already. They are written to `a` first, and are counted as moved from
    /// `b`.
    pub fn already_read_from_b(mut self, bytes: &[u8]) -> Self {
        self.b_to_a.add(bytes);
        self
    }

    /// Relays between `a` and `b` until both directions have ended, and returns how many bytes were [`Moved`].
    ///
    /// Returns a stateless coroutine: call `run` again at each resume, always with the same two streams. A relay that has
    /// returned returns the same numbers again.
    ///
    /// # Errors
    ///
    /// Awaiting it raises the [errors](fn@relay#errors) of [`relay`](fn@relay).
    pub fn run<'a, A: ByteStream, B: ByteStream>(&'a mut self, a: &'a A, b: &'a B) -> RunRelay<'a, A, B> {
        RunRelay { relay: self, a, b }
    }

    /// How many bytes have been written to each stream so far, also after an error.
    pub const fn moved(&self) -> Moved {
        Moved { a_to_b: self.a_to_b.moved, b_to_a: self.b_to_a.moved }
    }

    fn step<A: ByteStream, B: ByteStream>(&mut self, a: &A, b: &B, mut sent: Result<(), Exception>) -> Progress<Moved> {
        loop {
            let moved = self.moved();
            if self.a_to_b.is_over() && self.b_to_a.is_over() {
                self.stop();
                return Ok(Step::Return(moved));
            }
            let has_moved = Cell::new(false);
            let racers = (
                self.a_to_b.copy(a, b, &has_moved),
                self.b_to_a.copy(b, a, &has_moved),
                self.idle.as_mut().and_then(Idle::timer),
            );
            let won = self.race.run(racers).resume(core::mem::replace(&mut sent, Ok(())));
            if has_moved.get()
                && let Some(idle) = &mut self.idle
            {
                idle.note();
            }
            match won {
                Ok(Step::Return(Won::A(()) | Won::B(()))) => {}
                Ok(Step::Return(Won::C(()))) => {
                    if self.idle.as_mut().is_some_and(Idle::is_over) {
                        return Err(self.raised(Exception::timeout(), Place::Idle));
                    }
                }
                Ok(Step::Yield(wanted)) => return Ok(Step::Yield(wanted)),
                Ok(Step::Delegate(frame)) => return Ok(Step::Delegate(frame)),
                Err(raised) => {
                    let failed = self.a_to_b.failed.take().or(self.b_to_a.failed.take());
                    return Err(match failed {
                        Some(place) => self.raised(raised, place),
                        None => self.stopped(raised),
                    });
                }
            }
        }
    }

    /// Adds where it happened, and the counts.
    #[cold]
    fn raised(&mut self, raised: Exception, place: Place) -> Exception {
        let note = Note { place, moved: self.moved() };
        self.stopped(raised).with_note(note)
    }

    #[cold]
    fn stopped(&mut self, raised: Exception) -> Exception {
        self.stop();
        raised
    }

    /// Removes the timer. The idle time starts again when the relay goes on.
    fn stop(&mut self) {
        if let Some(idle) = &mut self.idle {
            *idle = Idle::new(idle.limit);
        }
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Moved { a_to_b, b_to_a } = self.moved();
        write!(f, "{a_to_b} bytes from a to b, {b_to_a} from b to a")
    }
}

/// The coroutine returned by [`Relay::run`].
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct RunRelay<'a, A, B> {
    relay: &'a mut Relay,
    a: &'a A,
    b: &'a B,
}

/// Everything that lasts is in the [`Relay`].
impl<A: ByteStream, B: ByteStream> Stateless for RunRelay<'_, A, B> {}

impl<A: ByteStream, B: ByteStream> Coroutine for RunRelay<'_, A, B> {
    type Yield = Await;
    type Input = ();
    type Return = Moved;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.relay.step(self.a, self.b, sent)
    }

    fn state(&self) -> State<'_> {
        State::new("relay", self.relay)
    }
}

impl<A, B> fmt::Debug for RunRelay<'_, A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "relay({:?})", self.relay)
    }
}

/// The coroutine returned by [`relay`](fn@relay). Its methods set options before it is awaited.
#[must_use = "a coroutine does nothing until it is resumed or awaited"]
pub struct Relaying<A, B> {
    a: A,
    b: B,
    relay: Relay,
}

impl<A: ByteStream, B: ByteStream> Relaying<A, B> {
    /// Sets an idle limit, as [`Relay::idle_limit`] does.
    pub fn idle_limit(self, limit: Duration) -> Self {
        Self { relay: self.relay.idle_limit(limit), ..self }
    }

    /// Sets how many bytes each direction holds at most, as [`Relay::buffer_size`] does.
    pub fn buffer_size(self, bytes: usize) -> Self {
        Self { relay: self.relay.buffer_size(bytes), ..self }
    }

    /// Adds bytes that were read from `a` already, as [`Relay::already_read_from_a`] does.
    pub fn already_read_from_a(self, bytes: &[u8]) -> Self {
        Self { relay: self.relay.already_read_from_a(bytes), ..self }
    }

    /// Adds bytes that were read from `b` already, as [`Relay::already_read_from_b`] does.
    pub fn already_read_from_b(self, bytes: &[u8]) -> Self {
        Self { relay: self.relay.already_read_from_b(bytes), ..self }
    }

    /// How many bytes have been written to each stream so far, also after an error.
    pub const fn moved(&self) -> Moved {
        self.relay.moved()
    }

    /// Returns the streams. Bytes that were read and not yet written are lost.
    pub fn into_streams(self) -> (A, B) {
        (self.a, self.b)
    }
}

impl<A: ByteStream, B: ByteStream> Coroutine for Relaying<A, B> {
    type Yield = Await;
    type Input = ();
    type Return = Moved;

    fn resume(&mut self, sent: Result<(), Exception>) -> Resumed<Self> {
        self.relay.step(&self.a, &self.b, sent)
    }

    fn state(&self) -> State<'_> {
        State::new("relay", &self.relay)
    }
}

impl<A, B> fmt::Debug for Relaying<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "relay({:?})", self.relay)
    }
}
