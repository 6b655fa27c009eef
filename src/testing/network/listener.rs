//! [`NetworkListener`]: accepts connections in the simulated network.

use core::cell::RefCell;
use core::fmt;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use super::super::backlog::Backlog;
use super::map::{Address, Site};
use super::stream::NetworkStream;
use crate::coroutine::Stateless;
use crate::event_loop::Operation;
use crate::net::Acceptor;
use crate::task::{Awaitable, Progress};

/// The listeners of a network, by site and port.
#[derive(Default)]
pub(super) struct Doors(RefCell<BTreeMap<(usize, u16), Weak<Connections>>>);

type Connections = Backlog<NetworkStream>;

impl Doors {
    /// # Errors
    ///
    /// `AddrInUse` if another listener has the port.
    pub(super) fn open(self: &Rc<Self>, site: &Rc<Site>, port: u16) -> io::Result<NetworkListener> {
        let port = if port == 0 { self.free_port(site) } else { port };
        if self.at(site, port).is_some() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let backlog = Rc::new(Backlog::default());
        self.0.borrow_mut().insert((site.index, port), Rc::downgrade(&backlog));
        Ok(NetworkListener { backlog, address: Address { site: Rc::clone(site), port }, doors: Rc::clone(self) })
    }

    fn free_port(&self, site: &Site) -> u16 {
        loop {
            let port = site.next_port();
            if self.at(site, port).is_none() {
                return port;
            }
        }
    }

    /// The listener there, if it is open.
    pub(super) fn at(&self, site: &Site, port: u16) -> Option<Rc<Connections>> {
        self.0.borrow().get(&(site.index, port))?.upgrade()
    }

    /// The listeners of that site accept nothing any more.
    pub(super) fn close_all(&self, site: &Site) {
        self.0.borrow_mut().retain(|(index, _), _| *index != site.index);
    }
}

/// Accepts connections in a simulated [`Network`](super::Network). Made by [`Interface::listen`](super::Interface::listen).
///
/// Dropping it ends the connections that it has not accepted, and frees the port.
pub struct NetworkListener {
    backlog: Rc<Connections>,
    address: Address,
    doors: Rc<Doors>,
}

impl NetworkListener {
    /// Accepts a connection. The number of those that wait to be accepted is not limited.
    pub fn accept(&self) -> impl Awaitable<Return = NetworkStream> + Stateless + '_ {
        Operation::new("accept", || self.attempt_accept())
    }

    /// Returns the address of the listener.
    pub fn local_addr(&self) -> SocketAddr {
        SocketAddr::new(self.address.site.address(), self.address.port)
    }
}

impl Acceptor for NetworkListener {
    type Stream = NetworkStream;

    fn attempt_accept(&self) -> Progress<NetworkStream> {
        self.backlog.attempt_accept()
    }
}

impl Drop for NetworkListener {
    fn drop(&mut self) {
        let place = (self.address.site.index, self.address.port);
        let mut doors = self.doors.0.borrow_mut();
        // After a crash, another listener may have the port.
        if doors.get(&place).is_some_and(|door| door.as_ptr() == Rc::as_ptr(&self.backlog)) {
            doors.remove(&place);
        }
        drop(doors);
        self.backlog.close();
    }
}

impl fmt::Debug for NetworkListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.address, self.backlog)
    }
}
