//! What all connections share: the data, who waits for what, and the limits.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use innermost::{Event, EventLoop, Exception};

use super::blocked::Lines;
use super::profile::Profile;
use super::pubsub::Channels;
use super::request::Span;
use super::resp::Limits;
use super::store::{Store, Time};

/// The number of databases.
pub(crate) const DATABASES: usize = 16;

/// What a server allows its clients.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) clients: usize,
    /// How long a client may send nothing, and read nothing of its answers. `None` means no limit.
    pub(crate) idle: Option<Duration>,
    pub(crate) limits: Limits,
    /// How many bytes of messages may wait for a subscriber.
    pub(crate) mailbox: usize,
    /// How many bytes the answers of one transaction may have. A client that asks for more is cut off.
    pub(crate) answers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { clients: 10_000, idle: None, limits: Limits::default(), mailbox: 32 << 20, answers: 1 << 30 }
    }
}

/// Shared by all connections.
pub(crate) struct Server {
    pub(crate) settings: Settings,
    pub(crate) stores: RefCell<Vec<Store>>,
    pub(crate) lines: RefCell<Lines>,
    pub(crate) channels: RefCell<Channels>,
    /// Room for the arguments of a request, which connections lend each other.
    pub(crate) spare: Cell<Vec<Span>>,
    now: Cell<Time>,
    /// When the sweeper will look for keys that are due.
    pub(crate) alarm: Cell<Time>,
    /// Set when the sweeper must look earlier.
    pub(crate) earlier: Event,
    /// By their numbers.
    pub(crate) clients: RefCell<BTreeMap<u64, Rc<Profile>>>,
    /// How many clients there may be.
    pub(crate) seats: Cell<usize>,
    last_client: Cell<u64>,
}

impl Server {
    pub(crate) fn new(settings: Settings) -> Rc<Self> {
        Rc::new(Self {
            seats: Cell::new(settings.clients),
            settings,
            stores: RefCell::new((0..DATABASES).map(|_| Store::default()).collect()),
            lines: RefCell::default(),
            channels: RefCell::default(),
            spare: Cell::default(),
            now: Cell::new(0),
            alarm: Cell::new(Time::MAX),
            earlier: Event::new(),
            clients: RefCell::default(),
            last_client: Cell::new(0),
        })
    }

    /// Reads the clock of the loop. Commands that run together have the same time.
    pub(crate) fn read_clock(&self) -> Result<Time, Exception> {
        let now = EventLoop::running()?.time().since_zero().as_millis() as Time;
        self.now.set(now);
        Ok(now)
    }

    /// The time when the clock was read last.
    pub(crate) fn now(&self) -> Time {
        self.now.get()
    }

    /// Wakes the sweeper if a key expires before the sweeper would look.
    #[inline]
    pub(crate) fn expect(&self, deadline: Option<Time>) {
        if let Some(deadline) = deadline
            && deadline < self.alarm.get()
        {
            self.alarm.set(deadline);
            self.earlier.set();
        }
    }
}

/// A client's seat. Dropping it frees the seat.
pub(crate) struct Seat {
    pub(crate) server: Rc<Server>,
    pub(crate) profile: Rc<Profile>,
    /// Whether all seats were taken.
    pub(crate) is_refused: bool,
}

impl Seat {
    pub(crate) fn take(server: &Rc<Server>, address: Option<SocketAddr>) -> Self {
        let number = server.last_client.get() + 1;
        server.last_client.set(number);
        let profile = Rc::new(Profile::new(number, address, server.now()));
        let mut clients = server.clients.borrow_mut();
        let is_refused = clients.len() >= server.seats.get();
        if !is_refused {
            clients.insert(number, Rc::clone(&profile));
        }
        Self { server: Rc::clone(server), profile, is_refused }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.is_refused {
            self.server.clients.borrow_mut().remove(&self.profile.number);
        }
    }
}
