//! [`MemoryStream`]: connections in memory that can misbehave like a network.
//!
//! ```text
//!                 capacity                 latency
//!   send --moves--> | in flight ------------------> arrived | --moves--> recv
//!                   '---------- counted together ----------'
//! ```
//!
//! Each direction is a [`Channel`]. Bytes count against its capacity until they are read, so a peer that does not read stops
//! the sender. An end holds both channels, and tells the other end through them that it is gone.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use crate::coroutine::{Exception, Kind, Step};
use crate::event_loop::EventLoop;
use crate::net::{ByteRead, ByteWrite};
use crate::sys::Instant;
use crate::task::{Await, Progress, Scheduler, WaitTarget, Waiter, Way, Withdrawn};

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

struct Behaviour {
    capacity: usize,
    latency: Cell<Option<Latency>>,
    moves: Cell<Option<Moves>>,
    /// How many more bytes can be sent, in both directions together, before the connection breaks.
    until_reset: Cell<usize>,
}

/// Functions of the program. Each is taken out while it runs.
type Latency = Box<dyn FnMut() -> Duration>;
type Moves = Box<dyn FnMut(usize) -> usize>;

impl MemoryPair {
    /// Starts with 64 KiB in each direction, no latency, complete reads and writes, and no faults.
    pub fn new() -> Self {
        Self(Behaviour {
            capacity: 64 * 1024,
            latency: Cell::new(None),
            moves: Cell::new(None),
            until_reset: Cell::new(usize::MAX),
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

    /// Makes the two ends.
    pub fn build(self) -> (MemoryStream, MemoryStream) {
        let behaviour = Rc::new(self.0);
        let channel = || Rc::new(Channel::new(Rc::clone(&behaviour)));
        let (there, back) = (channel(), channel());
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

/// One end of a connection in memory. After it is dropped, the peer reads what was sent and then the end of the stream, and
/// sending to it raises `BrokenPipe`.
pub struct MemoryStream {
    incoming: Rc<Channel>,
    outgoing: Rc<Channel>,
}

impl MemoryStream {
    /// Resets the connection. Bytes in flight are lost, and both ends raise `ConnectionReset`.
    pub fn reset(&self) {
        self.incoming.reset();
        self.outgoing.reset();
    }
}

impl ByteRead for MemoryStream {
    fn attempt_recv(&self, bytes: &mut [u8]) -> Progress<usize> {
        self.incoming.recv(bytes)
    }
}

impl ByteWrite for MemoryStream {
    fn attempt_send(&self, bytes: &[u8]) -> Progress<usize> {
        let attempt = self.outgoing.send(bytes);
        if self.outgoing.behaviour.until_reset.get() == 0 {
            self.reset();
        }
        attempt
    }

    fn attempt_write_eof(&self) -> Progress<()> {
        self.outgoing.check()?;
        self.outgoing.finish();
        Ok(Step::Return(()))
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

/// One direction. Nothing is borrowed while a function of the program runs.
struct Channel {
    behaviour: Rc<Behaviour>,
    arrived: RefCell<VecDeque<u8>>,
    in_flight: Cell<usize>,
    /// When the last of these arrives. The next arrives no earlier.
    last_arrival: Cell<Instant>,
    stage: Cell<Stage>,
    /// True if the end of the stream has arrived.
    has_ended: Cell<bool>,
    reader: Cell<Option<Rc<dyn Waiter>>>,
    writer: Cell<Option<Rc<dyn Waiter>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The sender has ended the stream.
    Finished,
    /// The receiver is gone.
    Abandoned,
    Reset,
}

impl Channel {
    fn new(behaviour: Rc<Behaviour>) -> Self {
        Self {
            behaviour,
            arrived: RefCell::default(),
            in_flight: Cell::new(0),
            last_arrival: Cell::new(Instant::ZERO),
            stage: Cell::new(Stage::Open),
            has_ended: Cell::new(false),
            reader: Cell::new(None),
            writer: Cell::new(None),
        }
    }

    fn recv(self: &Rc<Self>, bytes: &mut [u8]) -> Progress<usize> {
        if self.stage.get() == Stage::Reset {
            return Err(self.broken());
        }
        let possible = bytes.len().min(self.arrived.borrow().len());
        if possible == 0 {
            return Ok(match bytes.is_empty() || self.has_ended() {
                true => Step::Return(0),
                false => Step::Yield(Await::on(Way::Readable, Rc::clone(self) as Rc<_>)),
            });
        }
        // The program's function may have read some as well.
        let count = self.share(possible).min(self.arrived.borrow().len());
        if count == 0 {
            return Ok(Step::Yield(Await::next_turn()));
        }
        for (to, from) in bytes.iter_mut().zip(self.arrived.borrow_mut().drain(..count)) {
            *to = from;
        }
        wake(&self.writer);
        Ok(Step::Return(count))
    }

    fn send(self: &Rc<Self>, bytes: &[u8]) -> Progress<usize> {
        self.check()?;
        let possible = bytes.len().min(self.room());
        if possible == 0 {
            return Ok(match bytes.is_empty() {
                true => Step::Return(0),
                false => Step::Yield(Await::on(Way::Writable, Rc::clone(self) as Rc<_>)),
            });
        }
        let count = self.share(possible).min(self.room()).min(self.behaviour.until_reset.get());
        if count == 0 {
            return Ok(Step::Yield(Await::next_turn()));
        }
        let left = self.behaviour.until_reset.get();
        self.behaviour.until_reset.set(left - count);
        self.dispatch(bytes[..count].to_vec(), |channel, bytes| channel.arrive(&bytes))?;
        Ok(Step::Return(count))
    }

    /// How many of the possible bytes an operation moves. None if its task has used up its share of the turn, as with a
    /// socket.
    fn share(&self, possible: usize) -> usize {
        if EventLoop::running().is_ok_and(|event_loop| !event_loop.spend()) {
            return 0;
        }
        let Some(mut moves) = self.behaviour.moves.take() else { return possible };
        let count = moves(possible).min(possible);
        self.behaviour.moves.set(Some(moves));
        count
    }

    fn has_ended(&self) -> bool {
        // If no loop was running when the stream ended, the end has overtaken bytes in flight.
        self.has_ended.get() && self.in_flight.get() == 0
    }

    fn room(&self) -> usize {
        self.behaviour.capacity - self.in_flight.get() - self.arrived.borrow().len()
    }

    /// Delivers something after its latency, or at once if there is none.
    fn dispatch(self: &Rc<Self>, bytes: Vec<u8>, arrive: fn(&Self, Vec<u8>)) -> Result<(), Exception> {
        let Some(mut latency) = self.behaviour.latency.take() else {
            arrive(self, bytes);
            return Ok(());
        };
        let delay = latency();
        self.behaviour.latency.set(Some(latency));
        let event_loop = EventLoop::running()?;
        let arrival = (event_loop.time() + delay).max(self.last_arrival.get());
        let (channel, count) = (Rc::clone(self), bytes.len());
        event_loop.call_at(arrival, move || {
            if channel.stage.get() != Stage::Reset {
                channel.in_flight.set(channel.in_flight.get() - count);
                arrive(&channel, bytes);
            }
        })?;
        self.last_arrival.set(arrival);
        self.in_flight.set(self.in_flight.get() + count);
        Ok(())
    }

    fn arrive(&self, bytes: &[u8]) {
        self.arrived.borrow_mut().extend(bytes);
        wake(&self.reader);
    }

    fn end(&self) {
        self.has_ended.set(true);
        wake(&self.reader);
    }

    /// Ends the stream.
    fn finish(self: &Rc<Self>) {
        if self.stage.get() == Stage::Open {
            self.stage.set(Stage::Finished);
            wake(&self.writer);
            // Without a running loop, nothing in flight ever arrives.
            if self.dispatch(Vec::new(), |channel, _| channel.end()).is_err() {
                self.end();
            }
        }
    }

    /// The receiver is gone.
    fn abandon(&self) {
        if self.stage.get() != Stage::Reset {
            self.stage.set(Stage::Abandoned);
            drop(self.arrived.take());
            // Wake readers too: they find out that their end is gone.
            wake(&self.reader);
            wake(&self.writer);
        }
    }

    fn reset(&self) {
        self.stage.set(Stage::Reset);
        drop(self.arrived.take());
        wake(&self.reader);
        wake(&self.writer);
    }

    /// # Errors
    ///
    /// The reason why nothing can be sent any more.
    fn check(&self) -> Result<(), Exception> {
        if self.stage.get() == Stage::Open { Ok(()) } else { Err(self.broken()) }
    }

    #[cold]
    fn broken(&self) -> Exception {
        io::Error::from(match self.stage.get() {
            Stage::Reset => io::ErrorKind::ConnectionReset,
            _ => io::ErrorKind::BrokenPipe,
        })
        .into()
    }

    fn is_ready(&self, way: Way) -> bool {
        match way {
            Way::Readable => self.stage.get() == Stage::Reset || self.has_ended() || !self.arrived.borrow().is_empty(),
            _ => self.stage.get() != Stage::Open || self.room() > 0,
        }
    }

    const fn waiter(&self, way: Way) -> &Cell<Option<Rc<dyn Waiter>>> {
        match way {
            Way::Readable => &self.reader,
            _ => &self.writer,
        }
    }
}

fn wake(waiter: &Cell<Option<Rc<dyn Waiter>>>) {
    if let Some(task) = waiter.take() {
        task.wake();
    }
}

impl WaitTarget for Channel {
    fn register(&self, way: Way, _: u32, waiter: Rc<dyn Waiter>, _: &Rc<Scheduler>) -> Result<(), Exception> {
        if self.is_ready(way) {
            waiter.wake();
            return Ok(());
        }
        let place = self.waiter(way);
        if let Some(former) = place.take() {
            place.set(Some(former));
            let text = "another task is already waiting for this stream in the same direction";
            return Err(Exception::message(Kind::RuntimeError, text));
        }
        place.set(Some(waiter));
        Ok(())
    }

    fn withdraw(&self, way: Way, _: u32, waiter: *const ()) -> Withdrawn {
        let place = self.waiter(way);
        match place.take() {
            Some(run) if Rc::as_ptr(&run).cast::<()>() == waiter => Withdrawn::Waiting(run as Rc<_>),
            another => {
                place.set(another);
                Withdrawn::Queued
            }
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage.get() {
            Stage::Open => "open",
            Stage::Finished => "finished",
            Stage::Abandoned => "abandoned",
            Stage::Reset => "reset",
        };
        let (arrived, in_flight) = (self.arrived.borrow().len(), self.in_flight.get());
        write!(f, "memory({stage}, {arrived} bytes arrived, {in_flight} in flight)")
    }
}
