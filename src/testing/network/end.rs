//! [`End`]: one end of a connection in the simulated network.
//!
//! ```text
//!                     bandwidth   latency
//!   send --moves--> | under way --------> the other end: arrived | --moves--> recv
//!                   '--------- counted against the capacity -----'
//! ```
//!
//! An end keeps what it has sent until that arrives. Only the first packet has a timer. When it gets through, the next one
//! is looked at; when it does not, it is sent again later, and the others wait behind it.
//!
//! Invariants:
//!
//! 1. An end refers weakly to the other one. Whatever is under way keeps its sender. So a program can drop an end, and
//!    what it has sent still arrives.
//! 2. What an end learns of the other end has travelled. The exception is the room for more bytes: acknowledgements take no
//!    time, and are not lost.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::rc::{Rc, Weak};

use super::super::decisions::Direction;
use super::super::waiters::{STREAM_TAKEN, Waiters};
use super::map::{Address, Crash, Map, Path, Resident, before_repetition, crashed};
use crate::coroutine::{Exception, Step};
use crate::event_loop::{TimerHandle, find_running};
use crate::sys::Instant;
use crate::task::{Await, Progress, Scheduler, WaitTarget, Waiter, Way, Withdrawn};

pub(super) struct End {
    pub(super) map: Rc<Map>,
    pub(super) here: Address,
    pub(super) there: Address,
    /// From here to there.
    pub(super) path: Rc<Path>,
    peer: RefCell<Weak<Self>>,
    pub(super) stage: Cell<Stage>,
    has_written_eof: Cell<bool>,
    /// Whether the end of the peer's stream has arrived.
    has_ended: Cell<bool>,
    failure: Cell<Option<io::ErrorKind>>,
    arrived: RefCell<VecDeque<u8>>,
    under_way: RefCell<VecDeque<Packet>>,
    /// When the last packet arrives that was sent. The next arrives no earlier.
    last_arrival: Cell<Instant>,
    /// How often the first packet was lost.
    losses: Cell<u32>,
    /// How many bytes were sent that the peer has not read.
    unread: Cell<usize>,
    capacity: usize,
    until_reset: Rc<Cell<usize>>,
    waiters: Waiters,
    /// Repeats the attempt to connect while nobody has answered.
    repetition: Cell<Option<TimerHandle>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Opening,
    Open,
    /// The program has dropped it.
    Closed,
    /// The host has crashed.
    Crashed,
}

struct Packet {
    due: Instant,
    content: Content,
}

pub(super) enum Content {
    Bytes(Vec<u8>),
    End,
    /// The last step of the handshake: what it does at the other site. It gets the end that has sent it.
    Word(Word),
}

type Word = Box<dyn FnOnce(&Rc<End>)>;

impl End {
    pub(super) fn new(map: &Rc<Map>, here: Address, there: Address, until_reset: Rc<Cell<usize>>) -> Rc<Self> {
        let path = map.path(&here.site, &there.site);
        let capacity = map.condition(&path, |conditions| &conditions.capacity).unwrap_or(CAPACITY);
        let end = Rc::new(Self {
            map: Rc::clone(map),
            here,
            there,
            path,
            peer: RefCell::default(),
            stage: Cell::new(Stage::Opening),
            has_written_eof: Cell::new(false),
            has_ended: Cell::new(false),
            failure: Cell::new(None),
            arrived: RefCell::default(),
            under_way: RefCell::default(),
            last_arrival: Cell::new(Instant::ZERO),
            losses: Cell::new(0),
            unread: Cell::new(0),
            capacity,
            until_reset,
            waiters: Waiters::default(),
            repetition: Cell::new(None),
        });
        let resident: Rc<dyn Resident> = Rc::clone(&end) as Rc<_>;
        end.here.site.enter(Rc::downgrade(&resident));
        end
    }

    /// Makes the other end, which knows this one. This one gets to know it when it is [joined](Self::join).
    pub(super) fn answering(self: &Rc<Self>) -> Rc<Self> {
        let peer = Self::new(&self.map, self.there.clone(), self.here.clone(), Rc::clone(&self.until_reset));
        *peer.peer.borrow_mut() = Rc::downgrade(self);
        peer
    }

    /// The other end has answered.
    pub(super) fn join(&self, peer: &Rc<Self>) {
        *self.peer.borrow_mut() = Rc::downgrade(peer);
        self.open();
    }

    /// The program can use this end.
    pub(super) fn open(&self) {
        self.stage.set(Stage::Open);
        self.stop_repeating();
        self.waiters.wake_both();
    }

    /// Tries to connect again at that time, unless this end has opened or failed by then.
    pub(super) fn repeat_at(&self, time: Instant, attempt: impl FnOnce() + 'static) {
        self.repetition.set(self.map.timer(time, attempt));
    }

    fn stop_repeating(&self) {
        if let Some(repetition) = self.repetition.take() {
            repetition.cancel();
        }
    }

    pub(super) fn recv(self: &Rc<Self>, bytes: &mut [u8]) -> Progress<usize> {
        self.check()?;
        let possible = bytes.len().min(self.arrived.borrow().len());
        if possible == 0 {
            return Ok(match bytes.is_empty() || self.has_ended.get() {
                true => Step::Return(0),
                false => Step::Yield(Await::on(Way::Readable, Rc::clone(self) as Rc<_>)),
            });
        }
        let count = self.share(Direction::Read, possible);
        if count == 0 {
            return Ok(Step::Yield(Await::next_turn()));
        }
        for (to, from) in bytes.iter_mut().zip(self.arrived.borrow_mut().drain(..count)) {
            *to = from;
        }
        if let Some(peer) = self.peer() {
            peer.unread.set(peer.unread.get() - count);
            peer.waiters.wake(Way::Writable);
        }
        Ok(Step::Return(count))
    }

    pub(super) fn send(self: &Rc<Self>, bytes: &[u8]) -> Progress<usize> {
        self.check_writable()?;
        let possible = bytes.len().min(self.room()).min(self.until_reset.get());
        if possible == 0 {
            return Ok(match bytes.is_empty() {
                true => Step::Return(0),
                false => Step::Yield(Await::on(Way::Writable, Rc::clone(self) as Rc<_>)),
            });
        }
        let count = self.share(Direction::Write, possible);
        if count == 0 {
            return Ok(Step::Yield(Await::next_turn()));
        }
        self.unread.set(self.unread.get() + count);
        let packet = self.map.condition(&self.path, |conditions| &conditions.packet).unwrap_or(usize::MAX);
        for piece in bytes[..count].chunks(packet) {
            self.transmit(piece.len(), Content::Bytes(piece.to_vec()));
        }
        self.until_reset.set(self.until_reset.get() - count);
        self.reset_if_due();
        Ok(Step::Return(count))
    }

    pub(super) fn write_eof(self: &Rc<Self>) -> Result<(), Exception> {
        self.check_writable()?;
        self.finish();
        Ok(())
    }

    /// Resets the connection if as many bytes have been sent as it lives for.
    pub(super) fn reset_if_due(&self) {
        if self.until_reset.get() == 0 {
            self.peer().inspect(|peer| peer.fail(io::ErrorKind::ConnectionReset));
            self.fail(io::ErrorKind::ConnectionReset);
        }
    }

    /// Resets the connection. The peer gets to know that, unless the reset is lost.
    pub(super) fn abort(self: &Rc<Self>) {
        if self.failure.get().is_none() && self.stage.get() != Stage::Crashed {
            self.send_reset();
            self.fail(io::ErrorKind::ConnectionReset);
        }
    }

    /// The program has dropped this end. As in the system, that resets a connection with bytes that were not read.
    pub(super) fn close(self: &Rc<Self>) {
        if self.stage.get() == Stage::Crashed {
            return;
        }
        let was_open = self.stage.replace(Stage::Closed) == Stage::Open;
        self.stop_repeating();
        self.waiters.wake_both();
        if !was_open || self.failure.get().is_some() {
            return;
        }
        if self.arrived.borrow().is_empty() {
            self.finish();
        } else {
            self.send_reset();
            self.fail(io::ErrorKind::ConnectionReset);
        }
    }

    fn finish(self: &Rc<Self>) {
        if !self.has_written_eof.replace(true) {
            self.waiters.wake(Way::Writable);
            self.transmit(0, Content::End);
        }
    }

    fn send_reset(self: &Rc<Self>) {
        let end = Rc::clone(self);
        let arrive = move || {
            let Some(peer) = end.peer() else { return };
            match end.map.carries(&end.path) {
                true => peer.fail(io::ErrorKind::ConnectionReset),
                false => peer.probe(),
            }
        };
        self.map.at(self.map.arrival(&self.path, 0), arrive);
    }

    /// Sends something, behind what is under way.
    pub(super) fn transmit(self: &Rc<Self>, bytes: usize, content: Content) {
        let due = self.map.arrival(&self.path, bytes).max(self.last_arrival.get());
        self.last_arrival.set(due);
        let mut under_way = self.under_way.borrow_mut();
        under_way.push_back(Packet { due, content });
        if under_way.len() == 1 {
            self.expect(due);
        }
    }

    fn expect(self: &Rc<Self>, due: Instant) {
        let end = Rc::clone(self);
        self.map.at(due, move || end.deliver());
    }

    /// Delivers the packets that are due. Those that a failure has removed are not.
    fn deliver(self: &Rc<Self>) {
        let now = self.map.now();
        while let Some(due) = self.first_due() {
            if due > now {
                return self.expect(due);
            }
            if !self.map.carries(&self.path) {
                return self.repeat(now);
            }
            self.losses.set(0);
            let packet = self.under_way.borrow_mut().pop_front();
            if let Some(Packet { content, .. }) = packet {
                self.hand_over(content);
            }
        }
    }

    fn first_due(&self) -> Option<Instant> {
        self.under_way.borrow().front().map(|packet| packet.due)
    }

    /// Sends the first packet again, later. A host that has crashed does not, and one that has failed too often gives up.
    fn repeat(self: &Rc<Self>, now: Instant) {
        let losses = self.losses.replace(self.losses.get() + 1);
        if self.stage.get() == Stage::Crashed {
            return self.lose_all();
        }
        let due = now + before_repetition(REPETITION, losses);
        if losses == REPETITIONS {
            return self.give_up_at(due);
        }
        if let Some(packet) = self.under_way.borrow_mut().front_mut() {
            packet.due = due;
        }
        self.expect(due);
    }

    fn give_up_at(self: &Rc<Self>, time: Instant) {
        let end = Rc::clone(self);
        self.map.at(time, move || end.fail(io::ErrorKind::TimedOut));
    }

    fn hand_over(self: &Rc<Self>, content: Content) {
        let peer = self.peer().filter(|peer| peer.failure.get().is_none() && peer.stage.get() != Stage::Crashed);
        match (content, peer) {
            (Content::Word(word), _) => word(self),
            (Content::Bytes(bytes), Some(peer)) if peer.stage.get() != Stage::Closed => {
                peer.arrived.borrow_mut().extend(bytes);
                peer.waiters.wake(Way::Readable);
            }
            (Content::Bytes(_), _) => self.be_refused(0),
            (Content::End, Some(peer)) => {
                peer.has_ended.set(true);
                peer.waiters.wake(Way::Readable);
            }
            (Content::End, None) => {}
        }
    }

    /// The other site knows no such connection, and answers with a reset.
    pub(super) fn be_refused(self: &Rc<Self>, losses: u32) {
        let (end, back) = (Rc::clone(self), self.map.path(&self.there.site, &self.here.site));
        let mut time = self.map.arrival(&back, 0);
        if losses > 0 {
            // The sender has repeated what was refused.
            time += before_repetition(REPETITION, losses - 1);
        }
        let arrive = move || match end.path.is_open() && end.map.carries(&back) {
            true => end.fail(io::ErrorKind::ConnectionReset),
            false if losses == REPETITIONS => end.give_up_at(end.map.now() + before_repetition(REPETITION, losses)),
            false => end.be_refused(losses + 1),
        };
        self.map.at(time, arrive);
    }

    /// The peer is gone, and has not said so. Whoever waits for room to send finds out, since the system asks the other site
    /// again and again. Whoever waits for bytes does not.
    fn probe(self: &Rc<Self>) {
        if self.room() == 0 && self.failure.get().is_none() {
            self.be_refused(0);
        }
    }

    /// The connection is over for this end.
    pub(super) fn fail(&self, reason: io::ErrorKind) {
        if self.stage.get() != Stage::Crashed && self.failure.get().is_none() {
            self.failure.set(Some(reason));
            self.stop_repeating();
            drop(self.arrived.take());
            self.lose_all();
            self.waiters.wake_both();
        }
    }

    fn lose_all(&self) {
        let lost = self.under_way.take();
        drop(lost);
    }

    /// How many bytes an operation moves. None if its task has used up its share of the turn, as with a socket.
    fn share(&self, direction: Direction, possible: usize) -> usize {
        match find_running() {
            Some(event_loop) if !event_loop.spend() => 0,
            _ => self.map.share(&self.path, direction, possible),
        }
    }

    fn room(&self) -> usize {
        self.capacity - self.unread.get()
    }

    fn peer(&self) -> Option<Rc<Self>> {
        self.peer.borrow().upgrade()
    }

    /// # Errors
    ///
    /// The reason why the connection is over.
    pub(super) fn check(&self) -> Result<(), Exception> {
        match (self.stage.get(), self.failure.get()) {
            (Stage::Crashed, _) => Err(crashed().into()),
            (_, Some(reason)) => Err(io::Error::from(reason).into()),
            _ => Ok(()),
        }
    }

    fn check_writable(&self) -> Result<(), Exception> {
        self.check()?;
        if self.has_written_eof.get() { Err(io::Error::from(io::ErrorKind::BrokenPipe).into()) } else { Ok(()) }
    }

    fn is_ready(&self, way: Way) -> bool {
        let is_over = self.failure.get().is_some() || matches!(self.stage.get(), Stage::Closed | Stage::Crashed);
        let can_go_on = || match way {
            Way::Readable => self.has_ended.get() || !self.arrived.borrow().is_empty(),
            _ => self.has_written_eof.get() || self.room() > 0,
        };
        is_over || (self.stage.get() != Stage::Opening && can_go_on())
    }
}

impl Resident for End {
    fn crash(self: Rc<Self>, crash: Crash) {
        let has_failed = self.failure.get().is_some();
        let stage = self.stage.replace(Stage::Crashed);
        self.stop_repeating();
        self.waiters.forget();
        drop(self.arrived.take());
        // The system still sends what a program had written before it closed.
        if crash == Crash::Resets && stage == Stage::Open && !has_failed {
            self.lose_all();
            self.send_reset();
        } else if let Some(peer) = self.peer() {
            peer.probe();
        }
    }
}

impl WaitTarget for End {
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

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match (self.stage.get(), self.failure.get()) {
            (Stage::Crashed, _) => "crashed",
            (_, Some(io::ErrorKind::TimedOut)) => "timed out",
            (_, Some(io::ErrorKind::ConnectionRefused)) => "refused",
            (_, Some(_)) => "reset",
            (Stage::Opening, _) => "opening",
            (Stage::Open, _) if self.has_written_eof.get() => "finished",
            (Stage::Open, _) => "open",
            (Stage::Closed, _) => "closed",
        };
        let (arrived, unread) = (self.arrived.borrow().len(), self.unread.get());
        write!(f, "{:?} to {:?} ({stage}, {arrived} bytes arrived, {unread} sent and not read)", self.here, self.there)
    }
}

/// How many bytes an end accepts that the other has not read.
const CAPACITY: usize = 64 * 1024;

/// How long the sender waits before it repeats a packet for the first time, and how often it does. As in Linux.
const REPETITION: Duration = Duration::from_millis(200);
const REPETITIONS: u32 = 15;
