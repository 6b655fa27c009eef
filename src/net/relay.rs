//! [`relay`](fn@relay): bytes between two streams, both ways.
//!
//! A relay is a race of its two directions. Each of them is an operation that reads, writes, and waits for whichever of the
//! two would block, so a direction that waits for room does not keep the other one waiting. A direction wins when it has
//! ended.
//!
//! The time of the last byte is noted once a resume, not once a byte, and moves no timer. A timer that finds that bytes have
//! moved since it was set is set again for the rest of the time. So an idle limit costs one timer for each time that it lasts,
//! however many bytes are moved.

use core::cell::Cell;
use core::fmt;
use core::time::Duration;
use std::io;

use super::byte_stream::attempted;
use super::{Buffer, ByteRead, ByteStream, ByteWrite};
use crate::coroutine::{Coroutine, Exception, Resumed, State, Stateless, Step};
use crate::event_loop::{MEMORY, Operation, find_running};
use crate::sys::Instant;
use crate::task::{Await, Awaitable, Progress};
use crate::time::{Sleep, sleep};
use crate::wait::{Race, Racing, Won};

/// Moves bytes between two streams, both ways at the same time and in one task, until both directions have ended. Returns how
/// many bytes were [`Moved`].
///
/// When one stream ends, the relay ends the other one with [`write_eof`](ByteWrite::write_eof), and the opposite direction
/// goes on. A direction reads no more until everything that it has read is written. So it holds at most 64 KiB, and a slow
/// receiver slows down its sender. A direction that waits for bytes holds no memory.
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
/// The streams may be owned, borrowed, or shared. A machine that goes on using its streams has a [`Relay`] as a field instead.
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

/// A relay between two streams of a machine. A field of that machine.
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

    /// Sets how many bytes each direction holds at most: at least 1, and at most 64 KiB, which is the default. A direction
    /// holds that much only while its receiver is slow.
    pub fn buffer_size(mut self, bytes: usize) -> Self {
        let buffer = || Buffer::with_limit(bytes.clamp(1, MEMORY));
        (self.a_to_b.buffer, self.b_to_a.buffer) = (buffer(), buffer());
        self
    }

    /// Relays between `a` and `b` until both directions have ended, and returns how many bytes were [`Moved`].
    ///
    /// Returns a stateless coroutine, which is made again at each resume: always with the same two streams. A relay that has
    /// returned returns the same numbers again.
    ///
    /// It raises what [`relay`](fn@relay) raises.
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

    /// Nobody waits any more. The idle time begins anew when the relay goes on.
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

/// One of the two streams.
#[derive(Clone, Copy)]
enum Side {
    A,
    B,
}

/// One direction of a relay. It is named after the stream that it reads.
struct Direction {
    from: Side,
    stage: Stage,
    /// What was read and not yet written.
    buffer: Buffer,
    /// The number of bytes written.
    moved: u64,
    /// Where an operation has just failed.
    failed: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Copying,
    /// The end has been read, and is to be passed on.
    Ending,
    Over,
}

impl Direction {
    fn new(from: Side) -> Self {
        Self { from, stage: Stage::Copying, buffer: Buffer::new(), moved: 0, failed: None }
    }

    fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The operation that copies until this direction is over. `None` if it is over.
    fn copy<'a, F: ByteRead, T: ByteWrite>(
        &'a mut self,
        from: &'a F,
        to: &'a T,
        has_moved: &'a Cell<bool>,
    ) -> Option<impl Awaitable<Return = ()> + Stateless + 'a> {
        (!self.is_over()).then(|| Operation::new("copy", move || self.attempt(from, to, has_moved)))
    }

    fn attempt<F: ByteRead, T: ByteWrite>(&mut self, from: &F, to: &T, has_moved: &Cell<bool>) -> Progress<()> {
        while self.stage == Stage::Copying {
            if !self.buffer.is_empty() {
                let before = self.buffer.len();
                let attempt = to.attempt_write_all(&mut self.buffer);
                let written = before - self.buffer.len();
                self.moved += written as u64;
                has_moved.set(has_moved.get() || written > 0);
                attempted!(self.checked(attempt, Place::Writing));
            }
            let attempt = from.attempt_read(&mut self.buffer);
            match attempted!(self.checked(attempt, Place::Reading)) {
                0 => self.stage = Stage::Ending,
                _ => has_moved.set(true),
            }
        }
        if self.stage == Stage::Ending {
            match to.attempt_write_eof() {
                // Everything was written, and nobody is left who could read the end.
                Err(raised) if is_gone(&raised) => {}
                attempt => attempted!(self.checked(attempt, Place::Ending)),
            }
            self.stage = Stage::Over;
        }
        Ok(Step::Return(()))
    }

    /// Remembers where it has failed.
    #[inline]
    fn checked<T>(&mut self, attempt: Progress<T>, place: fn(Side) -> Place) -> Progress<T> {
        if attempt.is_err() {
            self.failed = Some(place(self.from));
        }
        attempt
    }
}

/// Returns `true` if the error says that the peer has closed its end.
pub(super) fn is_gone(raised: &Exception) -> bool {
    let kind = raised.downcast_ref().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::NotConnected | io::ErrorKind::BrokenPipe))
}

/// What a relay was doing when it failed, named after the stream that was read.
#[derive(Clone, Copy)]
enum Place {
    Reading(Side),
    Writing(Side),
    Ending(Side),
    Idle,
}

/// The note of an error.
struct Note {
    place: Place,
    moved: Moved,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.place {
            Place::Reading(Side::A) => "relay: reading from a",
            Place::Reading(Side::B) => "relay: reading from b",
            Place::Writing(Side::A) => "relay: writing to b",
            Place::Writing(Side::B) => "relay: writing to a",
            Place::Ending(Side::A) => "relay: ending b",
            Place::Ending(Side::B) => "relay: ending a",
            Place::Idle => "relay: no byte has moved",
        })?;
        let Moved { a_to_b, b_to_a } = self.moved;
        write!(f, ", after {a_to_b} bytes from a to b and {b_to_a} from b to a")
    }
}

/// An idle limit, and its timer.
struct Idle {
    limit: Duration,
    timer: Option<Timer>,
}

struct Timer {
    sleep: Racing<Sleep>,
    /// When the last byte has moved, or the relay has started.
    last: Instant,
    /// Whether a byte has moved since the timer was set.
    has_moved: bool,
}

impl Idle {
    const fn new(limit: Duration) -> Self {
        Self { limit, timer: None }
    }

    /// The timer, which runs while somebody waits.
    fn timer(&mut self) -> Option<&mut Racing<Sleep>> {
        if self.timer.is_none() {
            let last = find_running()?.time();
            self.timer = Some(Timer { sleep: Racing::new(sleep(self.limit)), last, has_moved: false });
        }
        self.timer.as_mut().map(|timer| &mut timer.sleep)
    }

    /// Bytes have moved.
    #[inline]
    fn note(&mut self) {
        if let (Some(timer), Some(event_loop)) = (&mut self.timer, find_running()) {
            (timer.last, timer.has_moved) = (event_loop.time(), true);
        }
    }

    /// The timer has fired. Returns `true` if the limit has passed. Otherwise sets the timer for the rest of the time.
    fn is_over(&mut self) -> bool {
        let (Some(timer), Some(event_loop)) = (&mut self.timer, find_running()) else { return true };
        if !core::mem::take(&mut timer.has_moved) {
            return true;
        }
        timer.sleep.restart(sleep(timer.last + self.limit - event_loop.time()));
        false
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
