//! [`NetworkListener`]: accepts connections in the simulated network.

use core::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use super::super::backlog::Backlog;
use super::map::{Address, Map, Site};
use super::ports::Ports;
use super::stream::NetworkStream;
use crate::coroutine::Stateless;
use crate::event_loop::Operation;
use crate::net::Acceptor;
use crate::task::{Awaitable, Progress};

/// The listeners of a network.
pub(super) type Doors = Ports<Backlog<NetworkStream>>;

/// Accepts connections in a simulated [`Network`](super::Network). Made by [`Interface::listen`](super::Interface::listen).
///
/// Dropping it ends the connections that it has not accepted, and frees the port.
pub struct NetworkListener {
    backlog: Rc<Backlog<NetworkStream>>,
    address: Address,
    doors: Rc<Doors>,
    map: Rc<Map>,
}

impl NetworkListener {
    pub(super) fn open(map: &Rc<Map>, doors: &Rc<Doors>, site: &Rc<Site>, port: u16) -> io::Result<Self> {
        map.decider.descriptor()?;
        let (backlog, doors, map) = (Rc::new(Backlog::default()), Rc::clone(doors), Rc::clone(map));
        let port = doors.open(site, port, &backlog)?;
        Ok(Self { backlog, address: Address { site: Rc::clone(site), port }, doors, map })
    }

    /// Accepts a connection. The number of those that wait to be accepted is not limited.
    pub fn accept(&self) -> impl Awaitable<Return = NetworkStream> + Stateless + '_ {
        Operation::new("accept", || self.attempt_accept())
    }

    /// Returns the address of the listener.
    pub fn local_addr(&self) -> SocketAddr {
        self.address.socket()
    }
}

impl Acceptor for NetworkListener {
    type Stream = NetworkStream;

    fn attempt_accept(&self) -> Progress<NetworkStream> {
        if self.backlog.len() > 0 {
            self.map.decider.descriptor()?;
        }
        self.backlog.attempt_accept()
    }
}

impl Drop for NetworkListener {
    fn drop(&mut self) {
        self.doors.close(&self.address.site, self.address.port, &self.backlog);
        self.backlog.close();
    }
}

impl fmt::Debug for NetworkListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.address, self.backlog)
    }
}
