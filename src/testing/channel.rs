//! [`Channel`]: one direction of a connection in memory.
//!
//! Bytes count against the capacity until they are read, so a peer that does not read stops the sender.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use super::feed::Feed;
use super::waiters::{STREAM_TAKEN, Waiters};
use crate::coroutine::{Exception, Step};
use crate::event_loop::EventLoop;
use crate::sys::Instant;
use crate::task::{Await, Progress, Scheduler, WaitTarget, Waiter, Way, Withdrawn};

/// What the two directions of a connection have in common.
pub(super) struct Behaviour {
    pub(super) capacity: usize,
    pub(super) latency: Cell<Option<Latency>>,
    pub(super) moves: Cell<Option<Moves>>,
    /// How many more bytes can be sent, in both directions together, before the connection breaks.
    pub(super) until_reset: Cell<usize>,
    /// Whether the connection is broken in both directions, and what has arrived can still be taken.
    pub(super) is_broken: Cell<bool>,
    pub(super) suspends: bool,
}

/// Functions of the program. Each is taken out while it runs.
type Latency = Box<dyn FnMut() -> Duration>;
type Moves = Box<dyn FnMut(usize) -> usize>;

/// Bytes in flight, and what happens when they arrive.
type Piece = (Vec<u8>, fn(&Channel, Vec<u8>));

/// One direction. Nothing is borrowed while a function of the program runs.
pub(super) struct Channel {
    pub(super) behaviour: Rc<Behaviour>,
    arrived: RefCell<VecDeque<u8>>,
    in_flight: Cell<usize>,
    /// What is in flight, in order. Several pieces may arrive at one time, and their timers may be due in any order.
    flying: RefCell<VecDeque<Piece>>,
    /// When the last of these arrives. The next arrives no earlier.
    last_arrival: Cell<Instant>,
    stage: Cell<Stage>,
    /// True if the end of the stream has arrived.
    has_ended: Cell<bool>,
    waiters: Waiters,
    /// Where the bytes come from, if they come as the reader asks for them.
    feed: Option<Rc<Feed>>,
    /// Which of the next read and the next write has already suspended for the sake of it.
    read_has_suspended: Cell<bool>,
    write_has_suspended: Cell<bool>,
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
    pub(super) fn new(behaviour: Rc<Behaviour>, feed: Option<Rc<Feed>>) -> Self {
        Self {
            behaviour,
            arrived: RefCell::default(),
            in_flight: Cell::new(0),
            flying: RefCell::default(),
            last_arrival: Cell::new(Instant::ZERO),
            stage: Cell::new(Stage::Open),
            has_ended: Cell::new(false),
            waiters: Waiters::default(),
            feed,
            read_has_suspended: Cell::new(false),
            write_has_suspended: Cell::new(false),
        }
    }

    /// Reads, after having suspended once if operations are to suspend.
    pub(super) fn attempt_recv(self: &Rc<Self>, bytes: &mut [u8]) -> Progress<usize> {
        self.attempt(&self.read_has_suspended, || self.recv(bytes))
    }

    /// Writes by `write`, after having suspended once if operations are to suspend.
    pub(super) fn attempt_write<T>(&self, write: impl FnOnce() -> Progress<T>) -> Progress<T> {
        self.attempt(&self.write_has_suspended, write)
    }

    fn attempt<T>(&self, has_suspended: &Cell<bool>, attempt: impl FnOnce() -> Progress<T>) -> Progress<T> {
        if self.behaviour.suspends && !has_suspended.replace(true) {
            return Ok(Step::Yield(Await::next_turn()));
        }
        let attempted = attempt();
        // While the attempt waits, it is still the same operation.
        has_suspended.set(matches!(attempted, Ok(Step::Yield(_))));
        attempted
    }

    fn recv(self: &Rc<Self>, bytes: &mut [u8]) -> Progress<usize> {
        if bytes.is_empty() {
            return Ok(Step::Return(0));
        }
        if self.is_reset() {
            return match &self.feed {
                Some(feed) if feed.is_asked_in_vain() => Ok(Step::Yield(Await::next_turn())),
                _ => Err(self.broken()),
            };
        }
        let possible = bytes.len().min(self.arrived.borrow().len());
        if possible == 0 {
            if let Some(feed) = &self.feed {
                if self.has_ended() && feed.is_asked_in_vain() {
                    return Ok(Step::Yield(Await::next_turn()));
                }
                self.ask(feed)?;
            }
            return Ok(match self.has_ended() {
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
        self.waiters.wake(Way::Writable);
        Ok(Step::Return(count))
    }

    /// Asks the feed for more, which arrives in the next turn.
    fn ask(self: &Rc<Self>, feed: &Rc<Feed>) -> Result<(), Exception> {
        if self.has_ended() || !feed.begin_asking() {
            return Ok(());
        }
        let (channel, feed) = (Rc::clone(self), Rc::clone(feed));
        EventLoop::running()?.call_soon(move || match feed.next_piece() {
            [] if feed.is_reset() => channel.break_off(),
            [] => channel.finish(),
            piece => channel.arrive(piece),
        })?;
        Ok(())
    }

    pub(super) fn send(self: &Rc<Self>, bytes: &[u8]) -> Progress<usize> {
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
        let channel = Rc::clone(self);
        event_loop.call_at(arrival, move || channel.land())?;
        self.last_arrival.set(arrival);
        self.in_flight.set(self.in_flight.get() + bytes.len());
        self.flying.borrow_mut().push_back((bytes, arrive));
        Ok(())
    }

    /// The first piece in flight arrives.
    fn land(&self) {
        let first = self.flying.borrow_mut().pop_front();
        if let Some((bytes, arrive)) = first.filter(|_| self.stage.get() != Stage::Reset) {
            self.in_flight.set(self.in_flight.get() - bytes.len());
            arrive(self, bytes);
        }
    }

    /// Takes the bytes that have arrived and have not been read.
    pub(super) fn take_arrived(&self) -> Vec<u8> {
        self.arrived.take().into()
    }

    fn arrive(&self, bytes: &[u8]) {
        self.arrived.borrow_mut().extend(bytes);
        self.waiters.wake(Way::Readable);
    }

    fn end(&self) {
        self.has_ended.set(true);
        self.waiters.wake(Way::Readable);
    }

    /// Ends the stream. That is no error if it has ended before, or if nobody is left who could read the end.
    pub(super) fn write_eof(self: &Rc<Self>) -> Progress<()> {
        if self.is_reset() {
            return Err(io::Error::from(io::ErrorKind::NotConnected).into());
        }
        self.finish();
        Ok(Step::Return(()))
    }

    /// Ends the stream if it is open.
    pub(super) fn finish(self: &Rc<Self>) {
        if self.stage.get() == Stage::Open {
            self.stage.set(Stage::Finished);
            self.waiters.wake(Way::Writable);
            // Without a running loop, nothing in flight ever arrives.
            if self.dispatch(Vec::new(), |channel, _| channel.end()).is_err() {
                self.end();
            }
        }
    }

    /// The receiver is gone.
    pub(super) fn abandon(&self) {
        if self.stage.get() != Stage::Reset {
            self.stage.set(Stage::Abandoned);
            drop(self.arrived.take());
            // Wake readers too: they find out that their end is gone.
            self.waiters.wake_both();
        }
    }

    pub(super) fn reset(&self) {
        self.stage.set(Stage::Reset);
        drop(self.arrived.take());
        self.waiters.wake_both();
    }

    /// Resets the connection, except that what has arrived stays there.
    fn break_off(&self) {
        self.behaviour.is_broken.set(true);
        self.waiters.wake(Way::Readable);
    }

    fn is_reset(&self) -> bool {
        self.stage.get() == Stage::Reset || self.behaviour.is_broken.get()
    }

    /// # Errors
    ///
    /// The reason why nothing can be sent any more.
    fn check(&self) -> Result<(), Exception> {
        if self.stage.get() == Stage::Open && !self.is_reset() { Ok(()) } else { Err(self.broken()) }
    }

    #[cold]
    fn broken(&self) -> Exception {
        io::Error::from(match self.is_reset() {
            true => io::ErrorKind::ConnectionReset,
            false => io::ErrorKind::BrokenPipe,
        })
        .into()
    }

    fn is_ready(&self, way: Way) -> bool {
        match way {
            Way::Readable => self.is_reset() || self.has_ended() || !self.arrived.borrow().is_empty(),
            _ => self.stage.get() != Stage::Open || self.is_reset() || self.room() > 0,
        }
    }
}

impl WaitTarget for Channel {
    fn register(&self, way: Way, _: u32, waiter: Rc<dyn Waiter>, _: &Rc<Scheduler>) -> Result<(), Exception> {
        self.waiters.register(way, self.is_ready(way), waiter, STREAM_TAKEN)
    }

    fn has_come(&self, way: Way, _: u32) -> bool {
        self.is_ready(way)
    }

    fn withdraw(&self, way: Way, _: u32, waiter: *const ()) -> Withdrawn {
        self.waiters.withdraw(way, waiter)
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
