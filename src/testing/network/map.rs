//! [`Map`]: the sites of a network, and the paths between them.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::{Rc, Weak};

use super::super::decisions::{Decider, Decision, Direction};
use super::conditions::{Conditions, Latency};
use crate::event_loop::{LoopHandle, TimerHandle};
use crate::sys::Instant;

/// What all parts of a network share.
pub(super) struct Map {
    /// Its timers are what is under way in the network.
    event_loop: LoopHandle,
    pub(super) decider: Rc<dyn Decider>,
    pub(super) everywhere: Conditions,
    sites: RefCell<Vec<Rc<Site>>>,
    paths: RefCell<BTreeMap<(usize, usize), Rc<Path>>>,
}

/// A place in the network that has a name.
pub(super) struct Site {
    pub(super) name: Rc<str>,
    pub(super) index: usize,
    /// Whether it answers. A host whose machine has crashed does not.
    pub(super) is_up: Cell<bool>,
    /// Whether its program has crashed, and has not been restarted.
    pub(super) has_crashed: Cell<bool>,
    /// Whether somebody has asked for its interface.
    pub(super) exists: Cell<bool>,
    residents: RefCell<Vec<Weak<dyn Resident>>>,
    last_port: Cell<u16>,
}

/// Something at a site that ends when the site crashes.
pub(super) trait Resident {
    fn crash(self: Rc<Self>, crash: Crash);
}

/// How a host crashes: what its peers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Crash {
    /// The program is killed. Its machine goes on, resets the program's connections, and refuses new ones.
    Resets,
    /// The machine loses its power. It answers nothing until it is restarted, so its peers notice nothing unless they send
    /// or have a time limit. After the restart, it resets old connections when something arrives for them.
    Silent,
}

/// One direction between two sites.
pub(super) struct Path {
    pub(super) conditions: Conditions,
    pub(super) to: Rc<Site>,
    is_local: bool,
    pub(super) is_cut: Cell<bool>,
    /// When the last byte that was sent has passed, if the bandwidth is limited.
    free_at: Cell<Instant>,
}

impl Map {
    pub(super) fn new(event_loop: LoopHandle, decider: Rc<dyn Decider>) -> Rc<Self> {
        let (sites, paths) = Default::default();
        Rc::new(Self { event_loop, decider, everywhere: Conditions::default(), sites, paths })
    }

    pub(super) fn now(&self) -> Instant {
        self.event_loop.time()
    }

    /// Calls `function` when something that is under way arrives. Does nothing if the loop is closed: then nothing arrives
    /// any more.
    pub(super) fn at(&self, time: Instant, function: impl FnOnce() + 'static) {
        let _timer = self.timer(time, function);
    }

    /// The same for something that can be cancelled.
    pub(super) fn timer(&self, time: Instant, function: impl FnOnce() + 'static) -> Option<TimerHandle> {
        self.event_loop.call_at(time, function).ok()
    }

    /// The site of that name, which is made if it is not there.
    pub(super) fn site(&self, name: &str) -> Rc<Site> {
        let mut sites = self.sites.borrow_mut();
        if let Some(site) = sites.iter().find(|site| &*site.name == name) {
            return Rc::clone(site);
        }
        let site = Rc::new(Site::new(name, sites.len()));
        sites.push(Rc::clone(&site));
        site
    }

    /// The site of that name or address.
    ///
    /// # Errors
    ///
    /// `HostUnreachable` if there is none.
    pub(super) fn find(&self, host: &str) -> io::Result<Rc<Site>> {
        match host.parse() {
            Ok(address) => self.find_address(address),
            Err(_) => self.find_by(|site| &*site.name == host, &host),
        }
    }

    pub(super) fn find_address(&self, address: IpAddr) -> io::Result<Rc<Site>> {
        self.find_by(|site| site.address() == address, &address)
    }

    fn find_by(&self, is_it: impl Fn(&Site) -> bool, host: &dyn fmt::Display) -> io::Result<Rc<Site>> {
        let sites = self.sites.borrow();
        let found = sites.iter().find(|site| site.exists.get() && is_it(site)).cloned();
        found.ok_or_else(|| io::Error::new(io::ErrorKind::HostUnreachable, format!("the network has no host {host}")))
    }

    pub(super) fn names(&self) -> Vec<Rc<str>> {
        self.sites.borrow().iter().map(|site| Rc::clone(&site.name)).collect()
    }

    pub(super) fn path(&self, from: &Rc<Site>, to: &Rc<Site>) -> Rc<Path> {
        let mut paths = self.paths.borrow_mut();
        Rc::clone(paths.entry((from.index, to.index)).or_insert_with(|| {
            let is_local = Rc::ptr_eq(from, to);
            let (conditions, is_cut, free_at) = Default::default();
            Rc::new(Path { conditions, to: Rc::clone(to), is_local, is_cut, free_at })
        }))
    }

    /// Repairs all paths.
    pub(super) fn heal(&self) {
        self.paths.borrow().values().for_each(|path| path.is_cut.set(false));
    }

    /// A condition of the path: its own, or that of the whole network, unless the path stays within one host.
    pub(super) fn condition<T: Copy>(&self, path: &Path, of: impl Fn(&Conditions) -> &Cell<Option<T>>) -> Option<T> {
        let own = of(&path.conditions).get();
        own.or_else(|| if path.is_local { None } else { of(&self.everywhere).get() })
    }

    /// Whether something happens that has this probability.
    pub(super) fn happens(&self, probability: Option<f64>) -> bool {
        probability.is_some_and(|probability| self.decider.happens(probability))
    }

    /// Returns when a packet arrives that is sent now.
    pub(super) fn arrival(&self, path: &Path, bytes: usize) -> Instant {
        let mut time = self.now();
        if let Some(bandwidth) = self.condition(path, |conditions| &conditions.bandwidth).filter(|_| bytes > 0) {
            let nanoseconds = (bytes as u128 * 1_000_000_000).div_ceil(u128::from(bandwidth));
            let free_at = time.max(path.free_at.get()) + Duration::from_nanos(nanoseconds as u64);
            path.free_at.set(free_at);
            time = free_at;
        }
        if let Some(Latency { least, most }) = self.condition(path, |conditions| &conditions.latency) {
            let more = if most > least { self.decider.random() % (most - least + 1) } else { 0 };
            time += Duration::from_nanos(least + more);
        }
        time
    }

    /// Whether a packet that arrives now gets through.
    pub(super) fn carries(&self, path: &Path) -> bool {
        path.is_open() && !self.happens(self.condition(path, |conditions| &conditions.loss))
    }

    /// How many of the possible bytes an operation moves.
    pub(super) fn share(&self, path: &Path, direction: Direction, possible: usize) -> usize {
        if self.condition(path, |conditions| &conditions.is_partial) != Some(true) {
            return possible;
        }
        let moved = match self.decider.choose(Decision::Bytes, 4) {
            0 => possible,
            1 => 0,
            2 => 1 + self.decider.choose(Decision::Bytes, possible.min(3)),
            _ => 1 + self.decider.choose(Decision::Bytes, possible),
        };
        if moved < possible {
            self.decider.moved(direction, moved, possible);
        }
        moved
    }
}

impl Path {
    /// Whether anything gets through.
    pub(super) fn is_open(&self) -> bool {
        !self.is_cut.get() && self.to.is_up.get()
    }
}

impl Site {
    fn new(name: &str, index: usize) -> Self {
        Self {
            name: name.into(),
            index,
            is_up: Cell::new(true),
            has_crashed: Cell::new(false),
            exists: Cell::new(false),
            residents: RefCell::default(),
            last_port: Cell::new(FIRST_PORT - 1),
        }
    }

    /// The sites have the addresses 10.0.0.1, 10.0.0.2 and so on.
    pub(super) fn address(&self) -> IpAddr {
        let [_, high, middle, low] = (self.index as u32 + 1).to_be_bytes();
        Ipv4Addr::new(10, high, middle, low).into()
    }

    /// A port for the end of a connection. Connections may share ports, as long as their peers differ.
    pub(super) fn next_port(&self) -> u16 {
        let port = self.last_port.get().checked_add(1).unwrap_or(FIRST_PORT);
        self.last_port.set(port);
        port
    }

    pub(super) fn enter(&self, resident: Weak<dyn Resident>) {
        let mut residents = self.residents.borrow_mut();
        // Clears out the husks when the vector would have to grow.
        if residents.len() == residents.capacity() {
            residents.retain(|resident| resident.strong_count() > 0);
        }
        residents.push(resident);
    }

    pub(super) fn crash(&self, crash: Crash) {
        self.has_crashed.set(true);
        let residents = self.residents.take();
        residents.iter().filter_map(Weak::upgrade).for_each(|resident| resident.crash(crash));
        self.is_up.set(crash != Crash::Silent);
    }

    pub(super) fn restart(&self) {
        self.has_crashed.set(false);
        self.is_up.set(true);
    }

    /// # Errors
    ///
    /// `NetworkDown` after a crash: what the program cleans up then no longer reaches the network.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.has_crashed.get() { Err(crashed()) } else { Ok(()) }
    }
}

#[cold]
pub(super) fn crashed() -> io::Error {
    io::Error::new(io::ErrorKind::NetworkDown, "the host has crashed")
}

/// A site and a port.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) site: Rc<Site>,
    pub(super) port: u16,
}

impl Address {
    pub(super) fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.site.address(), self.port)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.site.name, self.port)
    }
}

/// The first port of those that are given out.
const FIRST_PORT: u16 = 49152;

/// How long to wait before a packet of a stream is sent again that was lost so often before.
pub(super) fn before_repetition(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(20)).min(LONGEST_WAIT)
}

const LONGEST_WAIT: Duration = Duration::from_secs(120);
