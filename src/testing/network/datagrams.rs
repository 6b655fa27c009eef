//! [`NetworkSocket`]: datagrams in the simulated network.

use core::cell::{Cell, RefCell};
use core::fmt;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::super::waiters::Waiters;
use super::map::{Address, Crash, Map, Path, Resident, Site, crashed};
use super::ports::Ports;
use crate::coroutine::{Exception, Stateless, Step};
use crate::event_loop::{Operation, find_running};
use crate::task::{Await, Awaitable, Progress, Scheduler, WaitTarget, Waiter, Way, Withdrawn};

/// The sockets of a network.
pub(super) type Letterboxes = Ports<Letterbox>;

/// A socket for datagrams in a simulated [`Network`](super::Network). Made by
/// [`Interface::datagrams`](super::Interface::datagrams). Its operations are those of a [`UdpSocket`](crate::UdpSocket).
///
/// Datagrams are lost, arrive twice, and overtake each other, as the network is set. Those to a port where nobody listens,
/// and those that find no room, are lost in silence. There is room for 64 KiB that nobody has received.
///
/// ```
/// use innermost::testing::{Network, virtual_loop};
/// use innermost::{Step, from_fn, yield_from};
///
/// let event_loop = virtual_loop()?;
/// let network = Network::new(&event_loop, 7);
/// network.duplicate(1.0);
/// let [near, far] = ["near", "far"].map(|name| network.interface(name).datagrams(53).expect("the port is free"));
/// let address = far.local_addr();
/// event_loop.create_task(from_fn(move |mut sent| yield_from!(near.send_to(b"hello", address), sent).map(Step::Return)))?;
/// let mut left = 2;
/// event_loop.run_until_complete(from_fn(move |mut sent| {
///     while left > 0 {
///         let (length, _from) = yield_from!(far.recv_from(&mut [0; 16]), sent)?;
///         assert_eq!(length, 5);
///         left -= 1;
///     }
///     Ok(Step::Return(()))
/// }))?;
/// # Ok::<(), innermost::Exception>(())
/// ```
pub struct NetworkSocket {
    map: Rc<Map>,
    letterbox: Rc<Letterbox>,
    address: Address,
    letterboxes: Rc<Letterboxes>,
}

/// The datagrams that have arrived.
#[derive(Default)]
pub(super) struct Letterbox {
    arrived: RefCell<VecDeque<(Vec<u8>, SocketAddr)>>,
    /// How many bytes they have together.
    bytes: Cell<usize>,
    receiver: Waiters,
    has_crashed: Cell<bool>,
}

impl NetworkSocket {
    pub(super) fn open(map: &Rc<Map>, boxes: &Rc<Letterboxes>, site: &Rc<Site>, port: u16) -> io::Result<Self> {
        map.decider.descriptor()?;
        let letterbox = Rc::new(Letterbox::default());
        let port = boxes.open(site, port, &letterbox)?;
        let resident: Rc<dyn Resident> = Rc::clone(&letterbox) as Rc<_>;
        site.enter(Rc::downgrade(&resident));
        let (map, letterboxes) = (Rc::clone(map), Rc::clone(boxes));
        Ok(Self { map, letterbox, address: Address { site: Rc::clone(site), port }, letterboxes })
    }

    /// Sends a datagram, and returns its length. Never waits.
    ///
    /// Raises `HostUnreachable` if no host has the address, and `NetworkDown` after the host has crashed.
    pub fn send_to<'a>(&'a self, bytes: &'a [u8], to: SocketAddr) -> impl Awaitable<Return = usize> + Stateless + 'a {
        Operation::new("send_to", move || self.send(bytes, to))
    }

    /// Receives a datagram. Returns its length and the sender's address. What does not fit into `bytes` is cut off.
    ///
    /// Raises `NetworkDown` after the host has crashed.
    pub fn recv_from<'a>(
        &'a self,
        bytes: &'a mut [u8],
    ) -> impl Awaitable<Return = (usize, SocketAddr)> + Stateless + 'a {
        Operation::new("recv_from", move || self.letterbox.recv(bytes))
    }

    /// Returns the address of this socket.
    pub fn local_addr(&self) -> SocketAddr {
        self.address.socket()
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) -> Progress<usize> {
        self.address.site.check()?;
        let there = self.map.find_address(to.ip())?;
        let path = self.map.path(&self.address.site, &there);
        self.travel(bytes, &path, to.port());
        if self.map.happens(self.map.condition(&path, |conditions| &conditions.duplication)) {
            self.travel(bytes, &path, to.port());
        }
        Ok(Step::Return(bytes.len()))
    }

    fn travel(&self, bytes: &[u8], path: &Rc<Path>, port: u16) {
        let (map, path, letterboxes) = (Rc::clone(&self.map), Rc::clone(path), Rc::clone(&self.letterboxes));
        let (datagram, from) = (bytes.to_vec(), self.local_addr());
        self.map.at(self.map.arrival(&path, bytes.len()), move || {
            if map.carries(&path)
                && let Some(letterbox) = letterboxes.at(&path.to, port)
            {
                letterbox.arrive(datagram, from);
            }
        });
    }
}

impl Letterbox {
    fn arrive(&self, datagram: Vec<u8>, from: SocketAddr) {
        let bytes = self.bytes.get() + datagram.len();
        if bytes <= ROOM {
            self.bytes.set(bytes);
            self.arrived.borrow_mut().push_back((datagram, from));
            self.receiver.wake(Way::Readable);
        }
    }

    fn recv(self: &Rc<Self>, bytes: &mut [u8]) -> Progress<(usize, SocketAddr)> {
        if self.has_crashed.get() {
            return Err(crashed().into());
        }
        if find_running().is_some_and(|event_loop| !event_loop.spend()) {
            return Ok(Step::Yield(Await::next_turn()));
        }
        let arrived = self.arrived.borrow_mut().pop_front();
        let Some((datagram, from)) = arrived else {
            return Ok(Step::Yield(Await::on(Way::Readable, Rc::clone(self) as Rc<_>)));
        };
        self.bytes.set(self.bytes.get() - datagram.len());
        let count = datagram.len().min(bytes.len());
        bytes[..count].copy_from_slice(&datagram[..count]);
        Ok(Step::Return((count, from)))
    }
}

impl Resident for Letterbox {
    fn crash(self: Rc<Self>, _: Crash) {
        self.has_crashed.set(true);
        self.receiver.forget();
        drop(self.arrived.take());
    }
}

impl Drop for NetworkSocket {
    fn drop(&mut self) {
        self.letterboxes.close(&self.address.site, self.address.port, &self.letterbox);
    }
}

impl WaitTarget for Letterbox {
    fn register(&self, way: Way, _: u32, waiter: Rc<dyn Waiter>, _: &Rc<Scheduler>) -> Result<(), Exception> {
        self.receiver.register(way, self.has_come(way, 0), waiter, "another task is already receiving here")
    }

    fn has_come(&self, _: Way, _: u32) -> bool {
        self.has_crashed.get() || !self.arrived.borrow().is_empty()
    }

    fn withdraw(&self, way: Way, _: u32, waiter: *const ()) -> Withdrawn {
        self.receiver.withdraw(way, waiter)
    }
}

impl fmt::Debug for Letterbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "socket({} datagrams arrived)", self.arrived.borrow().len())
    }
}

impl fmt::Debug for NetworkSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.address, self.letterbox)
    }
}

/// How many bytes wait for a receiver at most.
const ROOM: usize = 64 * 1024;
